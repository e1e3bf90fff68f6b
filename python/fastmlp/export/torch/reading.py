"""A module of PyTorch as a model: traced by `torch.fx`, then layer by layer."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import fx, nn

from fastmlp import _checks, layers
from fastmlp.export import building, wrapped
from fastmlp.export.building import UNFLAT, Stacked
from fastmlp.export.torch import columns as picked
from fastmlp.export.torch import modules as own
from fastmlp.export.torch import tracing
from fastmlp.export.torch.columns import Column, Row
from fastmlp.export.torch.leaves import (
    FUNCTIONS,
    METHODS,
    MODULES,
    Found,
    dtype_of,
    refused,
    rms_norm,
)
from fastmlp.layers.base import Input, Layer, Symbol

# What is done with two tensors, or with a tensor and a number.
_ARITHMETIC: Final[dict[Any, str]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), "add"),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, torch.multiply), "mul"),
    **dict.fromkeys(("mul", "mul_", "multiply", "multiply_"), "mul"),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, torch.subtract), "sub"),
    **dict.fromkeys(("sub", "sub_", "subtract", "subtract_"), "sub"),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div, torch.divide), "div"),
    **dict.fromkeys((torch.true_divide, "div", "div_", "divide", "true_divide"), "div"),
    **dict.fromkeys((torch.rsub, "rsub"), "rsub"),
    **dict.fromkeys((torch.maximum, torch.max, "maximum", "max"), "max"),
    **dict.fromkeys((torch.minimum, torch.min, "minimum", "min"), "min"),
    **dict.fromkeys((operator.pow, operator.ipow, torch.pow, "pow", "pow_"), "pow"),
    **dict.fromkeys((torch.square, "square", "square_"), "square"),
    **dict.fromkeys((operator.abs, torch.abs, torch.absolute, "abs", "absolute"), "abs"),
    **dict.fromkeys(("abs_", "absolute_"), "abs"),
}
_JOINS: Final = {"mul": layers.Multiply, "max": layers.Maximum, "min": layers.Minimum}
_ROWS: Final = "rows"  # what x.size(0) is, and x.shape[0]
_SHAPE: Final = "shape"  # what x.shape is, and x.size()
_SQUEEZES: Final = (torch.squeeze, "squeeze")
_CHANGING: Final = (operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow)
_COPIES: Final = (torch.clone, "clone")
_TYPES: Final = {"float": "float32", "double": "float64"}  # methods that say a type


def from_torch(module: nn.Module, input_columns: int | Sequence[int] | None) -> Any:
    """Return the model, see `fastmlp.from_torch`."""
    columns: list[int] | None = None
    module = getattr(module, "_orig_mod", module)  # torch.compile puts it there
    if isinstance(module, own.Network) and input_columns is None:
        input_columns = module.columns
    if input_columns is not None:
        each = input_columns if isinstance(input_columns, Sequence) else [input_columns]
        columns = [_checks.columns(n, "input_columns") for n in each]
    dtype = dtype_of(module)
    for path, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks:
            raise ValueError(
                f"module {path!r} has hooks, which are functions of yours: remove them"
            )
    if _is_torchs(module) and not any(module.children()):  # alone it would be traced into
        module = nn.Sequential(module)
    graph = (
        tracing.of_network(module) if isinstance(module, own.Network) else tracing.traced(module)
    )
    return _Reading(module, graph, columns, dtype).model()


def _is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.")


class _Reading:
    """The nodes of a traced module, each as a symbol."""

    def __init__(
        self, module: nn.Module, graph: fx.Graph, columns: list[int] | None, dtype: np.dtype[Any]
    ) -> None:
        self.module = module
        self.nodes = list(graph.nodes)
        self.placeholders = [n for n in self.nodes if n.op == "placeholder" and n.users]
        if columns is not None and len(columns) != len(self.placeholders):
            raise ValueError(
                f"input_columns must be {len(self.placeholders)} numbers, one for each input, got "
                f"{len(columns)}"
            )
        self.columns = columns
        self.dtype = dtype
        self.values: dict[fx.Node, Any] = {}
        self.memory: dict[fx.Node, fx.Node] = {}  # whose numbers a tensor's are
        self.inputs: list[Input] = []
        self.weights: dict[Layer, Mapping[str, Any]] = {}
        self.layers: dict[str, list[Layer]] = {}  # of each module that was called
        self.known = dict(module.named_modules())
        self.owners: dict[int, str] = {}  # of each parameter, the module that has it
        self.fused: dict[fx.Node, fx.Node] = {}  # activation -> the Linear it is part of

    def model(self) -> Any:
        for node in self.nodes:  # before what it leaves unknown is asked for
            module = self.known.get(str(node.target)) if node.op == "call_module" else None
            if module is not None and _is_torchs(module) and type(module) not in MODULES:
                raise ValueError(f"{self._place(node)}: it has no counterpart in fastmlp")
        self._fuse()
        outputs: Any = None
        for node in self.nodes:
            try:
                if node.op == "output":
                    outputs = self._outputs(node.args[0])
                elif node.op == "placeholder":
                    if node.users:
                        self.values[node] = self._input(node)
                else:
                    self.values[node] = self._value(node)
                    if self._changes(node):
                        self._write(node.args[0], node)
                    elif self._is_view(node):
                        self.memory[node] = self._whose(node.args[0])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{self._place(node)}: {error}") from None
        return building.model_of(self.inputs, outputs, self.weights, self.dtype)

    def _changes(self, node: fx.Node) -> bool:
        """Tell whether a node writes its result into the tensor that it is given."""
        if node.op == "call_module":
            return bool(getattr(self.known[str(node.target)], "inplace", False))
        name = str(getattr(node.target, "__name__", node.target))
        written = node.target in _CHANGING or (name.endswith("_") and not name.endswith("__"))
        return written or bool(node.kwargs.get("inplace", False))

    def _is_view(self, node: fx.Node) -> bool:
        """Tell whether a node returns the tensor that it is given, or another look at it."""
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or node.target in _COPIES:
            return False
        given = self.values.get(source)
        return self.values[node] is (given.flat if isinstance(given, Stacked) else given)

    def _whose(self, node: Any) -> fx.Node:
        """Return the node whose numbers a tensor's are."""
        return self.memory.get(node, node)

    def _write(self, changed: Any, written: fx.Node) -> None:
        """Let all that is the changed tensor have the result: who reads it later reads that."""
        memory, result = self._whose(changed), self.values[written]
        self.memory[written] = memory
        for node in self.values:
            if self._whose(node) is memory:
                stacked = isinstance(self.values[node], Stacked)
                self.values[node] = Stacked(result) if stacked else result

    def _place(self, node: fx.Node) -> str:
        """Return what errors call a node."""
        if node.op == "call_module":
            module = self.known[str(node.target)]
            kind = repr(module) if not list(module.children()) else type(module).__name__
            return f"module {node.target!r}, {kind}"
        if node.op in ("call_function", "call_method"):
            return f"in forward, {node.format_node()}"
        return f"{node.op} {node.target!r}"

    def _outputs(self, given: Any) -> Any:
        def symbol(value: Any) -> Symbol:
            if isinstance(value, fx.Node):
                found = self.values[value]
                if isinstance(found, Input):  # a model's output is made by a layer
                    found = layers.Activation("identity")(found)
                if isinstance(found, Stacked):
                    raise refused(UNFLAT)
                if isinstance(found, Symbol):
                    return found
            raise ValueError(f"an output must be a tensor, not {value!r}")

        if isinstance(given, (list, tuple)):
            return [symbol(value) for value in given]
        if isinstance(given, dict):
            return {name: symbol(value) for name, value in given.items()}
        return symbol(given)

    # --------------------------------------------------------------------------------- inputs

    def _input(self, node: fx.Node) -> Input:
        if node.args:
            raise ValueError("an argument of forward with a default value: write a module without")
        if self.columns is not None:
            columns: int | None = self.columns[self.placeholders.index(node)]
        else:
            columns = picked.read(node, self.known)
        if columns is None:
            raise ValueError("no layer tells how many columns it has: give input_columns")
        name = str(node.target).lstrip("*") if len(self.placeholders) > 1 else None
        self.inputs.append(Input(columns, name))
        return self.inputs[-1]

    # --------------------------------------------------------------------------------- layers

    def _fuse(self) -> None:
        """Find the activations that alone follow a Linear which is called once."""
        called: dict[Any, int] = {}
        for node in self.nodes:
            if node.op == "call_module":
                called[node.target] = called.get(node.target, 0) + 1
        for node in self.nodes:
            source = node.args[0] if node.args else None
            if (
                isinstance(source, fx.Node)
                and source.op == "call_module"
                and type(self.known[str(source.target)]) is nn.Linear
                and len(source.users) == 1
                and called[source.target] == 1
                and (node.op != "call_module" or called[node.target] == 1)
                and node.op in ("call_module", "call_function", "call_method")
            ):
                try:
                    found = self._found(node)
                except (TypeError, ValueError):
                    continue  # it is said where its turn comes
                if found is not None and [type(x) for x in found.layers] == [layers.Activation]:
                    self.fused[node] = source

    def _found(self, node: fx.Node) -> Found | None:
        """Return the layers of a node with one source, None if it is a join or something else."""
        if node.op == "call_module":
            module = self.known[str(node.target)]
            convert = MODULES.get(type(module))
            if convert is None:
                raise refused("it has no counterpart in fastmlp")
            return rms_norm(module, self.dtype) if type(module) is nn.RMSNorm else convert(module)
        table = FUNCTIONS if node.op == "call_function" else METHODS
        convert = table.get(node.target)
        if convert is None:
            return None
        return convert(*node.args[1:], **node.kwargs)

    def _value(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            raise refused("a parameter or buffer of its own has no counterpart")
        if node in self.fused:
            source = self.values[node.args[0]]
            (activation,) = self._found(node).layers  # type: ignore[union-attr]
            source.layer.activation = activation.activation
            return source
        if node.op == "call_module":
            return self._called(node)
        if node.target == "size" and node.args[1:] == (0,) and not node.kwargs:
            return _ROWS
        if (node.target is getattr and node.args[1] == "shape") or (
            node.target == "size" and len(node.args) == 1 and not node.kwargs
        ):
            return _SHAPE
        if node.target is operator.getitem and self.values.get(node.args[0]) is _SHAPE:
            if node.args[1] != 0:
                raise refused("of a shape the number of rows alone is taken, x.shape[0]")
            return _ROWS
        if node.target in ("view", "reshape"):
            return self._reshaped(node)
        if node.target in _SQUEEZES:
            return self._squeezed(node)
        column = picked.taken(self.values.get(node.args[0]), node) if node.args else None
        if column is not None:
            return column
        if node.target in picked.WHOLE and picked.feeds_tables(node, self.known):
            return self.values[node.args[0]]
        if node.target in _TYPES:
            if self.dtype != _TYPES[node.target]:
                raise refused(f"all is computed in the type of the parameters, {self.dtype}")
            return self._symbol(node.args[0])
        found = self._found(node)
        if found is None:
            return self._joined(node)
        return building.chain(self._symbol(node.args[0], found.flattens), found.layers)

    def _reshaped(self, node: fx.Node) -> Symbol:
        """Return the tensor of a reshape that changes nothing, as its rows are examples."""
        symbol = self._symbol(node.args[0], flattens=True)
        sizes = [self.values.get(n) if isinstance(n, fx.Node) else n for n in node.args[1:]]
        if sizes not in ([_ROWS, -1], [_ROWS, symbol.columns], [-1, symbol.columns]):
            raise refused("a reshape must leave rows and columns as they are")
        return symbol

    def _squeezed(self, node: fx.Node) -> Symbol:
        """Return the tensor of a squeeze that makes a vector of an output of one column."""
        symbol = self._symbol(node.args[0])
        dims = [*node.args[1:], *node.kwargs.values()]
        if symbol.columns != 1 or dims not in ([1], [-1]):
            raise refused("a squeeze must be of one column, along dim=1")
        if any(user.op != "output" for user in node.users):
            raise refused("a squeeze must come last: who reads a vector may see rows as columns")
        return symbol

    def _called(self, node: fx.Node) -> Symbol | Stacked | Row:
        path = str(node.target)
        module = self.known[path]
        if node.kwargs:
            raise refused(f"it is called with {', '.join(node.kwargs)}")
        found = self._found(node) if type(module) is nn.Flatten else None
        flattens = found is not None and found.flattens
        column = self.values.get(node.args[0]) if node.args else None
        if isinstance(column, Column) and type(module) is nn.Embedding:
            if column.value.columns > 1:
                return Row(*column, path)
            sources: list[Symbol] = [column.value]
        else:
            sources = [self._symbol(arg, flattens) for arg in node.args]
        if path not in self.layers:
            found = self._found(node)
            assert found is not None
            self._own(found, [module], path)
        if isinstance(module, (own.Join, own.Function)):
            (layer,) = self.layers[path]
            return layer(sources)
        if len(sources) != 1:
            raise refused(f"it is called with {len(sources)} tensors")
        made = building.chain(sources[0], self.layers[path])
        several = type(module) is nn.Embedding and sources[0].columns > 1
        return Stacked(made) if several else made

    def _looked_up(self, rows: list[Row]) -> Symbol:
        """Return what tables make of all columns of an input."""
        title, found = picked.tables(rows, self.known)
        if title not in self.layers:
            self._own(found, [self.known[path] for path in title.split()], title)
        (layer,) = self.layers[title]
        return layer(rows[0].value)

    def _own(self, found: Found, modules: Sequence[nn.Module], path: str) -> None:
        """Enter the layers of modules and their weights, and let one have its module's name."""
        self.layers[path] = found.layers
        named = len(found.layers) == 1 and len(modules) == 1
        if named and not any(part.isdigit() for part in path.split(".")):
            found.layers[0].name = path
        if found.layers:
            self.weights[found.layers[0]] = found.weights
        several = [pair for module in modules for pair in module.named_parameters()]
        for name, parameter in several:
            owner = self.owners.setdefault(id(parameter), path)
            if owner != path:
                raise refused(
                    f"its {name} is that of module {owner!r} too: call one module twice, or give "
                    "each a copy"
                )
        parameters = [p for n, p in several if n not in found.free]
        frozen = {not p.requires_grad for p in parameters}
        if len(frozen) > 1:
            raise refused("some of its parameters have requires_grad and some not")
        for layer in found.layers if frozen else ():
            layer.trainable = frozen != {True}

    def _symbol(self, value: Any, flattens: bool = False) -> Symbol:
        found = self.values.get(value) if isinstance(value, fx.Node) else None
        if isinstance(found, Stacked):
            if not flattens:
                raise refused(UNFLAT)
            return found.flat
        if isinstance(found, (Column, Row)):
            raise refused(picked.ALONE)
        if not isinstance(found, Symbol):
            raise refused(f"it takes {value!r}, which is no tensor made by a layer")
        return found

    def _joined(self, node: fx.Node) -> Symbol:
        if node.target in picked.CATS:
            arguments = dict(zip(("tensors", "dim"), node.args, strict=False)) | node.kwargs
            dim = arguments.pop("dim", arguments.pop("axis", 0))
            tensors = arguments.pop("tensors", None)
            if dim not in (1, -1) or arguments or not isinstance(tensors, (list, tuple)):
                raise refused("cat must be of a list of tensors along dim=1")
            values = [self.values.get(v) if isinstance(v, fx.Node) else v for v in tensors]
            sources = [
                self._looked_up(part) if isinstance(part, list) else self._symbol(tensor)
                for part, tensor in picked.runs(values, tensors)
            ]
            return layers.Concatenate()(sources) if len(sources) > 1 else sources[0]
        kind = _ARITHMETIC.get(node.target)
        if kind is None:
            name = getattr(node.target, "__name__", node.target)
            raise refused(
                f"{name} has no counterpart in fastmlp; convert the modules around it, and join "
                "the models by fm.Lambda, a function of graph nodes"
            )
        alone = kind in ("square", "abs")
        if node.kwargs or len(node.args) != (1 if alone else 2):
            takes = "one tensor" if alone else "two tensors, or a tensor and a number,"
            raise refused(f"{kind} takes {takes} and no settings")
        a, b = (*node.args, 2)[:2]  # a square is the power 2
        return self._computed("sub", b, a) if kind == "rsub" else self._computed(kind, a, b)

    def _computed(self, kind: str, a: Any, b: Any) -> Symbol:
        """Return a + b, a − b, a·b, a/b, aᵇ, ``|a|``, or the larger or smaller of tensors."""
        if kind in ("pow", "square"):
            if not (_is_number(b) and b in range(2, 9)):
                raise refused("a power is read as a product, of a whole number from 2 to 8")
            return layers.Multiply()([self._symbol(a)] * int(b))
        if kind == "abs":
            return layers.Maximum()([self._symbol(a), layers.Rescaling(-1)(self._symbol(a))])
        for value, number, first in ((a, b, False), (b, a, True)):
            if _is_number(number) and kind not in ("max", "min"):
                numbers = wrapped.with_number(kind, number, first=first)
                return layers.Rescaling(*numbers)(self._symbol(value))
        if kind == "div":
            raise refused("a division by a tensor has no counterpart")
        y = self._symbol(b)
        if kind == "sub":
            y = layers.Rescaling(-1)(y)
        join: Any = _JOINS.get(kind, layers.Add)()
        return join([self._symbol(a), y])  # type: ignore[no-any-return]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
