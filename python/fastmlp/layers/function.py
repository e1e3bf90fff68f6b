"""A function of the user's as a layer, and the names by which files know such functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from fastmlp import _checks
from fastmlp import graph as g
from fastmlp.graph.called import called
from fastmlp.layers.base import Layer
from fastmlp.layers.settings import Setting

Function: TypeAlias = Callable[..., g.Node]

# Functions that have a name, by it; files can name nothing else.
_REGISTERED: dict[str, Function] = {}


def register(name: str, function: Function, *, replace: bool = False) -> Function:
    """Give a function of yours a name, by which `Lambda` knows it and models with it are saved.

    Files have the name alone: whoever loads one must have registered the function before. The same
    function may be registered again.

    Parameters
    ----------
    name
        What it is called from now on, in this process.
    function
        What a `Lambda` takes.
    replace
        Whether it may take the place of another function of that name. Models that are there keep
        the one they have, and cannot be saved any more.

    Returns
    -------
    The function.

    Raises
    ------
    ValueError
        If the name is empty, or taken by another function.
    TypeError
        If the name is no text or the function cannot be called.

    Examples
    --------
    >>> from fastmlp import layers
    >>> def first_two(x):
    ...     return x[:, 0:2]
    >>> _ = layers.register("first_two", first_two)
    >>> layers.Lambda("first_two", columns=2)
    Lambda('first_two', columns=2)
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not callable(function):
        raise TypeError(f"function must be a function of nodes, not {type(function).__name__}")
    if not name or name != name.strip():
        raise ValueError(f"name must be a word, got {name!r}")
    if not _checks.flag(replace, "replace") and _REGISTERED.get(name, function) != function:
        raise ValueError(
            f"name: {name!r} is taken by another function; give yours another name, or write "
            "replace=True"
        )
    _REGISTERED[name] = function
    return function


def _function(value: Any) -> Function:
    if isinstance(value, str):
        return _REGISTERED[_checks.choice(value, "function", _REGISTERED)]
    if not callable(value):
        raise TypeError(
            f"function must be a function of nodes or the name of one that is registered, got "
            f"{value!r}"
        )
    found: Function = value
    return found


class Lambda(Layer):
    """A function of the user's as a layer without parameters.

    Parameters
    ----------
    function
        Takes a node (b, n) for each input, as arguments, and returns a node (b, columns), made by
        Python's operators and the functions of `fastmlp.graph`; so it has a gradient. Or the name
        of a function that is registered, see `register`: models with others cannot be saved.
    columns
        How many columns it returns; by default it is called to see, when the layer is.
    name
        What summaries and files call it; lambda_1, lambda_2, … by default.
    trainable
        As of every layer; it has no parameters.

    Raises
    ------
    TypeError, ValueError
        If it is no function, no such name, or `columns` is not an integer of at least 1; when it is
        called, if it returns something else than it should.

    Examples
    --------
    >>> import fastmlp as fm
    >>> x = fm.Input(3)
    >>> h = fm.Lambda(lambda x: fm.graph.concatenate(x, x * x))(x)
    >>> h.columns
    6
    >>> fm.Model(x, fm.Dense(1)(h), seed=0)
    <Model 3 → Lambda → 1; 7 parameters, float32>
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "function": Setting(_function),
        "columns": Setting(
            lambda value: None if value is None else _checks.columns(value, "columns"),
            "the next layer depends on it, make a new model",
        ),
    }

    def __init__(
        self,
        function: str | Function,
        columns: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.function: Function = function  # type: ignore[assignment]
        self.columns = columns

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns it was given, or those of what the function returns."""
        if self.columns is not None:
            return self.columns
        return self._of([g.input(columns) for columns in input_columns]).shape[1]

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return what the function makes of the inputs."""
        return self._of(nodes)

    def _of(self, nodes: Sequence[g.Node]) -> g.Node:
        return called(self.function, *nodes, what=repr(self), nodes="of its inputs")

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        for name, function in _REGISTERED.items():
            if function == self.function:
                return {"function": name, "columns": self.columns}
        raise ValueError(
            f"{self!r} is a function of yours and cannot be saved: give it a name by "
            "layers.register(name, function), here and where it is loaded"
        )

    def _arguments(self) -> list[str]:
        names = [name for name, function in _REGISTERED.items() if function == self.function]
        said = repr(names[0]) if names else getattr(self.function, "__name__", "function")
        return [said, *([] if self.columns is None else [f"columns={self.columns}"])]
