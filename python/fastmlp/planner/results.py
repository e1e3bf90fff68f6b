"""What the epochs of a training plan leave behind, and an average of the parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastmlp.graph.node import Array


class Average(NamedTuple):
    """A running mean of the parameters: e ← e + part·(w − e) after each step.

    Attributes
    ----------
    vector : ndarray
        e, in the layout of the parameters. What no rule updates is left as it is; what is told its
        value has that value.
    parts : float64 array with an element for each step
        1 begins anew.
    """

    vector: Array
    parts: Array


class EpochsResult:
    """What a run of epochs did; filled in as it goes, so that it is right after an exception too.

    Parameters
    ----------
    epochs, scalars : int
        How many epochs are to be run, and how many numbers each has.

    Attributes
    ----------
    scalars : ndarray of shape (epochs_done, 1 + metrics)
        Loss and metrics of each epoch as training met them, averaged over its batches; NaN if they
        weigh nothing.
    epochs_done, steps_done : int
    non_finite : bool
        The loss became NaN or infinite; the parameters are the last finite ones.

    Examples
    --------
    >>> result = EpochsResult(epochs=10, scalars=1)  # filled in by `TrainingPlan.run_epochs`
    >>> result.epochs_done, result.scalars.shape
    (0, (0, 1))
    """

    def __init__(self, epochs: int, scalars: int) -> None:
        self.numbers = np.zeros((epochs, scalars))
        self.counts = np.zeros(3, dtype=np.int64)

    @property
    def scalars(self) -> Array:
        """A row of numbers for each epoch done."""
        return self.numbers[: self.epochs_done]

    @property
    def epochs_done(self) -> int:
        """How many epochs were run to their end."""
        return int(self.counts[0])

    @property
    def steps_done(self) -> int:
        """How many times the parameters were updated."""
        return int(self.counts[1])

    @property
    def non_finite(self) -> bool:
        """Whether the loss became NaN or infinite."""
        return bool(self.counts[2])
