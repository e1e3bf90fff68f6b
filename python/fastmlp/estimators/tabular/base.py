"""What the estimators of tables have in common: tables in, fitting, importances, files."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastmlp import _checks, _core
from fastmlp.data.table import Preprocessing
from fastmlp.estimators.checking import advising, check_numbers, naming
from fastmlp.estimators.tabular import judging, saving, tables
from fastmlp.estimators.tabular.doubting import ENOUGH
from fastmlp.estimators.tabular.exporting import ExportedTable
from fastmlp.estimators.tabular.fitted import Fitted
from fastmlp.estimators.tabular.fitting import fit_tables
from fastmlp.estimators.tabular.habits import OF_ANSWERS
from fastmlp.estimators.tabular.importances import MOST_ROWS, REPEATS, HeldOut, Judge, permuted
from fastmlp.estimators.tabular.recipe import QUALITIES, choose
from fastmlp.estimators.tabular.watching import Watch
from fastmlp.training import warned

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.data.columns.words import Note

    Array = NDArray[Any]
    # Rows as networks read them, their targets, and their weights.
    Data = tuple[Array, Array, Array | None]


class BaseTabular(ExportedTable, BaseEstimator):  # type: ignore[misc]
    """Base of `TabularClassifier` and `TabularRegressor`; not for use by itself."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  (scikit-learn's protocol)
        "quality": [StrOptions(set(QUALITIES))],
        "n_members": [Interval(Integral, 1, None, closed="left"), None],
        "epochs": [Interval(Integral, 1, 1 << 20, closed="both"), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "kinds": [dict, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "random_state": ["random_state"],
        "n_threads": [Interval(Integral, 1, _core.format.most_threads, closed="both"), None],
        "verbose": ["verbose", StrOptions({"auto"})],
    }

    # Of the estimators.
    metric: str
    quality: str
    n_members: int | None
    epochs: int | None
    time_limit: float | None
    kinds: dict[str, str] | None
    validation_fraction: float | None
    random_state: Any
    n_threads: int | None
    verbose: Any
    _importances: Array | None
    _held_out: HeldOut

    # What the two kinds of estimators decide.

    _task: str

    def _quantiles(self) -> tuple[float, ...]:
        return ()

    def _check_targets(self, y: Any, name: str) -> Any:
        """Return targets that can be indexed by rows, or raise."""
        raise NotImplementedError

    def _check_labels(self, y: Any, name: str) -> Any:
        """Return targets of the rows that count, or raise for one of them."""
        return y

    def _read_targets(self, y: Any, name: str) -> Any:
        """Return checked targets in the form that what follows asks for them."""
        return y

    def _learn_targets(self, y: Any, name: str, decimal: str | None, note: Note) -> dict[str, Any]:
        """Return what is learned of targets, as attributes; the decimal sign is the table's."""
        raise NotImplementedError

    def _encode(self, y: Any, found: Mapping[str, Any], name: str) -> Array:
        """Return targets as networks are trained on them; errors call them by their name."""
        raise NotImplementedError

    def _decode(self, y: Array, found: Mapping[str, Any]) -> Array:
        """Return what networks put out, or targets they are trained on, in the targets' units."""
        raise NotImplementedError

    def _true(self, t: Array, found: Mapping[str, Any]) -> Array:
        """Return targets of rows that are not trained on in the targets' units."""
        return self._decode(t, found)

    def _weigh(self, y: Any, weights: Array | None, found: Mapping[str, Any]) -> Array | None:
        return weights

    def _also_learned(self, rows: HeldOut, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return what else is learned of held-out rows, as attributes."""
        return {}

    def _nothing(self, found: Mapping[str, Any]) -> str:
        """Say what predicts without a model."""
        raise NotImplementedError

    # Fitting.

    def _validate_params(self) -> None:
        check_numbers(self)
        with advising(self):
            super()._validate_params()

    def _fit(
        self, X: Any, y: Any, weight: Any, eval_set: Any, X_val: Any, y_val: Any, weight_val: Any
    ) -> None:
        begin = time.monotonic()
        quantiles = self._quantiles()
        given = tables.validation(eval_set, X_val, y_val, weight_val, self.validation_fraction)
        data, found = self._prepared(self._rows(X, y, weight, ""))
        held = None if given is None else self._held(given, found)
        found["_seed"] = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        fitted = self._trained(data, held, found, quantiles, begin)
        found |= {
            "n_members_": fitted.members,
            "stopped_": fitted.stopped,
            "metadata_": {},
            "_fitted": fitted,
            "_importances": None,
        }
        seen = self._seen(fitted, held or data, found, given=held is not None)
        found |= self._judged(seen, data[1], data[2], found)
        fitted.folds = fitted.unchosen = None  # as long as the table
        self._adopt(found)

    def _prepared(self, rows: tables.Rows) -> tuple[Data, dict[str, Any]]:
        """Return rows as networks read them, and what was learned of columns, as attributes."""
        if rows.table.rows < 2:
            raise ValueError("X has 1 sample, of weight above 0; at least 2 rows are needed")
        notes: list[str] = []
        prepare, table = Preprocessing.learn_and_read(rows.table, self.kinds, notes.append)
        names = list(rows.table.columns)
        found: dict[str, Any] = {
            "preprocessing_": prepare,
            "n_features_in_": len(names),
            **({"feature_names_in_": np.array(names, object)} if rows.has_names else {}),
            **self._learn_targets(rows.y, rows.target, prepare.decimal, notes.append),
            "notes_": tuple(notes),
        }
        X, t = prepare.transform(table), self._encode(rows.y, found, rows.target)
        return (X, t, self._weigh(rows.y, rows.weights, found)), found

    def _trained(
        self,
        data: Data,
        held: Data | None,
        found: Mapping[str, Any],
        quantiles: tuple[float, ...],
        begin: float,
    ) -> Fitted:
        """Return networks that have learned from the data since `begin`."""
        X, t, weights = data
        layout = found["preprocessing_"].layout
        classes = len(found.get("classes_", ()))
        recipe = choose(
            len(t),
            self._task,
            metric=self.metric,
            quality=self.quality,
            n_members=self.n_members,
            epochs=self.epochs,
            quantiles=quantiles,
            validation_fraction=self.validation_fraction,
            classes=classes,
            columns=layout.numbers + layout.flags,
        )
        with Watch(self.verbose) as watch:
            return fit_tables(
                X,
                layout,
                t,
                weights,
                recipe,
                found["_seed"],
                classes=classes,
                eval=held,
                deadline=None if self.time_limit is None else begin + self.time_limit,
                n_threads=self.n_threads,
                progress=watch if watch.shows else None,
            )

    def _adopt(self, found: dict[str, Any]) -> None:
        """Take attributes in the place of those of an earlier fit."""
        # Some of them may have no successor, such as the names of columns.
        kept = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        self.__dict__ = kept | found  # at once: other threads may be predicting

    def _rows(self, X: Any, y: Any, weight: Any, suffix: str) -> tables.Rows:
        owner = type(self).__name__
        checks = self._check_targets, self._check_labels
        rows = tables.rows_of(X, y, weight, suffix, checks, owner)
        return replace(rows, y=self._read_targets(rows.y, rows.target))

    def _held(
        self, given: tuple[Any, Any, Any], found: Mapping[str, Any], suffix: str = "_val"
    ) -> Data:
        """Return rows that are not trained on, prepared as those that are."""
        rows = self._rows(*given, suffix)
        prepare, had_names = found["preprocessing_"], "feature_names_in_" in found
        names = f"X{suffix}", type(self).__name__
        table = tables.matched(rows.table, rows.has_names, prepare, had_names, *names)
        t = self._encode(rows.y, found, rows.target)
        with naming(f"X{suffix}") if suffix else nullcontext():
            X = prepare.transform(table, tables.warn_if_strange)
        return X, t, self._weigh(rows.y, rows.weights, found)

    def _seen(self, fitted: Fitted, rows: Data, found: dict[str, Any], *, given: bool) -> HeldOut:
        """Return the rows that were held out."""
        X, t, weights = rows
        unchosen = np.asarray(fitted.unchosen)
        if given:  # they are judged by what is predicted of them
            y = fitted.predict(X, n_threads=self.n_threads)
            held = HeldOut(X, self._true(t, found), y, unchosen, weights, fitted, None)
            return held if weights is None else held.at(np.flatnonzero(weights > 0))
        t = self._decode(t, found)
        held = HeldOut(X, t, unchosen, unchosen, weights, fitted, fitted.folds)
        return held.at(held.known)

    def _judged(
        self, rows: HeldOut, t: Array, weights: Array | None, found: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what held-out rows say, as attributes; warn if the networks say nothing."""
        also = self._also_learned(rows, found)
        if not len(rows):  # too few to hold any out
            nothing = {"validation_score_": math.nan, "baseline_score_": math.nan}
            return {**nothing, "_held_out": rows, **also}
        judge = self._judge(found)
        constant = judging.constant(
            self.metric,
            self._decode(t, found),
            weights,
            judge.quantiles,
            classes=len(found.get("classes_", ())),
        )
        constant = np.broadcast_to(constant, (len(rows), constant.shape[1]))
        score = judge(rows.t, rows.y, rows.weights)
        baseline = judging.score(self.metric, rows.t, constant, rows.weights, judge.quantiles)
        said = not found["_fitted"].evidence < ENOUGH
        if not (np.isnan(score) or (said and judging.is_better(self.metric, score, baseline))):
            why = "the probabilities do say something of the classes, see metric='log_loss'"
            if not said or "classes_" not in found:
                why = "the columns may say nothing of the target"
            warned.warn(
                f"the model is no better than {self._nothing(found)}, as far as "
                f"{len(rows):,} held-out rows can tell: {self.metric} {score:.4g} on these, and "
                f"{baseline:.4g} without a model; {why}",
                UserWarning,
            )
        return {
            "validation_score_": score,
            "baseline_score_": baseline,
            "_held_out": rows.some(MOST_ROWS, found["_seed"]),
            **also,
        }

    def _judge(self, found: Mapping[str, Any]) -> Judge:
        recipe = found["_fitted"].recipe  # parameters may have been set anew since
        return Judge(recipe.metric, recipe.quantiles, lambda y: self._decode(y, found))

    # What predictions rest on.

    @property
    def held_out_(self) -> tuple[Array, Array]:
        """Targets of held-out rows, and what networks that were not trained on these say of them.

        Labels and probabilities (rows, classes), or numbers and predictions, at epochs that the
        rows did not choose; of the rows of `eval_set` what is predicted. At most 1,000 rows, drawn
        by chance; they go neither into files nor into pickles.

        Raises
        ------
        AttributeError
            If the estimator comes from a file.
        """
        check_is_fitted(self, "preprocessing_")
        rows = self._held_out
        if rows is None:
            raise AttributeError("the estimator comes from a file, which holds no rows")
        found = vars(self)
        t, y = rows.t, self._decode(rows.y, found)
        if "classes_" in found:
            return found["classes_"][t.astype(np.intp)], y
        return (t, y) if y.shape[1:] != (1,) else (t.ravel(), y.ravel())

    @property
    def feature_importances_(self) -> Array:
        """How much worse `metric` is on held-out rows when a column is permuted: (n_features,).

        In the order of `feature_names_in_`, the mean of 3 permutations of at most 1,000 rows.
        Computed when first asked for, from rows that the fit has kept, or when the estimator is
        pickled or saved, since these rows do not go into files. NaN if none could be held out.
        """
        check_is_fitted(self, "preprocessing_")
        if self._importances is None:
            rows = self._held_out
            self._importances = (
                self._permuted(rows, REPEATS).mean(axis=1)
                if len(rows)
                else np.full(self.n_features_in_, np.nan)
            )
        found: Array = self._importances.copy()
        return found

    @_checks.taught(OF_ANSWERS)
    def importances(
        self, X: Any, y: Any, sample_weight: Any = None, *, n_repeats: int = 5
    ) -> Array:
        """Return how much worse `metric` is on these rows when a column is permuted.

        Parameters
        ----------
        X : table
            Rows that were not trained on; of trained ones it would be what the networks have
            learned by heart.
        y : array-like or str
            Their targets, or the name of their column in X.
        sample_weight : array-like of shape (rows,), optional
        n_repeats : int, default 5
            How often each column is permuted.

        Returns
        -------
        ndarray of shape (n_features, n_repeats)
            In the order of `feature_names_in_`: accuracy or AUC lost; log loss, RMSE, absolute
            error or pinball loss gained, in the target's units. 0 for columns that are not used.
        """
        check_is_fitted(self, "preprocessing_")
        n_repeats = _checks.integer(n_repeats, "n_repeats", at_least=1)
        found = vars(self)
        features, t, weights = self._held((X, y, sample_weight), found, "")
        y = self._fitted.predict(features, n_threads=self.n_threads)
        t = self._true(t, found)
        return self._permuted(HeldOut(features, t, y, y, weights, self._fitted, None), n_repeats)

    def _permuted(self, rows: HeldOut, repeats: int) -> Array:
        found = self.preprocessing_.places
        columns = [found.get(name, ()) for name in self.preprocessing_.seen]
        judge = self._judge(vars(self))
        return permuted(rows, columns, judge, self._seed, repeats, self.n_threads)

    # Objects and files.

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__()}
        if state.get("_held_out") is not None:
            state["_importances"] = self.feature_importances_
            state["_held_out"] = None  # rows of the training data
        return state

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted estimator to a file, from which `fastmlp.load` reads it.

        One safetensors file with all that predictions need: how columns become numbers, networks,
        labels, intervals, importances, notes and `metadata_`; no rows of the training data, but the
        categories and labels that there are and the examples in `notes_`; no pickle.

        Parameters
        ----------
        path : path-like
            Where to; the name must not end as other formats do.

        Raises
        ------
        ValueError
            If `metadata_` is not JSON, or the name promises another format.
        OSError
            If the file cannot be written; then what was there is as before.
        """
        check_is_fitted(self, "preprocessing_")
        saving.save(self, path)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags
