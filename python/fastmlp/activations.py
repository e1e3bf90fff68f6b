"""Activations φ: what each is called, its formula, its derivative, the initializer that suits it.

They are declared in ``graph/ops/activations.py``, beside their operations; this file gives them to
layers by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastmlp import graph as g
from fastmlp._checks import choice
from fastmlp.graph.ops.activations import DECLARED

__all__ = ["ACTIVATIONS", "ALIASES", "Activation", "get"]


@dataclass(frozen=True)
class Activation:
    """An activation h = φ(z), applied to a node of the graph by calling it.

    Parameters
    ----------
    name
        The name layers know it by.
    formula
        φ, for people to read.
    derivative
        φ', in terms of h = φ(z) or of z, as it is computed.
    function
        Takes the node z, shape (b, n), and returns the node h of the same shape.
    initializer
        Name of the initializer a layer with this activation draws its weights from by default.
    middle
        Where, as the only output of a classifier, it changes from class 0 to class 1; None if that
        depends on the loss.

    Examples
    --------
    >>> from fastmlp import activations, graph as g
    >>> relu = activations.get("relu")
    >>> relu.formula
    'max(0, z)'
    >>> relu(g.input(3, "z")).shape
    ('batch', 3)
    """

    name: str
    formula: str
    derivative: str
    function: Callable[[g.Node], g.Node]
    initializer: str = "glorot_uniform"
    middle: float | None = None

    def __call__(self, z: g.Node) -> g.Node:
        """Return the node φ(z).

        Raises
        ------
        TypeError
            If the function returns anything but a node.
        ValueError
            If the node it returns has another shape than z.
        """
        h = self.function(z)
        if not isinstance(h, g.Node):
            raise TypeError(
                f"activation {self.name!r} must return a graph node, not {type(h).__name__}"
            )
        if h.shape != z.shape:
            raise ValueError(
                f"activation {self.name!r} must keep the shape: it was given {z.shape} "
                f"and returned {h.shape}"
            )
        return h


ACTIVATIONS: dict[str, Activation] = {
    name: Activation(
        name,
        declared.formula,
        declared.derivative,
        declared.function,
        declared.initializer,
        declared.middle,
    )
    for name, declared in DECLARED.items()
}

ALIASES: dict[str, str] = {
    alias: name for name, declared in DECLARED.items() for alias in declared.aliases
}


def get(
    spec: str | Activation | Callable[[g.Node], g.Node], name: str = "activation"
) -> Activation:
    """Return the activation that `spec` names.

    Parameters
    ----------
    spec
        A name or alias (see ``ACTIVATIONS`` and ``ALIASES``), an `Activation`, or a function that
        takes a node and returns a node of the same shape.
    name
        What errors call it.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones and suggests the nearest.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import activations, graph as g
    >>> activations.get("sigmoid").name
    'logistic'
    >>> mish = activations.get(lambda z: z * g.tanh(g.softplus(z)))
    """
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, str):
        chosen = choice(spec, name, [*ACTIVATIONS, *ALIASES])
        return ACTIVATIONS[ALIASES.get(chosen, chosen)]
    if callable(spec):
        called = getattr(spec, "__name__", type(spec).__name__)
        return Activation(called, f"{called}(z)", f"{called}'(z)", spec)
    raise TypeError(
        f"{name} must be a name or a function of a graph node, not {type(spec).__name__}"
    )
