"""The nodes of a network's inputs and parameters, and the values that the parameters begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import graph as g

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from fastmlp.layers.base import Input, ParameterSpec

Weights: TypeAlias = "Mapping[str, npt.NDArray[Any]]"
# In words, as naming the Generator would load numpy.random.
Seed: TypeAlias = "int | np.random.Generator | None"


def drawn(specs: Mapping[str, ParameterSpec], seed: Seed) -> list[npt.NDArray[Any]]:
    """Return initial values drawn one after the other, in order."""
    rng = np.random.default_rng(seed)
    return [spec.initializer(rng, spec.shape) for spec in specs.values()]


def given(specs: Mapping[str, ParameterSpec], weights: Weights) -> list[npt.NDArray[Any]]:
    """Return the values given, in order; ValueError if a name or a shape does not fit."""
    for words, names in (
        ("lacks", specs.keys() - weights),
        ("has unknown", weights.keys() - specs.keys()),
    ):
        if names:
            raise ValueError(f"weights {words} {', '.join(sorted(names))}")
    for name, spec in specs.items():
        if np.shape(weights[name]) != spec.shape:
            raise ValueError(
                f"weights of {name} must have the shape {spec.shape}, not {np.shape(weights[name])}"
            )
    return [weights[name] for name in specs]


def parameter_nodes(
    specs: Sequence[Sequence[ParameterSpec]], values: Sequence[npt.NDArray[Any]]
) -> tuple[g.Node, ...]:
    """Return a node for each parameter, named as in formulas: W1, b1, W2 and so on."""
    numbered = enumerate((needed for needed in specs if needed), start=1)
    names = [f"{spec.symbol}{number}" for number, needed in numbered for spec in needed]
    return tuple(g.parameter(value, name) for value, name in zip(values, names, strict=True))


def input_nodes(inputs: Sequence[Input]) -> tuple[g.Node, ...]:
    """Return a node for each input, named x, or x1, x2 and so on, if it has no name."""
    default = ["x"] if len(inputs) == 1 else [f"x{i}" for i in range(1, len(inputs) + 1)]
    return tuple(
        g.input(x.columns, x.name or name) for x, name in zip(inputs, default, strict=True)
    )
