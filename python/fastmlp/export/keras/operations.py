"""Functions of `keras.ops` and `keras.activations` that functional models call, as layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fastmlp import layers
from fastmlp.activations import with_settings
from fastmlp.export import wrapped
from fastmlp.export.keras.leaves import LAST, Config, Found

# Of two values, or of a value and a number: what `wrapped.with_number` calls them.
ARITHMETIC: Final = {
    "Add": "add",
    "Subtract": "sub",
    "Multiply": "mul",
    "TrueDivide": "div",
    "Divide": "div",
}
_PLAIN: Final = {
    "Relu": "relu",
    "Relu6": "hard_tanh(low=0, high=6)",
    "Sigmoid": "logistic",
    "Tanh": "tanh",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exp",
    "Sin": "sin",
    "Selu": "selu",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
}


def _plain(name: str) -> Callable[[Config, int], Found]:
    return lambda config, columns: Found([layers.Activation(name)])


def _set(name: str, theirs: str, ours: str) -> Callable[[Config, int], Found]:
    """Return what reads an activation with a setting."""
    return lambda config, columns: Found(
        [layers.Activation(with_settings(name, **{ours: config[theirs]}))]
    )


def _gelu(config: Config, columns: int) -> Found:
    return Found([layers.Activation("gelu_tanh" if config.flag("approximate", True) else "gelu")])


def _celu(config: Config, columns: int) -> Found:
    return Found(wrapped.scaled("elu", 1 / _number(config, "alpha")).layers())


def _log_softmax(config: Config, columns: int) -> Found:
    config.need("axis", *LAST)
    return Found([layers.Activation("log_softmax")])


def _clip(config: Config, columns: int) -> Found:
    return Found(wrapped.limited(*(_number(config, name) for name in ("x_min", "x_max"))).layers())


def _number(config: Config, name: str) -> float:
    value = config[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ValueError(f"{name}={str(value)[:60]} must be a number")
    return float(value)


OPERATIONS: Final[dict[str, Callable[[Config, int], Found]]] = {
    **{theirs: _plain(ours) for theirs, ours in _PLAIN.items()},
    "Gelu": _gelu,
    "Elu": _set("elu", "alpha", "alpha"),
    "LeakyRelu": _set("leaky_relu", "negative_slope", "slope"),
    "Celu": _celu,
    "LogSoftmax": _log_softmax,
    "LogSigmoid": lambda config, columns: Found(wrapped.LOG_SIGMOID.layers()),
    "Clip": _clip,
    "Negative": lambda config, columns: Found([layers.Rescaling(-1.0)]),
}


def with_number(kind: str, sources: list[Any]) -> Any:
    """Return what an operation makes of a value and a number, in either order."""
    if len(sources) != 2 or all(isinstance(one, float) for one in sources):
        raise ValueError("it must be called with two values, or a value and a number")
    first = isinstance(sources[0], float)
    number, value = sources if first else sources[::-1]
    factor, offset = wrapped.with_number(ARITHMETIC[kind], number, first=first)
    return layers.Rescaling(factor, offset), value
