"""Models in files: one safetensors file, weights and architecture in it.

A file is data: reading one parses JSON and copies numbers, and runs no code whatever is in it. What
it claims is compared with what it holds before anything is built.

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

The file is written here and not by safetensors, which leaves it readable by its owner alone and
orders the metadata anew each time: a model has one file, byte for byte.
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fastmlp import _checks, losses
from fastmlp.data import arrays, files
from fastmlp.models.states import NOT_BUILT, ModelState
from fastmlp.networks import objectives
from fastmlp.networks.network import Network
from fastmlp.networks.outputs import ONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.networks.objectives import MeanObjective

FORMAT = 1
# The longest header that safetensors takes, and the longest words of an error.
MOST_HEADER, MOST_WORDS = 100_000_000, 500
DTYPES = {"float32": "F32", "float64": "F64"}


def save(state: ModelState, path: str | PathLike[str]) -> None:
    """Write a model to a file; see `Model.save`."""
    files.check_model_name(path)
    files.check_place(path)
    try:
        user = json.dumps(state.metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata must hold JSON values only: {error}") from None
    network = state.network
    if network is None:
        raise ValueError(NOT_BUILT)
    header = {
        "fastmlp": str(FORMAT),
        "architecture": json.dumps(network.config()),
        "dtype": state.dtype,
        "seed": json.dumps(state.seed),
        "fits": json.dumps(state.fits),
        "objective": json.dumps(_named(state.objective)),
        "metadata": user,
    }
    values = dict(zip(network.parameter_nodes, network.values().values(), strict=True))
    tensors = network.views(values.__getitem__)
    files.write(path, _parts(header, tensors))


def _parts(header: dict[str, str], tensors: dict[str, NDArray[Any]]) -> Iterator[Any]:
    """Return what is in the file: the length of the JSON that describes it, the JSON, the data.

    The format is that of https://github.com/huggingface/safetensors#format.
    """
    described: dict[str, Any] = {"__metadata__": header}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        described[name] = {
            "dtype": DTYPES[str(array.dtype)],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the data begin where any type may
    yield struct.pack("<Q", len(text))
    yield text
    for array in tensors.values():
        yield np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data


def read(path: Path) -> ModelState:
    """Return what is in a file, every part of it checked before it is used; see `fastmlp.load`."""
    from safetensors import SafetensorError

    try:
        # Read, not mapped: if a mapped file were truncated meanwhile, the process would be killed.
        with path.open("rb") as file:
            return _read(file)
    except (SafetensorError, TypeError, ValueError, RecursionError) as error:
        owner = files.foreign(path)
        hint = f"; {path.suffix!r} is the ending of another format ({owner})"
        said = str(error)
        said = said if len(said) <= MOST_WORDS else f"{said[:MOST_WORDS]} …"
        why = f"{said}{hint if owner else ''}"
        raise ValueError(f"cannot load {str(path)!r}: {why}") from None


def _read(file: BinaryIO) -> ModelState:
    from safetensors import deserialize

    beginning = _beginning(file)
    described = json.loads(beginning[8:])
    if not isinstance(described, dict):
        raise ValueError("its header must be a JSON object")
    header = described.pop("__metadata__", {})
    if not isinstance(header, dict) or not all(isinstance(s, str) for s in header.values()):
        raise ValueError("its metadata must be texts")
    _check_version(header)
    if header.get("dtype") not in DTYPES:
        raise ValueError(f"its dtype must be in {list(DTYPES)}, not {header.get('dtype')!r}")
    architecture = _parse(header, "architecture")
    specs = Network.specs_in(architecture)
    shapes = {name: spec.array_shape for name, spec in specs.items()}
    _check_tensors(described, shapes, DTYPES[header["dtype"]])
    numbers = sum(math.prod(shape) for shape in shapes.values())
    _check_size(file, len(beginning) + numbers * np.dtype(header["dtype"]).itemsize)
    tensors = deserialize(beginning + file.read())  # type: ignore[no-untyped-call]
    weights = {
        name: np.frombuffer(tensor["data"], np.dtype(header["dtype"]).newbyteorder("<"))
        .reshape(tensor["shape"])
        .astype(header["dtype"], copy=False)
        for name, tensor in tensors
    }
    for name, values in weights.items():
        arrays.check_finite(values, f"tensor {name!r}", values.dtype)
    user = _parse(header, "metadata")
    if not isinstance(user, dict):
        raise ValueError(f"its metadata must be a JSON object, not {type(user).__name__}")
    seed = _parse(header, "seed")
    network = Network.from_config(architecture, weights=_as_rows(weights))
    return ModelState(
        seed=None if seed is None else _checks.seed(seed, "its seed"),
        dtype=header["dtype"],
        metadata=user,
        fits=_checks.integer(_parse(header, "fits"), "its fits", at_least=0),
        objective=_objective_of(network, _parse(header, "objective")),
        waiting=[],
        network=network,
    )


def _beginning(file: BinaryIO) -> bytes:
    """Return what comes before the numbers: eight bytes for a length, and a header so long."""
    size = os.fstat(file.fileno()).st_size
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(size - 8, MOST_HEADER):
        raise ValueError(
            f"it is no safetensors file: it has {size} bytes, and its header would have {length}"
        )
    return prefix + file.read(length)


def _check_size(file: BinaryIO, expected: int) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != expected:
        raise ValueError(f"its architecture asks for {expected} bytes in all, it has {size}")


def _check_version(header: dict[str, str]) -> None:
    version = header.get("fastmlp")
    if version is None:
        raise ValueError("it is a safetensors file without 'fastmlp' metadata: no model of fastmlp")
    if version != str(FORMAT):
        raise ValueError(
            f"its format is version {version[:20]!r}, this fastmlp reads version {FORMAT}: a newer "
            "fastmlp may have written it"
        )


def _parse(header: dict[str, str], key: str) -> Any:
    if key not in header:
        raise ValueError(f"its header has no {key!r}")
    try:
        return json.loads(header[key])
    except ValueError as error:
        raise ValueError(f"{key!r} in its header is no JSON: {error}") from None


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
    """Return an objective by names, or None if it has functions of the user's own in it."""
    if objective is None or not objective.has_names:
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
    return objectives.choose(network, parts[0], l2, parts[1], parts[2], l1=l1)
