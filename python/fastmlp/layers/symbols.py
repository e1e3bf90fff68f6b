"""Symbols: what layers are called with and return, before there are numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from fastmlp import _checks
from fastmlp.config import readable
from fastmlp.layers.habits import OF_INPUT, OF_SYMBOLS, OPERATORS

if TYPE_CHECKING:
    from fastmlp.layers.base import Layer


def _refused(operator: str) -> Callable[..., NoReturn]:
    """Return the method of an operator, which says which layer there is for it."""

    def method(self: Symbol, *_: object) -> NoReturn:
        raise TypeError(f"{self!r} has no numbers yet, but for a layer: {OPERATORS[operator]}")

    return method


@readable
@_checks.has_not(OF_SYMBOLS)
class Symbol:
    """What a layer returns before there are numbers: a matrix of `columns` columns; immutable.

    Attributes
    ----------
    columns
        Number of columns.
    layer
        The layer it comes from, None for an `Input`.
    sources
        The symbols that the layer was called with.

    Examples
    --------
    >>> import fastmlp as fm
    >>> h = fm.Dense(8)(fm.Input(2))
    >>> h.columns
    8
    """

    __slots__ = ("__weakref__", "columns", "layer", "sources")

    def __init__(self, columns: int, layer: Layer | None, sources: tuple[Symbol, ...]) -> None:
        self.columns = columns
        self.layer = layer
        self.sources = sources

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise AttributeError(f"{self!r} is immutable: cannot set {name!r}; make a new one")
        object.__setattr__(self, name, value)

    __add__ = __radd__ = _refused("+")
    __sub__ = __rsub__ = _refused("-")
    __mul__ = __rmul__ = _refused("*")
    __truediv__ = __rtruediv__ = _refused("/")
    __neg__ = _refused("-a")
    __pow__ = _refused("**")
    __matmul__ = __rmatmul__ = _refused("@")
    __getitem__ = _refused("[]")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.layer, self.sources)

    def __repr__(self) -> str:
        return f"<{self.columns} columns from {self.layer!r}>"


@readable
class Input(Symbol):
    """Where data enters a network: a matrix with a row for each example.

    Parameters
    ----------
    columns
        Number of features, at least 1.
    name
        What messages and pictures call it; by default x, or x1, x2, … where there are several.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input
    >>> x = Input(784)
    >>> Dense(10, "softmax")(x).columns
    10
    """

    __slots__ = ("name",)

    @_checks.taught(OF_INPUT)
    def __init__(self, columns: int, name: str | None = None) -> None:
        given: Any = columns
        if isinstance(given, (tuple, list)) and len(given) == 1:
            raise TypeError(f"columns must be an integer, got {given!r}: write Input({given[0]!r})")
        super().__init__(_checks.columns(columns, "columns"), None, ())
        self.name = checked_name(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.name)

    def __repr__(self) -> str:
        return (
            f"Input({self.columns})"
            if self.name is None
            else f"Input({self.columns}, {self.name!r})"
        )


def checked_name(name: str | None) -> str | None:
    """Return the name of a layer or an input if it can be one."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    # "name:2" is the second call of a shared layer.
    if not _checks.writable(name, "name") or ":" in name:
        raise ValueError(f"name must not be empty or contain a colon, got {name!r}")
    return name
