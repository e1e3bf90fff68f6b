"""The metrics of whole epochs that have names, by scikit-learn, which loads with the first of them.

Each is the function of ``sklearn.metrics`` on all rows, with the averages told here; what is
undefined, as the area under a curve of one class, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.metrics.arrays import ArrayMetric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["ARRAY_METRICS", "top"]

TOP = 5  # what "top_k" stands for, as in Keras


def _of_each_class(
    curve: Callable[..., float], y_true: Array, y_score: Array, weight: Array | None
) -> float:
    """Return the mean over classes of a number of (is it the class, its score); of two, class 1's.

    Several classes are told one from the rest (Hand and Till 2001 call it one-versus-rest).
    """
    if y_score.ndim == 1:
        y_true, y_score = y_true[:, None], y_score[:, None]
    elif y_true.ndim == 1:
        y_true = (y_true[:, None] == np.arange(y_score.shape[1])).astype(np.int64)
    columns = zip(y_true.T, y_score.T, strict=True)
    return float(np.mean([curve(*column, weight) for column in columns]))


def _auc_of_one(y_true: Array, y_score: Array, weight: Array | None) -> float:
    from sklearn.metrics import roc_auc_score

    positive, all_rows = _weight_of(y_true == 1, weight), _weight_of(y_true >= 0, weight)
    if not 0 < positive < all_rows:
        return float("nan")
    return float(roc_auc_score(y_true, y_score, sample_weight=weight))


def _precision_of_one(y_true: Array, y_score: Array, weight: Array | None) -> float:
    from sklearn.metrics import average_precision_score

    if not _weight_of(y_true == 1, weight) > 0:
        return float("nan")
    return float(average_precision_score(y_true, y_score, sample_weight=weight))


def _weight_of(rows: Array, weight: Array | None) -> float:
    return float(np.count_nonzero(rows) if weight is None else weight[rows].sum())


def _auc(y_true: Array, y_score: Array, sample_weight: Array | None = None) -> float:
    return _of_each_class(_auc_of_one, y_true, y_score, sample_weight)


def _average_precision(y_true: Array, y_score: Array, sample_weight: Array | None = None) -> float:
    return _of_each_class(_precision_of_one, y_true, y_score, sample_weight)


@dataclass(frozen=True)
class _Counted:
    """F1, precision or recall: of class 1 where there are two, else the mean over classes.

    0/0 is NaN for two classes, and counts as 0 in a mean.
    """

    function: str

    def __call__(
        self, y_true: Array, y_pred: Array, classes: int, sample_weight: Array | None = None
    ) -> float:
        import sklearn.metrics

        two = classes == 2 and y_true.ndim == 1
        return float(
            getattr(sklearn.metrics, self.function)(
                y_true,
                y_pred,
                average="binary" if two else "macro",
                zero_division=np.nan if two else 0.0,
                sample_weight=sample_weight,
            )
        )


def _balanced_accuracy(y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
    from sklearn.metrics import recall_score

    _one_class_a_row(y_true)
    seen = y_true if sample_weight is None else y_true[sample_weight > 0]
    there = np.unique(seen)
    if len(there) < 2:
        return float("nan")
    # The mean recall of the classes there are, without a warning of others that are predicted.
    return float(
        recall_score(y_true, y_pred, labels=there, average="macro", sample_weight=sample_weight)
    )


@dataclass(frozen=True)
class _Top:
    """The share of rows whose class is among the k largest outputs."""

    k: int

    def __call__(
        self, y_true: Array, y_score: Array, classes: int, sample_weight: Array | None = None
    ) -> float:
        from sklearn.metrics import top_k_accuracy_score

        _one_class_a_row(y_true)
        if self.k >= classes or classes == 2:
            raise ValueError(
                f"it asks for the first {self.k} of {classes} classes; take 'accuracy', or fewer "
                "of more than two classes, as in 'top_2'"
            )
        each = np.arange(classes)
        return float(
            top_k_accuracy_score(
                y_true, y_score, k=self.k, labels=each, sample_weight=sample_weight
            )
        )


def _log_loss(
    y_true: Array, y_proba: Array, classes: int, sample_weight: Array | None = None
) -> float:
    from sklearn.metrics import log_loss

    _one_class_a_row(y_true)
    return float(log_loss(y_true, y_proba, labels=np.arange(classes), sample_weight=sample_weight))


def _one_class_a_row(y_true: Array) -> None:
    if y_true.ndim > 1:
        raise ValueError("it is of one class a row, and here each column is a question of its own")


def _r2(y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
    from sklearn.metrics import r2_score

    _same_columns(y_true, y_pred)
    if len(y_true) < 2:
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(r2_score(y_true, y_pred, sample_weight=sample_weight, force_finite=False))
    return value if np.isfinite(value) else float("nan")


@dataclass(frozen=True)
class _Error:
    """A mean of differences, over rows and columns."""

    function: str

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
        import sklearn.metrics

        _same_columns(y_true, y_pred)
        measure = getattr(sklearn.metrics, self.function)
        return float(measure(y_true, y_pred, sample_weight=sample_weight))


def _same_columns(y_true: Array, y_pred: Array) -> None:
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"it compares numbers column by column: targets of shape {y_true.shape}, outputs of "
            f"shape {y_pred.shape}"
        )


_WEIGHED = ("sample_weight",)
_COUNTED = ("sample_weight", "classes")


def top(k: int, name: str | None = None) -> ArrayMetric:
    """Return the share of rows whose class is among the k largest outputs.

    Examples
    --------
    >>> top(3).name
    'top_3'
    """
    called = f"top_{k}" if name is None else name
    formula = f"[t among the {k} largest yₖ]"
    return ArrayMetric(called, formula, _Top(k), True, "score", _COUNTED)


ARRAY_METRICS: tuple[ArrayMetric, ...] = (
    ArrayMetric("auc", "area under the ROC curve", _auc, True, "score", _WEIGHED),
    ArrayMetric(
        "average_precision", "Σ (Rᵢ − Rᵢ₋₁) Pᵢ", _average_precision, True, "score", _WEIGHED
    ),
    ArrayMetric("f1", "2TP / (2TP + FP + FN)", _Counted("f1_score"), True, "label", _COUNTED),
    ArrayMetric(
        "precision", "TP / (TP + FP)", _Counted("precision_score"), True, "label", _COUNTED
    ),
    ArrayMetric("recall", "TP / (TP + FN)", _Counted("recall_score"), True, "label", _COUNTED),
    ArrayMetric(
        "balanced_accuracy",
        "mean recall of the classes",
        _balanced_accuracy,
        True,
        "label",
        _WEIGHED,
    ),
    top(TOP, "top_k"),
    ArrayMetric("log_loss", "−mean log yₜ", _log_loss, False, "proba", _COUNTED),
    ArrayMetric("r2", "1 − Σ(y − t)² / Σ(t − t̄)²", _r2, True, "output", _WEIGHED),
    ArrayMetric("mae", "mean |y − t|", _Error("mean_absolute_error"), False, "output", _WEIGHED),
    ArrayMetric(
        "rmse", "√ mean (y − t)²", _Error("root_mean_squared_error"), False, "output", _WEIGHED
    ),
    ArrayMetric(
        "mape",
        "mean |y − t| / |t|",
        _Error("mean_absolute_percentage_error"),
        False,
        "output",
        _WEIGHED,
    ),
)
