"""Layers of Keras that take one value as layers of ours, and the places of their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from fastmlp import layers
from fastmlp.activations import with_settings
from fastmlp.export import wrapped
from fastmlp.export.keras.names import ACTIVATIONS
from fastmlp.export.keras.stores import Numbers
from fastmlp.layers.base import Layer


class Found(NamedTuple):
    """Layers one after the other, and names of the first one's parameters in Keras's order.

    A name with ``.T`` is stored the other way round. `given` are numbers that Keras has in its
    settings. `combined` makes the first layer's parameters of as many arrays as `names` has.
    """

    layers: list[Layer]
    names: list[str] = []  # noqa: RUF012
    given: Mapping[str, Any] = {}
    combined: Callable[[list[Any]], Mapping[str, Any]] | None = None


class Config:
    """The settings of a layer, each a ValueError if it is missing or means what we have not."""

    def __init__(self, settings: Any) -> None:
        if not isinstance(settings, dict):
            raise ValueError(f"its config must be a mapping, not {type(settings).__name__}")
        self.settings = settings

    def __getitem__(self, name: str) -> Any:
        if name not in self.settings:
            raise ValueError(f"its config has no {name!r}")
        return self.settings[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or the default."""
        return self.settings.get(name, default)

    def need(self, name: str, *wanted: Any) -> None:
        """Refuse a setting that is there and is none of these."""
        given = self.settings.get(name, wanted[0])
        if not any(type(given) is type(one) and given == one for one in wanted):
            allowed = " or ".join(map(repr, wanted))
            raise ValueError(f"{name}={given!r} has no counterpart, only {allowed}")

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes or no."""
        self.need(name, default, not default)
        return bool(self.settings.get(name, default))


_SINGLE: Final = np.dtype(np.float32)
LAST: Final = (-1, 1, [-1], [1])
_BY_KERAS: Final = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | {
    "swish": "silu",
    "exp": "exp",
    "hard_swish": "hard_silu",
    "celu": "elu",  # of its alpha, 1
    "relu6": "hard_tanh(low=0, high=6)",
    "leaky_relu": "leaky_relu(slope=0.2)",
}


# Layers that may be the activation of another.
_ACTIVATIONS: Final = ("ReLU", "LeakyReLU", "ELU", "Softmax")


def activation(given: Any) -> list[Layer]:
    """Return an activation of Keras as layers: none if it does nothing."""
    if given is None or given == "linear":
        return []
    if isinstance(given, dict) and given.get("class_name") in _ACTIVATIONS:
        kind = given["class_name"]
        if given.get("registered_name") not in (None, kind):
            raise ValueError(f"activation {kind} is a class of its author's: no code is run")
        return LEAVES[kind](Config(given.get("config")), 0).layers
    if isinstance(given, dict) and given.get("class_name") == "function":
        raise ValueError(
            f"activation {str(given.get('config'))[:60]!r} is a function of its author's: no code "
            "of a file is run"
        )
    if given == "log_sigmoid":
        return wrapped.LOG_SIGMOID.layers()
    if not isinstance(given, str) or given not in _BY_KERAS:
        raise ValueError(f"activation {str(given)[:60]!r} has no counterpart in fastmlp")
    return [layers.Activation(_BY_KERAS[given])]


def _adjusted(name: str, **settings: Any) -> Found:
    return Found([layers.Activation(with_settings(name, **settings))])


def _dense(config: Config, columns: int) -> Found:
    config.need("quantization_config", None)
    use_bias = config.flag("use_bias", True)
    after = activation(config.get("activation"))
    layer = layers.Dense(config["units"], use_bias=use_bias)
    if len(after) == 1 and isinstance(after[0], layers.Activation):
        layer.activation, after = after[0].activation, []
    names = ["weights.T", *["biases"][: int(use_bias)]]
    return Found([layer, *after], names)


def _activation(config: Config, columns: int) -> Found:
    return Found(activation(config["activation"]))


def _dropout(config: Config, columns: int) -> Found:
    config.need("noise_shape", None)
    return Found([layers.Dropout(config["rate"])])


def _noise(config: Config, columns: int) -> Found:
    return Found([layers.GaussianNoise(config["stddev"])])


def _batch_norm(config: Config, columns: int) -> Found:
    config.need("axis", *LAST)
    config.need("renorm", False)
    momentum = config.get("momentum", 0.99)
    if not isinstance(momentum, (int, float)):
        raise ValueError(f"momentum must be a number, got {momentum!r}")
    return _normalization(
        layers.BatchNorm,
        config,
        {"momentum": max(0.0, 1 - momentum)},
        ["running_mean", "running_var"],
    )


def _layer_norm(config: Config, columns: int) -> Found:
    config.need("axis", *LAST)
    config.need("rms_scaling", False)
    return _normalization(layers.LayerNorm, config, {}, [])


def _normalization(
    kind: type[Any], config: Config, settings: dict[str, Any], more: list[str]
) -> Found:
    scale, center = config.flag("scale", True), config.flag("center", True)
    layer = kind(
        epsilon=config.get("epsilon", 1e-3), use_scale=scale, use_offset=center, **settings
    )
    return Found([layer], [*["scale"][: int(scale)], *["offset"][: int(center)], *more])


def _rms_norm(config: Config, columns: int) -> Found:
    config.need("axis", *LAST)
    layer = layers.RMSNorm(config.get("epsilon", 1e-6), use_offset=False)
    return Found([layer], ["scale"])


def _embedding(config: Config, columns: int) -> Found:
    config.need("mask_zero", False)
    config.need("quantization_config", None)
    return Found([layers.Embedding(config["input_dim"], config["output_dim"])], ["weights"])


def _prelu(config: Config, columns: int) -> Found:
    config.need("shared_axes", None, [1])
    return Found([layers.PReLU(shared=config.get("shared_axes") == [1])], ["slopes"])


def _leaky_relu(config: Config, columns: int) -> Found:
    return _adjusted("leaky_relu", slope=config.get("negative_slope", config.get("alpha", 0.3)))


def _elu(config: Config, columns: int) -> Found:
    return _adjusted("elu", alpha=config.get("alpha", 1.0))


def _relu(config: Config, columns: int) -> Found:
    slope, most = config.get("negative_slope", 0.0) or 0, config.get("max_value")
    config.need("threshold", 0.0, 0)
    if most is not None:
        config.need("negative_slope", 0.0, 0)
        return Found(wrapped.limited(0.0, most).layers())
    return (
        _adjusted("leaky_relu", slope=slope) if slope != 0 else Found([layers.Activation("relu")])
    )


def _softmax(config: Config, columns: int) -> Found:
    config.need("axis", *LAST)
    return Found([layers.Activation("softmax")])


def _same(config: Config, columns: int) -> Found:
    return Found([])


def _reshape(config: Config, columns: int) -> Found:
    if tuple(config["target_shape"]) not in ((columns,), (-1,)):
        raise ValueError(
            f"target_shape={config['target_shape']!r} has no counterpart: rows stay rows"
        )
    return Found([])


def _factors(config: Config, columns: int) -> Found:
    config.need("equation", "ab,b->ab")
    config.need("output_shape", [columns], columns)
    config.need("bias_axes", None)
    config.need("activation", None, "linear")
    return Found([layers.Scale()], ["scale"])


def _affine(columns: int, dtype: Any, factor: Callable[[], Any], offset: Callable[[], Any]) -> Any:
    """Return the arrays of a factor and an offset for each column, made when they are read."""

    def array(shape: tuple[int, ...], made: Callable[[], Any]) -> Any:
        return Numbers(shape, dtype, lambda: np.broadcast_to(made().reshape(-1, 1), (columns, 1)))

    return {
        "weights": (array((columns, 1), factor), False),
        "biases": (
            Numbers((columns,), dtype, lambda: np.broadcast_to(offset().reshape(-1), (columns,))),
            False,
        ),
    }


def _rescaling(config: Config, columns: int) -> Found:
    scale, offset = (_row(config.get(n, d), n, columns) for n, d in (("scale", 1), ("offset", 0)))
    if scale.size == offset.size == 1:
        return Found([layers.Rescaling(scale.item(), offset.item())])
    layer = layers.Dense(1, groups=columns, trainable=False)
    return Found([layer], given=_affine(columns, _SINGLE, lambda: scale, lambda: offset))


def _row(given: Any, name: str, columns: int) -> Any:
    """Return a setting that is a number, or a number for each column, maybe as rows of one."""
    try:
        row = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        row = np.empty(0)
    if row.size not in (1, columns) or row.shape[:-1] != (1,) * (row.ndim - 1):
        raise ValueError(f"{name}={str(given)[:60]} must be a number or {columns} numbers")
    return row


def _standardized(config: Config, columns: int) -> Found:
    """Return (x − mean)/max(√variance, 1e-7), or what undoes it."""
    config.need("axis", *LAST, None, [])
    inverse = config.flag("invert", False)

    def of(mean: Callable[[], Any], variance: Callable[[], Any], dtype: Any) -> Any:
        def root() -> Any:
            with np.errstate(invalid="ignore"):  # NaN, which is no weight
                return np.maximum(np.sqrt(np.asarray(variance(), np.float64)), 1e-7)

        if inverse:
            return _affine(columns, dtype, root, lambda: np.asarray(mean()))
        return _affine(columns, dtype, lambda: 1 / root(), lambda: -mean() / root())

    def combined(arrays: list[Any]) -> Any:
        for numbers, name in zip(arrays, ("mean", "variance"), strict=False):
            if math.prod(numbers.shape) not in (1, columns):
                raise ValueError(
                    f"its {name} must be {columns} numbers, its shape is {numbers.shape}"
                )
        mean, variance = arrays[0], arrays[1]
        return of(mean.read, variance.read, max(mean.dtype, variance.dtype))

    layer = layers.Dense(1, groups=columns, trainable=False)
    if config.get("mean") is None:
        return Found([layer], ["mean", "variance", "count"], {}, combined)
    mean, variance = (_row(config[name], name, columns) for name in ("mean", "variance"))
    if np.any(variance < 0):
        raise ValueError("its variance must not be negative")
    return Found([layer], given=of(lambda: mean, lambda: variance, _SINGLE))


# Class -> (settings, columns of the input) -> layers.
LEAVES: Final[dict[str, Callable[[Config, int], Found]]] = {
    "Dense": _dense,
    "Activation": _activation,
    "Dropout": _dropout,
    "GaussianNoise": _noise,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "Embedding": _embedding,
    "PReLU": _prelu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "ReLU": _relu,
    "Softmax": _softmax,
    "Flatten": _same,
    "Identity": _same,
    "Reshape": _reshape,
    "EinsumDense": _factors,
    "Rescaling": _rescaling,
    "Normalization": _standardized,
}
# Those that take several.
JOINS: Final[dict[str, type[Layer]]] = {
    "Add": layers.Add,
    "Multiply": layers.Multiply,
    "Maximum": layers.Maximum,
    "Minimum": layers.Minimum,
    "Concatenate": layers.Concatenate,
    "Subtract": layers.Add,  # of the second times −1
    "Average": layers.Add,  # times 1 / how many there are
}
