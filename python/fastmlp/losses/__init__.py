"""Losses: how wrong an output y is for a target t, as graphs; and their reduction to one number.

A loss is a function of two nodes, the output y (b, n) and the target t, that returns a node with
one number for each example. `mean_loss` is the only reduction: training, evaluation and gradient
use it. The objective is J = mean L + λ·½‖W‖² + λ₁Σ|w|, weights only.

Each has a name for `fit(..., loss="huber")` and a class for its settings, `Huber(delta=2.0)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp import _lazy
from fastmlp.losses.base import LOSSES, Loss, one_number_per_row
from fastmlp.losses.classes import (
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    LogLoss,
)
from fastmlp.losses.distributions import GaussianNLL, KLDivergence, Poisson
from fastmlp.losses.focal import BinaryFocal, Focal
from fastmlp.losses.numbers import (
    AbsoluteError,
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanSquaredError,
    Quantile,
    SquaredError,
)
from fastmlp.losses.reduction import elastic_penalty, l1_penalty, l2_penalty, mean_loss
from fastmlp.losses.registry import config, default, from_config, get, named, register

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CosineSimilarity",
    "CrossEntropy",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "LogLoss",
    "Loss",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
    "SquaredError",
    "config",
    "default",
    "elastic_penalty",
    "from_config",
    "get",
    "l1_penalty",
    "l2_penalty",
    "mean_loss",
    "named",
    "one_number_per_row",
    "register",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)
