"""What may listen between epochs: stop early, lower the rate, keep weights, write numbers down.

A callback is an object with the methods of `Callback`, or just a function of (model, epoch, logs).
Without callbacks and validation data nobody listens, and many epochs run in one call of the C++
core.
"""

from typing import TYPE_CHECKING

from fastmlp import _lazy
from fastmlp.callbacks.base import MODES, Best, Callback, as_callbacks, stop_reason
from fastmlp.callbacks.logs import CSVLogger, TensorBoard
from fastmlp.callbacks.saving import Checkpoint, ModelCheckpoint
from fastmlp.callbacks.stopping import EarlyStopping, ReduceLROnPlateau

__all__ = [
    "MODES",
    "Best",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "as_callbacks",
    "stop_reason",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)
