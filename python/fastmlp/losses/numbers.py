"""Losses of numbers: how far y is from t."""

from __future__ import annotations

from fastmlp import graph as g
from fastmlp.losses.base import Loss, require_same_columns, sum_columns


def _squared_error(y: g.Node, t: g.Node) -> g.Node:
    require_same_columns("squared_error", y, t)
    return 0.5 * sum_columns((y - t) ** 2)


NUMBERS = (Loss("squared_error", "½ Σₖ (yₖ − tₖ)²", _squared_error, "real"),)
