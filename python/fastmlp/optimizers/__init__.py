"""Optimizers: frozen dataclasses whose docstring is their formula.

An optimizer says by which rule of the core the flat parameter vector is updated and which numbers
each step needs; it holds no state. The state (`state_vectors` flat vectors of the parameters'
layout) belongs to the model.

Notation: w the parameters, w̄ the gradient of the objective J, t = 1, 2, … the number of the step,
α its learning rate. All parameters are updated alike, so `weight_decay` shrinks the biases too; the
penalty on the weights alone is `fit(..., l2=)`, which is part of J.
"""

from __future__ import annotations

from typing import Any

from fastmlp import _checks
from fastmlp.optimizers.adam import Adam
from fastmlp.optimizers.base import Update
from fastmlp.optimizers.rmsprop import RMSprop
from fastmlp.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "Adam", "RMSprop", "Update", "get"]

OPTIMIZERS: dict[str, type[Adam | RMSprop | SGD]] = {"adam": Adam, "rmsprop": RMSprop, "sgd": SGD}


def get(spec: Any) -> Update:
    """Return the optimizer of a name (see `OPTIMIZERS`, with its defaults) or the optimizer itself.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    TypeError
        For anything that is neither a name nor an optimizer.

    Examples
    --------
    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    if isinstance(spec, Update):
        return spec
    if isinstance(spec, str):
        return OPTIMIZERS[_checks.choice(spec, "optimizer", OPTIMIZERS)]()
    if isinstance(spec, type) and issubclass(spec, Update):
        raise TypeError(f"optimizer must be an object, got the class: write {spec.__name__}()")
    raise TypeError(
        f"optimizer must be a name in {list(OPTIMIZERS)} or an optimizer such as Adam(1e-3), got "
        f"{spec!r} ({type(spec).__name__})"
    )
