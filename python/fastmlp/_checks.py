"""Checks of single arguments, so that every error says what was given and what was expected."""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
from functools import wraps
from numbers import Real
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

P = ParamSpec("P")
R = TypeVar("R")

# What the core counts with.
MOST = (1 << 63) - 1
# Numbers of one network, or of a row: 4 TB of float32.
MOST_NUMBERS = 1 << 40
# A seed's: NumPy spreads as many bits over its generators.
MOST_SEED = (1 << 128) - 1


def integer(value: Any, name: str, *, at_least: int, at_most: int | None = MOST) -> int:
    """Return `value` as an int within the limits; a bool or a float is not one.

    Examples
    --------
    >>> integer(3, "epochs", at_least=1)
    3
    """
    number = whole(value)
    if number is None:
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {shown(number)}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {shown(number)}")
    return number


def whole(value: Any) -> int | None:
    """Return an integer as an int, and None for anything else; a bool or a float is not one."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def seed(value: Any, name: str = "seed") -> int:
    """Return `value` as what random numbers can begin with."""
    return integer(value, name, at_least=0, at_most=MOST_SEED)


def columns(value: Any, name: str) -> int:
    """Return `value` as a number of columns or units."""
    return integer(value, name, at_least=1, at_most=MOST_NUMBERS)


def shown(number: Any) -> str:
    """Return a number as an error shows it: one of very many digits by their number.

    Examples
    --------
    >>> shown(12), shown(10**400)
    ('12', 'an integer of about 401 digits')
    """
    if isinstance(number, int) and number.bit_length() > 200:
        return f"an integer of about {math.ceil(number.bit_length() * math.log10(2))} digits"
    return repr(number)


def real(
    value: Any,
    name: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    at_most: float = math.inf,
) -> float:
    """Return `value` as a finite float within the limits given.

    Examples
    --------
    >>> real(0.5, "momentum", at_least=0, below=1)
    0.5
    """
    try:
        number = None if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        number = math.inf
    except TypeError:  # NumPy has differences of times for integers
        number = None
    if number is None:
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    if math.isfinite(number) and at_least <= number <= at_most and above < number < below:
        return number
    limits = {
        "at least": at_least,
        "greater than": above,
        "less than": below,
        "at most": at_most,
    }
    told = [f"{words} {limit:g}" for words, limit in limits.items() if math.isfinite(limit)]
    expected = " and ".join(["a finite number", *told])
    raise ValueError(f"{name} must be {expected}, got {shown(value)}")


def flag(value: Any, name: str) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__})")
    return value


def choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`; otherwise the error lists them.

    Examples
    --------
    >>> choice("min", "mode", ("auto", "min", "max"))
    'min'
    """
    known = list(choices)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {known}, got {value!r} ({type(value).__name__})")
    if value not in known:
        raise ValueError(f"{name} must be one of {known}, got {value!r}{hint(value, known)}")
    return value


def writable(text: str, name: str) -> str:
    """Return a text if it can be written.

    Raises
    ------
    ValueError
        If it holds half a surrogate pair: no file and no screen takes that.

    Examples
    --------
    >>> writable("house", "name")
    'house'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: {text!r} is a text that cannot be written as UTF-8") from None
    return text


def listed(value: Any) -> list[Any] | None:
    """Return the elements of what has an order; None if it has none, or is one text.

    Examples
    --------
    >>> listed(("relu", "tanh")), listed("relu"), listed(3)
    (['relu', 'tanh'], None, None)
    """
    try:
        return None if isinstance(value, (str, bytes, set, frozenset)) else list(value)
    except TypeError:  # NumPy's arrays of no dimension have __iter__ too
        return None


# Names that other packages have for something else: no misspellings of ours, however similar.
_OTHERS = frozenset({"relu6", "crelu", "celu", "prelu", "rrelu"})


def says(value: Any, word: str) -> bool:
    """Whether an argument is this text; arrays, and pandas' NA, have no answer to ``==``.

    Examples
    --------
    >>> says("auto", "auto"), says(32, "auto")
    (True, False)
    """
    return isinstance(value, str) and value == word


def hint(value: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" if `value` may be one of the known names mistyped, else nothing.

    Case, spaces, hyphens and underscores are ignored. One slip is allowed, two in words of eight
    letters or more: a letter missing, added or replaced, or two neighbours swapped. The first
    letter must be right, or swapped with the second.

    Examples
    --------
    >>> hint("rellu", ["relu", "tanh"])
    "; did you mean 'relu'?"
    >>> hint("celu", ["relu", "tanh"])
    ''
    """
    given = _letters(value) if isinstance(value, str) else ""
    if not given or given in map(_letters, _OTHERS):
        return ""
    slips = {name: _slips(given, _letters(name)) for name in known}
    found = {name: count for name, count in slips.items() if count is not None}
    return f"; did you mean {min(found, key=found.__getitem__)!r}?" if found else ""


def is_ours(kind: Any) -> bool:
    """Return whether a class or function is one of fastmlp's own, not one of a user's."""
    module = getattr(kind, "__module__", None)  # some functions have none
    return isinstance(module, str) and module.partition(".")[0] == "fastmlp"


def refusal(
    value: object, name: str, known: Iterable[str], instead: Mapping[str, str]
) -> AttributeError:
    """Return the error for an attribute that cannot be assigned: what can, or what to do instead.

    Parameters
    ----------
    value
        Whose attribute it is.
    name
        The attribute.
    known
        What can be assigned.
    instead
        What to say of names that people bring from elsewhere.
    """
    names = list(known)
    advice = f"; {instead[name]}" if name in instead else hint(name, names)
    can = f"; what can be assigned: {', '.join(names)}" if names and not advice else ""
    return AttributeError(f"{name!r} of {a(type(value))} cannot be assigned{advice}{can}")


def a(kind: type[Any]) -> str:
    """Return the name of a class with its article: "a Model", "an MLP", "an Adam"."""
    name = kind.__name__
    spelt = name[:2].isupper() and name[0] in "AEFHILMNORSX"
    return f"{'an' if spelt or name[0] in 'AEIOU' else 'a'} {name}"


def no_argument(
    called: str, name: str, known: Sequence[str], instead: Mapping[str, str]
) -> TypeError:
    """Return the error for a keyword that a function does not have, with what to write instead."""
    told = instead.get(name, "")
    if told.startswith("write ") and told.endswith("=") and told.split()[-1][:-1] not in known:
        told = ""  # an argument of others of its kind
    advice = f"; {told}" if told else hint(name, known)
    advice = advice or f"; there are: {', '.join(known)}"
    return TypeError(f"{called} has no argument {name!r}{advice}")


def taught(instead: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function say what to write for keywords that it does not have.

    Parameters
    ----------
    instead
        Keywords that people bring from elsewhere, and what to say of them.

    Examples
    --------
    >>> @taught({"lr": "write learning_rate="})
    ... def train(learning_rate=0.1):
    ...     return learning_rate
    >>> train(lr=0.2)
    Traceback (most recent call last):
        ...
    TypeError: train has no argument 'lr'; write learning_rate=
    >>> train(learning_rat=0.2)
    Traceback (most recent call last):
        ...
    TypeError: train has no argument 'learning_rat'; did you mean 'learning_rate'?
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        code = inspect.unwrap(function).__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        most = math.inf if code.co_flags & inspect.CO_VARARGS else code.co_argcount

        def name_of(args: Any) -> str:  # a subclass may have inherited its constructor
            if function.__name__ != "__init__":
                return function.__name__
            return type(args[0]).__name__ if args else function.__qualname__  # called of the class

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if len(args) > most:
                placed = [n for n in names[: code.co_argcount] if n != "self"]
                given = len(args) - most + len(placed)
                told = f"takes {', '.join(placed) or 'nothing'} by place, got {given}"
                more = [f"; write others by name, as {n}=" for n in names[code.co_argcount :]]
                raise TypeError(f"{name_of(args)} {told}{more[0] if more else ''}")
            for name in kwargs:
                if name not in names:
                    known = [n for n in names if n != "self"]
                    raise no_argument(name_of(args), name, known, instead)
            return function(*args, **kwargs)

        return checked

    return decorate


class _Elsewhere:
    """An attribute that other libraries have and a class has not: an AttributeError with advice."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError(
            f"{owner.__name__!r} object has no attribute {self.name!r}; {self.advice}"
        )


def has_not(instead: Mapping[str, str]) -> Callable[[type[R]], type[R]]:
    """Let a class say, of attributes that it has not, what to write instead.

    By an entry of the class for each: a ``__getattr__`` would make every attribute slower, and
    `predict` of one row by a fifth.

    Examples
    --------
    >>> @has_not({"fitt": "write fit"})
    ... class Model: ...
    >>> hasattr(Model(), "fitt"), "fitt" in dir(Model())
    (False, False)
    >>> Model().fitt
    Traceback (most recent call last):
        ...
    AttributeError: 'Model' object has no attribute 'fitt'; write fit
    """

    def decorate(cls: type[R]) -> type[R]:
        def listed(self: object) -> list[str]:
            from inspect import getattr_static  # slow to import, and seldom asked for

            there = object.__dir__(self)
            mine = type(self)
            return [n for n in there if not isinstance(getattr_static(mine, n, None), _Elsewhere)]

        for name, advice in instead.items():
            setattr(cls, name, _Elsewhere(name, advice))
        cls.__dir__ = listed  # type: ignore[method-assign]
        return cls

    return decorate


def frozen(instead: Mapping[str, str] | None = None) -> Callable[[type[R]], type[R]]:
    """Let a frozen dataclass say what to write instead of assigning to one of its fields.

    Parameters
    ----------
    instead
        What to say of names that people bring from elsewhere, and of fields that ask for more.

    Examples
    --------
    >>> @frozen()
    ... @dataclasses.dataclass(frozen=True)
    ... class Rule:
    ...     rate: float
    >>> Rule(0.1).rate = 0.2
    Traceback (most recent call last):
        ...
    dataclasses.FrozenInstanceError: 'rate' of a Rule cannot be assigned; write \
dataclasses.replace(rule, rate=0.2), a new one
    """

    def decorate(cls: type[R]) -> type[R]:
        refuse = cls.__setattr__

        def assign(self: Any, name: str, value: object) -> None:
            try:
                refuse(self, name, value)
            except dataclasses.FrozenInstanceError:
                raise dataclasses.FrozenInstanceError(said(self, name, value)) from None

        def said(self: Any, name: str, value: object) -> str:
            names = [own.name for own in dataclasses.fields(self) if own.init]
            more = f"; {instead[name]}" if instead and name in instead else ""
            kind = a(type(self))
            if name not in names:
                return f"{kind} has no {name!r}{more or hint(name, names)}"
            new = repr(value) if isinstance(value, (bool, int, float, str)) else "..."
            new = f"dataclasses.replace({type(self).__name__.lower()}, {name}={new})"
            return f"{name!r} of {kind} cannot be assigned; write {new}, a new one{more}"

        cls.__setattr__ = assign  # type: ignore[method-assign]
        return cls

    return decorate


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


def _slips(a: str, b: str) -> int | None:
    """Return how many slips lead from one word to the other, None if more than `hint` allows.

    Counted as the optimal string alignment distance: Damerau, CACM 7 (1964).
    """
    most = 2 if min(len(a), len(b)) >= 8 else 1
    swapped = a[:2] == b[1::-1]
    if abs(len(a) - len(b)) > most or not (a[:1] == b[:1] or swapped):
        return None
    before, row = list(range(len(b) + 1)), list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        earlier, before, row = before, row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                row[j] = min(row[j], earlier[j - 2] + 1)
    return row[-1] if row[-1] <= most else None
