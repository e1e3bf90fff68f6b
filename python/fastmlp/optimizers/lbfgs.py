"""L-BFGS, a quasi-Newton method on all rows at once."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp import _checks


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS (Liu and Nocedal, Math. Programming 45, 1989), SciPy's L-BFGS-B with its line search.

    Each iteration goes along −H J̄, where H approximates the inverse of the Hessian by the last
    `history_size` changes of weights and gradient, as far as the strong Wolfe conditions allow. It
    computes in float64, and needs few hundred iterations where J is the same function each time:
    `fit` takes it with ``batch_size=None`` and without dropout. An epoch is an iteration, for which
    J may be evaluated more than once; history has J after it.

    Every fit begins anew. There are no groups and no average, nor is there a learning rate: line
    search finds it. PyTorch's `LBFGS` has a fixed one by default, and its strong Wolfe line search
    is another.

    Parameters
    ----------
    history_size : int, default 10
        How many changes are remembered, at least 1: 2 vectors in float64 each.
    gradient_tolerance : float, default 1e-5
        Stop where no element of J̄ is larger, at least 0.
    loss_tolerance : float, default 1e-9
        Stop where an iteration makes J smaller by less than this part of it, at least 0.
    line_search_steps : int, default 20
        How often J may be evaluated in an iteration, at least 1.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong type or outside its range.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
    >>> X = [[0.0], [0.5], [1.0]]
    >>> how = {"optimizer": fm.LBFGS(), "batch_size": None, "epochs": 50}
    >>> model.fit(X, [0.0, 0.25, 1.0], **how)["loss"][-1] < 1e-4
    True
    """

    history_size: int = 10
    gradient_tolerance: float = 1e-5
    loss_tolerance: float = 1e-9
    line_search_steps: int = 20

    def __post_init__(self) -> None:
        _checks.integer(self.history_size, "history_size", at_least=1, at_most=1 << 20)
        _checks.real(self.gradient_tolerance, "gradient_tolerance", at_least=0)
        _checks.real(self.loss_tolerance, "loss_tolerance", at_least=0)
        _checks.integer(self.line_search_steps, "line_search_steps", at_least=1, at_most=1 << 20)
