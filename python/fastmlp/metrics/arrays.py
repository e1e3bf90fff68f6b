"""Metrics of whole epochs: functions of NumPy arrays, the targets and what the network says.

What is no mean over rows (the area under a curve, F1, R²) is computed at the end of an epoch from
the outputs for all rows. `Outcome` reads targets and outputs in the ways such functions want them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._checks import choice, flag
from fastmlp.config import readable
from fastmlp.losses.base import check_described
from fastmlp.metrics.nodes import decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.losses import Loss

    Array = NDArray[Any]

__all__ = ["ArrayMetric", "Outcome", "of", "takes_arrays"]

NEEDS = ("output", "score", "proba", "label", "prediction")


@readable
@dataclass(frozen=True)
class ArrayMetric:
    """A metric of all rows at once, m(y_true, y_pred), for arrays.

    Parameters
    ----------
    name
        What it is called in histories.
    formula
        m, for people to read.
    function
        Takes arrays (y_true, y_pred) and returns a number; see `needs`.
    higher_is_better
        Which way is up, for early stopping.
    needs
        What the arrays are. A single column is (rows,), several are (rows, columns). "output": the
        targets as the loss reads them (classes as labels 0 … n − 1), and the outputs. The others
        are for classes: y_true is the class of each row, or zeros and ones (rows, columns) where
        each column is a question of its own. y_pred is then for "label" the predicted class, as
        `accuracy` decides; for "score" the outputs, of two classes that of class 1 alone; for
        "proba" the same, where they must be probabilities. "prediction" is "label" where the loss
        is one of classes, else "output".
    takes
        What the function is told by keyword besides: "sample_weight" (weights of the rows, only
        where there are any), "classes" (their number; 2 where each column is a question).

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.metrics import ArrayMetric
    >>> worst = ArrayMetric("worst", "max |y − t|", lambda t, y: np.abs(y - t).max())
    >>> worst.higher_is_better, worst.needs
    (False, 'output')
    """

    name: str
    formula: str
    function: Callable[..., Any]
    higher_is_better: bool = False
    needs: str = "output"
    takes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_described(self)
        flag(self.higher_is_better, "higher_is_better")
        choice(self.needs, "needs", NEEDS)
        if not isinstance(self.takes, tuple):
            raise TypeError(f"takes must be a tuple of names, got {self.takes!r}")
        for name in self.takes:
            choice(name, "takes", ("sample_weight", "classes"))

    def __call__(self, outcome: Outcome, *others: Any) -> float:
        """Return the metric of these rows; NaN where it is undefined or an output is not finite.

        Raises
        ------
        TypeError, ValueError
            If it is given something else, as arrays; if the function takes no such targets and
            outputs, or returns no number.
        """
        if others or not isinstance(outcome, Outcome):
            raise TypeError(
                f"metric {self.name!r} takes an Outcome, got {type(outcome).__name__}; of arrays, "
                "model.evaluate(X, t, metrics=[...]) or scikit-learn tell it"
            )
        weighs = outcome.weight is not None and "sample_weight" in self.takes
        if weighs:
            outcome = outcome.counted
        if not outcome.is_finite:
            return float("nan")
        try:
            y_true, y_pred = outcome.arguments(self.needs)
            told: dict[str, Any] = {"classes": outcome.classes} if "classes" in self.takes else {}
            if weighs:
                told["sample_weight"] = outcome.weight
            value = self.function(y_true, y_pred, **told)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"metric {self.name!r}: {error}") from error
        is_array = isinstance(value, (np.generic, np.ndarray))
        number = value.item() if is_array and value.size == 1 else value
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(f"metric {self.name!r} must return one number, got {_described(value)}")
        return float(number)


def _described(value: Any) -> str:
    shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"{type(value).__name__}{shape}"


@readable
@dataclass(frozen=True)
class Outcome:
    """Targets and outputs of some rows.

    Attributes
    ----------
    t : ndarray
        Targets as the loss reads them, (rows, 1) or (rows, columns).
    y : ndarray
        Outputs (rows, columns).
    weight : ndarray or None
        Weights of the rows (rows,).
    loss : Loss
        Says how t is encoded.
    output : str
        The activation of the output.

    Examples
    --------
    >>> from fastmlp import losses
    >>> t, y = np.array([[1.0], [3.0]]), np.array([[1.5], [3.0]])
    >>> outcome = Outcome(t, y, None, losses.get("squared_error"), "identity")
    >>> np.abs(outcome.y - outcome.t).ravel()
    array([0.5, 0. ])
    """

    t: Array
    y: Array
    weight: Array | None
    loss: Loss
    output: str

    @cached_property
    def counted(self) -> Outcome:
        """The rows whose weight is not 0; the others may hold anything."""
        if self.weight is None or self.weight.all():
            return self
        rows = np.flatnonzero(self.weight)
        return replace(self, t=self.t[rows], y=self.y[rows], weight=self.weight[rows])

    @cached_property
    def is_finite(self) -> bool:
        """Whether all outputs are finite."""
        return bool(np.isfinite(self.y).all())

    @property
    def columns(self) -> int:
        """Columns of the output."""
        return int(self.y.shape[1])

    @property
    def has_questions(self) -> bool:
        """Whether each of several columns is a question of its own, with the answers 0 and 1."""
        return self.columns > 1 and self.loss.target == "binary"

    @property
    def classes(self) -> int:
        """How many classes there are to choose from."""
        return 2 if self.columns == 1 or self.has_questions else self.columns

    def arguments(self, needs: str) -> tuple[Array, Array]:
        """Return y_true and y_pred as a metric needs them."""
        if needs == "prediction":
            needs = "label" if self.loss.target in ("class", "binary") else "output"
        if needs == "output":
            return _squeezed(self.t), _squeezed(self.y)
        if needs == "label":
            return self.labels, self.predicted
        if needs == "proba":
            self._check_probabilities()
        return self.labels, self.scores

    @cached_property
    def labels(self) -> Array:
        """The class of each row, or the answers to each column."""
        t = self.t
        if t.shape[1] not in (1, self.columns):
            raise ValueError(
                f"the targets must have 1 or {self.columns} columns, like the output, not "
                f"{t.shape[1]}"
            )
        if self.columns == 1 or self.has_questions:
            self._check_classes((t == 0) | (t == 1) | (t == -1), "0 and 1")
            return _squeezed((t > 0.5).astype(np.int64))
        if t.shape[1] == 1:
            known = (t >= 0) & (t < self.columns) & (t == np.floor(t))
            self._check_classes(known, f"labels 0 … {self.columns - 1}")
            return t[:, 0].astype(np.int64)
        self._check_classes((t >= 0) & (t <= 1), "one-hot rows")
        return np.asarray(np.argmax(t, axis=1))

    def _check_classes(self, known: Array, expected: str) -> None:
        # Targets of losses of classes were checked when they came in; among them are probabilities.
        if self.loss.target not in ("class", "binary") and not known.all():
            raise ValueError(f"the targets must be classes, {expected}")

    def _check_probabilities(self) -> None:
        if self.output not in ("softmax", "logistic"):
            raise ValueError(
                f"the output must be probabilities, of 'softmax' or 'logistic', not {self.output!r}"
            )
        if not ((self.t == np.floor(self.t)).all()):
            raise ValueError("the targets must be classes, not probabilities of them")

    @property
    def predicted(self) -> Array:
        """The predicted class of each row, or the answers to each column."""
        if self.columns == 1 or self.has_questions:
            return _squeezed((self.y > decision(self.output, self.loss)).astype(np.int64))
        return np.asarray(np.argmax(self.y, axis=1))

    @property
    def scores(self) -> Array:
        """The outputs; of two classes one number, the higher the more it is class 1."""
        if self.columns == 2 and not self.has_questions:
            y = self.y
            return y[:, 1] if self.output == "softmax" else y[:, 1] - y[:, 0]
        return _squeezed(self.y)


def _squeezed(a: Array) -> Array:
    return a[:, 0] if a.shape[1] == 1 else a


def takes_arrays(function: Any) -> bool:
    """Whether a function given as a metric is one of arrays and not of nodes.

    It is if it comes from scikit-learn, or its first argument is called ``y_true``, as such
    functions have it everywhere. Whether it works on nodes would not tell: ``np.mean`` of a node is
    a node, and no mean.

    Examples
    --------
    >>> takes_arrays(lambda y_true, y_pred: 0.0), takes_arrays(lambda y, t: y - t)
    (True, False)
    """
    return _from_sklearn(function) or _parameters(function)[:1] == ["y_true"]


def _inner(function: Any) -> Any:
    """Return the function that a partial one calls in the end."""
    while isinstance(function, partial):
        function = function.func
    return function


def _from_sklearn(function: Any) -> bool:
    module = getattr(_inner(function), "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == "sklearn"


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions of extensions do not tell
        return []


def of(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    higher_is_better: bool | None = None,
    needs: str | None = None,
) -> ArrayMetric:
    """Return a function of arrays (y_true, y_pred) as a metric of all rows of an epoch.

    Parameters
    ----------
    function
        Takes two arrays, see `needs` of `ArrayMetric`, and returns a number. If it has an argument
        ``sample_weight``, it is given the weights of the rows where there are any.
    name
        What it is called in histories; by default the function's name.
    higher_is_better
        Which way is up. By default the function's attribute of this name; without one, True for
        functions of scikit-learn that are scores (``…_score``, and Matthews's), else False.
    needs : {"output", "score", "proba", "label", "prediction"}, optional
        What the arrays are. By default "output". For functions of scikit-learn it goes by the name
        of the second argument: "score" for y_score and pred_decision, "proba" for y_proba,
        "prediction" for y_pred.

    Raises
    ------
    TypeError
        If `function` cannot be called, or another argument is of the wrong kind.
    ValueError
        If `needs` is unknown.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.metrics import fbeta_score
    >>> from fastmlp import metrics
    >>> f2 = metrics.of(partial(fbeta_score, beta=2), name="f2")
    >>> f2.name, f2.needs, f2.higher_is_better
    ('f2', 'prediction', True)
    """
    if not callable(function):
        raise TypeError(f"function must be callable, got {function!r}")
    inner = _inner(function)
    own = getattr(inner, "__name__", type(inner).__name__)
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a text, got {name!r}")
    parameters, sklearn = _parameters(function), _from_sklearn(function)
    if higher_is_better is None:
        score = sklearn and (own.endswith("_score") or own == "matthews_corrcoef")
        higher_is_better = getattr(function, "higher_is_better", score)
    if needs is None:
        needs = _sklearn_needs(own, parameters) if sklearn else "output"
    return ArrayMetric(
        own if name is None else name,
        f"{own}(y_true, y_pred)",
        function,
        higher_is_better,
        needs,
        ("sample_weight",) if "sample_weight" in parameters else (),
    )


def _sklearn_needs(name: str, parameters: list[str]) -> str:
    # Until 1.8 log_loss and its D² called their probabilities y_pred.
    if name in ("log_loss", "d2_log_loss_score"):
        return "proba"
    second = parameters[1] if len(parameters) > 1 else "y_pred"
    known = {"y_score": "score", "pred_decision": "score", "y_proba": "proba", "y_prob": "proba"}
    return known.get(second, "prediction")
