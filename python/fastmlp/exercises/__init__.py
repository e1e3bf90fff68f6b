"""The lecture's exercises: each function looks at an answer and says what is wrong with it.

>>> from fastmlp import exercises
>>> exercises.steepness(10)
not yet: at x = 0.1, σ(10x) is 0.7311, which is 0.269 from the threshold's 1:
         make it steeper
>>> exercises.steepness(50)
right: beyond |x| = 0.1, σ(50x) is nowhere further than 0.00669 from the
       threshold

What comes back is a `Verdict`: it prints as above, and is true if the answer is right.
"""

from fastmlp.exercises.generalising import generalises, noisy_sine, overfits
from fastmlp.exercises.linear import one_layer
from fastmlp.exercises.messages import message
from fastmlp.exercises.signals import signals
from fastmlp.exercises.thresholds import steepness, xor
from fastmlp.exercises.verdict import Verdict

__all__ = [
    "Verdict",
    "generalises",
    "message",
    "noisy_sine",
    "one_layer",
    "overfits",
    "signals",
    "steepness",
    "xor",
]
