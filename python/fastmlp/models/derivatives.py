"""Derivatives of a model's outputs by its inputs, compiled once like its predictions.

The derivative of a weighted sum of the outputs, Σₖ vₖ yₖ, by the inputs is one backward pass: v̄ = v
at the output, then the chain rule down to x (Griewank and Walther, Evaluating Derivatives, 2008,
chapter 3). A Jacobian is such passes with the unit vectors as v, on one forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, planner
from fastmlp import graph as g
from fastmlp.data import arrays
from fastmlp.data.sparse import CompressedRows
from fastmlp.models.base import Owner
from fastmlp.networks import examples
from fastmlp.networks.outputs import ONE
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network
    from fastmlp.planner.parameters import Parameters

    Array = NDArray[Any]

# Backward passes of one program: 64 of a network of three layers are planned in some 60 ms, and
# share a forward pass that costs as much as one of them.
PASSES = 64
# Of a Jacobian about this many numbers are computed at once, so that what lies between the layers
# does not outgrow the result.
BLOCK_NUMBERS = 1 << 22


class Pullback:
    """Backward passes of some weighted sums of the outputs, as one program.

    Parameters
    ----------
    network, parameters
        What is differentiated, at the parameters' values at the time of each call.
    seeds : sequence of Node
        The weights of each sum: (1, outputs), or (batch, outputs) where they are each row's.
    place : int
        Of which output of the network, if it has several.

    Attributes
    ----------
    plan : Plan
        For each input ∂/∂x of the sums, side by side.
    """

    def __init__(
        self, network: Network, parameters: Parameters, seeds: Sequence[Node], place: int
    ) -> None:
        self._inputs = network.input_nodes
        y = network.forward_pass().outputs[place]
        # relu and others send 0 back from NaN; where the output is NaN the derivative is, too.
        undefined = 0.0 * g.sum(y, axis=1)
        passes = [g.gradient(g.sum(y * seed), self._inputs) for seed in seeds]
        outputs = [
            g.concatenate(*bars) + undefined if len(bars) > 1 else bars[0] + undefined
            for bars in zip(*passes, strict=True)
        ]
        self.plan = planner.plan(outputs, parameters=parameters)

    def single(self) -> Callable[[Any, Any], Any]:
        """Return the function ``(X, out)`` for arrays of the model's type, see `Plan.predictor`."""
        return self.plan.predictor(self._inputs[0])


class Differentiable(Owner):
    """A model whose outputs have derivatives by its inputs; a base of `Model`."""

    def _begin(self, seed: int | None, dtype: DTypeLike) -> None:
        super()._begin(seed, dtype)
        self._forget_plans()

    def _forget_plans(self) -> None:
        self._pullbacks: dict[tuple[int, int | Node | None], Pullback] = {}
        self._fed: dict[str, Node] = {}
        # Functions of arrays of the model's type: the gradient of an output, and the Jacobian.
        self._gradients: dict[int | None, Callable[[Any, Any], Any]] = {}
        self._jacobian: Callable[[Any, Any], Any] | None = None

    def gradient(self, X: Any, output: Any = None, *, out: Any = None) -> Any:
        """Return the derivatives of one output, or of a weighted sum of them, by the inputs.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (rows, columns)
            Where, as for `predict`; a list or dict of such for several inputs.
        output : int or array-like, optional
            Which column of the output, from the end if negative; or weights v, shape (outputs,) or
            (rows, outputs), for the gradient of Σₖ vₖ yₖ. May be left out if there is one column.
            For a model of several outputs the name of one of them, or a pair of it and these:
            ``("kind", 2)``.
        out : ndarray, shape (rows, columns), optional
            Where to write the result: C-contiguous, of the model's type. A list or dict of such
            where the result is one.

        Returns
        -------
        ndarray, shape (rows, columns)
            ∂yₖ/∂x of each row, of the model's type; `out` if given. Zeros where no derivative is,
            as below a hard threshold. A list for several inputs, a dict if `X` is one.

        Raises
        ------
        TypeError, ValueError
            If `X`, `output` or `out` has the wrong kind or shape.
        RuntimeError
            If another thread trains the model meanwhile.

        See Also
        --------
        jacobian : of all outputs at once.

        Notes
        -----
        Dropout does nothing here. NaN is treated as by `predict`. A C-contiguous array of the
        model's type goes straight to the core: microseconds for one row of a small network.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 1], seed=0)
        >>> model.set_weights([[[3.0, -1.0]], [0.5]])
        >>> model.gradient([[0.0, 1.0], [2.0, 2.0]])
        array([[ 3., -1.],
               [ 3., -1.]], dtype=float32)
        """
        if output is None or type(output) is int:
            function = self._gradients.get(output)
            if function is not None:
                result = function(X, out)
                if result is not NotImplemented:
                    return result
        turns.check(self, "gradient")
        with self._network_of(X) as network:
            inputs = examples.network_inputs(network, self.dtype, X, finite=False)
            rows = len(inputs[0])
            place, part = _which(network, output)
            count = network.outputs.columns[place]
            chosen = _chosen(part, count, rows, self.dtype, network.outputs.of(place))
            shapes = [(rows, columns) for columns in network.input_columns]
            results = _results(network, X, out, shapes, self.dtype)
        feeds = dict(zip(network.input_nodes, inputs, strict=True))
        if isinstance(chosen, int):
            with turns.building:  # or weights could move before the function is kept
                pullback = self._pullback(place, chosen)
                if network.index_limits == (None,) and part is output:
                    self._gradients[output if output is None else int(output)] = pullback.single()
        else:
            name, seeds = ("output", 1) if len(chosen) == 1 else ("outputs", g.BATCH)
            weights = self._weights_node(f"{name}{network.outputs.of(place)}", count, seeds)
            pullback = self._pullback(place, weights)
            feeds[weights] = chosen
        pullback.plan.run(feeds, out=results)
        return _as_given(network, X, results)

    def jacobian(self, X: Any, *, output: str | None = None, out: Any = None) -> Any:
        """Return the derivatives of all columns of an output by the inputs.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (rows, columns)
            Where, as for `predict`; a list or dict of such for several inputs.
        output : str, optional
            Which output, by its name, of a model that has several; by default all of them.
        out : ndarray, shape (rows, outputs, columns), optional
            Where to write the result: C-contiguous, of the model's type. A list or dict of such
            where the result is one.

        Returns
        -------
        ndarray, shape (rows, outputs, columns)
            ∂yₖ/∂xᵢ of each row at [row, k, i], of the model's type; `out` if given. Zeros where no
            derivative is, as below a hard threshold. A list for several inputs, a dict if `X` is
            one. Of several outputs a list or dict of these, as the model's outputs are one.

        Raises
        ------
        TypeError, ValueError
            If `X`, `output` or `out` has the wrong kind or shape.
        RuntimeError
            If another thread trains the model meanwhile.

        See Also
        --------
        gradient : of one output, or of a weighted sum of them; costs one backward pass.

        Notes
        -----
        Dropout does nothing here. NaN is treated as by `predict`. The cost is that of a forward and
        of as many backward passes as there are outputs; a C-contiguous array of the model's type
        goes straight to the core.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 3], output="softmax", seed=0)
        >>> J = model.jacobian([[0.0, 1.0], [2.0, 2.0]])
        >>> J.shape
        (2, 3, 2)
        >>> bool(abs(J.sum(axis=1)).max() < 1e-6)  # probabilities add up to 1 wherever x is
        True
        """
        function = self._jacobian
        if function is not None and output is None and isinstance(X, np.ndarray) and X.ndim == 2:
            shape = len(X), self.network.outputs.columns[0], X.shape[1]
            flat = None if out is None else _flat(out, shape)
            if math.prod(shape) <= BLOCK_NUMBERS and (flat is not None or out is None):
                result = function(X, flat)
                if result is not NotImplemented:
                    return result.reshape(shape) if out is None else out
        outputs = None if self._network is None else self._network.outputs
        if output is None and outputs is not None and len(outputs) > 1:
            given: list[Any] = [None] * len(outputs)
            if out is not None:
                given = [one for one, _ in outputs.values(out, "out")]
            each = zip(outputs.names, given, strict=True)
            with turns.reading("jacobian", self):
                return outputs.arrange([self.jacobian(X, output=k, out=one) for k, one in each])
        turns.check(self, "jacobian")
        with self._network_of(X) as network:
            inputs = examples.network_inputs(network, self.dtype, X, finite=False)
            place, part = _which(network, output)
            if part is not None:
                raise TypeError(f"output must be the name of an output, got {output!r}")
            count = network.outputs.columns[place]
            shapes = [(len(inputs[0]), count, columns) for columns in network.input_columns]
            results = _results(network, X, out, shapes, self.dtype)
        with turns.reading("jacobian", self):
            self._fill(place, inputs, results, whole=output is None)
        return _as_given(network, X, results)

    def _fill(
        self, place: int, inputs: Sequence[Any], results: Sequence[Array], *, whole: bool
    ) -> None:
        """Write the Jacobian of an output; keep its function if it is that of the whole model."""
        network = self.network
        if network.outputs.columns[place] > PASSES:
            self._fill_by_parts(place, inputs, results)
            return
        with turns.building:
            pullback = self._pullback(place, None)
            if network.index_limits == (None,) and whole:
                self._jacobian = pullback.single()
        for feeds, parts in self._blocks(inputs, results):
            pullback.plan.run(feeds, out=[part.reshape(len(part), -1) for part in parts])

    def _pullback(self, place: int, key: int | Node | None) -> Pullback:
        """Return the compiled passes of a column, of weights to feed, or of all columns: None."""
        found = self._pullbacks.get((place, key))
        if found is None:
            n = self.network.outputs.columns[place]
            if isinstance(key, int):
                seeds = [g.constant(np.eye(n)[key])]
            elif key is not None:
                seeds = [key[:, i : i + n] for i in range(0, key.shape[1], n)]
            else:
                seeds = [g.constant(row) for row in np.eye(n)]
            found = Pullback(self.network, self.parameters, seeds, place)
            self._pullbacks[place, key] = found
        return found

    def _weights_node(self, name: str, columns: int, rows: int | str) -> Node:
        """Return the node that weights of outputs are fed to, one for each name."""
        return self._fed.setdefault(name, g.input(columns, name, rows=rows))

    def _blocks(
        self, inputs: Sequence[Any], results: Sequence[Array]
    ) -> Iterator[tuple[dict[Node, Any], list[Array]]]:
        """Yield some rows at a time, as feeds and as parts of the results."""
        rows, n, _ = results[0].shape
        count = max(1, BLOCK_NUMBERS // max(min(n, PASSES) * r.shape[2] for r in results))
        for i in range(0, rows, count):
            j = min(i + count, rows)
            given = [_some_rows(matrix, i, j) for matrix in inputs]
            feeds = dict(zip(self.network.input_nodes, given, strict=True))
            yield feeds, [result[i:j] for result in results]

    def _fill_by_parts(self, place: int, inputs: Sequence[Any], results: Sequence[Array]) -> None:
        """Write the Jacobian of many columns, `PASSES` of them at a time."""
        outputs = self.network.outputs
        n = outputs.columns[place]
        weights = self._weights_node(f"passes{outputs.of(place)}", PASSES * n, 1)
        plan = self._pullback(place, weights).plan
        for feeds, parts in self._blocks(inputs, results):
            for k in range(0, n, PASSES):
                feeds[weights] = np.eye(PASSES, n, k).reshape(1, -1)
                for part, found in zip(parts, plan.run(feeds), strict=True):
                    some = part[:, k : k + PASSES]
                    some[...] = found.reshape(len(part), PASSES, -1)[:, : some.shape[1]]


def _which(network: Network, output: Any) -> tuple[int, Any]:
    """Return the place of the output that is named in the argument `output`, and what is left."""
    if network.outputs.form == ONE:
        return 0, output
    name, part = output if isinstance(output, tuple) and len(output) == 2 else (output, None)
    if isinstance(name, str):
        return network.outputs.place(name, "output"), part
    if len(network.outputs) > 1:
        got = repr(output) if output is None or isinstance(output, int) else type(output).__name__
        raise ValueError(
            f"output must name one of the outputs {list(network.outputs.names)}, or be a pair of a "
            f"name and a column or weights, got {got}"
        )
    return 0, output


def _chosen(output: Any, outputs: int, rows: int, dtype: np.dtype[Any], where: str) -> int | Array:
    """Return the argument `output`: a column from the left, or weights (1 or rows, outputs)."""
    if output is None and outputs == 1:
        return 0
    if output is None:
        raise ValueError(
            f"output must say which of the {outputs} outputs{where and f', columns{where}'}: a "
            f"column, or {outputs} weights; jacobian gives the derivatives of all"
        )
    if hasattr(output, "__index__") and np.ndim(output) == 0:
        column = _checks.integer(output, "output", at_least=-outputs)
        if column >= outputs:
            raise ValueError(f"output must be less than {outputs}, got {column}")
        return column % outputs
    weights = arrays.array(output, "output")
    if weights.shape not in ((outputs,), (1, outputs), (rows, outputs)):
        raise ValueError(
            f"output must be a column, or weights of shape ({outputs},) or ({rows}, {outputs}), "
            f"got shape {weights.shape}"
        )
    arrays.check_finite(weights, "output", dtype)
    return weights.reshape(-1, outputs)


def _results(
    network: Network, X: Any, out: Any, shapes: Sequence[tuple[int, ...]], dtype: np.dtype[Any]
) -> list[Array]:
    """Return where to write: new arrays, or those of `out`, which is of the kind of the result."""
    if out is None:
        return [np.empty(shape, dtype) for shape in shapes]
    if arrays.is_named(X):
        names = [str(node.name) for node in network.input_nodes]
        if not isinstance(out, Mapping) or sorted(out) != sorted(names):
            raise TypeError(f"out must be a dict of arrays with the keys {names}, as X is")
        given = [out[name] for name in names]
    elif len(shapes) == 1:
        given = [out]
    elif isinstance(out, (list, tuple)) and len(out) == len(shapes):
        given = list(out)
    else:
        raise TypeError(f"out must be a list of {len(shapes)} arrays, one for each input")
    return [arrays.output(one, shape, dtype) for one, shape in zip(given, shapes, strict=True)]


def _flat(out: Any, shape: tuple[int, int, int]) -> Array | None:
    """Return `out` as the core writes it, all derivatives of a row side by side, if it lies so."""
    if type(out) is not np.ndarray or out.shape != shape or not out.flags.c_contiguous:
        return None
    return out.reshape(shape[0], shape[1] * shape[2])


def _as_given(network: Network, X: Any, results: list[Array]) -> Any:
    """Return the results of the inputs as `X` has them: a dict, a list, or a single array."""
    if arrays.is_named(X):
        names = [str(node.name) for node in network.input_nodes]
        return dict(zip(names, results, strict=True))
    return results if len(results) > 1 else results[0]


def _some_rows(matrix: Any, i: int, j: int) -> Any:
    return matrix.between(i, j) if isinstance(matrix, CompressedRows) else matrix[i:j]
