"""What a model answers: its outputs, and what each layer puts out."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, planner
from fastmlp import graph as g
from fastmlp.data import arrays
from fastmlp.data.stream import is_stream
from fastmlp.models.derivatives import Differentiable
from fastmlp.models.habits import OF_PREDICT, declined, declining
from fastmlp.networks import examples
from fastmlp.networks.outputs import ONE
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network
    from fastmlp.training.trainer import Trainer

    Array = NDArray[Any]


# As many rows are worth a copy of each output: it takes less time than checks of the arguments.
FEW_ROWS = 64
# Keeps the seeds of predictions apart from those of fits, whose keys are shorter.
_DRAWS = 1


def not_planned(*given: Any) -> Any:
    """Stand in for the plan of `predict` until there is one."""
    return NotImplemented


def _are_few(X: Any) -> bool:
    """Tell whether an input, or the first of several, is an array of few rows."""
    if arrays.is_named(X):
        X = next(iter(X.values()), None)
    elif isinstance(X, (list, tuple)):
        X = X[0] if X else None
    return isinstance(X, np.ndarray) and X.ndim == 2 and len(X) <= FEW_ROWS


def _complete(nodes: Sequence[Node], results: list[Array], written: dict[Node, Array]) -> None:
    """Copy outputs that are one node, told apart by dropout alone or not at all."""
    for node, result in zip(nodes, results, strict=True):
        if result is not written[node]:
            result[...] = written[node]


class Predicting(Differentiable):
    """A model that can be asked; a base of `Model`."""

    _trainer: Trainer | None  # of `fit`

    def _forget_plans(self) -> None:
        super()._forget_plans()
        self._inference: tuple[planner.Plan, tuple[Node, ...]] | None = None
        # The same with dropout.
        self._random: tuple[planner.Plan, tuple[Node, ...]] | None = None
        # Of what each layer puts out, with the nodes by the names of the layers.
        self._layerwise: tuple[planner.Plan, dict[str, Node]] | None = None
        # Of arrays that the core reads in place.
        self._predict: Callable[..., Any] = not_planned

    @declining
    def predict(
        self,
        X: Any,
        out: Any = None,
        training: bool = False,
        samples: int | None = None,
        seed: int | None = None,
        batch_size: None = None,
        verbose: None = None,
        steps: None = None,
        callbacks: None = None,
    ) -> Any:
        """Return the output of the network for each row.

        Parameters
        ----------
        X : array-like, shape (rows, columns)
            Inputs, as for `fit`.
        out : ndarray, shape (rows, output columns), optional
            Where to write the result: C-contiguous, of the model's type. A list or dict of such
            where the result is one.
        training : bool, default False
            Whether layers do what they do while training: dropout and noise are there, and where a
            layer normalizes by its batch, these rows are the batch. Nothing of the model changes.
        samples : int, optional
            With `training`, how many outputs to draw for each row, each with random numbers of its
            own. None: one, without an axis of its own.
        seed : int, optional
            With `training`, makes the random numbers the same each time; sample i does not depend
            on how many there are. None: drawn from the model's seed, others in each call.

        Returns
        -------
        ndarray, shape (rows, output columns) or (samples, rows, output columns)
            Of the model's type; `out` if given. A list or dict of such, as the model's outputs are
            one; several outputs share one forward pass. Class probabilities for a softmax output:
            the class is ``predict(X).argmax(axis=1)``.

        Raises
        ------
        TypeError, ValueError
            If `X` or `out` has the wrong kind or shape, or `samples` or `seed` is given without
            ``training=True``.

        Notes
        -----
        Mean and spread of samples with dropout are an estimate of the output and how certain it is
        (Gal and Ghahramani, "Dropout as a Bayesian approximation", 2016). A rate that follows a
        schedule is that of the next step of `fit`. A copy or a loaded model draws from the
        beginning.

        Arrays of numbers go straight to the core, which converts them: about a microsecond for one
        row of a small network. Ctrl-C stops a long call at once; `out` is then written in part.

        Values are not looked at, whatever `X` is, but for the indices of an `Embedding`: a row with
        NaN has NaN in its result, a row with infinity (or what is infinite in the model's type) has
        what arithmetic makes of it, and no other row differs. `fit` and `evaluate` refuse such
        data, and so do the estimators, as those of scikit-learn do.

        Examples
        --------
        >>> import fastmlp as fm
        >>> fm.MLP([2, 3, 1], output="logistic", seed=0).predict([[0.5, 1.0], [2.0, 0.0]]).shape
        (2, 1)

        Dropout at prediction:

        >>> layers = [fm.Dense(32, "relu"), fm.Dropout(0.2), fm.Dense(1)]
        >>> model = fm.Sequential(layers, input_columns=2, seed=0)
        >>> y = model.predict([[0.5, 1.0], [2.0, 0.0]], training=True, samples=100)
        >>> y.shape, (y.std(axis=0) > 0).all().item()
        ((100, 2, 1), True)
        """
        if (
            batch_size is not None
            or verbose is not None
            or steps is not None
            or callbacks is not None
        ):
            raise declined(batch_size, verbose, steps, callbacks)
        result = self._predict(X, out, training, samples, seed)  # which looks at the last three
        if result is not NotImplemented:
            return result
        if training is False and samples is None and seed is None:
            return self._predict_any(X, out)
        return self._predict_training(X, out, training, samples, seed)

    def _predict_any(self, X: Any, out: Any) -> Any:
        """Check kind and shape of the data, then let the core convert and predict it."""
        turns.check(self, "predict")
        network, feeds, results = self._checked(X, out)
        plan, nodes = self._inference_plan()
        written = dict(zip(nodes, results, strict=True))
        plan.run(feeds, out=[written[node] for node in plan.outputs])
        _complete(nodes, results, written)
        return network.outputs.arrange(results)

    def _predict_training(self, X: Any, out: Any, training: Any, samples: Any, seed: Any) -> Any:
        """Return outputs with dropout: as many as asked for, or one without an axis of its own."""
        turns.check(self, "predict")
        if not _checks.flag(training, "training"):
            given = "samples" if samples is not None else "seed"
            raise ValueError(f"{given}: every call predicts the same; set training=True")
        count = 1
        if samples is not None:
            count = _checks.integer(samples, "samples", at_least=1)
        seeds = self._seeds_of_draws(count, seed)
        network, feeds, results = self._checked(X, out, None if samples is None else count)
        plan, nodes = self._random_plan()
        draws = [result[None] if samples is None else result for result in results]
        written = dict(zip(nodes, draws, strict=True))
        trainer = self._trainer
        state = None if trainer is None else trainer.state
        plan.run_each(
            feeds,
            out=[written[node] for node in plan.outputs],
            seeds=seeds,
            step=0 if state is None else state.steps,
            starts=() if trainer is None else trainer.starts(plan.schedules),
        )
        _complete(nodes, draws, written)
        return network.outputs.arrange(results)

    def _seeds_of_draws(self, count: int, seed: int | None) -> list[int]:
        """Return a seed for each of some draws."""
        if seed is not None:
            sequence = np.random.SeedSequence(_checks.seed(seed))
        else:
            with turns.building:  # no two threads draw the same
                key = self._fits, self._draws, _DRAWS
                self._draws += 1
            sequence = np.random.SeedSequence(self.seed, spawn_key=key)
        numbers: list[int] = sequence.generate_state(count, np.uint64).tolist()
        return numbers

    def _checked(
        self, X: Any, out: Any, samples: int | None = None
    ) -> tuple[Network, dict[Node, Any], list[Array]]:
        """Return the network, what to feed it, and where each of its outputs goes."""
        if is_stream(X):
            raise TypeError(
                f"predict takes arrays, and X gives batches ({type(X).__name__}): predict each of "
                "them, np.concatenate([model.predict(X) for X, t in batches])"
            )
        with self._network_of(X) as network:
            inputs = examples.network_inputs(network, self.dtype, X, finite=False)
            outputs, lead = network.outputs, () if samples is None else (samples,)
            shapes = [(*lead, len(inputs[0]), columns) for columns in outputs.columns]
            results = [np.empty(shape, self.dtype) for shape in shapes]
            if out is not None:
                given = zip(outputs.values(out, "out"), shapes, strict=True)
                results = [arrays.output(one, s, self.dtype, name) for (one, name), s in given]
        return network, dict(zip(network.input_nodes, inputs, strict=True)), results

    def _planned(self, *, training: bool) -> tuple[planner.Plan, tuple[Node, ...]]:
        """Return a plan of the outputs, each node once, and the nodes."""
        nodes = self.network.forward_pass(training=training).outputs
        once = list(dict.fromkeys(nodes))
        return planner.plan(once, parameters=self.parameters, dtype=self.dtype), nodes

    def _inference_plan(self) -> tuple[planner.Plan, tuple[Node, ...]]:
        """Return the plan of the outputs and their nodes, made when first needed."""
        inference = self._inference  # once: another thread may be making or forgetting it
        if inference is None:
            with turns.building:
                inference = plan, nodes = self._planned(training=False)
                one = self.network.outputs.form == ONE
                self._predict = self._function(plan) if one else self._few_rows(nodes)
                self._inference = inference
        return inference

    def _function(self, plan: planner.Plan) -> Callable[..., Any]:
        """Return a plan of one output as a plain function of arrays, see `Plan.predictor`."""
        network = self.network
        return plan.predictor(*network.input_nodes, categories=network.index_limits)

    def _few_rows(self, nodes: Sequence[Node]) -> Callable[..., Any]:
        """Return what predicts few rows of several outputs: as columns of one, in microseconds."""
        outputs = self.network.outputs
        side_by_side = nodes[0] if len(nodes) == 1 else g.concatenate(*nodes)
        plan = planner.plan([side_by_side], parameters=self.parameters, dtype=self.dtype)
        joined = self._function(plan)
        ends = list(accumulate(outputs.columns, initial=0))
        columns = [slice(begin, end) for begin, end in pairwise(ends)]

        def predict(X: Any, out: Any, *how: Any) -> Any:
            if out is not None or not _are_few(X):
                return NotImplemented
            y = joined(X, None, *how)
            return y if y is NotImplemented else outputs.arrange([y[:, c].copy() for c in columns])

        return predict

    def _random_plan(self) -> tuple[planner.Plan, tuple[Node, ...]]:
        """Return the plan of the outputs with dropout and their nodes, made when first needed."""
        planned = self._random
        if planned is None:
            with turns.building:
                self._random = planned = self._planned(training=True)
        return planned

    @_checks.taught(OF_PREDICT)
    def activations(self, X: Any) -> dict[str, Array]:
        """Return what each layer puts out.

        Parameters
        ----------
        X : array-like, shape (rows, columns)
            Inputs, as for `predict`.

        Returns
        -------
        dict of str to ndarray, shape (rows, columns of the layer)
            By the names of the layers, in their order.

        Raises
        ------
        TypeError, ValueError
            If `X` is wrong.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 3, 1], activation="threshold", seed=0)
        >>> {name: h.shape for name, h in model.activations([[0.0, 1.0]]).items()}
        {'dense_1': (1, 3), 'dense_2': (1, 1)}
        """
        turns.check(self, "activations")
        with self._network_of(X) as network:
            inputs = examples.network_inputs(network, self.dtype, X, finite=False)
        planned = self._layerwise
        if planned is None:
            with turns.building:
                by_layer = dict(network.forward_pass().by_layer)
                # A layer of dropout does nothing here: its node is the one before it.
                nodes = list(dict.fromkeys(by_layer.values()))
                plan = planner.plan(nodes, parameters=self.parameters, dtype=self.dtype)
                self._layerwise = planned = plan, by_layer
        plan, by_layer = planned
        values = plan.run(dict(zip(network.input_nodes, inputs, strict=True)))
        found = dict(zip(plan.outputs, values, strict=True))
        return {name: found[node].copy() for name, node in by_layer.items()}
