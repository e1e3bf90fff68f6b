"""Running a program: feeds in, values out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastmlp import _checks, _core
from fastmlp.data.arrays import KINDS, output, readable, real_dtype
from fastmlp.data.sparse import CompressedRows
from fastmlp.graph.feeds import check_feeds, check_mapping
from fastmlp.graph.node import Array, Node, topological_order
from fastmlp.graph.ops.scheduled import Starts, values_of
from fastmlp.graph.shapes import number_of_rows, per_example
from fastmlp.planner.build import plan_program
from fastmlp.planner.parameters import Parameters, aligned_zeros, owner_of

WORD = 1 << 64  # the core counts seeds and steps in 64 bits


def _count(number: Any, name: str) -> int:
    """Return an integer, which the core takes modulo 2⁶⁴."""
    return _checks.integer(number, name, at_least=-WORD, at_most=None)


def check_parameters(parameters: Any) -> None:
    """Raise TypeError for what is not `Parameters`."""
    if not isinstance(parameters, Parameters):
        kind = type(parameters).__name__
        raise TypeError(f"parameters must be Parameters, as model.parameters, got {kind}")


def plan(
    outputs: Sequence[Node],
    *,
    parameters: Parameters | None = None,
    dtype: DTypeLike = "float32",
) -> Plan:
    """Return a plan that computes the values of nodes in the core.

    Parameters
    ----------
    outputs : sequence of Node
        What to compute.
    parameters : Parameters, optional
        The values of the parameters. By default they have their own, in `dtype`: those of a model
        are what the model's are at the time of each run, others are the initial ones.
    dtype : "float32" or "float64"
        Ignored if `parameters` are given: then theirs.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x = g.input(1, "x")
    >>> plan([g.exp(x)]).run({x: [0.0, 1.0]})[0]
    array([[1.       ],
           [2.7182817]], dtype=float32)
    """
    return Plan(outputs, parameters=parameters, dtype=dtype)


class Plan:
    """Computes the values of some nodes; made by `plan`.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.planner import plan
    >>> x = g.input(1, "x")
    >>> square = plan([x**2])
    >>> square.run({x: [[2.0], [3.0]]})[0].ravel()
    array([4., 9.], dtype=float32)
    """

    def __init__(
        self,
        outputs: Sequence[Node],
        *,
        parameters: Parameters | None,
        dtype: DTypeLike,
    ) -> None:
        given: Any = outputs
        if isinstance(given, Node):
            raise TypeError(f"outputs must be a list of nodes, got one node: write [{given!r}]")
        if parameters is not None:
            check_parameters(parameters)
        self.outputs = tuple(outputs)
        self._followed: tuple[Node, ...] = ()
        self._used: tuple[Node, ...] = ()  # whose owner the plan has to find
        if parameters is None:
            self._used = tuple(v for v in topological_order(self.outputs) if v.op == "parameter")
            parameters = self._owner(dtype)
        self.parameters = parameters
        self._programs: dict[tuple[Node, ...], tuple[Array, Any]] = {}
        self._orders: dict[frozenset[Node], list[Node]] = {}

    def _order(self, fed: frozenset[Node]) -> list[Node]:
        """Return what is computed from these fed nodes, in order."""
        if fed not in self._orders:
            self._orders[fed] = topological_order(self.outputs, known=set(fed))
        return self._orders[fed]

    def _owner(self, dtype: DTypeLike) -> Parameters:
        """Return the owner of all parameters, else copies of them."""
        owner = owner_of(self._used)
        if owner is None or owner.dtype != real_dtype(dtype):
            # `_follow` brings them up to the values that other owners give the nodes.
            owner = Parameters(self._used, dtype)
            self._followed = tuple(v for v in self._used if owner_of([v]) is not None)
        return owner

    def _follow(self) -> None:
        """Copy the present values of parameters that belong to others."""
        if not self._followed:
            return
        owners = {owner for node in self._followed if (owner := owner_of([node])) is not None}
        with _core.Reading([owner.access for owner in owners]):
            present = {node: node.value for node in self._followed if node.value is not None}
            view = self.parameters.view
            new = {v: x for v, x in present.items() if not np.array_equal(view(v), x)}
            if new:
                self.parameters.assign(new)

    def _program(self, fed: tuple[Node, ...]) -> tuple[Array, Any]:
        """Return the program for these fed nodes, and the vector whose layout it knows."""
        known = self._programs.get(fed)
        while known is None or known[0] is not self.parameters.flat:
            if any(node not in self.parameters.offsets for node in self._used):
                self.parameters = self._owner(self.parameters.dtype)  # as it let some go
            flat = self.parameters.flat  # another thread may let it move while this one plans
            arguments, _ = plan_program(self.outputs, parameters=self.parameters, fed=fed)
            known = flat, make_program(arguments, self.parameters)
            self._programs[fed] = known
        return known

    @property
    def schedules(self) -> list[Any]:
        """The functions of steps in the graph."""
        order = topological_order(self.outputs)
        return [node.attrs["function"] for node in order if node.op == "scheduled"]

    def run(
        self,
        feeds: Mapping[Node, ArrayLike | CompressedRows],
        *,
        out: Sequence[Array | None] | None = None,
        seed: int = 0,
        step: int = 0,
    ) -> list[Array]:
        """Return the outputs' values.

        Parameters
        ----------
        feeds : mapping of Node to array
            A value for each input; other nodes may be fed too, and then are not computed.
        out : sequence of array or None, optional
            Where to write each output: C-contiguous, of the plan's dtype and the output's shape.
            None, or None in the sequence, makes a new array.
        seed, step : int
            Of the random numbers of dropout.

        Returns
        -------
        list of ndarray
            One (rows, columns) for each output.

        Raises
        ------
        TypeError, ValueError
            If a feed is missing or does not fit its node, or `out` does not fit the outputs or
            shares memory with what is read or with another output.
        """
        check_mapping(feeds)
        seed, step = _count(seed, "seed"), _count(step, "step")
        if out is not None and len(out) != len(self.outputs):
            raise ValueError(f"out: expected {len(self.outputs)} arrays, got {len(out)}")
        flat, program, arrays, count = self._prepared(feeds, step)
        results = []
        for i, shape in enumerate(self._shapes(count)):
            given = None if out is None else out[i]
            if given is None:
                results.append(_new(shape, self.parameters.dtype))
            else:
                results.append(output(given, shape, self.parameters.dtype))
        if out is not None:
            _check_apart(out, arrays, flat)
        self._follow()
        written = self._side_by_side(results, count)
        access = self.parameters.access
        program.run(arrays, count, flat, written, seed % WORD, step % WORD, None, access)
        return results

    def run_each(
        self,
        feeds: Mapping[Node, ArrayLike | CompressedRows],
        *,
        out: Sequence[Array],
        seeds: Sequence[int],
        step: int = 0,
        starts: Starts = (),
    ) -> None:
        """Compute the outputs once for each of some seeds, from the same feeds.

        The bits are those of as many runs; what is fed is checked once, and threads share the work.

        Parameters
        ----------
        feeds, step
            As for `run`.
        out : sequence of array
            Where to write each output: (seeds, rows, columns), C-contiguous, of the plan's dtype.
        seeds : sequence of int
            Of the random numbers.
        starts : sequence of (function, int)
            From which step on functions that are scheduled count; others from 0.
        """
        check_mapping(feeds)
        flat, program, arrays, count = self._prepared(feeds, step, starts)
        shapes, dtype = self._shapes(count), self.parameters.dtype
        for given, shape in zip(out, shapes, strict=True):
            output(given, (len(seeds), *shape), dtype)
        _check_apart(out, arrays, flat)
        self._follow()
        k = len(seeds)
        written = [self._side_by_side([given[i] for given in out], count) for i in range(k)]
        keys = [seed % WORD for seed in seeds]
        access = self.parameters.access
        program.run_each(arrays, count, [flat] * k, written, keys, step % WORD, access)

    def of_members(
        self, feeds: Mapping[Node, ArrayLike | CompressedRows], vectors: Sequence[Array]
    ) -> dict[Node, Array]:
        """Return the outputs for each of some vectors of parameters, from the same feeds.

        The bits are those of a `run` with each, and threads share the work: small ones are dealt
        out to them whole.

        Parameters
        ----------
        feeds
            As for `run`.
        vectors : sequence of array
            In the layout of the plan's parameters, in the place of these. The caller sees to it
            that no other thread changes them.

        Returns
        -------
        dict of Node to ndarray
            (vectors, rows, columns) for each output.
        """
        check_mapping(feeds)
        _, program, arrays, count = self._prepared(feeds, 0)
        k, dtype = len(vectors), self.parameters.dtype
        found = [_new((k * rows, n), dtype).reshape(k, rows, n) for rows, n in self._shapes(count)]
        written = [self._side_by_side(results, count) for results in zip(*found, strict=True)]
        program.run_each(arrays, count, list(vectors), written, [0] * k, 0)
        return dict(zip(self.outputs, found, strict=True))

    def _prepared(
        self, feeds: Mapping[Node, ArrayLike | CompressedRows], step: int, starts: Starts = ()
    ) -> tuple[Array, Any, list[Any], int]:
        """Return vector and program for such feeds, these as it reads them, and how many rows."""
        order = self._order(frozenset(feeds))
        matrices, rows = check_feeds(feeds, order, KINDS, sparse=True)
        scheduled = tuple(v for v in order if v.op == "scheduled" and v not in matrices)
        flat, program = self._program((*matrices, *scheduled))
        arrays = [as_the_core_reads(matrix) for matrix in matrices.values()]
        arrays += values_of(scheduled, step, 1, self.parameters.dtype, starts)
        return flat, program, arrays, 1 if rows is None else rows

    def _shapes(self, rows: int) -> list[tuple[int, int]]:
        """Return the shapes of the outputs of so many rows."""
        return [(number_of_rows(node.shape[0], rows), node.shape[1]) for node in self.outputs]

    def _side_by_side(self, results: Sequence[Array], rows: int) -> list[Array]:
        """Return results as the core writes them: several rows of an example side by side."""
        return [
            result.reshape(rows, -1) if isinstance(node.shape[0], str) else result
            for node, result in zip(self.outputs, results, strict=True)
        ]

    def predictor(
        self,
        *inputs: Node,
        categories: Sequence[Sequence[int] | None] = (),
    ) -> Callable[..., Any]:
        """Return the plan of one output as a function ``(X, out)``, for single rows.

        `inputs` may be left out if there is one and the output depends on its values. X is an array
        (rows, columns) of numbers that the core knows, wherever they lie, or a CSR matrix; of
        several inputs a list or tuple of such, or a dict by their names; out an array like the
        result, or None. With
        `categories`, the columns of an input hold indices, which are looked at. A C-contiguous X of
        the plan's dtype is read in place and not checked for NaN. The function returns
        NotImplemented for anything else, and for numbers that have to be converted and are not
        finite then. It may also be called as `Model.predict` is, ``(X, out, training, samples,
        seed)``, and returns NotImplemented if any of these is not the default. It is of the vector
        that the parameters have now.
        """
        if any(per_example(v.shape[0]) > 1 for v in self.outputs):
            raise ValueError("predictor: an output has several rows for each of the batch")
        order = topological_order(self.outputs)
        if any(v.op == "scheduled" for v in order):
            return lambda *given: NotImplemented  # its number is of a step: `run` knows which
        used = inputs or tuple(v for v in order if v.op == "input")
        flat, program = self._program(used)
        limits = categories or (None,) * len(used)
        said = [(str(v.name), v.shape[1], limit) for v, limit in zip(used, limits, strict=True)]
        function = _core.make_predictor(program, flat, said, self.parameters.access)
        if not self._followed:
            return function

        def present(*given: Any) -> Any:
            self._follow()
            return function(*given)

        return present


def make_program(arguments: dict[str, Any], parameters: Parameters) -> Any:
    """Return the program of the core with these arguments, in the type of the parameters."""
    kind = _core.ProgramF32 if parameters.dtype == np.float32 else _core.ProgramF64
    return kind(**arguments)


class CoreFeeds(NamedTuple):
    """Feeds that were checked once, for many calls of the core with the same arrays.

    Attributes
    ----------
    arrays : tuple
        For each input of the plan what the core reads, see `as_the_core_reads`.
    rows : int
        Of a batch of all.
    """

    arrays: tuple[Any, ...]
    rows: int

    @classmethod
    def of(
        cls, feeds: Mapping[Node, Any], order: Sequence[Node], inputs: Sequence[Node]
    ) -> CoreFeeds:
        """Check what is fed to the inputs of a loss, and return it as the core reads it."""
        matrices, rows = check_feeds(feeds, order, KINDS, sparse=True)
        unknown = [node for node in matrices if node not in inputs]
        if unknown:
            raise ValueError(f"feeds: the loss does not depend on {unknown[0]!r}")
        arrays = tuple(as_the_core_reads(matrices[node]) for node in inputs)
        return cls(arrays, 1 if rows is None else rows)


# A matrix for each input, or what was made of these.
Feeds: TypeAlias = "Mapping[Node, Array | CompressedRows] | CoreFeeds"


def as_the_core_reads(matrix: Any) -> Any:
    """Return what the core reads: a matrix of which it can read the rows, or three vectors."""
    if isinstance(matrix, CompressedRows):
        return matrix.data, matrix.indices, matrix.indptr
    return readable(matrix)


def _parts(given: Any) -> tuple[Array, ...]:
    """Return the arrays of what `as_the_core_reads` returned."""
    return given if isinstance(given, tuple) else (given,)


def _check_apart(out: Sequence[Array | None], read: Sequence[Any], flat: Array) -> None:
    """Raise if a result would be written where something is read or another result stands."""
    apart = [part for array in read for part in _parts(array)]
    given = [array for array in out if array is not None]
    for i, array in enumerate(given):
        if any(np.may_share_memory(array, other) for other in [flat, *apart, *given[:i]]):
            raise ValueError("out: shares memory with a feed, the parameters or another output")


def _new(shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    return aligned_zeros(shape[0] * shape[1], dtype).reshape(shape)
