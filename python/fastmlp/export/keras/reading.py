"""A model of Keras as one of ours: from a file, which needs no Keras, or from memory."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp import layers
from fastmlp.export import building
from fastmlp.export.keras import calls, columns, legacy, stores
from fastmlp.export.keras.leaves import JOINS, LEAVES, Config, Found
from fastmlp.export.keras.names import MODELS
from fastmlp.export.keras.operations import OPERATIONS, with_number
from fastmlp.export.keras.stores import Live, Numbers, Scope
from fastmlp.layers.base import Input, Layer, Symbol
from fastmlp.models.container import shortened
from fastmlp.networks.structure import MOST_JOINS


def from_file(path: Path) -> Any:
    """Return the model in a file; its errors name the file."""
    with path.open("rb") as file:  # what the system says of it is no error of the file's
        start = file.read(8)
    try:
        described, scope = _opened(path, start)
        return _Reading().model(described, scope)
    except (
        *(ArithmeticError, AttributeError, LookupError, NotImplementedError, OSError),
        *(RecursionError, RuntimeError, TypeError, ValueError, EOFError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(f"cannot read {str(path)!r}: {shortened(error)}") from None


def from_live(model: Any) -> Any:
    """Return the model in memory."""
    kinds = [cls.__name__ for cls in type(model).__mro__ if cls.__name__ in MODELS[:2]]
    if not kinds:
        raise ValueError(
            f"{type(model).__name__} is neither Sequential nor Functional: what its call does is "
            "known to it alone"
        )
    described = {"class_name": kinds[0], "config": _as_in_files(model.get_config())}
    return _Reading().model(described, Live(model))


def _as_in_files(given: Any) -> Any:
    """Return a description with lists for tuples, as JSON has them."""
    if isinstance(given, dict):
        return {name: _as_in_files(value) for name, value in given.items()}
    return [_as_in_files(value) for value in given] if isinstance(given, (list, tuple)) else given


def _opened(path: Path, start: bytes) -> tuple[Any, Scope]:
    """Return the description in a file of either kind, and its weights."""
    if start == b"\x89HDF\r\n\x1a\n":
        return legacy.opened(path.read_bytes())
    if start.startswith(b"PK"):
        return stores.opened(path)
    raise ValueError("it is no archive of Keras, and no file of HDF5")


class _Item:
    """A layer in a description, or a model within one."""

    def __init__(self, described: Any, scope: Scope) -> None:
        if not isinstance(described, dict) or not isinstance(described.get("class_name"), str):
            raise ValueError("a layer in its description must have a class_name and a config")
        self.kind: str = described["class_name"]
        self.config = Config(described.get("config"))
        name = described.get("name", self.config.get("name"))
        self.name = name if isinstance(name, str) else self.kind.lower()
        self.title = f"layer {self.name[:60]!r}, {self.kind[:60]}"
        registered = described.get("registered_name")
        if registered not in (None, self.kind):
            raise ValueError(f"{self.title}: a class of its author's: no code of a file is run")
        nodes = described.get("inbound_nodes", [])
        if not isinstance(nodes, list):
            raise ValueError(f"{self.title}: its inbound_nodes must be a list")
        self.nodes = nodes
        self.arrays, self.inner = scope.arrays(self.kind, self.name)
        self.layers: list[Layer] | None = None  # ours, once it has been called
        self.items: list[_Item] | None = None  # of a model


class _Reading:
    """One model's layers, with the arrays that are to be read."""

    def __init__(self) -> None:
        self.numbers: dict[Layer, dict[str, tuple[Numbers, bool] | Any]] = {}
        self.names: set[str] = set()
        self.inputs: list[Input] = []
        self.calls = 0

    def model(self, described: Any, scope: Scope) -> Any:
        if not isinstance(described, dict) or described.get("class_name") not in MODELS:
            kind = described.get("class_name") if isinstance(described, dict) else described
            raise ValueError(f"{str(kind)[:60]!r} is none of {', '.join(MODELS)}")
        config = Config(described.get("config"))
        outputs = self._run(described["class_name"], config, scope, None, None)
        structure = building.structure_of(self.inputs, outputs)
        kinds = [np.dtype(np.float32)]
        for layer, name, specs in zip(
            structure.layers, structure.names, structure.specs, strict=True
        ):
            own = self.numbers.get(layer, {})
            for spec in specs:
                if spec.name not in own:
                    raise ValueError(f"{spec.name} of layer {name!r} are missing")
                if isinstance(own[spec.name], tuple):
                    (shape, dtype, _), turned = own[spec.name]
                    shape = shape[::-1] if turned else shape
                    if shape not in (spec.shape, spec.array_shape):
                        raise ValueError(
                            f"{spec.name} of layer {name!r} must have the shape "
                            f"{spec.array_shape}, and have {shape}"
                        )
                    kinds.append(dtype)
        weights = {
            layer: {name: _read(numbers) for name, numbers in own.items()}
            for layer, own in self.numbers.items()
        }
        return building.model_of(self.inputs, outputs, weights, max(kinds))

    # --------------------------------------------------------------------------------- models

    def _run(
        self,
        kind: str,
        config: Config,
        scope: Scope,
        given: list[Symbol] | None,
        item: _Item | None,
    ) -> Any:
        """Return the outputs of a model for these inputs, or for inputs of its own."""
        found = config["layers"]
        if not isinstance(found, list) or not found:
            raise ValueError("a model's layers must be a list of one at least")
        items = item.items if item is not None else None
        if items is None:
            items = [_Item(described, scope) for described in found]
            if item is not None:
                item.items = items
        if kind == "Sequential":
            return self._sequential(items, config, given)
        return self._functional(items, config, given)

    def _sequential(self, items: list[_Item], config: Config, given: list[Symbol] | None) -> Symbol:
        rest = items[1:] if items[0].kind == "InputLayer" else items
        if given is None:
            place = items[0].config
            shape = _shape_in(place) or config.get("build_input_shape")
            symbol: Symbol = self._input(shape, items[0].name if rest is not items else None)
        elif len(given) == 1:
            (symbol,) = given
        else:
            raise ValueError(f"a Sequential takes one input, not {len(given)}")
        for item in rest:
            symbol = self._called(item, [symbol])
        return _made(symbol)

    def _functional(self, items: list[_Item], config: Config, given: list[Symbol] | None) -> Any:
        by_name = {item.name: item for item in items}
        if len(by_name) != len(items):
            raise ValueError("two of its layers have one name")
        values: dict[tuple[str, int], Any] = {}
        places = calls.places(config["input_layers"])
        entries = list(places.values()) if isinstance(places, dict) else places
        if given is not None and len(given) != len(entries):
            raise ValueError(f"it takes {len(entries)} inputs, not {len(given)}")
        for i, key in enumerate(entries):
            entry = by_name.get(key[0])
            if entry is None or entry.kind != "InputLayer" or key in values:
                raise ValueError(f"its input {key[0][:60]!r} is no InputLayer of its own")
            if given is None:
                values[key] = self._input(_shape_in(entry.config), entry.name)
            else:
                values[key] = given[i]
        outputs = calls.places(config["output_layers"])
        keys = list(outputs.values()) if isinstance(outputs, dict) else outputs
        first = calls.first_calls(items, keys)
        outputs = {
            name: (key[0], key[1] - first.get(key[0], (0, 0))[1])
            for name, key in (outputs.items() if isinstance(outputs, dict) else enumerate(outputs))
        }
        wanted = list(outputs.values())
        for key in wanted:
            self._evaluate(key, by_name, values, first)
        if any(isinstance(name, str) for name in outputs):
            return {name: _made(values[key]) for name, key in outputs.items()}
        return _made(values[wanted[0]]) if len(wanted) == 1 else [_made(values[k]) for k in wanted]

    def _evaluate(
        self,
        wanted: tuple[str, int],
        by_name: dict[str, _Item],
        values: dict[tuple[str, int], Any],
        first: dict[str, tuple[int, int]],
    ) -> None:
        """Call what a value depends on, each layer after those it takes."""
        todo = [wanted]
        open_: set[tuple[str, int]] = set()
        while todo:  # a loop, not a recursion: networks may be thousands of layers deep
            key = todo[-1]
            if key in values:
                todo.pop()
                continue
            item = by_name.get(key[0])
            if item is None or not 0 <= key[1] < len(item.nodes):
                raise ValueError(f"it names {key[0][:60]!r} at call {key[1]}, which is not there")
            sources = [
                one if isinstance(one, float) else (one[0], one[1] - first.get(one[0], (0, 0))[0])
                for one in calls.sources(item, key[1])
            ]
            missing = [s for s in sources if not isinstance(s, float) and s not in values]
            if not missing:
                found = [s if isinstance(s, float) else values[s] for s in sources]
                values[key] = self._called(item, found)
                continue
            if key in open_:
                raise ValueError(f"{item.title} depends on itself")
            open_.add(key)
            todo += missing

    def _input(self, shape: Any, name: str | None) -> Input:
        if not isinstance(shape, (list, tuple)) or len(shape) != 2:
            raise ValueError(
                f"its input must be rows of columns, a shape like [null, 4], not {shape!r}: build "
                "the model before it is saved"
            )
        self.inputs.append(Input(shape[1], name if name and ":" not in name else None))
        return self.inputs[-1]

    # --------------------------------------------------------------------------------- layers

    def _called(self, item: _Item, sources: list[Any]) -> Any:
        """Return what a layer makes of values, numbers, and parts of values."""
        self.calls += 1
        if self.calls > MOST_JOINS:  # models within models multiply
            raise ValueError(f"its layers are called more than {MOST_JOINS:,} times")
        try:
            if any(isinstance(one, float) for one in sources):
                layer, value = with_number(item.kind, sources)
                self._name(layer, item)
                return layer(columns.whole(value))
            if item.kind in MODELS:
                found = self._run(item.kind, item.config, item.inner, sources, item)
                if not isinstance(found, Symbol):
                    raise ValueError("a model inside of a model must have one output")
                return found
            if item.kind in JOINS:
                return self._joined(item, sources)
            if item.kind not in (*LEAVES, *OPERATIONS, columns.CROPPING):
                code = ": no code of a file is run" if item.kind == "Lambda" else ""
                raise ValueError(f"it has no counterpart in fastmlp{code}")
            if len(sources) != 1:
                raise ValueError(f"it is called with {len(sources)} values")
            (source,) = sources
            part = columns.part_of(item, source)
            if part is not None:
                return part
            if item.layers is None:
                item.layers = self._converted(item, source.columns)
            made = building.chain(source, item.layers)
            several = item.kind == "Embedding" and source.columns > 1
            return building.Stacked(made) if several else made
        except (TypeError, ValueError) as error:
            if str(error).startswith("layer "):
                raise
            raise ValueError(f"{item.title}: {error}") from None

    def _joined(self, item: _Item, sources: list[Any]) -> Symbol:
        if item.kind == "Concatenate":
            item.config.need("axis", -1, 1)
            if any(isinstance(one, columns.Row) for one in sources):
                return self._looked_up(item, sources)
        if item.layers is None:
            item.layers = [JOINS[item.kind]()]
            self._name(item.layers[0], item)
        sources = [columns.whole(one) for one in sources]
        if item.kind == "Subtract":
            minuend, subtrahend = sources
            sources = [minuend, layers.Rescaling(-1)(subtrahend)]
        joined: Symbol = item.layers[0](sources)
        return layers.Rescaling(1 / len(sources))(joined) if item.kind == "Average" else joined

    def _looked_up(self, item: _Item, sources: list[Any]) -> Symbol:
        """Return what an embedding makes of all columns of a value."""
        value, tables = columns.looked_up(sources)
        if item.layers is None:
            layer, self.numbers[layer] = columns.embedding(tables)
            self._name(layer, item)
            item.layers = [layer]
            for table in tables:
                table.layers = item.layers
        if any(table.layers is not item.layers for table in tables):
            raise ValueError("it is called with rows of other tables than before")
        return item.layers[0](value)

    def _converted(self, item: _Item, width: int) -> list[Layer]:
        convert = LEAVES.get(item.kind) or OPERATIONS[item.kind]
        found: Found = convert(item.config, width)
        if len(item.arrays) != len(found.names):
            raise ValueError(f"it has {len(item.arrays)} arrays, expected {len(found.names)}")
        own: dict[str, Any] = dict(found.given)
        if found.combined is not None:
            own |= found.combined(item.arrays)
        for name, numbers in () if found.combined else zip(found.names, item.arrays, strict=True):
            own[name.removesuffix(".T")] = (numbers, name.endswith(".T"))
        if found.layers:
            self.numbers[found.layers[0]] = own
            self._name(found.layers[0], item)
        if not item.config.flag("trainable", True):
            for layer in found.layers:
                layer.trainable = False
        return found.layers

    def _name(self, layer: Layer, item: _Item) -> None:
        """Let a layer have Keras's name, if no other has it."""
        if item.name and ":" not in item.name and item.name not in self.names:
            self.names.add(item.name)
            layer.name = item.name


def _read(numbers: Any) -> Any:
    if not isinstance(numbers, tuple):
        return numbers
    (_, _, read), turned = numbers
    return read().T if turned else read()


def _made(value: Any) -> Symbol:
    """Return a symbol that a layer makes, as outputs of ours are."""
    symbol = columns.whole(value)
    return layers.Activation("identity")(symbol) if symbol.layer is None else symbol


def _shape_in(config: Config) -> Any:
    """Return the shape of an input, with its rows, by one of the names it has had."""
    return config.get("batch_shape") or config.get("batch_input_shape")
