"""The nodes of a network's inputs and parameters, and the values that the parameters begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import graph as g
from fastmlp.data import arrays

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from fastmlp.layers.base import Input, Layer, ParameterSpec
    from fastmlp.networks.structure import Structure

Weights: TypeAlias = "Mapping[str, npt.NDArray[Any]]"
# In words, as naming the Generator would load numpy.random.
Seed: TypeAlias = "int | np.random.Generator | None"


def drawn(
    structure: Structure, seed: Seed, dtype: npt.DTypeLike, shared: Collection[int]
) -> list[npt.NDArray[Any]]:
    """Return initial values drawn one after the other, in order, but for `shared` layers.

    Raises
    ------
    TypeError, ValueError
        If an initializer returns no finite numbers of `dtype`, or another shape.
    """
    rng = np.random.default_rng(seed)
    values = []
    described = zip(structure.layers, structure.names, structure.specs, strict=True)
    for place, (layer, name, specs) in enumerate(described):
        for spec in () if place in shared else specs:
            what = f"what {_argument(layer, spec)} of layer {name!r} makes"
            value = arrays.array(spec.initializer(rng, spec.shape), what)
            if value.shape != spec.shape:
                raise ValueError(f"{what} must have the shape {spec.shape}, got {value.shape}")
            arrays.check_finite(value, what, dtype)
            values.append(value)
    return values


def _argument(layer: Layer, spec: ParameterSpec) -> str:
    """Return the name of the layer's argument that the parameter is drawn from."""
    rule = getattr(spec.initializer, "rule", spec.initializer)  # of each of several matrices
    found = [name for name, value in vars(layer).items() if value is rule]
    if not found:  # a default that follows from something else
        return f"the initializer of {spec.name}"
    # One initializer may be given twice: biases are bias_initializer's.
    return next((name for name in found if name[:4] == spec.name[:4]), found[0])


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
    specs: Sequence[Sequence[ParameterSpec]],
    values: Iterable[npt.NDArray[Any]],
    shared: Mapping[int, Mapping[str, g.Node]],
) -> list[tuple[g.Node, ...]]:
    """Return the nodes of each layer, named as in formulas: W1, b1, W2 and so on.

    Those of `shared` layers are there already; `values` are those of the others.
    """
    left = iter(values)
    nodes: list[tuple[g.Node, ...]] = []
    number = 0
    for place, needed in enumerate(specs):
        number += bool(needed)
        if place in shared:
            nodes.append(tuple(shared[place].values()))
        else:
            made = [
                g.parameter(next(left), f"{spec.symbol}{number}", by_rows=spec.role == "embedding")
                for spec in needed
            ]
            nodes.append(tuple(made))
    return nodes


def shared_nodes(structure: Structure) -> dict[int, Mapping[str, g.Node]]:
    """Return the parameters of the layers that have them, by the layers' places.

    Raises
    ------
    ValueError
        If a layer would need others here.
    """
    shared = {}
    described = zip(structure.layers, structure.names, structure.specs, strict=True)
    for place, (layer, name, specs) in enumerate(described):
        nodes = layer.parameter_nodes
        if nodes is None:
            continue
        there = {known: node.shape for known, node in nodes.items()}
        needed: dict[str, Any] = {spec.name: spec.shape for spec in specs}
        if there != needed:
            if layer.owner is None:
                continue  # its models are gone, and what it had does not fit any more
            raise ValueError(
                f"layer {name!r}, {layer!r}, has parameters of the shapes {there} from another "
                f"model and cannot share them here, where they would be {needed}: make a new layer "
                "or use its copy()"
            )
        shared[place] = nodes
    return shared


def input_nodes(inputs: Sequence[Input]) -> tuple[g.Node, ...]:
    """Return a node for each input, named x, or x1, x2 and so on, if it has no name."""
    default = ["x"] if len(inputs) == 1 else [f"x{i}" for i in range(1, len(inputs) + 1)]
    return tuple(
        g.input(x.columns, x.name or name) for x, name in zip(inputs, default, strict=True)
    )
