"""Which layers the modules, functions and methods of PyTorch are that take one tensor."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fastmlp import layers
from fastmlp.activations import with_settings
from fastmlp.export import wrapped
from fastmlp.export.torch import modules as own
from fastmlp.layers.base import Layer


class Found(NamedTuple):
    """Layers one after the other: none for what does nothing, and the weights of the first.

    `free` are parameters of the module that stay as they are and stand in no layer. What
    `flattens` makes rows of several rows, as those of an embedding of several columns.
    """

    layers: list[Layer]
    weights: Mapping[str, Any] = {}
    free: frozenset[str] = frozenset()
    flattens: bool = False


def refused(why: str) -> ValueError:
    """Return the error of what cannot be taken."""
    return ValueError(why)


def _need(condition: bool, why: str) -> None:
    if not condition:
        raise refused(why)


def _numbers(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().cpu().numpy().copy()  # type: ignore[no-any-return]


# ----------------------------------------------------------------------------------- with weights


def _linear(module: nn.Linear) -> Found:
    weights = {"weights": _numbers(module.weight)}
    if module.bias is not None:
        weights["biases"] = _numbers(module.bias)
    return Found([layers.Dense(module.out_features, use_bias=module.bias is not None)], weights)


def _affine(
    module: Any, kind: type[Any], epsilon: float, **settings: Any
) -> tuple[Layer, dict[str, Any], frozenset[str]]:
    """Return a normalization, its scale and offset, and those that are 1 or 0 and stay so."""
    weight, bias = module.weight, getattr(module, "bias", None)
    free = set()
    if weight is not None and bias is not None and weight.requires_grad != bias.requires_grad:
        if not weight.requires_grad and bool((weight == 1).all()):
            free.add("weight")
        elif not bias.requires_grad and bool((bias == 0).all()):
            free.add("bias")
    given = {"scale": ("weight", weight), "offset": ("bias", bias)}
    used = {
        ours: tensor
        for ours, (theirs, tensor) in given.items()
        if tensor is not None and theirs not in free
    }
    layer = kind(
        epsilon=epsilon, use_scale="scale" in used, use_offset="offset" in used, **settings
    )
    return layer, {name: _numbers(tensor) for name, tensor in used.items()}, frozenset(free)


def _batch_norm(module: nn.BatchNorm1d) -> Found:
    _need(module.running_mean is not None, "it keeps no running statistics")
    _need(module.momentum is not None, "momentum=None, a plain average, has no counterpart")
    layer, weights, free = _affine(
        module, layers.BatchNorm, module.eps, momentum=float(module.momentum or 0)
    )
    weights["running_mean"] = _numbers(module.running_mean)
    weights["running_var"] = _numbers(module.running_var)
    return Found([layer], weights, free)


def _layer_norm(module: nn.LayerNorm) -> Found:
    _need(len(module.normalized_shape) == 1, "it must normalize over one axis")
    return _found(*_affine(module, layers.LayerNorm, module.eps))


def rms_norm(module: nn.RMSNorm, dtype: Any = np.float32) -> Found:
    """Return the layer of a norm, whose ε may be that of the numbers it is given."""
    _need(len(module.normalized_shape) == 1, "it must normalize over one axis")
    epsilon = float(np.finfo(dtype).eps) if module.eps is None else module.eps
    return _found(*_affine(module, layers.RMSNorm, epsilon))


def _found(layer: Layer, weights: Mapping[str, Any], free: frozenset[str]) -> Found:
    return Found([layer], weights, free)


def _prelu(module: nn.PReLU) -> Found:
    layer = layers.PReLU(shared=module.num_parameters == 1)
    return Found([layer], {"slopes": _numbers(module.weight)[None]})


def _embedding(module: nn.Embedding) -> Found:
    _need(module.max_norm is None, "max_norm has no counterpart")
    _need(module.padding_idx is None, "padding_idx, a row that is not trained, has no counterpart")
    layer = layers.Embedding(module.num_embeddings, module.embedding_dim)
    return Found([layer], {"weights": _numbers(module.weight)})


def _embeddings(module: own.Embedding) -> Found:
    tables = [_numbers(table.weight) for table in module.tables]
    if len(tables) == 1:
        return Found([layers.Embedding(*tables[0].shape)], {"weights": tables[0]})
    layer = layers.Embedding([len(t) for t in tables], [t.shape[1] for t in tables])
    return Found([layer], {f"weights_{i}": table for i, table in enumerate(tables, start=1)})


def _function(module: own.Function) -> Found:
    _need(module.config is not None, "a function or layer of yours, of which no file knows")
    arrays = [*module.named_parameters(), *module.named_buffers()]
    return Found(
        [layers.from_config(module.config)],
        {name: _numbers(tensor) for name, tensor in arrays if "constant_" not in name},
    )


# ----------------------------------------------------------------------------------------- without


def _plain(name: str) -> Callable[[nn.Module], Found]:
    """Return what takes a module that is an activation without settings."""
    return lambda module: Found([layers.Activation(name)])


def _number(value: Any, what: str) -> float:
    _need(isinstance(value, (int, float)), f"{what}={value!r} must be a number")
    return float(value)


def scaled(factor: Any, offset: Any = 0.0) -> Found:
    """Return factor·x + offset."""
    return Found([layers.Rescaling(_number(factor, "factor"), _number(offset, "offset"))])


def _elu(alpha: float = 1.0, inplace: bool = False) -> Found:
    return Found([layers.Activation(with_settings("elu", alpha=_number(alpha, "alpha")))])


def _celu(alpha: float = 1.0, inplace: bool = False) -> Found:
    alpha = _number(alpha, "alpha")
    _need(alpha != 0, "alpha=0 divides by 0")
    return Found(wrapped.scaled("elu", 1 / alpha).layers())


def _log_sigmoid() -> Found:
    return Found(wrapped.LOG_SIGMOID.layers())


def _limited(low: Any, high: Any) -> Found:
    """Return min(high, max(low, x)), where None is no bound."""
    low = -math.inf if low is None else _number(low, "a bound")
    high = math.inf if high is None else _number(high, "a bound")
    return Found(wrapped.limited(low, high).layers())


def _clamped(min: Any = None, max: Any = None) -> Found:
    return _limited(min, max)


def _six(inplace: bool = False) -> Found:
    return _limited(0.0, 6.0)


def _above(threshold: float, value: float, inplace: bool = False) -> Found:
    """Return x above a threshold, else a value, which must be the threshold."""
    _need(threshold == value, f"threshold={threshold!r} and value={value!r} must be the same")
    return _limited(threshold, None)


def _gelu(module: nn.GELU) -> Found:
    return Found([layers.Activation("gelu" if module.approximate == "none" else "gelu_tanh")])


def _sloped(slope: float) -> Found:
    """Return leaky ReLU of any slope."""
    return Found([layers.Activation(with_settings("leaky_relu", slope=slope))])


def _of_rows(activation: str) -> Callable[..., Found]:
    """Return what takes a softmax: a third argument is the stack's depth or a dtype."""

    def convert(dim: int | None = None, *more: Any, **settings: Any) -> Found:
        _need(dim in (None, 1, -1), f"dim={dim} must be 1: rows are examples")
        kinds = [settings.get("dtype"), *more]
        _need(not any(isinstance(k, torch.dtype) for k in kinds), "dtype has no counterpart")
        return Found([layers.Activation(activation)])

    return convert


_softmax, _log_softmax = _of_rows("softmax"), _of_rows("log_softmax")


def _softmin(dim: int | None = None, *more: Any, **settings: Any) -> Found:
    return Found([layers.Rescaling(-1.0), *_softmax(dim, *more, **settings).layers])


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> Found:
    _need(beta != 0, "beta=0 divides by 0")
    # What is above it, times beta, stays as it is: from 20 on, that is 2e-9 less.
    _need(threshold >= 20, f"threshold={threshold!r} must be at least 20")
    return Found(wrapped.scaled("softplus", _number(beta, "beta")).layers())


def _hard_tanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Found:
    return _limited(min_val, max_val)


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> Found:
    _need(not training, "it drops in evaluation too: write training=self.training")
    return Found([layers.Dropout(p)])


def _flatten(start_dim: int = 0, end_dim: int = -1) -> Found:
    _need(start_dim == 1, f"start_dim={start_dim} must be 1: rows are examples")
    return Found([], flattens=end_dim in (-1, 2))


def _nothing(*_: Any, **settings: Any) -> Found:
    return Found([])


# By exact class: a class of the user's may do anything.
MODULES: Final[dict[type[nn.Module], Callable[[Any], Found]]] = {
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: rms_norm,
    nn.PReLU: _prelu,
    nn.Embedding: _embedding,
    nn.Identity: _nothing,
    nn.Flatten: lambda m: _flatten(m.start_dim, m.end_dim),
    nn.Dropout: lambda m: Found([layers.Dropout(m.p)]),
    nn.ReLU: _plain("relu"),
    nn.Tanh: _plain("tanh"),
    nn.Sigmoid: _plain("logistic"),
    nn.Softplus: lambda m: _softplus(m.beta, m.threshold),
    nn.Softsign: _plain("softsign"),
    nn.Hardtanh: lambda m: _hard_tanh(m.min_val, m.max_val),
    nn.Hardsigmoid: _plain("hard_sigmoid"),
    nn.SiLU: _plain("silu"),
    nn.GELU: _gelu,
    nn.Mish: _plain("mish"),
    nn.SELU: _plain("selu"),
    nn.ELU: lambda m: _elu(m.alpha),
    nn.CELU: lambda m: _celu(m.alpha),
    nn.ReLU6: lambda m: _six(),
    nn.Hardswish: _plain("hard_silu"),
    nn.LogSigmoid: lambda m: _log_sigmoid(),
    nn.Threshold: lambda m: _above(m.threshold, m.value),
    nn.LeakyReLU: lambda m: _sloped(m.negative_slope),
    nn.Softmax: lambda m: _softmax(m.dim),
    nn.LogSoftmax: lambda m: _log_softmax(m.dim),
    nn.Softmin: lambda m: _softmin(m.dim),
    own.Embedding: _embeddings,
    own.GaussianNoise: lambda m: Found([layers.GaussianNoise(m.std)]),
    own.Join: lambda m: Found([layers.LAYERS[m.kind]()]),
    own.Function: _function,
}


def _without_settings(name: str) -> Callable[..., Found]:
    def convert(*args: Any, inplace: bool = False, **settings: Any) -> Found:
        _need(
            not settings and (not args or (len(args) == 1 and isinstance(args[0], bool))),
            f"settings of {name} have no counterpart",
        )
        return Found([layers.Activation(name)])

    return convert


def _gelu_function(*, approximate: str = "none") -> Found:
    return Found([layers.Activation("gelu" if approximate == "none" else "gelu_tanh")])


def _leaky_function(negative_slope: float = 0.01, inplace: bool = False) -> Found:
    return _sloped(negative_slope)


_NAMES: Final = {
    "relu": "relu",
    "relu_": "relu",
    "tanh": "tanh",
    "tanh_": "tanh",
    "sigmoid": "logistic",
    "sigmoid_": "logistic",
    "exp": "exp",
    "sin": "sin",
    "softsign": "softsign",
    "hardsigmoid": "hard_sigmoid",
    "silu": "silu",
    "mish": "mish",
    "selu": "selu",
    "selu_": "selu",
    "hardswish": "hard_silu",
}
_SET: Final[dict[str, Callable[..., Found]]] = {
    "gelu": _gelu_function,
    "leaky_relu": _leaky_function,
    "elu": _elu,
    "celu": _celu,
    "relu6": _six,
    "logsigmoid": _log_sigmoid,
    "threshold": _above,
    "clamp": _clamped,
    "clip": _clamped,
    "clamp_": _clamped,
    "clip_": _clamped,
    "clamp_min": lambda min: _limited(min, None),
    "clamp_max": lambda max: _limited(None, max),
    "neg": lambda: scaled(-1.0),
    "negative": lambda: scaled(-1.0),
    "softmin": _softmin,
    "softplus": _softplus,
    "hardtanh": _hard_tanh,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "dropout": _dropout,
    "flatten": _flatten,
    "contiguous": _nothing,
    "clone": _nothing,
}
_BY_NAME: Final[dict[str, Callable[..., Found]]] = {
    **{theirs: _without_settings(ours) for theirs, ours in _NAMES.items()},
    **_SET,
}
# Methods of tensors by name, and functions of both of PyTorch's modules that have them.
METHODS: Final = {name: f for name, f in _BY_NAME.items() if hasattr(Tensor, name)}
FUNCTIONS: Final[dict[Any, Callable[..., Found]]] = {
    getattr(place, name): convert
    for place in (functional, torch)
    for name, convert in _BY_NAME.items()
    if callable(getattr(place, name, None))
} | {operator.neg: _BY_NAME["neg"]}


def only_table(module: nn.Module) -> nn.Embedding | None:
    """Return the one table of an embedding of any number of columns."""
    if isinstance(module, own.Embedding) and len(module.tables) == 1:
        module = module.tables[0]
    return module if isinstance(module, nn.Embedding) else None


def wanted(module: nn.Module) -> int | None:
    """Return how many columns a module takes, if it says so."""
    if isinstance(module, nn.Linear):
        return int(module.in_features)
    if isinstance(module, nn.BatchNorm1d):
        return int(module.num_features)
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return int(module.normalized_shape[-1])
    if isinstance(module, own.Embedding):
        return len(module.tables)
    if isinstance(module, own.Function) and len(module.columns) == 1:
        return module.columns[0]
    if isinstance(module, nn.PReLU) and module.num_parameters > 1:
        return int(module.num_parameters)
    return None


def dtype_of(module: nn.Module) -> np.dtype[Any]:
    """Return the type of all parameters and statistics."""
    found: dict[torch.dtype, str] = {}
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise ValueError(f"{name} has no numbers yet: run the module once, then convert it")
        if tensor.dtype.is_floating_point or tensor.dtype.is_complex:
            found.setdefault(tensor.dtype, name)
    if not found:
        return np.dtype(str(torch.get_default_dtype()).removeprefix("torch."))
    if len(found) > 1 or not set(found) <= {torch.float32, torch.float64}:
        said = " and ".join(f"{name} is {kind}" for kind, name in found.items())
        raise ValueError(
            f"parameters must be all float32 or all float64, but {said}: call module.float() first"
        )
    return np.dtype(str(next(iter(found))).removeprefix("torch."))
