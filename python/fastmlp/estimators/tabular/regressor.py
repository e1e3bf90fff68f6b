"""The regressor of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastmlp import _checks
from fastmlp.data import frames
from fastmlp.data.columns.read_targets import ReadTargets
from fastmlp.data.columns.targets import RealTargets
from fastmlp.data.reading import read
from fastmlp.estimators.tabular import tables
from fastmlp.estimators.tabular.answers import answers_of, ends
from fastmlp.estimators.tabular.base import BaseTabular
from fastmlp.estimators.tabular.habits import ARGUMENTS, ATTRIBUTES, OF_ANSWERS, OF_FIT
from fastmlp.estimators.tabular.importances import HeldOut
from fastmlp.estimators.tabular.intervals import Conformal
from fastmlp.estimators.tabular.judging import unit_of
from fastmlp.estimators.tabular.one_fit import of_one_fit
from fastmlp.estimators.tabular.recipe import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.data.columns.words import Note

    Array = NDArray[Any]

# What metric="quantile" predicts if nothing else is said.
QUANTILES = (0.1, 0.5, 0.9)


@_checks.has_not(ATTRIBUTES)
class TabularRegressor(RegressorMixin, BaseTabular):  # type: ignore[misc]
    """Numbers from the columns of a table, whatever is in them, without anything to prepare.

    What each column holds is found out, as by `TabularClassifier`. Several networks are trained on
    it and averaged, each until it is best on rows that it is not trained on.

    Parameters
    ----------
    metric : {"rmse", "mae", "quantile"}, default="rmse"
        What to be good at: the root of the mean squared error (predictions are means), the mean
        absolute error (medians), or the pinball loss of `quantiles`.
    quantiles : float, sequence of float or None, default=None
        With metric="quantile": which to predict, ascending; None is (0.1, 0.5, 0.9).
    quality : {"best", "fast"}, default="best"
        Several networks of each kind, or one: faster to fit, and to predict with.
    n_members : int or None, default=None
        How many networks of each kind to average; None goes by `quality`.
    epochs : int or None, default=None
        How long each network is trained at most, its schedules stretched to it; None goes by the
        number of rows. The best epoch is kept, and a network ends early where none comes any more.
    time_limit : float or None, default=None
        Seconds that `fit` may take; then it ends with the best it has. The results then depend on
        how fast the computer is.
    kinds : dict of str to str or None, default=None
        What columns hold, by name, where it is found out wrongly: "number", "category", "flag",
        "date", or "ignore". The columns of a matrix are called x0, x1, ….
    validation_fraction : float or None, default=None
        The share of rows that each network holds out, one part of round(1 / share) and at most half
        of them; None goes by the recipe.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn.
    n_threads : int or None, default=None
        The most threads to use; None is `fastmlp.get_num_threads()`. It changes no result.
    verbose : bool, 0, 1, 2 or "auto", default=0
        Whether `fit` shows a progress bar; 2 prints lines; "auto" shows a bar in a terminal or a
        notebook.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Only if X has names of columns.
    n_outputs_ : int
        How many targets there are.
    feature_importances_ : ndarray of shape (columns,)
        How much worse `metric` is on held-out rows when a column is permuted; see `importances`.
    validation_score_, baseline_score_ : float
        `metric` on held-out rows, each predicted by networks that were not trained on it, at epochs
        that it did not choose (on those of `eval_set`: of what is predicted); and that of the mean,
        the median or the quantiles of all. If the first is not better, `fit` warns.
    preprocessing_ : Preprocessing
        What was learned of each column: its kind, its median, its categories.
    notes_ : tuple of str
        What was noticed about columns: those left out, and why.
    n_members_ : int
        How many networks are averaged.
    stopped_ : str
        "time limit" if that ended the training, else "".
    metadata_ : dict
        Your own JSON values, saved and loaded with the estimator.

    Raises
    ------
    TypeError, ValueError
        From `fit`: if the table, the targets or a parameter is wrong. The message names the column,
        the row and what to do; the estimator is as before.

    Notes
    -----
    The recipe is that of RealMLP (Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024), its numbers
    chosen anew by cross-validation. Predictions keep to the range of the targets in training. Rows
    of ``sample_weight`` 0 are as if they were not there.

    Examples
    --------
    >>> import fastmlp as fm
    >>> flats = {"rooms": [1, 2, 3, 4] * 16, "garden": [True, False] * 32}
    >>> rent = [300 + 100 * r + 50 * g for r, g in zip(flats["rooms"], flats["garden"])]
    >>> reg = fm.TabularRegressor(quality="fast", random_state=0).fit(flats, rent)
    >>> reg.predict({"garden": ["no", "yes"], "rooms": [2, 3]}).shape
    (2,)
    """

    _parameter_constraints = {  # noqa: RUF012  (scikit-learn's protocol)
        **BaseTabular._parameter_constraints,
        "metric": [StrOptions(set(METRICS["numbers"]))],
        "quantiles": ["array-like", Interval(Real, 0, 1, closed="neither"), None],
    }
    _task = "numbers"

    @_checks.taught(ARGUMENTS)
    def __init__(
        self,
        metric: str = "rmse",
        *,
        quantiles: Any = None,
        quality: str = "best",
        n_members: int | None = None,
        epochs: int | None = None,
        time_limit: float | None = None,
        kinds: dict[str, str] | None = None,
        validation_fraction: float | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: Any = 0,
    ) -> None:
        self.metric = metric
        self.quantiles = quantiles
        self.quality = quality
        self.n_members = n_members
        self.epochs = epochs
        self.time_limit = time_limit
        self.kinds = kinds
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @_checks.taught(OF_FIT)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        eval_set: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> TabularRegressor:
        """Learn from a table.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            A data frame of pandas or polars, an Arrow table, a dictionary of columns, or a matrix.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or str
            Numbers, also such as 1.234,50 € in texts; a column for each target, also in a table or
            dictionary, which later are found by their names; or the name of their column in X.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        eval_set : pair (X, y) or list of one pair, optional
            Rows of your own to validate on, instead of such held out of X.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            The same, under the names of `MLPRegressor`.

        Returns
        -------
        TabularRegressor
            The estimator itself.
        """
        self._fit(X, y, sample_weight, eval_set, X_val, y_val, sample_weight_val)
        return self

    def _quantiles(self) -> tuple[float, ...]:
        if self.metric != "quantile":
            if self.quantiles is not None:
                raise ValueError(
                    f"quantiles are predicted with metric='quantile', not with {self.metric!r}; "
                    "see predict_interval for intervals with any metric"
                )
            return ()
        given = QUANTILES if self.quantiles is None else self.quantiles
        found = tuple(
            _checks.real(q, "quantiles", above=0, below=1)
            for q in np.atleast_1d(np.asarray(given, dtype=object)).tolist()
        )
        if not found or list(found) != sorted(set(found)):
            raise ValueError(f"quantiles must be ascending, each there once, got {given!r}")
        return found

    def _check_targets(self, y: Any, name: str) -> Any:
        if fields := frames.fields(y):
            for field in fields:
                frames.refuse_dates(y[field], name)
            return y
        frames.refuse_dates(y, name)
        given = read(y, name)
        if given.ndim not in (1, 2) or 0 in given.shape[1:]:
            raise ValueError(
                f"{name} must have shape (rows,) or (rows, targets), got {given.shape}"
            )
        return y if given.ndim == 1 or frames.is_table(y) else given  # which names its columns

    def _read_targets(self, y: Any, name: str) -> ReadTargets:
        return ReadTargets.of(y, name)

    def _learn_targets(self, y: Any, name: str, decimal: str | None, note: Note) -> dict[str, Any]:
        target, rows = RealTargets.learn(y, name, decimal, note), len(y)
        for one in target.targets:
            low, high = one.low or 0.0, one.high or 0.0
            if not np.isfinite((high - low) * rows):
                raise ValueError(
                    f"the target {one.name!r} goes from {low:g} to {high:g}: the sum of such "
                    f"errors of {rows:,} rows is out of float64's range; divide it by a number"
                )
        return {"_target": target, "n_outputs_": len(target.targets)}

    def _encode(self, y: Any, found: Mapping[str, Any], name: str) -> Array:
        target: RealTargets = found["_target"]
        return target.encode(y, name)

    def _decode(self, y: Array, found: Mapping[str, Any]) -> Array:
        targets = found["_target"].targets
        pairs = zip(targets, np.split(y, len(targets), axis=1), strict=True)
        return np.column_stack([target.decode(block) for target, block in pairs])

    def _true(self, t: Array, found: Mapping[str, Any]) -> Array:
        free = [replace(target, low=None, high=None) for target in found["_target"].targets]
        return np.column_stack([target.decode(t[:, i]) for i, target in enumerate(free)])

    def _nothing(self, found: Mapping[str, Any]) -> str:
        return {"rmse": "the mean", "mae": "the median", "quantile": "the quantiles of all rows"}[
            self.metric
        ]

    def _also_learned(self, rows: HeldOut, found: Mapping[str, Any]) -> dict[str, Any]:
        rows = rows.at(rows.known)
        if not len(rows):
            return {"_intervals": ()}
        lower, upper = ends(self._decode(rows.unchosen, found), found["n_outputs_"])
        t = rows.t.reshape(len(rows), -1)
        each = (
            Conformal.learn(lower[:, i], upper[:, i], t[:, i], rows.weights)
            for i in range(t.shape[1])
        )
        return {"_intervals": tuple(each)}

    @of_one_fit
    @_checks.taught(OF_ANSWERS)
    def predict(self, X: Any) -> Array:
        """Return the number predicted for each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The columns are found by their names, in any order; others than those of `fit` are not
            looked at. Those of a matrix are found by position.

        Returns
        -------
        ndarray of shape (n_samples,), or with more axes
            (n_samples, n_outputs) of several targets; with metric="quantile" a last axis for the
            quantiles, ascending, if there are several.
        """
        return answers_of(self, X).numbers

    @of_one_fit
    @_checks.taught(OF_ANSWERS)
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Return for each row an interval that holds the truth with a probability.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            As for `predict`.
        coverage : float, default 0.9
            The probability, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2), or (n_samples, n_outputs, 2) of several targets
            The lower and the upper end.

        Raises
        ------
        ValueError
            If `coverage` is more than the held-out rows can say: n rows reach n / (n + 1).

        Notes
        -----
        Split conformal prediction: intervals are as wide as errors on held-out rows were, wider
        where errors are usually large. Of new rows like those trained on, `coverage` of all
        intervals hold the truth, whatever the distribution; of rows of one kind it may be fewer
        (Lei et al., JASA 2018). With metric="quantile" they begin at the lowest and the highest
        quantile (Romano, Patterson and Candès, NeurIPS 2019). Held-out rows are predicted at epochs
        that other rows chose; their own choice would make errors look small. That fewer networks
        predict such a row than a new one makes intervals a little too wide: with 60 to 1,000 rows
        of `make_friedman1` to train on, those of 0.9 held 0.90 to 0.92 of new rows on average, and
        0.88 to 0.94 with quality="fast".

        Examples
        --------
        >>> import numpy as np
        >>> import fastmlp as fm
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 2))
        >>> y = X[:, 0] + rng.normal(size=300)
        >>> reg = fm.TabularRegressor(quality="fast", random_state=0).fit(X, y)
        >>> reg.predict_interval(X[:3], coverage=0.8).shape
        (3, 2)
        """
        coverage = _checks.real(coverage, "coverage", above=0, below=1)
        return answers_of(self, X).around(coverage)

    @of_one_fit
    @_checks.taught(OF_ANSWERS)
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how well the predictions fit: R², or D² of several quantiles.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or str
            The true numbers, or the name of their column in X.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            At most 1: R² as of every regressor in scikit-learn; with several quantiles the mean of
            their D² (`sklearn.metrics.d2_pinball_score`), which is 1 less the pinball loss over
            that of the best constant.
        """
        X, y = tables.split(X, y, "y", type(self).__name__)
        check_is_fitted(self, "preprocessing_")
        y = self._check_targets(y, "y")
        rows = len(np.asarray(y))
        weights, _ = tables.weights_of(sample_weight, rows, "sample_weight")
        answers = answers_of(self, X)
        said, quantiles = answers.outputs, answers.subject.quantiles
        check_consistent_length(np.empty(rows), said)
        t = self._target.numbers(tables.counting(y, weights))
        weights, said = tables.of_weight(weights, said)
        # Squares of numbers in units of their own are in range.
        units = np.array([unit_of(column) for column in t.T])
        t, said = t / units, said / np.repeat(units, max(1, len(quantiles)))
        if len(quantiles) < 2:
            return float(r2_score(t, said, sample_weight=weights))
        by_target = said.reshape(len(said), self.n_outputs_, -1)
        scores = [
            d2_pinball_score(t, by_target[:, :, i], sample_weight=weights, alpha=quantile)
            for i, quantile in enumerate(quantiles)
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
