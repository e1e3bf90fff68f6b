"""Programs of the core and what they are run with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastmlp import _core
from fastmlp._arrays import KINDS, readable
from fastmlp._feeds import check_feeds
from fastmlp._node import BATCH, Array, Node, constant, describe, topological_order
from fastmlp._sparse import CompressedRows
from fastmlp.gradient import gradient
from fastmlp.ops.reductions import spread
from fastmlp.parameters import Parameters, aligned_zeros, owner_of
from fastmlp.planner.build import plan_program

_WORD = 1 << 64  # the core counts seeds and steps in 64 bits


class Update(Protocol):
    """What a training plan needs to know of an optimizer."""

    @property
    def kernel(self) -> str:
        """The rule: "adam" or "sgd"."""

    @property
    def state_vectors(self) -> int:
        """Vectors of the parameters' size that it keeps."""


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
    """Computes the values of some nodes; made by `plan`."""

    def __init__(
        self,
        outputs: Sequence[Node],
        *,
        parameters: Parameters | None,
        dtype: DTypeLike,
    ) -> None:
        self.outputs = tuple(outputs)
        self._followed: tuple[Node, ...] = ()
        if parameters is None:
            used = [v for v in topological_order(self.outputs) if v.op == "parameter"]
            parameters = owner_of(used)
            if parameters is None or parameters.dtype != np.dtype(dtype):
                # Copies, which follow the values of those that others train.
                parameters = Parameters(used, dtype)
                self._followed = tuple(v for v in used if owner_of([v]) is not None)
        self.parameters = parameters
        self._programs: dict[tuple[Node, ...], Any] = {}
        self._orders: dict[frozenset[Node], list[Node]] = {}

    def _order(self, fed: frozenset[Node]) -> list[Node]:
        """Return what is computed from these fed nodes, in order."""
        if fed not in self._orders:
            self._orders[fed] = topological_order(self.outputs, known=set(fed))
        return self._orders[fed]

    def _follow(self) -> None:
        """Copy the present values of parameters that belong to others."""
        for node in self._followed:
            self.parameters.view(node)[...] = node.value

    def _program(self, fed: tuple[Node, ...]) -> Any:
        """Return the program for these fed nodes."""
        if fed not in self._programs:
            arguments, _ = plan_program(self.outputs, parameters=self.parameters, fed=fed)
            self._programs[fed] = _make_program(arguments, self.parameters)
        return self._programs[fed]

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
        if not isinstance(feeds, Mapping):
            raise TypeError(f"feeds: expected a dict of node to array, got {type(feeds).__name__}")
        if out is not None and len(out) != len(self.outputs):
            raise ValueError(f"out: expected {len(self.outputs)} arrays, got {len(out)}")
        order = self._order(frozenset(feeds))
        matrices, rows = check_feeds(feeds, order, KINDS, sparse=True)
        program = self._program(tuple(matrices))
        count = 1 if rows is None else rows
        results = []
        for i, node in enumerate(self.outputs):
            shape = (count if node.shape[0] == BATCH else int(node.shape[0]), node.shape[1])
            given = None if out is None else out[i]
            results.append(_result(given, shape, self.parameters.dtype))
        arrays = [_readable(matrix) for matrix in matrices.values()]
        if out is not None:
            parts = [part for array in arrays for part in _parts(array)]
            _check_apart(out, [*parts, self.parameters.flat])
        self._follow()
        program.run(arrays, count, self.parameters.flat, results, seed % _WORD, step % _WORD, None)
        return results

    def predictor(self, x: Node | None = None) -> Callable[[Any, Array | None], Any]:
        """Return the plan of one input and one output as a function ``(X, out)``, for single rows.

        `x` is the input; it may be left out if the output depends on its values. X is an array
        (rows, columns) of numbers that the core knows, wherever they lie; out an array like the
        result, or None. A C-contiguous X of the plan's dtype is read in place and not checked for
        NaN. The function returns NotImplemented for anything else, and for numbers that have to be
        converted and are not finite then.
        """
        used = tuple(v for v in topological_order(self.outputs) if v.op == "input")
        program = self._program(used if x is None else (x,))
        function: Callable[[Any, Array | None], Any] = _core.make_predictor(
            program, self.parameters.flat
        )
        if not self._followed:
            return function

        def present(X: Any, out: Array | None) -> Any:
            self._follow()
            return function(X, out)

        return present


def plan_training(
    loss: Node,
    parameters: Parameters,
    update: Update,
    *,
    metrics: Sequence[Node] = (),
    weight: Node | None = None,
    gradients: Mapping[Node, Node] | None = None,
) -> TrainingPlan:
    """Return a plan that trains the parameters to make a loss small.

    Parameters
    ----------
    loss : Node
        (1, 1): J, its regularizer included.
    parameters : Parameters
        What is trained, in place.
    update : Update
        The optimizer.
    metrics : sequence of Node
        Further (1, 1) nodes to average over the batches of an epoch.
    weight : Node, optional
        (1, 1), what a batch counts in these averages and in that of the loss: for weighted means
        the sum of its weights. By default its number of rows.
    gradients : mapping of parameter to Node, optional
        What to descend along instead of the gradient of `loss`: each parameter may follow a loss of
        its own, as two networks against each other do. Parameters left out get a gradient of zero.
    """
    return TrainingPlan(loss, parameters, update, metrics, weight, gradients)


class EpochsResult:
    """What a run of epochs did, known also of one that an exception has ended.

    Parameters
    ----------
    epochs, scalars : int
        How many epochs are to be run, and how many numbers each has.

    Attributes
    ----------
    scalars : ndarray of shape (epochs_done, 1 + metrics)
        Loss and metrics of each epoch as training met them, averaged over its batches; NaN if they
        weigh nothing.
    epochs_done, steps_done : int
    non_finite : bool
        The loss became NaN or infinite; the parameters are the last finite ones.
    """

    def __init__(self, epochs: int, scalars: int) -> None:
        self.numbers = np.zeros((epochs, scalars))
        self.counts = np.zeros(3, dtype=np.int64)

    @property
    def scalars(self) -> Array:
        """A row of numbers for each epoch done."""
        return self.numbers[: self.epochs_done]

    @property
    def epochs_done(self) -> int:
        """How many epochs were run to their end."""
        return int(self.counts[0])

    @property
    def steps_done(self) -> int:
        """How many times the parameters were updated."""
        return int(self.counts[1])

    @property
    def non_finite(self) -> bool:
        """Whether the loss became NaN or infinite."""
        return bool(self.counts[2])


class TrainingPlan:
    """Computes a loss and its gradient, and updates the parameters; made by `plan_training`."""

    def __init__(
        self,
        loss: Node,
        parameters: Parameters,
        update: Update,
        metrics: Sequence[Node],
        weight: Node | None,
        gradients: Mapping[Node, Node] | None,
    ) -> None:
        weights = () if weight is None else (weight,)
        named = [("loss", loss), *(("metrics", metric) for metric in metrics)]
        for name, node in [*named, *(("weight", node) for node in weights)]:
            if not isinstance(node, Node):
                raise TypeError(f"{name}: expected a graph node, got {type(node).__name__}")
            if node.shape != (1, 1):
                raise ValueError(f"{name}: expected a node of shape (1, 1), got {node!r}")
        self.parameters = parameters
        self.update = update
        given = {} if gradients is None else dict(gradients)
        _check_gradients(given, parameters)
        self._order = topological_order([loss, *metrics, *weights, *given.values()])
        self.inputs = tuple(v for v in self._order if v.op == "input")
        if gradients is None:
            along = gradient(loss, parameters.nodes)
        else:
            zero = constant(0.0)
            along = [given.get(node) or spread(zero, node.shape) for node in parameters.nodes]
        arguments, self.steps = plan_program(
            (),
            parameters=parameters,
            fed=self.inputs,
            scalars=(loss, *metrics),
            weight=weight,
            gradients=dict(zip(parameters.nodes, along, strict=True)),
        )
        self._program = _make_program(arguments, parameters)
        self._scalars = 1 + len(metrics)

    def new_state(self) -> list[Array]:
        """Return the optimizer's state at the beginning: vectors of zeros."""
        return [self.parameters.new_vector() for _ in range(self.update.state_vectors)]

    def new_result(self, epochs: int) -> EpochsResult:
        """Return the result of a run of so many epochs in which nothing was done yet."""
        return EpochsResult(epochs, self._scalars)

    def run_epochs(
        self,
        feeds: Mapping[Node, Array | CompressedRows],
        *,
        state: Sequence[Array],
        order: Array | None,
        batch_size: int,
        epochs: int,
        step_values: Array,
        seed: int,
        first_step: int,
        result: EpochsResult | None = None,
    ) -> EpochsResult:
        """Train for some epochs without returning in between.

        Parameters
        ----------
        feeds : mapping of Node to array
            (n, columns) for each input, read in place where the dtype is the parameters', else
            converted batch by batch.
        state : sequence of array
            From `new_state`, changed in place.
        order : int64 array of shape (epochs, n) or None
            In which order each epoch takes the rows; None takes them as they stand.
        batch_size, epochs : int
            The last batch of an epoch may be shorter.
        step_values : float64 array of shape (epochs · ⌈n / batch_size⌉, 5)
            The optimizer's numbers for each step, see `optimizers`.
        seed, first_step : int
            Of the random numbers of dropout.
        result : EpochsResult, optional
            What is returned, from `new_result`: for who wants to know what was done if an exception
            comes instead.

        Raises
        ------
        KeyboardInterrupt
            The parameters are then those after the last whole step, and `result` says which.
        """
        arrays, rows = self._arrays(feeds)
        result = result or self.new_result(epochs)
        self._program.train(
            arrays,
            order,
            rows,
            batch_size,
            epochs,
            self.parameters.flat,
            list(state),
            self.update.kernel,
            np.ascontiguousarray(step_values, dtype=np.float64),
            seed % _WORD,
            first_step % _WORD,
            result.numbers,
            result.counts,
        )
        return result

    def loss_and_gradient(
        self, feeds: Mapping[Node, Array | CompressedRows], *, seed: int = 0, step: int = 0
    ) -> tuple[float, Array]:
        """Return the loss of all rows as one batch, and its gradient as a flat vector."""
        return self.loss_function(feeds, seed=seed, step=step)()

    def loss_function(
        self, feeds: Mapping[Node, Array | CompressedRows], *, seed: int = 0, step: int = 0
    ) -> Callable[[], tuple[float, Array]]:
        """Return `loss_and_gradient` of these rows as a function without arguments.

        The feeds are checked once, here; the parameters are those at the time of each call.
        """
        arrays, rows = self._arrays(feeds)
        seed, step = seed % _WORD, step % _WORD

        def loss_and_gradient() -> tuple[float, Array]:
            flat = self.parameters.new_vector()
            loss = self._program.run(arrays, rows, self.parameters.flat, [], seed, step, flat)
            return loss, flat

        return loss_and_gradient

    def _arrays(self, feeds: Mapping[Node, Any]) -> tuple[list[Any], int]:
        matrices, rows = check_feeds(feeds, self._order, KINDS, sparse=True)
        unknown = [node for node in matrices if node not in self.inputs]
        if unknown:
            raise ValueError(f"feeds: the loss does not depend on {unknown[0]!r}")
        arrays = [_readable(matrices[node]) for node in self.inputs]
        return arrays, 1 if rows is None else rows


def _make_program(arguments: dict[str, Any], parameters: Parameters) -> Any:
    kind = _core.ProgramF32 if parameters.dtype == np.float32 else _core.ProgramF64
    return kind(**arguments)


def _check_gradients(gradients: Mapping[Node, Node], parameters: Parameters) -> None:
    """Raise unless each is a node of the shape of one of the parameters."""
    for parameter, along in gradients.items():
        if parameter not in parameters.offsets:
            raise ValueError(f"gradients: {parameter!r} is not among the parameters")
        if not isinstance(along, Node):
            raise TypeError(f"gradients: expected graph nodes, got {type(along).__name__}")
        if along.shape != parameter.shape:
            raise ValueError(
                f"gradients: expected {describe(parameter.shape)} for {parameter!r}, got {along!r}"
            )


def _readable(matrix: Any) -> Any:
    """Return what the core reads: a matrix of which it can read the rows, or three vectors."""
    if isinstance(matrix, CompressedRows):
        return matrix.data, matrix.indices, matrix.indptr
    return readable(matrix)


def _parts(given: Any) -> tuple[Array, ...]:
    """Return the arrays of what `_readable` returned."""
    return given if isinstance(given, tuple) else (given,)


def _check_apart(out: Sequence[Array | None], read: Sequence[Array]) -> None:
    """Raise if a result would be written where something is read or another result stands."""
    given = [array for array in out if array is not None]
    for i, array in enumerate(given):
        if any(np.may_share_memory(array, other) for other in [*read, *given[:i]]):
            raise ValueError("out: shares memory with a feed, the parameters or another output")


def _result(given: Array | None, shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    if given is None:
        return aligned_zeros(shape[0] * shape[1], dtype).reshape(shape)
    if not isinstance(given, np.ndarray):
        raise TypeError(f"out: expected an array, got {type(given).__name__}")
    if given.shape != shape or given.dtype != dtype:
        raise ValueError(
            f"out: expected {dtype} of shape {describe(shape)}, "
            f"got {given.dtype} of shape {given.shape}"
        )
    if not (given.flags.c_contiguous and given.flags.writeable):
        raise ValueError("out: expected a C-contiguous, writable array")
    return given
