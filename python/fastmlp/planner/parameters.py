"""The flat vector that holds every parameter of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, WeakMethod, ref

import numpy as np

from fastmlp import _checks, _core
from fastmlp.graph.feeds import label
from fastmlp.graph.node import Array, Node, describe
from fastmlp.graph.roles import ROLES

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_GRAIN = _core.format.grain  # elements: every matrix begins on a cache line of float32

# The owner of each parameter node's value. Weak both ways: parameters know their nodes.
_OWNERS: WeakKeyDictionary[Node, ref[Parameters]] = WeakKeyDictionary()


def aligned_zeros(size: int, dtype: DTypeLike) -> Array:
    """Return a vector of zeros that begins on a 64-byte boundary, in huge pages if it is long."""
    return _core.aligned_zeros(size, np.dtype(dtype))


class Treatment(NamedTuple):
    """How a parameter is updated: by which rule of `_core.format.optimizers`, with which numbers.

    Attributes
    ----------
    rule : str
    column : int
        Where the rule's numbers begin in those of a step.
    decays : bool
        Whether the rule's decay, if it has one, applies.
    """

    rule: str
    column: int = 0
    decays: bool = True


class Group(NamedTuple):
    """Neighbours in the flat vector that are updated alike, as the core takes them."""

    begin: int
    end: int
    rule: str
    column: int
    decays: bool


class Parameters:
    """Parameter nodes in one flat vector, matrices stored so that the core reads them in order.

    Gradients and the optimizer's state are vectors of the same layout. A matrix W (outputs, inputs)
    is stored transposed: the forward product x Wᵀ then reads memory in order; one `by_rows` is not.
    Views come back as (rows, columns) whatever the storage.

    Parameters
    ----------
    nodes : sequence of Node
        Parameters, each once; their values are the initial ones.
    dtype : "float32" or "float64"
    roles : mapping of Node to str, optional
        What each is for, see `graph.roles`; "weight" by default.

    Attributes
    ----------
    flat : ndarray of shape (size,)
        The values; each matrix begins on a cache line, what pads them is zero.
    offsets : dict of Node to int
        Where each begins.
    roles : dict of Node to str
        The role of each.

    Raises
    ------
    TypeError, ValueError
        If a node is no parameter or is given twice, a role or the dtype is another, or a value
        beyond it.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> W = g.parameter([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "W")
    >>> parameters = Parameters([W])
    >>> parameters.view(W)[1]
    array([4., 5., 6.], dtype=float32)
    >>> parameters.flat[:4]
    array([1., 4., 2., 5.], dtype=float32)
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        dtype: DTypeLike = "float32",
        roles: Mapping[Node, str] | None = None,
    ) -> None:
        self.nodes = tuple(nodes)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype}")
        self.offsets: dict[Node, int] = {}
        end = 0
        for node in self.nodes:
            if not isinstance(node, Node) or node.op != "parameter" or node.value is None:
                raise TypeError(f"nodes: expected parameters, got {node!r}")
            if node in self.offsets:
                raise ValueError(f"nodes: {node!r} is given twice")
            self.offsets[node] = end
            end += -(-node.value.size // _GRAIN) * _GRAIN
        self.size = end
        roles = roles or {}
        self.roles = {
            node: _checks.choice(roles.get(node, "weight"), "role", ROLES) for node in self.nodes
        }
        self.flat = self.new_vector()
        self._guard: WeakMethod[Callable[[str], None]] | None = None
        for node in self.nodes:
            try:
                with np.errstate(over="raise"):
                    self.view(node)[...] = node.value
            except FloatingPointError:
                raise ValueError(
                    f"{label(node)} must hold numbers of {self.dtype}, got some beyond "
                    f"{float(np.finfo(self.dtype).max):.3g}"
                ) from None

    def new_vector(self) -> Array:
        """Return zeros in the same layout."""
        return aligned_zeros(self.size, self.dtype)

    def view(self, node: Node, vector: Array | None = None) -> Array:
        """Return the (rows, columns) of one parameter, as a writable view of `flat` or `vector`."""
        if node not in self.offsets:
            raise ValueError(f"{node!r} is not among these parameters")
        vector = self.flat if vector is None else vector
        if vector.shape != (self.size,):
            raise ValueError(f"vector: expected shape ({self.size},), got {vector.shape}")
        rows, columns = int(node.shape[0]), node.shape[1]
        start = self.offsets[node]
        stored = vector[start : start + rows * columns]
        if node.attrs.get("by_rows"):
            return stored.reshape(rows, columns)
        return stored.reshape(columns, rows).T

    def groups(self, how: Mapping[Node, Treatment]) -> list[Group]:
        """Cut the vector into groups; a parameter without treatment is in none of them."""
        groups: list[Group] = []
        ends = [*list(self.offsets.values())[1:], self.size]
        for node, end in zip(self.nodes, ends, strict=True):
            if node not in how:
                continue
            begin, treatment = self.offsets[node], how[node]
            if groups and groups[-1].end == begin and groups[-1][2:] == treatment:
                begin = groups.pop().begin
            groups.append(Group(begin, end, *treatment))
        return groups

    def own(self) -> None:
        """Let the nodes have these values from now on, instead of those they were made with.

        A node's value is then a read-only view of `flat`, which lives as long as the node: whatever
        changes `flat` changes what the graph computes, in every plan and in the reference. A node
        has one owner; a model owns the parameters of its network.

        Examples
        --------
        >>> from fastmlp import graph as g
        >>> w = g.parameter(2.0, "w")
        >>> parameters = Parameters([w])
        >>> parameters.own()
        >>> parameters.view(w)[...] = 5.0
        >>> g.run(10.0 * w, {})
        array([[50.]], dtype=float32)
        """
        for node in self.nodes:
            value = self.view(node)
            value.flags.writeable = False
            object.__setattr__(node, "value", value)  # a node is immutable to everybody else
            _OWNERS[node] = ref(self)

    def on_write(self, guard: Callable[[str], None]) -> None:
        """Ask a method of the model they belong to before anybody writes by the name of a layer.

        It is called with what is to be written, and may raise. Who writes into `flat` or a view of
        it is asked nothing: these are plain arrays.
        """
        self._guard = WeakMethod(guard)

    def check_write(self, what: str) -> None:
        """Raise what the model has against writing this now."""
        guard = None if self._guard is None else self._guard()
        if guard is not None:
            guard(what)

    def copy(self) -> Parameters:
        """Return the same parameters with values of their own."""
        other = Parameters(self.nodes, self.dtype, self.roles)
        other.flat[:] = self.flat
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {
            "nodes": self.nodes,
            "dtype": str(self.dtype),
            "flat": self.flat,
            "roles": list(self.roles.values()),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        roles = state.get("roles", ["weight"] * len(state["nodes"]))  # earlier versions had none
        # A new vector is aligned; an unpickled one is not.
        self.__init__(  # type: ignore[misc]
            state["nodes"], state["dtype"], dict(zip(state["nodes"], roles, strict=True))
        )
        self.flat[:] = state["flat"]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n.name or 'parameter'} {describe(n.shape)}" for n in self.nodes)
        return f"<Parameters {self.dtype}, {self.size} numbers: {shapes}>"


def owner_of(nodes: Iterable[Node]) -> Parameters | None:
    """Return the parameters that own all of these nodes, None if there are none such."""
    found = [_OWNERS.get(node) for node in nodes]
    owners = {None if owner is None else owner() for owner in found}
    return owners.pop() if len(owners) == 1 else None
