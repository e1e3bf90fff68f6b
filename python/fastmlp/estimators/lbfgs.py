"""Training by L-BFGS: SciPy's minimiser on the flat vector of the parameters, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.estimators.examples import penalty
from fastmlp.training import minimiser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.planner.parameters import Parameters
    from fastmlp.training.trainer import Compiled

    Array = NDArray[Any]


class WholeLoss:
    """Loss of all data and its gradient, as a function of the flat vector.

    The core adds up the losses of the rows; the penalty is added here.

    Parameters
    ----------
    compiled : Compiled
        The sum of the losses of the examples, see `PeerObjective.total`.
    network : Network
        Which parameters are weights.
    alpha : float
        Of the penalty ½ α ‖W‖² / n, or / Σ w.
    data : Examples
        All examples.
    """

    def __init__(self, compiled: Compiled, network: Network, alpha: float, data: Examples) -> None:
        self._parameters = compiled.plan.parameters
        self._total = float(data.rows if data.weight is None else data.weight.sum(dtype=np.float64))
        self._sum = compiled.plan.loss_function(compiled.feeds(data))
        self._decay = penalty(alpha, data.exponent, np.float64) * _mask(self._parameters)

    def __call__(self, flat: Array) -> tuple[float, Array]:
        """Return (Σ w L + ½ α ‖W‖²) / Σ w and its gradient."""
        self._parameters.flat[:] = flat
        loss, gradient = self._sum()
        decayed = self._decay * flat
        loss += 0.5 * float(decayed @ flat)
        gradient += decayed
        gradient /= self._total
        return loss / self._total, gradient


def _mask(parameters: Parameters) -> Array:
    """Return 1 where the flat vector holds a weight, 0 at biases and padding."""
    mask = parameters.new_vector()
    for node, role in parameters.roles.items():
        if role == "weight":
            parameters.view(node, mask)[...] = 1.0
    return mask


def minimise(estimator: Any, compiled: Compiled, data: Examples) -> None:
    """Train the estimator's model; sets `n_iter_` and `loss_`.

    Raises
    ------
    ValueError
        If the loss or a weight became NaN or infinite.
    """
    from sklearn.utils.optimize import _check_optimize_result

    model = estimator.model_
    loss = WholeLoss(compiled, model.network, estimator.alpha, data)
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    result = minimiser.minimise(
        loss, model.parameters.flat, options=options, verbose=bool(estimator.verbose)
    )
    estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    estimator.loss_ = result.fun
    if not (np.isfinite(result.x).all() and np.isfinite(result.fun)):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            "values and need to be preprocessed."
        )
    model.parameters.flat[:] = result.x
