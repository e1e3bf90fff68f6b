"""The outputs of a network: what they are called, and how values of them come in and go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fastmlp._checks import hint, listed, writable
from fastmlp.layers.base import Symbol

if TYPE_CHECKING:
    from typing import TypeAlias

    T = TypeVar("T")

    Given: TypeAlias = Symbol | Sequence[Symbol] | Mapping[str, Symbol]

ONE, LIST, DICT = "one", "list", "dict"


@dataclass(frozen=True)
class Outputs:
    """Which values of a network are its outputs.

    Attributes
    ----------
    form : {"one", "list", "dict"}
        As what they were given, and as what values of them are returned.
    names : tuple of str
        What each is called: the key of the dict, else the name of the layer that makes it.
    places : tuple of int
        Which values they are, of those of inputs and calls.
    columns : tuple of int
        How many columns each has.

    Examples
    --------
    >>> outputs = Outputs("dict", ("price", "kind"), (1, 2), (1, 3))
    >>> outputs.arrange([10.0, 2])
    {'price': 10.0, 'kind': 2}
    >>> outputs.values({"kind": 2, "price": 10.0}, "t")
    [(10.0, "t['price']"), (2, "t['kind']")]
    """

    form: str
    names: tuple[str, ...]
    places: tuple[int, ...]
    columns: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def by_place(self) -> dict[int, str]:
        """The name of the output at each of `places`."""
        return dict(zip(self.places, self.names, strict=True))

    def prefix(self, place: int) -> str:
        """Return what the names of an output's numbers begin with: nothing if it is the only one.

        Examples
        --------
        >>> Outputs("list", ("dense_1", "dense_2"), (1, 2), (1, 3)).prefix(1)
        'dense_2_'
        """
        return f"{self.names[place]}_" if len(self) > 1 else ""

    def of(self, place: int) -> str:
        """Return " of output 'name'" for errors, and nothing if it is the only one."""
        return f" of output {self.names[place]!r}" if len(self) > 1 else ""

    def place(self, name: Any, what: str) -> int:
        """Return the place of an output of this name, which errors call `what`."""
        self._check_known([name], what)
        return self.names.index(name)

    def arrange(self, values: Sequence[T]) -> Any:
        """Return a value of each output as the outputs were given: alone, a list or a dict."""
        if self.form == ONE:
            return values[0]
        return list(values) if self.form == LIST else dict(zip(self.names, values, strict=True))

    def values(self, given: Any, what: str) -> list[tuple[Any, str]]:
        """Return the value of each output, and what errors call it.

        A list or tuple in their order, or a dict by their names; the value itself where there is
        one output only.

        Raises
        ------
        TypeError, ValueError
            If it is neither, or not of these outputs.
        """
        if self.form == ONE:
            return [(given, what)]
        if isinstance(given, Mapping):
            self._check_known(given, what)
            if missing := [name for name in self.names if name not in given]:
                raise ValueError(
                    f"{what} must have the keys {list(self.names)}, one for each output, and lacks "
                    f"{missing}"
                )
            return [(given[name], f"{what}[{name!r}]") for name in self.names]
        if isinstance(given, (list, tuple)):
            if len(given) != len(self):
                raise ValueError(
                    f"{what} must hold {len(self)} arrays, one for each of the outputs "
                    f"{list(self.names)}, got {len(given)}"
                )
            return [
                (value, f"{what}[{name!r}]") for value, name in zip(given, self.names, strict=True)
            ]
        if len(self) == 1:
            return [(given, what)]
        raise TypeError(
            f"{what} must be a list or dict of {len(self)} arrays, one for each of the outputs "
            f"{list(self.names)}, got {type(given).__name__}"
        )

    def settings(self, given: Any, what: str, default: Any = None) -> list[tuple[Any, str]]:
        """Return a setting of each output: one for all, a list, or a dict that may leave some out.

        Raises
        ------
        ValueError
            If a list is not as long, or a name unknown.
        """
        if self.form == ONE:
            return [(default if given is None else given, what)]
        titles = [f"{what}[{name!r}]" for name in self.names]
        if isinstance(given, Mapping):
            self._check_known(given, what)
            found = [given.get(name, default) for name in self.names]
        elif isinstance(given, (list, tuple)):
            if len(given) != len(self):
                raise ValueError(
                    f"{what} must have {len(self)} entries, one for each of the outputs "
                    f"{list(self.names)}, got {len(given)}"
                )
            found = list(given)
        else:
            found, titles = [given] * len(self), [what] * len(self)
        found = [default if value is None else value for value in found]
        return list(zip(found, titles, strict=True))

    def lists(self, given: Any, what: str) -> list[tuple[list[Any] | None, str]]:
        """Return the metrics of each output: of a list of specs all, of lists or a dict its own.

        None where nothing is said.

        Raises
        ------
        TypeError
            If it is no list.
        ValueError
            If a list of lists is not as long, or a name unknown.
        """
        if self.form != ONE and isinstance(given, Mapping):
            return [
                (_several(value), title) for value, title in self.settings(given, what, default=[])
            ]
        specs = None if given is None else listed(given)
        if given is not None and (specs is None or isinstance(given, Mapping)):
            raise TypeError(
                f"{what} must be a list of names or metrics, got {given!r}: write [...]"
            )
        if self.form != ONE and specs and any(isinstance(spec, (list, tuple)) for spec in specs):
            return [(_several(value), title) for value, title in self.settings(specs, what)]
        return [(specs, what)] * len(self)

    def the_only(self, what: str) -> int:
        """Return 0 if there is one output; else raise ValueError, as `what` is of one alone."""
        if len(self) > 1:
            raise ValueError(f"{what} is of one output, the network has {list(self.names)}")
        return 0

    def _check_known(self, names: Any, what: str) -> None:
        for name in names:
            if name not in self.names:
                near = hint(name, self.names) if isinstance(name, str) else ""
                raise ValueError(
                    f"{what} names the output {name!r}; there are {list(self.names)}{near}"
                )

    def described(self) -> Any:
        """Return form, names and places as JSON values; None for an output alone."""
        if self.form == ONE:
            return None
        return (
            list(self.places)
            if self.form == LIST
            else dict(zip(self.names, self.places, strict=True))
        )


def _several(specs: Any) -> list[Any] | None:
    """Return the metrics of one output, which may be a single one, as a list."""
    return list(specs) if isinstance(specs, (list, tuple)) else None if specs is None else [specs]


def checked(outputs: Any) -> tuple[str, list[str] | None, list[Symbol]]:
    """Return the form, the names if they are given, and the symbols of a network's outputs.

    Raises
    ------
    TypeError, ValueError
        If they are no symbols made by layers, none, or one of them is there twice.
    """
    if isinstance(outputs, Symbol):
        _check_symbol(outputs, "output")
        return ONE, None, [outputs]
    if not isinstance(outputs, (list, tuple, Mapping)):
        raise TypeError(
            f"output must be one symbol, what a layer returns when it is called, or a list or dict "
            f"of such, not {outputs!r}"
        )
    if not outputs:
        raise ValueError("outputs must hold one symbol at least, got none")
    names = list(outputs) if isinstance(outputs, Mapping) else None
    for name in names or ():
        if not isinstance(name, str):
            raise TypeError(f"the keys of outputs must be names of outputs, got {name!r}")
        if not writable(name, "outputs"):
            raise ValueError("the names of outputs must not be empty")
    found = list(outputs.values() if isinstance(outputs, Mapping) else outputs)
    for key, symbol in zip(names or range(len(found)), found, strict=True):
        _check_symbol(symbol, f"outputs[{key!r}]")
    if len(set(found)) < len(found):
        raise ValueError("outputs must be different, one of them is there twice")
    return (LIST if names is None else DICT), names, found


def _check_symbol(symbol: Any, what: str) -> None:
    if not isinstance(symbol, Symbol):
        raise TypeError(
            f"{what} must be one symbol, what a layer returns when it is called, not {symbol!r}"
        )
    if symbol.layer is None:
        raise ValueError(f"{what} must come from a layer, not be an input itself")


def from_described(described: Any, values: Sequence[Symbol]) -> Given:
    """Return the symbols that `Outputs.described` tells of, from those of inputs and calls.

    Raises
    ------
    ValueError
        If it is malformed.
    """
    if described is None:
        return values[-1]
    if not isinstance(described, (list, dict)) or not described:
        raise ValueError(f"a network's outputs must be a list or mapping, not {described!r}")
    places = described.values() if isinstance(described, dict) else described
    if not all(type(n) is int and 0 <= n < len(values) for n in places):
        raise ValueError(f"a network's outputs name what is not there: {described!r}")
    if isinstance(described, dict):
        return {name: values[place] for name, place in described.items()}
    return [values[place] for place in described]
