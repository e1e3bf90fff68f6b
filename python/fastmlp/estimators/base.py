"""What classifier and regressor have in common: checking, fitting, predicting, pickling."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from fastmlp import _checks, _core, activations, config, optimizers, planner
from fastmlp.callbacks import as_callbacks
from fastmlp.data import arrays, frames
from fastmlp.estimators import lbfgs, network
from fastmlp.estimators.checking import (
    advising,
    are_plain,
    as_before_unless_right,
    check_numbers,
    check_range,
    checked_weight,
    is_plain,
    is_unreadable,
    naming,
)
from fastmlp.estimators.chosen import SOLVERS, check_loss, check_solver
from fastmlp.estimators.examples import as_feed, examples
from fastmlp.estimators.exporting import Exported
from fastmlp.estimators.habits import ARGUMENTS, ATTRIBUTES, OF_ANSWERS, OF_FIT
from fastmlp.estimators.trained import Trained
from fastmlp.optimizers import LBFGS, Update
from fastmlp.training import turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples

    Array = NDArray[Any]


# Methods whose every keyword is answered, and by what.
_TAUGHT = {
    "__init__": ARGUMENTS,
    "fit": OF_FIT,
    **dict.fromkeys(("predict", "score"), OF_ANSWERS),
}


@_checks.has_not(ATTRIBUTES)
class BaseMLP(Exported, Trained, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of `MLPClassifier` and `MLPRegressor`; not for use by itself."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  (scikit-learn's protocol)
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [
            StrOptions(activations.NAMES),  # the set itself: it grows with `register`
            "array-like",
            callable,
        ],
        "solver": [StrOptions(SOLVERS), Update, LBFGS],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose", StrOptions({"bar"})],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "keep_optimizer": ["boolean"],
        "callbacks": [list, tuple, None],
        "dtype": [StrOptions({"float32", "float64"}), type, np.dtype, None],
        "n_threads": [Interval(Integral, 1, _core.format.most_threads, closed="both"), None],
    }

    @classmethod
    @functools.cache
    def _get_param_names(cls) -> list[str]:
        """Return scikit-learn's list, which it makes anew of the signature each time it asks."""
        names: list[str] = super()._get_param_names()
        return names

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if _checks.is_ours(cls):
            for name, instead in _TAUGHT.items():
                if name in vars(cls):
                    setattr(cls, name, _checks.taught(instead)(vars(cls)[name]))

    # What the two kinds of estimators decide.

    _y_numeric = False

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _quantiles(self) -> tuple[float, ...]:
        return ()

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array]:
        raise NotImplementedError

    def _encode(self, y: Array, name: str = "y") -> Array:
        raise NotImplementedError

    # Fitting.

    def _validate_params(self) -> None:
        if isinstance(self.solver, type):
            optimizers.get(self.solver, "solver")  # which says to write AdamW() for AdamW
        check_numbers(self)
        with advising(self):
            super()._validate_params()
        self._quantiles()
        check_solver(self)
        as_callbacks(self.callbacks or [])
        for rate in np.atleast_1d(np.asarray(self.dropout, object)).tolist():
            _checks.real(rate, "dropout", at_least=0, below=1)

    def _hidden_sizes(self) -> list[int]:
        listed = _checks.listed(self.hidden_layer_sizes)
        sizes = [self.hidden_layer_sizes] if listed is None else listed
        if not all(isinstance(size, Integral) for size in sizes):
            raise TypeError(f"hidden_layer_sizes must hold integers, got {sizes}")
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        incremental: bool,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        turn = turns.Turn("partial_fit" if incremental else "fit")
        try:
            turn.take(self)
            first()
            self._fit_alone(turn, X, y, sample_weight, validation, incremental)
        finally:
            turn.live = False

    def _fit_alone(
        self,
        turn: turns.Turn,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        incremental: bool,
    ) -> None:
        hidden = self._hidden_sizes()
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        names = [
            "y",
            "X",
            "sample_weight",
            "y_val",
            "X_val",
            "sample_weight_val",
            "class_weight",
            "loss",
        ]
        with config.own_threads(self.n_threads):
            with as_before_unless_right(self):
                with naming(*names):
                    X, y = self._validate_input(X, y, incremental, reset=first_pass)
                    weight, exponent = checked_weight(sample_weight, X)
                    weight = self._weighted_classes(y, weight, incremental)
                    known = None if first_pass else getattr(vars(self).get("_model"), "dtype", None)
                    dtype = np.dtype(self.dtype or known or X.dtype)
                    data = examples(X, self._encode(y), weight, dtype, exponent)
                    check_range(X, "X", dtype)
                    check_range(data.target, "y", dtype)
                    columns = data.target.shape[1]
                    output = vars(self).get("out_activation_") if not first_pass else None
                    outputs = self._count_outputs(data.target)
                    check_loss(
                        self._objective(), output or self._out_activation(), outputs, columns
                    )
                    held_out = self._check_validation(*validation, columns, dtype)
                self._random_state = check_random_state(self.random_state)
                self.n_outputs_ = outputs
                units = [X.shape[1], *hidden, self.n_outputs_]
                if first_pass:
                    self._initialize(units, X.dtype)
                else:
                    if "_model" in vars(self):  # which others may have kept
                        turn.take(self._model)
                    self._read_weights()
                    self._check_units(units)
            if self.solver == "lbfgs":
                lbfgs.minimise(self, self._compiled_total(data), data)
            elif not (incremental and self.early_stopping and self.stopped_):
                self._fit_stochastic(data, held_out, incremental)

    def _weighted_classes(self, y: Array, weight: Array | None, incremental: bool) -> Array | None:
        return weight

    def _count_outputs(self, target: Array) -> int:
        return int(target.shape[1])

    def _check_units(self, units: list[int]) -> None:
        shapes = [coef.shape for coef in self.coefs_]
        if shapes != list(itertools.pairwise(units)):
            raise ValueError(
                f"the layers have the sizes {[*(rows for rows, _ in shapes), shapes[-1][1]]}, but "
                f"{units} are asked for now: partial_fit, and fit with warm_start=True, keep the "
                "layers; fit with warm_start=False makes new ones"
            )

    def _check_validation(
        self, X: Any, y: Any, sample_weight: Any, columns: int, dtype: np.dtype[Any]
    ) -> Examples | None:
        """Return the user's own validation data, or None."""
        if (X is None) != (y is None) or (X is None and sample_weight is not None):
            raise ValueError("X_val and y_val go together, and sample_weight_val with them")
        if X is None:
            return None
        if self.solver == "lbfgs":
            raise ValueError("X_val is for solvers with epochs, not for 'lbfgs': leave it out")
        X, y = self._read(X, y, reset=False, suffix="_val")
        weight, _ = checked_weight(sample_weight, X, "sample_weight_val")
        target = self._encode(y, "y_val")
        if target.shape[1] != columns:
            raise ValueError(f"y_val has {target.shape[1]} columns, y has {columns}")
        check_range(X, "X_val", dtype)
        check_range(target, "y_val", dtype)
        return examples(X, target, weight, np.float64)

    def _read(self, X: Any, y: Any, *, reset: bool, suffix: str = "") -> tuple[Any, Array]:
        """Check data and targets, of training or (with their suffix) of validation."""
        frames.refuse_dates(X, f"X{suffix}")
        if y is not None:
            with naming(f"y{suffix}"):
                if self._y_numeric and arrays.is_sparse(y):
                    raise TypeError(f"y{suffix} is a sparse matrix; expected a dense array")
                y = self._check_targets(y, f"y{suffix}")
        if is_plain(X, self, reset=reset) and are_plain(y, X, numbers=self._y_numeric):
            if reset:
                validate_data(self, X, y, reset=True, skip_check_array=True)  # learns the columns
            return X, y
        with naming(
            *(f"X{suffix}", f"y{suffix}"),
            first_wrong=lambda: is_unreadable(X, None if reset else self),
            rows=suffix and f"X{suffix} and y{suffix}",
        ):
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse=["csr", "csc"],
                multi_output=True,
                y_numeric=self._y_numeric,
                dtype=(np.float64, np.float32),
                reset=reset,
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _check_targets(self, y: Any, name: str) -> Any:
        """Return targets for scikit-learn's checks; raise for what they let through or crash on."""
        raise NotImplementedError

    def _initialize(self, units: list[int], dtype: Any) -> None:
        """Draw the weights and forget what earlier fits have recorded."""
        dtype = np.dtype(dtype if self.dtype is None else self.dtype)
        weights = network.initial_weights(units, self.activation, self._random_state)
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(units)
        self.out_activation_ = self._out_activation()
        self._adopt(units, weights, dtype)
        if self.solver != "lbfgs":
            self._begin_records(anew=True)

    # Predicting.

    def _hidden_plan(self, layer: int) -> planner.Plan:
        """Return the plan of what a hidden layer puts out, by its number."""
        model = self._model

        def make() -> planner.Plan:
            _, by_layer = model.network.forward(training=False)
            name = network.dense_layers(model)[layer].name
            return planner.plan([by_layer[str(name)]], parameters=model.parameters)

        return self._trainer.plans.get(("transform", layer), None, make)

    def _outputs(self, X: Any, layer: int | None = None) -> Array:
        """Return the output, or what a layer puts out, for checked data; a part of a read."""
        result: Array
        with config.own_threads(self.n_threads):
            if layer is None:
                result = self._model.predict(X)
            else:
                turns.check(self._model, "predict")
                x = self._model.network.input_nodes[0]
                result = self._hidden_plan(layer).run({x: as_feed(X)})[0]
        return result

    def _checked(self, X: Any) -> Any:
        check_is_fitted(self, "coefs_")
        self._read_weights()
        if not is_plain(X, self):
            frames.refuse_dates(X, "X")
            with naming("X"):
                X = validate_data(
                    *(self, X),
                    accept_sparse=["csr", "csc"],
                    dtype=(np.float64, np.float32),
                    reset=False,
                )
        check_range(X, "X", self._model.dtype)
        return X

    @turns.reads("transform")
    @_checks.taught(OF_ANSWERS)
    def transform(self, X: Any, layer: int = -1) -> Array:
        """Return what a hidden layer puts out: the features that the network has learned.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        layer : int, default -1
            Which hidden layer, from 0 for the first to -1 for the last.

        Returns
        -------
        ndarray of shape (n_samples, units)
            The activations of the layer's units.

        Raises
        ------
        ValueError
            If there is no such layer, or no hidden one at all.
        """
        X = self._checked(X)
        count = self.n_layers_ - 2
        if count == 0:
            raise ValueError("transform returns what a hidden layer puts out, and there is none")
        if _checks.whole(layer) not in range(-count, count):
            raise ValueError(
                f"layer must be an integer from {-count} to {count - 1}, got {layer!r}"
            )
        return self._outputs(X, layer % count)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return names for the columns of `transform`: those of the last hidden layer.

        Parameters
        ----------
        input_features : ignored
            Only here for scikit-learn's conventions.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "coefs_")
        prefix = type(self).__name__.lower()
        width = self.coefs_[-1].shape[0]
        return np.array([f"{prefix}{i}" for i in range(width)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def is_stochastic(estimator: Any) -> bool:
    """Return True if the solver goes by batches, as `partial_fit` must; else AttributeError."""
    if isinstance(estimator.solver, str) and estimator.solver not in SOLVERS - {"lbfgs"}:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True
