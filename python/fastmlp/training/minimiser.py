"""SciPy's L-BFGS-B on the flat vector of parameters, in float64."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]


def minimise(
    function: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    options: dict[str, Any],
    callback: Callable[[Array], None] | None = None,
    verbose: bool = False,
) -> Any:
    """Return SciPy's result of minimising a function from a start on.

    Parameters
    ----------
    function : callable
        Value and gradient at a vector.
    start : ndarray
        The first vector.
    options : dict
        Those of ``scipy.optimize.minimize(method="L-BFGS-B")``.
    callback : callable, optional
        Called with the vector after each iteration; what it raises ends the minimisation.
    verbose : bool
        Whether SciPy prints, where it can.
    """
    import scipy
    from scipy.optimize import minimize

    # SciPy prints nothing from 1.15 on, and warns where it is asked to.
    prints = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)
    if prints:
        options = {**options, "iprint": 1 if verbose else -1}
    # The vectors are too short for BLAS to share, but its threads would spin for 0.1 s after each
    # call, on the very cores that the loss is computed on: then a fit takes seven times as long.
    run: Any = minimize
    told = {} if callback is None else {"callback": callback}
    with _thread_pools().limit(limits=1, user_api="blas"):
        return run(
            function,
            start.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            options=options,
            **told,
        )


@functools.cache
def _thread_pools() -> Any:
    """Return the libraries that have threads; SciPy's minimiser is loaded by now, with its BLAS."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
