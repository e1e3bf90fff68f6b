"""The flat vector that holds every parameter of a network."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from fastmlp import _checks, _core
from fastmlp.config import readable
from fastmlp.data import arrays
from fastmlp.graph.feeds import label
from fastmlp.graph.node import Array, Node
from fastmlp.graph.roles import ROLES
from fastmlp.graph.shapes import describe
from fastmlp.planner.treatments import Bound, Group, Treatment

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_GRAIN = _core.format.grain  # elements: every matrix begins on a cache line of float32

_ONCE = ("nodes", "dtype", "offsets", "size", "roles", "flat", "access")  # what they are made with

# The owner of each parameter node's value. Weak both ways: parameters know their nodes.
_OWNERS: WeakKeyDictionary[Node, ref[Parameters]] = WeakKeyDictionary()


def aligned_zeros(size: int, dtype: DTypeLike) -> Array:
    """Return a vector of zeros that begins on a 64-byte boundary, in huge pages if it is long."""
    return _core.aligned_zeros(size, np.dtype(dtype))


def layout_of(nodes: Iterable[Node]) -> tuple[dict[Node, int], int]:
    """Return where each parameter begins in the flat vector of these alone, and its size."""
    offsets, end = {}, 0
    for node in nodes:
        offsets[node] = end
        end += -(-math.prod(map(int, node.shape)) // _GRAIN) * _GRAIN
    return offsets, end


@readable
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
        The values; each matrix begins on a cache line, what pads them is zero. Numbers that are
        assigned are copied in: `flat` stays the same array.
    offsets : dict of Node to int
        Where each begins: another dict when `absorb` has changed the layout.
    roles : dict of Node to str
        The role of each.
    access : Access
        Who reads the values and who changes them; a change by `assign` is one for all reads.
    pinned : str
        Why others hold views of `flat`, which therefore has to stay; empty if it may move.

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

    _successor: Parameters  # what absorbed them

    def __init__(
        self,
        nodes: Sequence[Node],
        dtype: DTypeLike = "float32",
        roles: Mapping[Node, str] | None = None,
    ) -> None:
        self.nodes = tuple(nodes)
        self.dtype = arrays.real_dtype(dtype)
        seen: set[Node] = set()
        for node in self.nodes:
            if not isinstance(node, Node) or node.op != "parameter" or node.value is None:
                raise TypeError(f"nodes: expected parameters, got {node!r}")
            if node in seen:
                raise ValueError(f"nodes: {node!r} is given twice")
            seen.add(node)
        self.offsets, self.size = layout_of(self.nodes)
        roles = roles or {}
        self.roles = {
            node: _checks.choice(roles.get(node, "weight"), "role", ROLES) for node in self.nodes
        }
        self.flat = self.new_vector()
        self.access = _core.Access()
        self.pinned = ""
        self._users: list[ref[Any]] = []
        self._layers: list[ref[Any]] = []
        for node in self.nodes:
            try:
                with np.errstate(over="raise"):
                    self.view(node)[...] = node.value
            except FloatingPointError:
                raise ValueError(
                    f"{label(node)} must hold numbers of {self.dtype}, got some beyond "
                    f"{float(np.finfo(self.dtype).max):.3g}"
                ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        there = vars(self)
        if "_successor" in there:
            setattr(there["_successor"], name, value)
        elif name == "flat" and name in there:
            self._write(value)  # plans, layers and nodes have views of the vector
        elif not name.startswith("_") and name != "pinned" and (name in there or name not in _ONCE):
            raise _checks.refusal(self, name, ("flat",), {})
        else:
            object.__setattr__(self, name, value)

    def _write(self, values: Any) -> None:
        """Copy numbers into `flat`, which stays where it is."""
        if values is self.flat:  # of an operator such as -=
            return
        given = arrays.array(values, "flat")
        if given.shape != self.flat.shape:
            raise ValueError(f"flat must have shape {self.flat.shape}, got {given.shape}")
        self.access.put(self.flat, [(0, np.ascontiguousarray(given, self.dtype))])

    def assign(self, values: Mapping[Node, Array]) -> None:
        """Copy in the values of some parameters in one go.

        What other threads compute meanwhile is waited for: it is of the old ones or the new ones.
        RuntimeError if it is another thread's turn to change them.
        """
        parts = []
        for node, value in values.items():
            matrix = value.reshape(-1, node.shape[1])
            stored = matrix if node.attrs.get("by_rows") else matrix.T
            lying = np.ascontiguousarray(stored, self.dtype).reshape(-1)
            parts.append((self.offsets[node], lying))
        self.access.put(self.flat, parts)

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

    def __call__(self) -> Any:
        """Say what there is instead of PyTorch's method."""
        raise TypeError(
            "parameters is no method: write get_weights() of the model, or parameters.flat; an "
            "optimizer is not told of them, fit(X, t, optimizer=Adam(1e-3)) does that"
        )

    def place(self, node: Node) -> tuple[int, int]:
        """Return where one parameter begins in the vector, and how many numbers it has."""
        return self.offsets[node], math.prod(map(int, node.shape))

    def part(self, nodes: Sequence[Node], vector: Array | None = None) -> Array:
        """Return a copy of some parameters in `flat` or `vector`, as they would lie alone."""
        vector = self.flat if vector is None else vector
        layout, size = layout_of(nodes)
        part = aligned_zeros(size, self.dtype)
        for node, start in layout.items():
            place, count = self.place(node)
            part[start : start + count] = vector[place : place + count]
        return part

    def put_part(self, nodes: Sequence[Node], part: Array, into: Array | None = None) -> Array:
        """Write what `part` returned where it came from, in `flat` or in the vector returned."""
        layout, size = layout_of(nodes)
        if part.shape != (size,):
            raise ValueError(f"part: expected shape ({size},), got {part.shape}")
        return self.put(part, layout, self.flat if into is None else into)

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

    def bounds(self, max_norms: Mapping[Node, float]) -> list[Bound]:
        """Return where the matrices lie whose rows have a norm of at most a limit."""
        return [
            Bound(
                self.offsets[node],
                node.shape[1],
                int(node.shape[0]),
                max_norms[node],
                bool(node.attrs.get("by_rows")),
            )
            for node in self.nodes
            if node in max_norms
        ]

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

    def add_user(self, user: Any, layers: Iterable[Any] = ()) -> None:
        """Remember, weakly, a network that computes with them, and layers that have them."""
        self._users = _remembered(self._users, [user])
        self._layers = _remembered(self._layers, layers)

    @property
    def users(self) -> list[Any]:
        """The networks that compute with them and still are there, in the order they came."""
        return [user for known in self._users if (user := known()) is not None]

    @property
    def layers(self) -> list[Any]:
        """The layers that have them and still are there; their networks may be gone."""
        return [layer for known in self._layers if (layer := known()) is not None]

    @property
    def shared(self) -> bool:
        """Whether several networks have computed with them."""
        return len(self._users) > 1

    def absorb(self, *others: Parameters, leaving: Collection[Node] = ()) -> None:
        """Own the parameters of others too: they follow the present ones, in their order.

        `flat` is a new vector then, and `offsets` a new dict. The others are these from now on:
        whoever holds one of them has all there is here.

        Parameters
        ----------
        *others : Parameters
            Those of the same dtype.
        leaving : collection of Node
            Parameters that are nobody's from now on: whoever has the node has its value.

        Raises
        ------
        ValueError
            If one of them has another dtype; then nothing changes.

        Examples
        --------
        >>> from fastmlp import graph as g
        >>> v, w = g.parameter(2.0, "v"), g.parameter(3.0, "w")
        >>> first, other = Parameters([v]), Parameters([w])
        >>> first.absorb(other)
        >>> first.nodes == (v, w) and other.flat is first.flat
        True
        """
        for other in others:
            if other.dtype != self.dtype:
                raise ValueError(f"others: expected parameters of {self.dtype}, got {other.dtype}")
        every = (self, *others)
        offsets, size = layout_of(n for one in every for n in one.nodes if n not in leaving)
        flat = aligned_zeros(size, self.dtype)
        for one in every:
            for node, start in one.offsets.items():
                count = math.prod(map(int, node.shape))
                if node in leaving:
                    _let_go(node)
                else:
                    flat[offsets[node] : offsets[node] + count] = one.flat[start : start + count]
        roles = {node: one.roles[node] for one in every for node in one.nodes if node in offsets}
        users = [known for one in every for known in one._users]
        layers = [known for one in every for known in one._layers]
        # In one step: other threads may be planning.
        vars(self).update(
            nodes=tuple(offsets), offsets=offsets, size=size, flat=flat, roles=roles,
            _users=users, _layers=layers,
        )  # fmt: skip
        self.own()
        for other in others:
            other._successor = self
            for name in vars(other).keys() - {"_successor"}:
                delattr(other, name)

    if not TYPE_CHECKING:  # which takes every name then

        def __getattr__(self, name: str) -> Any:
            # Asked for what `absorb` took away.
            successor = vars(self).get("_successor")
            if successor is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(successor, name)

    def put(self, vector: Array, layout: Mapping[Node, int], into: Array) -> Array:
        """Copy the parts of a vector of another layout to where they are in this one.

        Parameters
        ----------
        vector : ndarray
            What to copy.
        layout : mapping of Node to int
            Where the parameters begin in it. Those that are not here are left out.
        into : ndarray of shape (size,)
            Where to; returned.

        Examples
        --------
        >>> from fastmlp import graph as g
        >>> v, w = g.parameter(2.0, "v"), g.parameter(3.0, "w")
        >>> one, both = Parameters([w]), Parameters([v, w])
        >>> one.put(both.flat, both.offsets, one.new_vector())[0].item()
        3.0
        """
        for node, start in layout.items():
            if node in self.offsets:
                place, count = self.place(node)
                into[place : place + count] = vector[start : start + count]
        return into

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


def _remembered(known: Iterable[ref[Any]], more: Iterable[Any]) -> list[ref[Any]]:
    """Return weak references to what still is there, and to more, each once."""
    there = {id(one): reference for reference in known if (one := reference()) is not None}
    return list((there | {id(one): ref(one) for one in more}).values())


def _let_go(node: Node) -> None:
    """Let a parameter have its present value for itself: nobody owns it any more."""
    value = np.array(node.value)
    value.flags.writeable = False
    object.__setattr__(node, "value", value)
    _OWNERS.pop(node, None)


def owner_of(nodes: Iterable[Node]) -> Parameters | None:
    """Return the parameters that own all of these nodes, None if there are none such."""
    found = [_OWNERS.get(node) for node in nodes]
    owners = {None if owner is None else owner() for owner in found}
    return owners.pop() if len(owners) == 1 else None
