"""A fit on its way, written to a file and read again: all that the epochs to come depend on.

The file is safetensors: the vectors of the parameters' layout, and numbers as JSON in its header.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import losses, schedules
from fastmlp.activations import Activation
from fastmlp.callbacks.base import Callback
from fastmlp.data import files
from fastmlp.data.arrays import check_finite
from fastmlp.layers.activation import saved_name
from fastmlp.networks.objectives import MeanObjective
from fastmlp.training.request import Shuffled

if TYPE_CHECKING:
    from fastmlp.layers import Layer
    from fastmlp.losses import Loss
    from fastmlp.training.epochs import Training

_FORMAT = "fastmlp checkpoint 1"


def describe(training: Training) -> dict[str, Any]:
    """Return what has to be the same when a fit goes on, as JSON values.

    Raises
    ------
    ValueError
        If the fit cannot be saved on its way.
    """
    request = training.request
    if request.minimiser is not None:
        raise ValueError("a fit by L-BFGS cannot be resumed: what it remembers is SciPy's")
    stream = None if request.stream is None else request.stream.stream
    if stream is not None and (stream.once or stream.steps is not None):
        raise ValueError(
            "a fit on a stream that does not begin again with each epoch cannot be resumed: give a "
            "function that returns it, without steps_per_epoch"
        )
    if request.rule is not None:  # of stopping, with records that the estimator keeps
        raise ValueError("only fits of models can be resumed, not those of estimators")
    trainer = training.trainer
    views = trainer.network.views(trainer.parameters.view)
    memory = trainer.updates_of(request.optimizer).memory
    return {
        "layers": [[row.name, row.kind, row.activation] for row in trainer.network.summary()],
        "parameters": [[name, *view.shape] for name, view in views.items()],
        "dtype": str(trainer.parameters.dtype),
        "optimizer": [[kind.__name__, *names] for kind, names in memory],
        "average": request.optimizer.ema is not None,
        "rows": request.data.rows,
        "batch_size": request.batch_size,
        "shuffle": request.orders is not None,
        "recorded": list(request.recorded),
        **_objective(training),
        "callbacks": [type(listener).__name__ for listener in _remembering(training)],
    } | ({} if stream is None else {"stream": stream.kind})


def settings(training: Training) -> list[dict[str, Any]]:
    """Return the settings of each layer that a file can hold, as JSON values."""
    return [_settings_of(layer) for layer in training.trainer.network.layers]


def _settings_of(layer: Layer) -> dict[str, Any]:
    found: dict[str, Any] = {"trainable": layer.trainable}
    for name, setting in layer.SETTINGS.items():
        value = getattr(layer, name)
        try:
            named = saved_name(value) if isinstance(value, Activation) else schedules.config(value)
            json.dumps(named)
        except (TypeError, ValueError):
            continue  # a function of the user's, or a value of another kind
        if not setting.fixed:
            found[name] = named
    return found


def save(
    training: Training, described: dict[str, Any], begun: list[dict[str, Any]], path: Path
) -> None:
    """Write the fit as it is after an epoch, with what `describe` and `settings` returned."""
    from safetensors.numpy import save as to_bytes

    request, state = training.request, training.trainer.state
    assert state is not None
    arrays = {"parameters": training.trainer.parameters.flat}
    arrays |= {f"optimizer.{i}": vector for i, vector in enumerate(state.vectors)}
    averaged, vectors = (None, {}) if state.average is None else state.average.state()
    arrays |= {f"average.{name}": vector for name, vector in vectors.items()}
    # As of a model on its own: what others have in a vector that they share is theirs.
    parameters, nodes = training.trainer.parameters, training.trainer.network.parameter_nodes
    arrays = {name: parameters.part(nodes, vector) for name, vector in arrays.items()}
    # A long run is written often, and as text its history would take most of the time.
    arrays |= {f"history.{name}": np.array(values) for name, values in training.history.items()}
    numbers: dict[str, Any] = {
        "format": _FORMAT,
        "of": described,
        "stopped": training.history.stopped,
        "steps": state.steps,
        "began": state.began,
        "starts": [start for _, start in state.starts],
        "orders": request.orders.state if isinstance(request.orders, Shuffled) else None,
        "noise": training.noise,
        "passes": None if request.stream is None else request.stream.stream.passes,
        "average": averaged,
        "listeners": [],
        # What callbacks have assigned.
        "settings": [
            {name: value for name, value in now.items() if before.get(name, ...) != value}
            for now, before in zip(settings(training), begun, strict=True)
        ],
    }
    for i, listener in enumerate(_remembering(training)):
        kept = listener.state()
        own = {name: value for name, value in kept.items() if isinstance(value, np.ndarray)}
        arrays |= {f"listener.{i}.{name}": value for name, value in own.items()}
        plain = {name: value for name, value in kept.items() if name not in own}
        numbers["listeners"].append({"class": type(listener).__name__, "state": plain})
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    files.write(path, [to_bytes(contiguous, metadata={"fastmlp": json.dumps(numbers)})])


def restore(
    training: Training, described: dict[str, Any], begun: list[dict[str, Any]], path: Path
) -> None:
    """Let a fit that has not begun go on where the one in the file was, if it is described alike.

    What was assigned to layers is from now on missing from `begun`, and so written again.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another fit; nothing has changed then.
    """
    numbers, arrays = _read(path)
    there = numbers["of"]
    for name, given in described.items():
        found = there.get(name)
        if found != given and not (name == "layers" and found is None):  # older ones have none
            raise ValueError(
                f"{str(path)!r} is the checkpoint of another fit, with {name}={_once(found)!r} and "
                f"not {_once(given)!r}: give another folder, or resume=False to begin anew"
            )
    trainer, layers = training.trainer, training.trainer.network.layers
    before = trainer.parameters.flat.copy(), trainer.state, settings(training)
    try:
        try:
            _take(training, begun, numbers, arrays)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ValueError(f"{str(path)!r} is no checkpoint of a fit: {error}") from None
        training.look_ahead()
    except BaseException:
        trainer.parameters.flat[:], trainer.state, values = before
        for layer, own in zip(layers, values, strict=True):
            _assign(layer, own)
        raise


def _assign(layer: Layer, named: dict[str, Any]) -> None:
    for name, value in named.items():
        setattr(layer, name, schedules.from_config(value))


def _take(
    training: Training,
    begun: list[dict[str, Any]],
    numbers: dict[str, Any],
    arrays: dict[str, Any],
) -> None:
    """Let a fit be as a file says; what goes wrong on the way leaves half of it."""
    trainer, request = training.trainer, training.request
    assigned = numbers.get("settings") or [{}] * len(begun)
    for layer, changed, before in zip(trainer.network.layers, assigned, begun, strict=True):
        _assign(layer, changed)
        for name in changed:
            before.pop(name, None)
    training.follow_settings()
    trainer.state = None
    state = trainer.state_of(request.optimizer)
    vectors = [arrays[f"optimizer.{i}"] for i in range(len(state.vectors))]
    parameters, nodes = trainer.parameters, trainer.network.parameter_nodes
    check_finite(arrays["parameters"], "its parameters", parameters.dtype)
    for own, vector in zip(
        [parameters.flat, *state.vectors], [arrays["parameters"], *vectors], strict=True
    ):
        parameters.put_part(nodes, vector, own)
    state.steps, state.began = int(numbers["steps"]), int(numbers["began"])
    functions = training.schedules
    starts = numbers.get("starts") or [0] * len(functions)  # older ones counted from 0
    state.starts = list(zip(functions, map(int, starts), strict=True))
    if state.average is not None:
        averages = {
            name: parameters.put_part(nodes, vector, parameters.flat.copy())
            for name, vector in _below("average.", arrays).items()
        }
        state.average.restore(numbers["average"], averages)
    if isinstance(request.orders, Shuffled):
        request.orders.state = numbers["orders"]
    if request.stream is not None:
        request.stream.begin_again(numbers["passes"])
    training.noise = int(numbers["noise"])
    told = numbers.get("history", _below("history.", arrays))  # older ones have it as JSON
    training.history.extend(told)  # one that is missing is an error
    training.history.stopped = numbers["stopped"]
    for i, (listener, kept) in enumerate(
        zip(_remembering(training), numbers["listeners"], strict=True)
    ):
        listener.restore(kept["state"] | _below(f"listener.{i}.", arrays))


def _remembering(training: Training) -> list[Callback]:
    """Return the callbacks that have something to go on from."""
    return [each for each in training.request.listeners if type(each).state is not Callback.state]


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays whose names begin so, by the rest of their names."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _objective(training: Training) -> dict[str, Any]:
    """Return what is minimised: losses, penalties, and a checksum of targets and weights."""
    objective, data = training.request.objective, training.request.data
    found: dict[str, Any] = {}
    if isinstance(objective, MeanObjective):
        found = {
            "losses": [[_named(head.loss), head.weight] for head in objective.heads],
            "penalties": [objective.l2, objective.l1],
        }
    if training.request.stream is None:
        checksum = 0
        for array in (*data.targets, *data.fed):
            if array is not None:
                checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
        found["checksum of targets and weights"] = checksum
    return found


def _named(loss: Loss) -> Any:
    """Return the name of a loss, with its settings if they are others than usual, as JSON has it.

    Functions of the user's cannot be told apart but by their names.
    """
    return json.loads(json.dumps(losses.config(loss) or loss.name))


def _once(value: Any) -> Any:
    """Return a list without what it repeats, as the rule of each parameter's optimizer."""
    return [v for i, v in enumerate(value) if v not in value[:i]] if type(value) is list else value


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            numbers = json.loads((file.metadata() or {})["fastmlp"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if numbers["format"] != _FORMAT:
            raise KeyError(numbers["format"])
        if not isinstance(numbers["of"], dict):
            raise TypeError("it does not say of what")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r} is no checkpoint of a fit: {error}") from None
    return numbers, arrays
