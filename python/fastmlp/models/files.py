"""Models in files: one safetensors file, weights and architecture in it.

What a file claims is compared with what it holds before anything is built.

The header's metadata has, as text:

==============  ===================================================================
fastmlp         version of this format, "1"
architecture    JSON: inputs, layers and how they are joined (``Network.config``)
dtype           "float32" or "float64"
seed, fits      JSON: the model's seed, how often it was fitted
objective       JSON: loss, metrics, l2 and, if not 0, l1 of the last fit; null if there is none
metadata        JSON: the user's own
==============  ===================================================================

and a tensor for each parameter: "dense_1.weights" (units, inputs), "dense_1.biases" (units,).

Members of one network have besides ``kind``, "members". Architecture and dtype are those of all;
seed, fits, objective and metadata are lists with an element for each, and tensors have an axis of
members in front: "dense_1.weights" (members, units, inputs).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, losses
from fastmlp.data import files
from fastmlp.models import container
from fastmlp.models.states import NOT_BUILT, ModelState
from fastmlp.networks import objectives
from fastmlp.networks.network import Network
from fastmlp.networks.outputs import ONE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.models.container import Contents
    from fastmlp.networks.objectives import MeanObjective

DTYPES = {name: container.DTYPES[name] for name in ("float32", "float64")}
MEMBERS = "members"  # the kind of their files
OWN = ("seed", "fits", "objective", "metadata")


def save(state: ModelState, path: str | PathLike[str]) -> None:
    """Write a model to a file; see `Model.save`."""
    files.check_model_name(path)
    files.check_place(path)
    own = {name: json.dumps(value) for name, value in _own(state).items()}
    container.write(path, _common(state) | own, _tensors(state))


def save_members(states: Sequence[ModelState], path: str | PathLike[str]) -> None:
    """Write models that are alike but for their weights; see `Members.save`."""
    files.check_model_name(path)
    files.check_place(path)
    each = [_own(state) for state in states]
    own = {name: json.dumps([one[name] for one in each]) for name in OWN}
    header = {"kind": MEMBERS} | _common(states[0]) | own
    tensors = [_tensors(state) for state in states]
    container.write(
        path, header, {name: np.stack([one[name] for one in tensors]) for name in tensors[0]}
    )


def _common(state: ModelState) -> dict[str, str]:
    """Return the texts that members have in common."""
    if state.network is None:
        raise ValueError(NOT_BUILT)
    return {"architecture": json.dumps(state.network.config()), "dtype": state.dtype}


def _own(state: ModelState) -> dict[str, Any]:
    """Return what each member has of its own besides its weights: JSON values."""
    container.users_json(state.metadata, "metadata")
    return {
        "seed": state.seed,
        "fits": state.fits,
        "objective": _named(state.objective),
        "metadata": state.metadata,
    }


def _tensors(state: ModelState) -> dict[str, NDArray[Any]]:
    """Return the weights by name, as users see them."""
    network = state.network
    assert network is not None
    values = dict(zip(network.parameter_nodes, network.values().values(), strict=True))
    return network.views(values.__getitem__)


def read(path: Path) -> ModelState:
    """Return what is in a file of a model; see `fastmlp.load`."""
    return container.read(path, state_of)


def state_of(contents: Contents) -> ModelState:
    """Return the model in a file, every part of it checked before it is used."""
    own = {name: contents.parsed(name) for name in OWN}
    architecture, dtype, weights = _read(contents, ())
    return _state(architecture, dtype, own, weights)


def states_of(contents: Contents) -> list[ModelState]:
    """Return the members in a file, every part of it checked before it is used."""
    lists = {name: contents.parsed(name) for name in OWN}
    counts = {len(values) if isinstance(values, list) else 0 for values in lists.values()}
    if len(counts) > 1 or 0 in counts:
        raise ValueError(f"its {', '.join(OWN)} must be lists with an element for each member")
    architecture, dtype, weights = _read(contents, tuple(counts))
    return [
        _state(
            architecture,
            dtype,
            {name: values[i] for name, values in lists.items()},
            {name: values[i] for name, values in weights.items()},
        )
        for i in range(*counts)
    ]


def _read(contents: Contents, lead: tuple[int, ...]) -> tuple[Any, str, dict[str, NDArray[Any]]]:
    """Return architecture, dtype and weights, whose shapes begin with `lead`."""
    dtype = contents.header.get("dtype", "")
    if dtype not in DTYPES:
        raise ValueError(
            f"its dtype must be in {list(DTYPES)}, not {contents.header.get('dtype')!r}"
        )
    architecture = contents.parsed("architecture")
    specs = Network.specs_in(architecture)
    shapes = {name: (*lead, *spec.array_shape) for name, spec in specs.items()}
    _check_tensors(contents.described, shapes, DTYPES[dtype])
    return architecture, dtype, contents.tensors()


def _state(
    architecture: Any, dtype: str, own: dict[str, Any], weights: dict[str, NDArray[Any]]
) -> ModelState:
    user, seed = own["metadata"], own["seed"]
    if not isinstance(user, dict):
        raise ValueError(f"its metadata must be a JSON object, not {type(user).__name__}")
    network = Network.from_config(architecture, weights=_as_rows(weights))
    return ModelState(
        seed=None if seed is None else _checks.seed(seed, "its seed"),
        dtype=dtype,
        metadata=user,
        fits=_checks.integer(own["fits"], "its fits", at_least=0),
        objective=_objective_of(network, own["objective"]),
        waiting=[],
        network=network,
    )


def _as_rows(weights: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.atleast_2d(values) for name, values in weights.items()}


def _check_tensors(
    described: dict[str, Any], shapes: dict[str, tuple[int, ...]], dtype: str
) -> None:
    """Raise unless the file has just the tensors that its architecture asks for."""
    names = set(described)
    if names != set(shapes):
        wrong = [f"lacks {name!r}" for name in sorted(set(shapes) - names)]
        wrong += [f"has an unexpected {name[:80]!r}" for name in sorted(names - set(shapes))]
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        listed = ", ".join(wrong[:5])
        raise ValueError(f"its tensors are not those of its architecture: it {listed}{more}")
    for name, shape in shapes.items():
        tensor = described[name]
        if not isinstance(tensor, dict) or not isinstance(tensor.get("shape"), list):
            raise ValueError(f"tensor {name!r} must have a dtype, a shape and offsets")
        if tensor.get("dtype") != dtype:
            raise ValueError(f"tensor {name!r} must be {dtype}, not {tensor.get('dtype')}")
        if tensor["shape"] != list(shape):
            raise ValueError(
                f"tensor {name!r} must have shape {shape} by its architecture, not "
                f"{tuple(tensor['shape'])}"
            )


def _named(objective: MeanObjective | None) -> dict[str, Any] | None:
    """Return an objective by names, or None if a loss is a function of the user's own."""
    objective = None if objective is None else objective.named()
    if objective is None:
        return None
    heads: list[dict[str, Any]] = [
        {"loss": losses.config(head.loss), "metrics": [metric.name for metric in head.metrics]}
        for head in objective.heads
    ]
    penalty = {"l2": objective.l2}
    if objective.l1:  # files without it are read by older versions
        penalty["l1"] = objective.l1
    if len(heads) == 1 and objective.heads[0].weight == 1:
        return heads[0] | penalty
    for described, head in zip(heads, objective.heads, strict=True):
        described["weight"] = head.weight
    return {"outputs": heads} | penalty


def _objective_of(network: Network, named: Any) -> MeanObjective | None:
    if named is None:
        return None
    wanted = {"loss", "l2", "metrics"}
    if not isinstance(named, dict) or set(named) - {"l1"} not in (wanted, {"outputs", "l2"}):
        raise ValueError("its objective must have a loss, an l2 and metrics")
    heads = named["outputs"] if "outputs" in named else [named | {"weight": 1.0}]
    if not isinstance(heads, list) or len(heads) != len(network.outputs):
        raise ValueError(f"its objective must have {len(network.outputs)} outputs in a list")
    for head in heads:
        if not isinstance(head, dict) or not {"loss", "metrics", "weight"} <= set(head):
            raise ValueError("an output of its objective must have a loss, metrics and a weight")
        if not isinstance(head["metrics"], list):
            raise ValueError("the metrics of its objective must be a list")
    l2 = _checks.real(named["l2"], "its l2", at_least=0)
    l1 = _checks.real(named.get("l1", 0.0), "its l1", at_least=0)
    parts = [[head[key] for head in heads] for key in ("loss", "metrics", "weight")]
    parts[0] = [losses.from_config(loss) for loss in parts[0]]
    if network.outputs.form == ONE:
        parts = [part[0] for part in parts]
    loss, metrics, weights = parts
    return objectives.choose(
        network, loss=loss, loss_weights=weights, metrics=metrics, l2=l2, l1=l1
    )
