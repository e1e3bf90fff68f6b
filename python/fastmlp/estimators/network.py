"""The network of an estimator: an `fm.Model` whose weights begin where scikit-learn's do."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, activations
from fastmlp.layers import Dense, Dropout, Layer
from fastmlp.models.sequential import Sequential
from fastmlp.networks.network import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.activations import Activation
    from fastmlp.models.model import Model

    Array = NDArray[Any]


def initial_weights(
    units: Sequence[int], activation: Any, rng: np.random.RandomState
) -> dict[str, Array]:
    """Draw weights and biases in scikit-learn's order: both of a layer, from first to last.

    Uniform in ±√(6 / (inputs + outputs)), or ±√(2 / …) for the logistic function (Glorot and
    Bengio, AISTATS 2010). The output layer goes by the activation of the last hidden one.
    """
    for i, width in enumerate(units[1:-1]):
        _checks.columns(width, f"hidden_layer_sizes[{i}]")
    several = not isinstance(activation, str) and hasattr(activation, "__iter__")
    rules = hidden_activations(activation, len(units) - 2 if several else len(units) - 1)
    coefs, intercepts = [], []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(units)):
        rule = rules[min(i, len(rules) - 1)].name if rules else "identity"
        factor = 2.0 if rule == "logistic" else 6.0
        bound = np.sqrt(factor / (inputs + outputs))
        coefs.append(rng.uniform(-bound, bound, (inputs, outputs)))
        intercepts.append(rng.uniform(-bound, bound, outputs))
    return by_name(coefs, intercepts)


def by_name(coefs: Sequence[Array], intercepts: Sequence[Array]) -> dict[str, Array]:
    """Return scikit-learn's weights, (inputs, outputs) and (outputs,), as those of a network."""
    weights: dict[str, Array] = {}
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True), start=1):
        weights[f"dense_{i}.weights"] = coef.T
        weights[f"dense_{i}.biases"] = intercept[None]
    return weights


def build(
    units: Sequence[int],
    hidden: Sequence[Activation],
    output: str,
    dropout: Sequence[float],
    weights: dict[str, Array],
    dtype: np.dtype[Any],
) -> Model:
    """Return a model of dense layers, each hidden one followed by its dropout."""
    layers: list[Layer] = []
    for width, activation, rate in zip(units[1:-1], hidden, dropout, strict=True):
        layers.append(Dense(width, activation))
        if rate > 0:
            layers.append(Dropout(rate))
    layers.append(Dense(units[-1], output))
    model = Sequential(layers, dtype=dtype)
    model._adopt(Network.sequential(layers, units[0], weights=weights))
    return model


def each_layer(value: Any, count: int, name: str) -> list[Any]:
    """Return one value for each hidden layer, from one for all of them or a list.

    Raises
    ------
    ValueError
        If a list has another length.
    """
    if isinstance(value, (str, int, float, np.number)) or not hasattr(value, "__iter__"):
        return [value] * count
    values = list(np.atleast_1d(value)) if isinstance(value, np.ndarray) else list(value)
    if len(values) != count:
        layers = "1 hidden layer" if count == 1 else f"{count} hidden layers"
        raise ValueError(f"{name} has {len(values)} values for {layers}: {values!r}")
    return values


def hidden_activations(spec: Any, count: int) -> list[Activation]:
    """Return the activation of each hidden layer."""
    return [activations.get(one) for one in each_layer(spec, count, "activation")]


def dense_layers(model: Model) -> list[Dense]:
    """Return the layers with weights, from first to last."""
    return [layer for layer in model.layers if isinstance(layer, Dense)]
