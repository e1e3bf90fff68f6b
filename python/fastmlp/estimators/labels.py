"""The labels of a classifier: checked, turned into targets, weighted, and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)

from fastmlp import losses
from fastmlp.data.reading import as_known, refuse_masked
from fastmlp.estimators import class_weights
from fastmlp.estimators.base import BaseMLP
from fastmlp.estimators.checking import as_before_unless_right, naming
from fastmlp.estimators.examples import average

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]


def _dense(y: Any) -> Array:
    """Return labels as an array: those of several at a time may be sparse."""
    array: Array = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    return array


def _is_missing(label: Any) -> bool:
    """Tell None, NaN and pandas' NA and NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, (float, np.datetime64, np.timedelta64)) and bool(label != label)


def check_kinds_of_labels(y: Any, name: str, place: Callable[[int], str] = "row {}".format) -> None:
    """Raise for labels that are missing, and for texts among other labels.

    Parameters
    ----------
    y
        Labels.
    name : str
        Of the argument, for errors.
    place : function of int
        What errors call a row: by default by its number, as those of an array from 0.

    Raises
    ------
    TypeError
        If they are of two kinds.
    ValueError
        If one is missing, or masked.

    Examples
    --------
    >>> check_kinds_of_labels(["yes", "no"], "y")
    """
    refuse_masked(y, name)
    if hasattr(y, "nnz") or (kind := np.asarray(y).dtype.kind) not in "OTmM":
        return
    flat = np.asarray(y).ravel()
    # Of dates and durations tolist makes others.
    labels = flat.tolist() if kind in "OT" else [*flat]
    missing = [i for i, label in enumerate(labels) if _is_missing(label)]
    if missing:
        raise ValueError(
            f"Input contains NaN: {name} has {len(missing)} missing labels, the first in "
            f"{place(missing[0])} ({labels[missing[0]]!r}); leave these rows out"
        )
    texts = sum(isinstance(label, str) for label in labels)
    if 0 < texts < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        raise TypeError(
            f"{name} mixes texts ({texts}) with other labels ({len(labels) - texts}, such as "
            f"{other!r}): labels are all texts, as of y.astype(str), or all numbers"
        )


def in_numpys_type(labels: Any) -> Any:
    """Return whole numbers and true/false of pandas' types, or among objects, in those of NumPy.

    Others are returned as given. Of those of pandas scikit-learn makes floats, which skip some of
    the integers beyond 2^53; objects, as columns of a mixed table become, are no labels to it, nor
    are texts of `numpy.dtypes.StringDType` and numbers of types that are not NumPy's own.

    Examples
    --------
    >>> in_numpys_type(["yes", "no"])
    ['yes', 'no']
    >>> in_numpys_type(np.array([1, 0], dtype=object))
    array([1, 0])
    """
    labels = as_known(labels)
    if isinstance(labels, np.ndarray) and labels.dtype.kind == "T":
        return labels.astype(object)
    is_object = isinstance(labels, np.ndarray) and labels.dtype.kind == "O"
    if not is_object and not hasattr(labels, "to_numpy"):
        return labels
    values = np.asarray(labels)
    if values.dtype.kind == "O":
        kinds = {type(label) for label in values.flat}
        whole = all(issubclass(kind, int | np.integer) for kind in kinds - {bool})
        if kinds and (kinds <= {bool, np.bool_} or (whole and bool not in kinds)):
            values = np.array(values.tolist())
    return values if values.dtype.kind in "iub" else labels


def gives_probabilities(estimator: Any) -> bool:
    """Return True if the loss judges probabilities; else AttributeError."""
    if estimator.loss == "hinge":
        raise AttributeError("loss='hinge' gives no probabilities; see decision_function")
    return True


def gives_scores(estimator: Any) -> bool:
    """Return True if the loss judges other outputs; else AttributeError."""
    if estimator.loss != "hinge":
        raise AttributeError("decision_function needs loss='hinge'; see predict_proba")
    return True


class LabelledMLP(BaseMLP):
    """The part of `MLPClassifier` that knows labels."""

    # Of the classifier.
    loss: Any
    class_weight: Any

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Array]:
        X, y = self._read(X, y, reset=reset)
        self._complete_labels()
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return X, y
        whole = y.ndim == 1 and y.dtype.kind in "iu"
        classes = np.unique(y) if whole else unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous "
                    f"call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    def _know(self, y: Any, classes: Any) -> None:
        """Take the classes that the first call of `partial_fit` names."""
        with as_before_unless_right(self):
            with naming("y"):
                y = self._check_targets(y, "y")
            with naming("classes"):
                known = None if classes is None else self._check_targets(classes, "classes")
                first = _check_partial_fit_first_call(self, known)
            if first:
                with naming("y"):
                    multilabel = type_of_target(y).startswith("multilabel")
                    self._label_binarizer = LabelBinarizer().fit(y if multilabel else known)

    def _complete_labels(self) -> None:
        """Make `classes_` from the `LabelBinarizer`, or the reverse, where a user assigned one."""
        if hasattr(self, "classes_") and not hasattr(self, "_label_binarizer"):
            binarizer = LabelBinarizer().fit(self.classes_)
            if not np.array_equal(binarizer.classes_, self.classes_):
                given = np.asarray(self.classes_).tolist()
                raise ValueError(
                    f"classes_ are set by hand to {given[:20]}: they must be sorted, each there "
                    "once; sort the outputs of coefs_ and intercepts_ with them"
                )
            self._label_binarizer = binarizer
        elif hasattr(self, "_label_binarizer") and not hasattr(self, "classes_"):
            self.classes_ = self._label_binarizer.classes_

    def _is_multiclass(self) -> bool:
        self._complete_labels()
        if not hasattr(self, "classes_"):
            raise ValueError(
                "coefs_ and intercepts_ are set by hand, but no classes_: the labels, in the order "
                "of the outputs"
            )
        return bool(self._label_binarizer.y_type_ == "multiclass")

    def _check_classes(self) -> None:
        """Raise if there are not as many outputs as the classes need."""
        binary = not self._is_multiclass() and self._label_binarizer.y_type_ == "binary"
        wanted = 1 if binary else len(self.classes_)
        if self.n_outputs_ != wanted:
            raise ValueError(
                f"the weights set by hand have {self.n_outputs_} outputs, {len(self.classes_)} "
                f"classes need {wanted}"
            )

    def _labels(self, numbered: bool = False) -> Any:
        """Return how outputs become labels for an ONNX file; `numbered` for places of classes."""
        from fastmlp.export.onnx.estimating import Labels

        self._complete_labels()
        self._check_classes()
        several = self._label_binarizer.y_type_.startswith("multilabel")
        classes = np.asarray(self.classes_)
        if numbered:
            classes = np.arange(len(classes))
        return Labels(classes, several, scores=self.out_activation_ == "identity")

    @property
    def _chosen_loss(self) -> Any:
        """What `loss` names: of names that mean one loss for any classes, that which fits them."""
        chosen = super()._chosen_loss
        if not isinstance(self.loss, str) or isinstance(chosen, str):
            return chosen
        if chosen == losses.CrossEntropy():
            return "log_loss"
        if chosen == losses.Focal() and not self._is_multiclass():
            return losses.BinaryFocal()
        return chosen

    def _out_activation(self) -> str:
        if self.loss == "hinge":
            return "identity"
        if isinstance(self.loss, losses.Hinge):
            raise ValueError(
                "loss=Hinge() is loss='hinge' here, whose outputs are no probabilities"
            )
        return "softmax" if self._is_multiclass() else "logistic"

    @property
    def _threshold(self) -> float:
        """The output above which its label is predicted."""
        return 0.0 if self.out_activation_ == "identity" else 0.5

    def _decoded(self, output: Array) -> Array:
        """Return the labels that outputs stand for."""
        binarizer = self._label_binarizer
        if self._is_multiclass():
            return binarizer.classes_[output.argmax(axis=1)]  # type: ignore[no-any-return]
        y = output.ravel() if self.n_outputs_ == 1 else output
        labels: Array = binarizer.inverse_transform(y, threshold=self._threshold)
        return labels

    def _check_targets(self, y: Any, name: str) -> Any:
        check_kinds_of_labels(y, name)
        return in_numpys_type(y)

    def _encode(self, y: Array, name: str = "y") -> Array:
        """Return the number of the class, or zeros and ones where labels do not exclude others."""
        self._check_labels(y, name)
        if self._is_multiclass() and isinstance(self._chosen_loss, str):
            return np.searchsorted(self.classes_, y)[:, None]
        encoded: Array = self._label_binarizer.transform(y).astype(np.uint8)
        return encoded

    def _check_labels(self, y: Array, name: str) -> None:
        """Raise unless every label is one of the classes."""
        classes: list[Any] = self.classes_.tolist()
        y = _dense(y)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            if y.ndim != 2 or y.shape[1] != len(classes) or not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"{name} must hold zeros and ones in {len(classes)} columns, one for each label"
                )
            return
        if y.ndim != 1:
            raise ValueError(f"{name} must hold one label for each row, its shape is {y.shape}")
        # By value: NumPy would compare True with "True" as texts.
        given = y.tolist() if y.dtype.kind == "O" else np.unique(y).tolist()
        if unknown := [label for label in dict.fromkeys(given) if label not in set(classes)]:
            raise ValueError(
                f"{name} has labels that are no classes: {unknown[:5]}; the classes are "
                f"{classes[:20]}"
            )

    def _count_outputs(self, target: Array) -> int:
        return len(self.classes_) if self._is_multiclass() else int(target.shape[1])

    def _weighted_classes(self, y: Array, weight: Array | None, incremental: bool) -> Array | None:
        given = self.class_weight
        if given is None:
            return weight
        if incremental and (
            given == "balanced" or (isinstance(given, list) and "balanced" in given)
        ):
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: a part of the rows does "
                "not tell how often each class comes. Use compute_class_weight('balanced', "
                "classes=classes, y=y) of sklearn.utils with the labels y of all rows, or of a "
                "large sample of them, and pass class_weight=dict(zip(classes, weights))"
            )
        labels = y if y.ndim == 1 else _dense(y).astype(int)
        return class_weights.weighted(given, labels, self.classes_, weight)

    def _strata(self, target: Array) -> Array | None:
        # Of a column scikit-learn makes these texts row by row: 5 s for a million of them.
        return np.where(target[:, 0], "True", "False") if self.n_outputs_ == 1 else None

    def _score_outputs(self, output: Array, target: Array, weight: Array | None) -> float:
        """Return the accuracy: the share of rows whose labels are all right."""
        if not np.isfinite(output).all():
            return float("nan")
        if self._is_multiclass():
            wanted = target[:, 0] if target.shape[1] == 1 else target.argmax(axis=1)
            right = output.argmax(axis=1) == wanted
        elif len(self.classes_) == 1:  # which `predict` answers whatever the output
            right = np.ones(len(output), bool)
        else:
            right = ((output > self._threshold) == target.astype(bool)).all(axis=1)
        return average(right, weight)
