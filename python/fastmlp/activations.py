"""Activations φ: what each is called, its formula, its derivative, the initializer that suits it.

They are declared in ``graph/ops/activations/``, beside their operations; this file gives them to
layers by name, with settings where their function has some: ``"elu(alpha=0.5)"``. Functions of
one's own get a name by `register`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import _lazy
from fastmlp import graph as g
from fastmlp._checks import choice, flag, real
from fastmlp.config import readable
from fastmlp.graph.called import called
from fastmlp.graph.ops.activations.declaration import DECLARED, Declaration
from fastmlp.initializers import INITIALIZERS

__all__ = ["ACTIVATIONS", "ALIASES", "Activation", "get", "register", "with_settings"]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)


@readable
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
            If the function cannot take a node, or returns anything else.
        ValueError
            If the node it returns has another shape than z.
        """
        h = called(self.function, z, what=f"activation {self.name!r}", nodes="z")
        if h.shape != z.shape:
            raise ValueError(
                f"activation {self.name!r} must keep the shape: it was given {z.shape} "
                f"and returned {h.shape}"
            )
        return h

    @property
    def declared(self) -> Declaration | None:
        """What it is declared as, with settings or without; None of a function of one's own."""
        if isinstance(self.function, Adjusted):
            return DECLARED[self.function.name]
        found = DECLARED.get(self.name)
        return found if found is not None and found.function is self.function else None


@readable
@dataclass(frozen=True)
class Adjusted:
    """The function of an activation that is declared, with settings of one's own."""

    name: str
    settings: tuple[tuple[str, float], ...]

    def __call__(self, z: g.Node) -> g.Node:
        """Return the node φ(z)."""
        return self.function(z, **dict(self.settings))

    @property
    def function(self) -> Callable[..., g.Node]:
        """What takes z and settings."""
        return DECLARED[self.name].function


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


class _Names(set[str]):
    """All that can be said for one, those of the user's and names with settings too."""

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(get(name))
        except ValueError:
            return False


# A set that grows.
NAMES: set[str] = _Names([*ACTIVATIONS, *ALIASES])


def register(
    name: str,
    function: Callable[[g.Node], g.Node],
    *,
    initializer: str = "glorot_uniform",
    middle: float | None = None,
    replace: bool = False,
) -> Activation:
    """Give a function of yours a name, by which layers know it and models with it are saved.

    Files have the name alone. Whoever loads one must have registered the function before; so does
    a process that unpickles an estimator. The same function may be registered again.

    Parameters
    ----------
    name
        What it is called from now on, in this process.
    function
        Takes the node z, shape (b, n), and returns the node φ(z) of the same shape.
    initializer
        Name of what a layer with this activation draws its weights from by default.
    middle
        Where, as the only output of a classifier, it changes from class 0 to class 1; None if that
        depends on the loss.
    replace
        Whether it may take the place of another function of yours of that name. Models that are
        there keep the one they have, and cannot be saved any more.

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is empty or taken by another function or by an operation of the graph, the
        initializer is unknown, or the middle is not finite.
    TypeError
        If the name is no text or the function cannot be called.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import activations, graph as g
    >>> def squareplus(z):
    ...     return 0.5 * (z + g.sqrt(z * z + 4))
    >>> activations.register("squareplus", squareplus, initializer="he_uniform").name
    'squareplus'
    >>> fm.Dense(8, "squareplus")
    Dense(8, 'squareplus')
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"function must be a function of a node, not {type(function).__name__}")
    given = Activation(
        name,
        f"{name}(z)",
        f"{name}'(z)",
        function,
        choice(initializer, "initializer", INITIALIZERS),
        None if middle is None else real(middle, "middle"),
    )
    replaces = flag(replace, "replace") and name in _REGISTERED
    if not name or name != name.strip():
        raise ValueError(f"name must be a word, got {name!r}")
    if name in g.ops.OPS or (name in NAMES and name not in _REGISTERED):
        raise ValueError(f"name: {name!r} is fastmlp's own; give your function another name")
    if not replaces and _REGISTERED.get(name, given) != given:
        raise ValueError(
            f"name: {name!r} is taken by another function or other settings; give yours another "
            "name, or write replace=True"
        )
    ACTIVATIONS[name] = _REGISTERED[name] = given
    NAMES.add(name)
    return given


_REGISTERED: dict[str, Activation] = {}


def with_settings(name: str, **settings: float) -> Activation:
    """Return an activation with other settings than its own, as its name with them does.

    Parameters
    ----------
    name
        One of ``ACTIVATIONS`` or ``ALIASES`` whose function has settings: elu has ``alpha``,
        leaky_relu ``slope``, hard_tanh ``low`` and ``high``.
    **settings
        Numbers. Where all are what the activation has anyway, it is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown, or has no such setting, or not with this value.
    TypeError
        If a setting is no number.

    Examples
    --------
    >>> from fastmlp import activations
    >>> activations.with_settings("elu", alpha=0.5).name
    'elu(alpha=0.5)'
    >>> activations.with_settings("hard_tanh", low=0, high=6) == activations.get(
    ...     "hard_tanh(low=0, high=6)"
    ... )
    True
    """
    known = get(name)
    declared = known.declared
    if declared is None:
        raise ValueError(f"{name!r} is a function of yours, which has no settings")
    _, *parameters = inspect.signature(declared.function).parameters.values()
    own: dict[str, Any] = {p.name: p.default for p in parameters}
    for setting, value in settings.items():
        if setting not in own:
            has = f"its settings are {', '.join(own)}" if own else "it has none"
            raise ValueError(f"the activation {name!r} has no setting {setting!r}: {has}")
        real(value, setting)
    given = tuple((s, float(settings[s])) for s in own if settings.get(s, own[s]) != own[s])
    if not given:
        return known
    function = Adjusted(known.name, given)
    function(g.input(1, "z"))  # refuses numbers that do not fit
    said = ", ".join(f"{s}={repr(v).removesuffix('.0')}" for s, v in given)
    return Activation(
        f"{known.name}({said})",
        f"{known.name}(z, {said})",
        f"{known.name}'(z, {said})",
        function,
        known.initializer,
    )


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WITH_SETTINGS = re.compile(rf"(\w+)\(\s*(\w+\s*=\s*{_NUMBER}(?:\s*,\s*\w+\s*=\s*{_NUMBER})*)\s*\)")


# Names elsewhere of what has settings here, with one.
_SETTINGS = {
    **dict.fromkeys(("leakyrelu", "leaky_relu"), "leaky_relu(slope=0.2)"),
    "elu": "elu(alpha=0.5)",
    **dict.fromkeys(("hardtanh", "hard_tanh"), "hard_tanh(low=0, high=6)"),
}
# What to say of values that are no activation.
_EACH = "; for one of each layer write Sequential([Dense(8, 'relu'), Dense(1, 'tanh')])"
_ADVICE: dict[type, str] = {
    **dict.fromkeys((list, tuple), _EACH),
    type(None): "; write 'identity' for none",
    int: "; a layer finds out what it is called with: write Dense(8), its units alone",
}


def get(
    spec: str | Activation | Callable[[g.Node], g.Node], name: str = "activation"
) -> Activation:
    """Return the activation that `spec` names.

    Parameters
    ----------
    spec
        A name or alias (see ``ACTIVATIONS`` and ``ALIASES``), one that was given by `register`, an
        `Activation`, or a function that takes a node and returns a node of the same shape. A name
        may have settings behind it, see `with_settings`.
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
    >>> steep = activations.get(lambda z: g.leaky_relu(z, 0.3))
    >>> activations.get("leaky_relu(slope=0.3)").formula
    'leaky_relu(z, slope=0.3)'
    """
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, str):
        adjusted = _WITH_SETTINGS.fullmatch(spec)
        if adjusted is not None:
            pairs = [setting.split("=") for setting in adjusted[2].split(",")]
            settings = {setting.strip(): float(value) for setting, value in pairs}
            if len(settings) < len(pairs):
                raise ValueError(f"{name}: {spec!r} says a setting twice")
            return with_settings(adjusted[1], **settings)
        chosen = choice(spec, name, [*ACTIVATIONS, *ALIASES])
        return ACTIVATIONS[ALIASES.get(chosen, chosen)]
    from fastmlp.layers.base import Layer  # which imports this module

    if issubclass(spec if isinstance(spec, type) else type(spec), Layer):
        raise TypeError(f"{name}: {spec!r} is a layer: put it after this one, as the next layer")
    theirs = _lazy.theirs(spec).lower()
    if theirs in (*ACTIVATIONS, *ALIASES):
        more = f", or {_SETTINGS[theirs]!r}" if theirs in _SETTINGS else ""
        raise TypeError(f"{name}: another library's computes no nodes; write {theirs!r}{more}")
    if callable(spec):
        for known in _REGISTERED.values():
            if known.function == spec:
                return known
        called = getattr(spec, "__name__", type(spec).__name__)
        return Activation(called, f"{called}(z)", f"{called}'(z)", spec)
    raise TypeError(
        f"{name} must be a name or a function of a graph node, not {type(spec).__name__}"
        f"{_ADVICE.get(type(spec), '')}"
    )
