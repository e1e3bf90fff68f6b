"""Nodes, and what an operation says of itself.

A node is an operation, its parents and a shape (rows, columns); rows may be the batch, known only
at run time. An operation is declared once, in `ops`: shape, NumPy value, messages to its parents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from fastmlp._checks import flag, whole, writable
from fastmlp.config import printable
from fastmlp.graph.foreign import NoArray, refuse_truth
from fastmlp.graph.shapes import BATCH as BATCH
from fastmlp.graph.shapes import Shape as Shape
from fastmlp.graph.shapes import as_array, describe

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# NumPy's types are names for the reader and the type checker; loading them takes milliseconds.
Array: TypeAlias = "NDArray[Any]"

LEAVES: Final = frozenset({"input", "parameter", "constant", "scheduled"})


class Node(NoArray):
    """One vertex v_i of a computation graph: immutable, compared and hashed by identity.

    Nodes are made by the functions of `fastmlp.graph` and by Python's operators; numbers and arrays
    beside a node become constants.

    Attributes
    ----------
    op : str
        Key in `fastmlp.graph.ops.OPS`, or for a leaf "input", "parameter", "constant", "scheduled".
    parents : tuple of Node
        The arguments of the operation.
    attrs : mapping
        What else the operation depends on, e.g. ``{"axis": 0}``.
    shape : (rows, columns)
        Rows is an int, `BATCH`, or a multiple of the batch as `multiple` writes it.
    name : str or None
        Given by the user (`named`), or by `gradient` to the error signals it makes.
    value : ndarray or None
        (rows, columns), read-only: a constant's value in float64; a parameter's initial value in
        float64, or the present one in the type of the model that owns it (`Parameters.own`).

    Examples
    --------
    >>> h = parameter([[1.0, 2.0]], "w") * 3
    >>> h.op, h.shape, [p.name for p in h.parents]
    ('multiply', (1, 2), ['w', None])
    """

    __slots__ = ("__weakref__", "attrs", "name", "op", "parents", "shape", "value")

    op: str
    parents: tuple[Node, ...]
    attrs: Mapping[str, Any]
    shape: Shape
    name: str | None
    value: Array | None

    def __init__(
        self,
        op: str,
        parents: Sequence[Node],
        attrs: Mapping[str, Any],
        shape: Shape,
        name: str | None = None,
        value: Array | None = None,
    ) -> None:
        put = object.__setattr__  # a node refuses its own
        put(self, "op", op)
        put(self, "parents", tuple(parents))
        put(self, "attrs", MappingProxyType(dict(attrs)))
        put(self, "shape", shape)
        put(self, "name", name)
        put(self, "value", value)

    def __setattr__(self, slot: str, _: object) -> None:
        raise AttributeError(f"a node is immutable: cannot set {slot!r} (see Node.named for names)")

    def __delattr__(self, slot: str) -> None:
        raise AttributeError(f"a node is immutable: cannot delete {slot!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self.op, self.parents, dict(self.attrs), self.shape, self.name, self.value)
        return Node, state

    def named(self, name: str) -> Node:
        """Give this node its name, once, and return it.

        Examples
        --------
        >>> from fastmlp import graph as g
        >>> x = g.input(1, "x")
        >>> y = g.logistic(2 * x).named("y")
        >>> y.name
        'y'
        """
        _check_name(name)
        if name is None or (self.name is not None and self.name != name):
            raise ValueError(f"name: this node is already called {self.name!r}, got {name!r}")
        object.__setattr__(self, "name", name)
        return self

    def __repr__(self) -> str:
        told = "" if self.name is None else f"{self.name} = "
        arguments = [p.name or p.op for p in self.parents]
        arguments += [f"{key}={value!r}" for key, value in self.attrs.items()]
        told += f"{self.op}({', '.join(arguments)}), shape {describe(self.shape)}"
        return printable(f"<Node {told}>")

    def __add__(self, other: Operand) -> Node:
        return apply("add", self, other)

    def __radd__(self, other: Operand) -> Node:
        return apply("add", other, self)

    def __sub__(self, other: Operand) -> Node:
        return apply("subtract", self, other)

    def __rsub__(self, other: Operand) -> Node:
        return apply("subtract", other, self)

    def __mul__(self, other: Operand) -> Node:
        return apply("multiply", self, other)

    def __rmul__(self, other: Operand) -> Node:
        return apply("multiply", other, self)

    def __truediv__(self, other: Operand) -> Node:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Node:
        return apply("divide", other, self)

    def __neg__(self) -> Node:
        return apply("negative", self)

    def __abs__(self) -> Node:
        return apply("abs", self)

    def __pow__(self, exponent: Operand) -> Node:
        from fastmlp.graph.ops import elementwise

        return elementwise.power(self, exponent)

    def __rpow__(self, base: Operand) -> Node:
        from fastmlp.graph.ops import elementwise

        return elementwise.power(as_node(base), self)

    def __matmul__(self, other: Operand) -> Node:
        return apply("matmul", self, other, transpose_a=False, transpose_b=False)

    def __rmatmul__(self, other: Operand) -> Node:
        return apply("matmul", other, self, transpose_a=False, transpose_b=False)

    def __getitem__(self, key: object) -> Node:
        """Return columns of a: a[:, i:j], a[:, i]."""
        odd = TypeError(f"a node is sliced by columns, as in a[:, i:j]; got the index {key!r}")
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (None, 0)
        if not isinstance(rows, slice) or rows != slice(None):
            raise odd
        try:
            if isinstance(columns, slice):
                start, stop, step = columns.indices(self.shape[1])
            else:
                start = operator.index(columns)
                start += self.shape[1] if start < 0 else 0
                stop, step = start + 1, 1
        except TypeError:
            raise odd from None
        if step != 1:
            raise ValueError(f"slice: the step must be 1, got {step}")
        return apply("slice", self, start=start, stop=stop)


Operand: TypeAlias = "Node | ArrayLike"
Messages: TypeAlias = "tuple[Node | None, ...]"


@dataclass(frozen=True)
class Run:
    """What is known only at run time: the rows of the batch, the seed and the step."""

    rows: int | None
    seed: int = 0
    step: int = 0


@dataclass(frozen=True)
class Op:
    """An operation, declared once: what it computes and what it sends back.

    Attributes
    ----------
    name : str
        Key in `OPS`.
    shape : callable
        ``shape(*parent_shapes, **attrs)``; ValueError if the parents do not fit.
    value : callable
        ``value(*arrays, **attrs)`` in NumPy, for float32, float64 and complex128. Branches are
        decided by the real part, so that a complex step sees the derivative.
    derive : callable or None
        ``derive(node, bar, *parents)``: one message per parent, v̄_j · ∂v_j/∂v_i as a graph node,
        or None where the derivative is zero. It may be as large as `bar`; `messages` sums it down.
        None instead of a callable: the derivative is 0 wherever there is one, no message is sent.
    formula : str or callable
        How to write it: a text with {0}, {1}, … for the parents, {all} for all of them and the
        attributes by name, or ``formula(*parents, **attrs)``; see `text`.
    precedence : int
        How tightly the formula binds: 1 sums, 2 products, 3 powers, 4 the rest.
    analytic : bool
        Whether the function is differentiable everywhere, so that a complex step is valid.
    at_run : callable or None
        ``at_run(attrs, run)``: the attributes with what only a `Run` knows filled in.
    simplify : callable or None
        ``simplify(*parents)``: an existing or simpler node of the same value, or None.
    """

    name: str
    shape: Callable[..., Shape]
    value: Callable[..., Array]
    derive: Callable[..., Messages] | None
    formula: str | Callable[..., str]
    precedence: int = 4
    analytic: bool = True
    at_run: Callable[[Mapping[str, Any], Run], dict[str, Any]] | None = None
    simplify: Callable[..., Node | None] | None = None

    def text(self, *parents: str, **attrs: Any) -> str:
        """Return the formula with the parents' names put in."""
        if callable(self.formula):
            return self.formula(*parents, **attrs)
        return self.formula.format(*parents, all=", ".join(parents), **attrs)

    def messages(self, node: Node, bar: Node) -> Messages:
        """Return what `node`, with error signal `bar`, sends to each parent, in its shape."""
        if self.derive is None:
            return (None,) * len(node.parents)
        sent = self.derive(node, bar, *node.parents)
        return tuple(
            None if message is None else unbroadcast(message, parent.shape)
            for message, parent in zip(sent, node.parents, strict=True)
        )


OPS: Final[dict[str, Op]] = {}


def declare(name: str, **says: Any) -> None:
    """Enter an operation into `OPS`; see `Op` for what it must say."""
    if name in OPS or name in LEAVES:
        raise ValueError(f"an operation called {name!r} is already declared")
    OPS[name] = Op(name, **says)


def apply(op: str, *operands: Operand, **attrs: Any) -> Node:
    """Return the node of an operation on parents, in its simplest form."""
    rule = OPS[op]
    if operands and all(isinstance(operand, bool) for operand in operands):
        refuse_truth(operands)
    parents = [as_node(operand) for operand in operands]
    try:
        shape = rule.shape(*(p.shape for p in parents), **attrs)
    except ValueError as error:
        raise ValueError(f"{op}: {error}") from None
    if rule.simplify is not None:
        simpler = rule.simplify(*parents)
        if simpler is not None:
            return simpler
    return Node(op, parents, attrs, shape)


def as_node(operand: Operand) -> Node:
    """Return a node as it is, and a number or array as a constant."""
    return operand if isinstance(operand, Node) else constant(operand)


def input(columns: int, name: str | None = None, rows: int | str = BATCH) -> Node:
    """Return a leaf whose value is fed at run time.

    Parameters
    ----------
    columns : int
        Number of columns (features), at least 1.
    name : str, optional
        Its name in messages and pictures.
    rows : int or BATCH
        Number of rows; `BATCH` (default) leaves it to the feed.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.input(3, "x").shape
    ('batch', 3)
    """
    _check_name(name)
    return Node("input", (), {}, (_rows(rows), _positive("columns", columns)), name)


def parameter(value: ArrayLike, name: str | None = None, *, by_rows: bool = False) -> Node:
    """Return a leaf that training changes, with its initial value.

    `value` is a number, a row of n numbers (1, n), or a matrix (rows, columns). The core stores a
    matrix transposed, as products read it; row after row if `by_rows`, as `take_rows` does.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.parameter([[1.0, 2.0], [3.0, 4.0]], "W").shape
    (2, 2)
    """
    _check_name(name)
    matrix = _matrix("parameter", value)
    attrs = {"by_rows": True} if flag(by_rows, "by_rows") else {}
    return Node("parameter", (), attrs, (matrix.shape[0], matrix.shape[1]), name, matrix)


def constant(value: ArrayLike, name: str | None = None) -> Node:
    """Return a leaf that never changes: a number, a row of n numbers (1, n), or a matrix."""
    _check_name(name)
    matrix = _matrix("constant", value)
    return Node("constant", (), {}, (matrix.shape[0], matrix.shape[1]), name, matrix)


def topological_order(
    outputs: Node | Iterable[Node], known: Collection[Node] = frozenset()
) -> list[Node]:
    """Return v_1 … v_N: all that the outputs depend on, every node after its parents.

    The order is that of the arguments, depth first. The parents of `known` nodes (those whose
    values are fed) are left out. Graphs may be thousands of nodes deep.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, w = g.input(1, "x"), g.parameter(2.0, "w")
    >>> [v.name or v.op for v in g.topological_order(g.exp(w * x))]
    ['w', 'x', 'multiply', 'exp']
    """
    order: list[Node] = []
    seen: set[Node] = set()
    for output in outputs if isinstance(outputs, Iterable) else (outputs,):
        if not isinstance(output, Node):
            raise TypeError(f"outputs: expected graph nodes, got {type(output).__name__}")
        if output in seen:
            continue
        seen.add(output)
        path = [(output, iter(() if output in known else output.parents))]
        while path:
            node, parents = path[-1]
            for parent in parents:
                if parent not in seen:
                    seen.add(parent)
                    path.append((parent, iter(() if parent in known else parent.parents)))
                    break
            else:
                path.pop()
                order.append(node)
    return order


def unbroadcast(message: Node, shape: Shape) -> Node:
    """Return the message summed over the axes along which a parent of that shape was repeated."""
    repeated = [axis for axis in (0, 1) if message.shape[axis] != shape[axis]]
    if not repeated:
        return message
    return apply("sum", message, axis=None if len(repeated) == 2 else repeated[0])


def _check_name(name: object) -> None:
    if not isinstance(name, str | None):
        raise TypeError(f"name: expected a str, got {type(name).__name__}")
    if name is not None:
        writable(name, "name")


def _positive(argument: str, value: object) -> int:
    number = whole(value)
    if number is None:
        raise TypeError(f"{argument}: expected an int, got {type(value).__name__}")
    if number < 1:
        raise ValueError(f"{argument}: expected at least 1, got {number}")
    return number


def _rows(rows: int | str) -> int | str:
    if isinstance(rows, str):
        if rows != BATCH:
            raise ValueError(f"rows: expected an int or {BATCH!r}, got {rows!r}")
        return BATCH
    return _positive("rows", rows)


def _matrix(argument: str, value: ArrayLike) -> NDArray[np.float64]:
    if isinstance(value, Node):
        raise TypeError(f"{argument}: expected numbers, got a graph node")
    array = as_array(value, argument)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{argument}: expected real numbers, got {type(value).__name__} of dtype {array.dtype}"
        )
    if array.ndim > 2 or array.size == 0:
        raise ValueError(
            f"{argument}: expected a number, a row or a matrix, got an array of shape {array.shape}"
        )
    matrix = np.array(array, dtype=np.float64, ndmin=2)
    matrix.flags.writeable = False
    return matrix
