"""The targets of a regressor: checked, and scored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, losses
from fastmlp.data import arrays, frames
from fastmlp.data.reading import as_known
from fastmlp.estimators.base import BaseMLP
from fastmlp.estimators.objectives import PeerObjective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples

    Array = NDArray[Any]


class NumberedMLP(BaseMLP):
    """The part of `MLPRegressor` that knows targets."""

    # Of the regressor.
    loss: Any
    quantile: Any
    delta: float

    _y_numeric = True

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array]:
        return self._read(X, y, reset=reset)

    def _out_activation(self) -> str:
        return "exp" if self._counts else "identity"

    @property
    def _counts(self) -> bool:
        """Whether the targets are counts and the outputs their means."""
        loss = self._chosen_loss
        given = isinstance(loss, losses.Poisson) and not loss.log_rate
        return bool(given or loss == "poisson")

    def _check_targets(self, y: Any, name: str) -> Any:
        frames.refuse_dates(y, name)
        given = np.asarray(y)
        if given.dtype.kind in "STU":
            raise TypeError(f"{name} must hold numbers, got text (dtype {given.dtype})")
        return as_known(y)

    def _encode(self, y: Array, name: str = "y") -> Array:
        y = np.asarray(y)
        arrays.check_finite(y, name, y.dtype)
        if self._is_quantile and y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(f"loss='quantile' needs one target, {name} has {y.shape[1]} columns")
        if self._counts and (y < 0).any():
            raise ValueError(f"loss='poisson' needs {name} >= 0; the smallest is {y.min()}")
        return y.reshape(len(y), -1)

    @property
    def _is_quantile(self) -> bool:
        loss = self._chosen_loss
        return bool(loss == "quantile" or isinstance(loss, losses.Quantile))

    def _quantiles(self) -> tuple[float, ...]:
        if isinstance(self.loss, losses.Quantile):
            if self.quantile != 0.5:
                raise ValueError(
                    f"quantile={self.quantile!r} has no effect beside loss={self.loss!r}, which "
                    "has quantiles of its own: leave it out"
                )
            return self.loss.levels
        given = np.atleast_1d(np.asarray(self.quantile, object)).tolist()
        quantiles = tuple(_checks.real(q, "quantile") for q in given)
        if not quantiles or not all(0 < q < 1 for q in quantiles):
            raise ValueError(f"quantile must lie between 0 and 1, got {self.quantile!r}")
        if len(set(quantiles)) < len(quantiles):
            raise ValueError(f"quantile must hold each quantile once, got {self.quantile!r}")
        return quantiles

    def _count_outputs(self, target: Array) -> int:
        return len(self._quantiles()) if self._is_quantile else int(target.shape[1])

    def _objective(self) -> PeerObjective:
        delta, quantile = float(self.delta), self._quantiles()
        return replace(super()._objective(), delta=delta, quantile=quantile)

    def _check_scorable(self, held_out: Examples) -> None:
        weight = np.ones(held_out.rows) if held_out.weight is None else held_out.weight
        if np.count_nonzero(weight) < 2:
            raise ValueError(
                "X_val needs at least two rows whose weight is not 0: the score of fewer, which "
                "early_stopping follows, is not defined"
            )

    def _score_outputs(self, output: Array, target: Array, weight: Array | None) -> float:
        from sklearn.metrics import d2_pinball_score, r2_score

        if not np.isfinite(output).all():
            return float("nan")
        if not self._several_quantiles:
            return float(r2_score(target, output, sample_weight=weight))
        scores = [
            d2_pinball_score(target[:, 0], column, sample_weight=weight, alpha=quantile)
            for quantile, column in zip(self._quantiles(), output.T, strict=True)
        ]
        return float(np.mean(scores))

    @property
    def _several_quantiles(self) -> bool:
        return self._is_quantile and len(self._quantiles()) > 1
