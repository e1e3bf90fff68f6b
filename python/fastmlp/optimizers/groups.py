"""Settings for some of the parameters: by role, by layer, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fastmlp.config import readable

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Update


@readable
class Fixed(Mapping[Any, Any]):
    """A mapping that cannot be changed, and can be hashed if its values can.

    Parameters
    ----------
    items : mapping
        What is copied.

    Examples
    --------
    >>> Fixed({"bias": 1}) == {"bias": 1}
    True
    """

    def __init__(self, items: Mapping[Any, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def checked(groups: Any, optimizer: Update, kind: type) -> Fixed:
    """Return the groups of an optimizer, copied; `kind` is the class of all optimizers.

    Raises
    ------
    TypeError, ValueError
        If it is no mapping of selectors to settings or optimizers, a selector comes twice, or a
        setting is not the optimizer's own or not in its range.
    """
    if not isinstance(groups, Mapping):
        raise TypeError(
            "groups must be a dict from roles, layers or parameters to settings, such as "
            f"{{'bias': {{'weight_decay': 0}}}}, got {groups!r} ({type(groups).__name__})"
        )
    seen: set[str] = set()
    result = {}
    for key, value in groups.items():
        for selector in selectors(key):
            if selector in seen:
                raise ValueError(f"groups: {selector!r} is given twice")
            seen.add(selector)
        result[key] = _checked_entry(f"groups[{key!r}]", value, optimizer, kind)
    return Fixed(result)


def selectors(key: Any) -> tuple[str, ...]:
    """Return the names that a key of the groups stands for."""
    names = key if isinstance(key, tuple) else (key,)
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"groups: expected names or tuples of names as keys, got {key!r}")
    return names


def _checked_entry(where: str, value: Any, optimizer: Update, kind: type) -> Any:
    common = optimizer.common
    if isinstance(value, kind):
        given = [name for name in common if getattr(value, name) is not None]
        if given:
            raise ValueError(f"{where}: {given[0]} is for all parameters: give it to the optimizer")
        return value
    if not isinstance(value, Mapping):
        raise TypeError(
            f"{where}: expected a dict of settings or an optimizer, got {value!r} "
            f"({type(value).__name__})"
        )
    parts = optimizer.parts()
    for name in value:
        if name in common:
            raise ValueError(f"{where}: {name} is for all parameters: give it to the optimizer")
        if not any(name in _settings(part) for part in parts):
            own = dict.fromkeys(own for part in parts for own in _settings(part))
            raise ValueError(
                f"{where}: {type(optimizer).__name__} has no setting {name!r}; it has "
                f"{', '.join(own)}"
            )
    for part in parts:
        fitting = {name: value[name] for name in value if name in _settings(part)}
        try:
            replace(part, **fitting, groups=None)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{where}: {error}") from None
    return Fixed(value)


def _settings(optimizer: Update) -> list[str]:
    """Return the names of the settings that are not common to all optimizers."""
    return [own.name for own in fields(optimizer) if own.init and own.name not in optimizer.common]


class Place(NamedTuple):
    """Where a parameter is in a network.

    Attributes
    ----------
    role, layer, parameter : str
        Its role, the name of its layer, and its own.
    matrix : bool
        Whether it is a weight of several rows and columns.
    last : bool
        Whether an output is made of it without another weight between.
    """

    role: str
    layer: str
    parameter: str
    matrix: bool
    last: bool


def rules_of(optimizer: Update, places: Iterable[Place]) -> Iterator[tuple[Update, bool]]:
    """Yield what updates each parameter, and whether its weight decay applies.

    What the groups say of its role comes first, then what they say of its layer, then of itself: a
    dict replaces settings, an optimizer replaces all that was before. An optimizer of matrices
    leaves to its other part what is none, and outputs unless it is given for their layers.

    Raises
    ------
    ValueError
        If a dict has a setting that an optimizer given for more parameters lacks.
    """
    groups = optimizer.groups or {}
    entries = {selector: groups[key] for key in groups for selector in selectors(key)}
    none: dict[str, Any] = dict.fromkeys(optimizer.common)
    bare = replace(optimizer, **none)
    for place in places:
        rule = _part(bare, place.matrix and not place.last)
        asked = False  # whether a decay was given for just this
        for selector in place[:3]:
            entry = entries.get(selector)
            if entry is None:
                continue
            if not isinstance(entry, Fixed):
                hidden = selector == place.role and place.last
                rule, asked = _part(entry, place.matrix and not hidden), False
                continue
            for name in entry:
                if name not in _settings(rule):
                    raise ValueError(
                        f"groups: {place.parameter!r} is updated by {type(rule).__name__}, which "
                        f"has no setting {name!r}, given for {selector!r}"
                    )
            rule = replace(rule, **entry)
            asked = asked or ("weight_decay" in entry and selector != place.layer)
        yield rule, asked or rule.decaying is None or place.role in rule.decaying


def _part(optimizer: Update, matrix: bool) -> Update:
    """Return the part of an optimizer that is for a matrix, or for what is none."""
    return optimizer.parts()[0 if matrix else -1]
