"""Activations φ: what each is called, its formula, its derivative, the initializer that suits it.

The values and messages of activations are operations of the graph (``ops/activations.py``); this
file gives them the names that layers use. To add one: declare the operation, then add a line to the
table below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastmlp import graph as g
from fastmlp._checks import choice

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
        φ', in terms of h = φ(z) where that is how it is computed.
    function
        Takes the node z, shape (b, n), and returns the node h of the same shape.
    initializer
        Name of the initializer a layer with this activation draws its weights from by default.

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


# He for what is zero on half of its inputs (He et al. 2015), Glorot for the rest (Glorot & Bengio
# 2010).
_TABLE = (
    Activation("identity", "z", "1", g.identity),
    Activation("relu", "max(0, z)", "[h > 0]", g.relu, "he_uniform"),
    Activation("softplus", "log(1 + exp(z))", "1 − exp(−h)", g.softplus, "he_uniform"),
    Activation("threshold", "[z > 0]", "0", g.threshold),
    Activation("logistic", "1 / (1 + exp(−z))", "h (1 − h)", g.logistic),
    Activation("tanh", "tanh(z)", "1 − h²", g.tanh),
    # The mean of a Poisson distribution, as an output.
    Activation("exp", "exp(z)", "h", g.exp),
    Activation("softmax", "exp(zⱼ) / Σₖ exp(zₖ)", "hⱼ ([j = k] − hₖ)", g.softmax),
)

ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _TABLE}

ALIASES: dict[str, str] = {
    "linear": "identity",
    "sigmoid": "logistic",
    "soft_relu": "softplus",
    "hard_threshold": "threshold",
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
    >>> swish = activations.get(lambda z: z * g.logistic(z))
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
