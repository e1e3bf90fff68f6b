"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable

from fastmlp import graph as g
from fastmlp._checks import choice
from fastmlp.losses.base import Loss
from fastmlp.losses.classes import CLASSES
from fastmlp.losses.numbers import NUMBERS

LOSSES: dict[str, Loss] = {loss.name: loss for loss in (*NUMBERS, *CLASSES)}


def get(spec: str | Loss | Callable[[g.Node, g.Node], g.Node]) -> Loss:
    """Return the loss that `spec` names.

    Parameters
    ----------
    spec
        A name (see ``LOSSES``), a `Loss`, or a function of the nodes (y, t). A function is given
        the targets as they are, whatever their number of columns; wrap it in a `Loss` to have them
        checked.

    Raises
    ------
    ValueError
        If the name is unknown, or ``"zero_one"``, which has no gradient to follow.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.get("squared_error").formula
    '½ Σₖ (yₖ − tₖ)²'
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        if spec in ("zero_one", "accuracy"):
            raise ValueError(
                f"{spec!r} cannot be a loss: its gradient is zero wherever it is defined, so "
                "training would not move; use 'cross_entropy' or 'hinge', and "
                f"metrics=[{spec!r}] to watch it"
            )
        return LOSSES[choice(spec, "loss", LOSSES)]
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        return Loss(name, f"{name}(y, t)", spec)
    raise TypeError(
        f"loss must be a name, a Loss or a function of the nodes (y, t), not {type(spec).__name__}"
    )


def default(output_activation: str) -> str:
    """Return the name of the loss that suits an output: the negative log-likelihood it stands for.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.default("softmax"), losses.default("logistic"), losses.default("identity")
    ('cross_entropy', 'binary_cross_entropy', 'squared_error')
    """
    return {"softmax": "cross_entropy", "logistic": "binary_cross_entropy"}.get(
        output_activation, "squared_error"
    )
