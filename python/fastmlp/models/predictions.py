"""What a model answers: its outputs, and what each layer puts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner
from fastmlp.data import arrays
from fastmlp.models.derivatives import Differentiable
from fastmlp.networks import examples
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]


def not_planned(X: Any, out: Any) -> Any:
    """Stand in for the plan of `predict` until there is one."""
    return NotImplemented


class Predicting(Differentiable):
    """A model that can be asked; a base of `Model`."""

    def _forget_plans(self) -> None:
        super()._forget_plans()
        self._inference: planner.Plan | None = None
        # Of arrays that the core reads in place; the other is asked, and rests while a fit is on.
        self._predictor: Callable[[Any, Array | None], Any] = not_planned
        self._predict: Callable[[Any, Array | None], Any] = not_planned

    def predict(self, X: Any, out: Array | None = None) -> Array:
        """Return the output of the network for each row.

        Parameters
        ----------
        X : array-like, shape (rows, columns)
            Inputs, as for `fit`.
        out : ndarray, shape (rows, output columns), optional
            Where to write the result: C-contiguous, of the model's type.

        Returns
        -------
        ndarray, shape (rows, output columns)
            Of the model's type; `out` if given. Class probabilities for a softmax output: the class
            is ``predict(X).argmax(axis=1)``.

        Raises
        ------
        TypeError, ValueError
            If `X` or `out` has the wrong kind or shape.

        Notes
        -----
        Arrays of numbers go straight to the core, which converts them: about a microsecond for one
        row of a small network.

        Values are not looked at, whatever `X` is: a row with NaN has NaN in its result, a row with
        infinity (or what is infinite in the model's type) has what arithmetic makes of it, and no
        other row differs. `fit` and `evaluate` refuse such data, and so do the estimators, as those
        of scikit-learn do.

        Examples
        --------
        >>> import fastmlp as fm
        >>> fm.MLP([2, 3, 1], output="logistic", seed=0).predict([[0.5, 1.0], [2.0, 0.0]]).shape
        (2, 1)
        """
        result = self._predict(X, out)
        if result is not NotImplemented:
            return result  # type: ignore[no-any-return]
        return self._predict_any(X, out)

    def _predict_any(self, X: Any, out: Array | None) -> Array:
        """Check kind and shape of the data, then let the core convert and predict it."""
        turns.check(self, "predict")
        with self._network_of(X) as network:
            inputs = examples.network_inputs(network, self.dtype, X, finite=False)
            shape = len(inputs[0]), network.output_columns
            result = np.empty(shape, self.dtype)
            if out is not None:
                result = arrays.output(out, shape, self.dtype)
        plan = self._inference_plan()
        plan.run(dict(zip(network.input_nodes, inputs, strict=True)), out=[result])
        return result

    def _inference_plan(self) -> planner.Plan:
        """Return the plan of the output, made when first needed."""
        if self._inference is None:
            with turns.building:
                plan = planner.plan([self.graph], parameters=self.parameters, dtype=self.dtype)
                if len(self.network.inputs) == 1:
                    self._predictor = plan.predictor()
                if self._turn is None or not self._turn.live:
                    self._predict = self._predictor
                self._inference = plan
        return self._inference

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
        _, by_layer = network.forward(training=False)
        # A layer of dropout does nothing here: its node is the one before it, wanted only once.
        nodes = list(dict.fromkeys(by_layer.values()))
        plan = planner.plan(nodes, parameters=self.parameters, dtype=self.dtype)
        values = plan.run(dict(zip(network.input_nodes, inputs, strict=True)))
        found = dict(zip(nodes, values, strict=True))
        return {name: found[node].copy() for name, node in by_layer.items()}
