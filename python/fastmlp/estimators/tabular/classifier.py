"""The classifier of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from fastmlp import _checks
from fastmlp.data import frames
from fastmlp.data.columns.sources import text_of
from fastmlp.data.columns.targets import ClassTarget
from fastmlp.data.columns.words import count, place, quoted
from fastmlp.data.reading import as_known, read
from fastmlp.estimators import class_weights
from fastmlp.estimators.labels import check_kinds_of_labels
from fastmlp.estimators.tabular import tables
from fastmlp.estimators.tabular.answers import answers_of
from fastmlp.estimators.tabular.base import BaseTabular
from fastmlp.estimators.tabular.habits import ARGUMENTS, ATTRIBUTES, OF_ANSWERS, OF_FIT
from fastmlp.estimators.tabular.one_fit import of_one_fit
from fastmlp.estimators.tabular.recipe import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.data.columns.words import Note

    Array = NDArray[Any]


@_checks.has_not(ATTRIBUTES)
class TabularClassifier(ClassifierMixin, BaseTabular):  # type: ignore[misc]
    """Classes from the columns of a table, whatever is in them, without anything to prepare.

    Numbers with missing values and outliers, categories, true and false, dates: what each column
    holds is found out. Several networks are trained on it and averaged, each until it is best on
    rows that it is not trained on.

    Parameters
    ----------
    metric : {"accuracy", "log_loss", "auc"}, default="accuracy"
        What to be good at: right labels, right probabilities, or a right order of rows by
        probability.
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
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply `sample_weight`; "balanced" gives all classes the
        same weight. Probabilities and `validation_score_` are then those of rows so weighted.
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
    classes_ : ndarray
        The labels, sorted.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Only if X has names of columns.
    feature_importances_ : ndarray of shape (columns,)
        How much worse `metric` is on held-out rows when a column is permuted; see `importances`.
    validation_score_, baseline_score_ : float
        `metric` on held-out rows, each predicted by networks that were not trained on it, at epochs
        that it did not choose (on those of `eval_set`: of what is predicted); and that of the
        shares of the classes. If the first is not better, `fit` warns.
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
        From `fit`: if the table, the labels or a parameter is wrong. The message names the column,
        the row and what to do; the estimator is as before.

    Notes
    -----
    The recipe is that of RealMLP (Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024), its numbers
    chosen anew by cross-validation. Probabilities are calibrated on held-out rows by a temperature
    (Guo et al., ICML 2017). Rows of ``sample_weight`` 0 are as if they were not there.

    Examples
    --------
    >>> import fastmlp as fm
    >>> flowers = {
    ...     "petal": [1.4, 1.3, 1.5, None, 4.7, 4.5, 4.9, 4.0] * 4,
    ...     "colour": ["white", "red", "white", "red", "blue", "blue", "blue", "blue"] * 4,
    ... }
    >>> kind = ["small"] * 4 + ["large"] * 4
    >>> clf = fm.TabularClassifier(quality="fast", random_state=0).fit(flowers, kind * 4)
    >>> clf.predict({"colour": ["white", "blue", "violet"], "petal": ["1.2", 4.6, 5]}).tolist()
    ['small', 'large', 'large']
    """

    _parameter_constraints = {  # noqa: RUF012  (scikit-learn's protocol)
        **BaseTabular._parameter_constraints,
        "metric": [StrOptions(set(METRICS["classes"]))],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _task = "classes"

    @_checks.taught(ARGUMENTS)
    def __init__(
        self,
        metric: str = "accuracy",
        *,
        quality: str = "best",
        n_members: int | None = None,
        epochs: int | None = None,
        time_limit: float | None = None,
        kinds: dict[str, str] | None = None,
        class_weight: Any = None,
        validation_fraction: float | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: Any = 0,
    ) -> None:
        self.metric = metric
        self.quality = quality
        self.n_members = n_members
        self.epochs = epochs
        self.time_limit = time_limit
        self.kinds = kinds
        self.class_weight = class_weight
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
    ) -> TabularClassifier:
        """Learn from a table.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            A data frame of pandas or polars, an Arrow table, a dictionary of columns, or a matrix.
        y : array-like of shape (n_samples,) or str
            Labels: texts, numbers, or true and false; or the name of their column in X.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        eval_set : pair (X, y) or list of one pair, optional
            Rows of your own to validate on, instead of such held out of X.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            The same, under the names of `MLPClassifier`.

        Returns
        -------
        TabularClassifier
            The estimator itself.
        """
        self._fit(X, y, sample_weight, eval_set, X_val, y_val, sample_weight_val)
        return self

    def _check_targets(self, y: Any, name: str) -> Any:
        if fields := frames.fields(y):
            y = np.column_stack([y[field] for field in fields]) if len(fields) > 1 else y[fields[0]]
        if isinstance(y, (list, tuple)):  # which NumPy would make texts of one and all
            y = np.asarray(y, dtype=object)
            y = np.array(y.tolist()) if {type(v) for v in y.flat} <= {int, float, bool} else y
        given = np.asarray(y)
        if given.ndim == 2 and given.shape[1] > 1:
            raise ValueError(
                f"{name} has {given.shape[1]} columns of labels, bad input shape {given.shape}: "
                "TabularClassifier predicts one; fit one for each, as "
                "sklearn.multioutput.MultiOutputClassifier does"
            )
        if given.ndim != 1:
            y = column_or_1d(given, warn=True)
        return y

    def _check_labels(self, y: Any, name: str) -> Any:
        check_kinds_of_labels(y, name, lambda row: place(y, row))
        y = as_known(y)
        given = np.asarray(y)
        if given.dtype.kind in "fc":
            wrong = ~np.isfinite(given)
            if wrong.any():
                raise ValueError(
                    f"Input {name} contains NaN or infinity in {count(wrong.sum(), 'row')}, the "
                    f"first in {place(y, int(wrong.argmax()))}; leave these rows out"
                )
            check_classification_targets(given)
        return y

    def _learn_targets(self, y: Any, name: str, decimal: str | None, note: Note) -> dict[str, Any]:
        labels = list(dict.fromkeys(np.asarray(y).tolist()))
        if len(labels) == 1:
            raise ValueError(
                f"{name} has one class only, {quoted(labels[0])}: there is nothing to tell apart"
            )
        target = ClassTarget.learn(y, name)
        return {"_target": target, "classes_": target.classes}

    def _encode(self, y: Any, found: Mapping[str, Any], name: str) -> Array:
        target: ClassTarget = found["_target"]
        encoded: Array = target.encode(y, name)
        return encoded

    def _decode(self, y: Array, found: Mapping[str, Any]) -> Array:
        return y

    def _weigh(self, y: Any, weights: Array | None, found: Mapping[str, Any]) -> Array | None:
        if self.class_weight is None:
            return weights
        labels = found["classes_"][self._encode(y, found, "y")]
        return class_weights.weighted(self.class_weight, labels, found["classes_"], weights)

    def _nothing(self, found: Mapping[str, Any]) -> str:
        return "the shares of the classes" if self.metric != "accuracy" else "the largest class"

    @of_one_fit
    @_checks.taught(OF_ANSWERS)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The columns are found by their names, in any order; others than those of `fit` are not
            looked at. Those of a matrix are found by position.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return answers_of(self, X).outputs

    @_checks.taught(OF_ANSWERS)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            −inf where a probability is 0.
        """
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    @of_one_fit
    @_checks.taught(OF_ANSWERS)
    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        probabilities = self.predict_proba(X)
        target: ClassTarget = self._target
        return target.decode(probabilities)

    @_checks.taught(OF_ANSWERS)
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose label is right.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or str
            The right labels, or the name of their column in X.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            From 0 to 1.
        """
        X, y = tables.split(X, y, "y", type(self).__name__)
        if frames.fields(y) or isinstance(y, (list, tuple)):  # of which NumPy may cut texts
            y = self._check_targets(y, "y")
        weight, _ = tables.weights_of(sample_weight, len(y), "sample_weight")
        weight, y, said = tables.of_weight(weight, y, self.predict(X))
        labels = read(y, "y")
        if labels.dtype.kind == "O" and not all(isinstance(label, str) for label in labels.flat):
            # Numbers among objects, which scikit-learn takes for labels of no kind.
            labels = self._check_labels(self._check_targets(labels, "y"), "y")
            labels = np.array([text_of(label) for label in labels])
            said = np.array([text_of(label) for label in said])
        return float(accuracy_score(labels, said, sample_weight=weight))
