"""Losses: how wrong an output y is for a target t, as graphs; and their reduction to one number.

A loss is a function of two nodes, the output y (b, n) and the target t, that returns a node with
one number for each example. `mean_loss` is the only reduction: training, evaluation and gradient
use it. The objective is J = mean L + λ·½‖W‖², weights only.
"""

from __future__ import annotations

from fastmlp.losses.base import Loss, one_number_per_row
from fastmlp.losses.reduction import l2_penalty, mean_loss
from fastmlp.losses.registry import LOSSES, default, get

__all__ = [
    "LOSSES",
    "Loss",
    "default",
    "get",
    "l2_penalty",
    "mean_loss",
    "one_number_per_row",
]
