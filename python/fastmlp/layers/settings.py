"""Settings of layers: arguments of constructors that are attributes, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastmlp import _checks, initializers, schedules


@dataclass(frozen=True)
class Setting:
    """An argument of a layer's constructor that is an attribute of the layer too.

    Attributes
    ----------
    check
        Takes what is assigned and returns what is kept, or raises.
    fixed
        Why it cannot change once the layer is part of a model; empty if it can.
    read
        Makes it from what `Layer.settings` says of it, None where that is the value itself.
    """

    check: Callable[[Any], Any]
    fixed: str = ""
    read: Callable[[Any], Any] | None = None


# c of layers with weights, see `Dense`.
MAX_NORM = Setting(
    lambda value: None if value is None else _checks.real(value, "max_norm", above=0)
)


def initializer_setting(name: str, fixed: str, *, optional: bool = False) -> Setting:
    """Return the setting of this name that draws parameters; None is one if it is `optional`."""

    def check(value: Any) -> Any:
        return None if optional and value is None else initializers.get(value, name)

    return Setting(check, fixed, initializers.from_config)


def scheduled_setting(name: str, **bounds: float) -> Setting:
    """Return the setting of this name that may follow the steps of a training."""
    return Setting(
        lambda value: schedules.checked(value, name, **bounds), read=schedules.from_config
    )
