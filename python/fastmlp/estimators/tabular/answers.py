"""What fitted estimators of tables say, for their own methods and for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastmlp.data.columns.targets import ClassTarget, RealTarget, RealTargets
from fastmlp.estimators.tabular import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.data.columns.words import Note
    from fastmlp.estimators.tabular.intervals import Conformal
    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]


@dataclass(frozen=True)
class Subject:
    """What a fitted estimator predicts.

    Attributes
    ----------
    target : ClassTarget or RealTargets
    metric : str
        What it was fitted to be good at.
    quantiles : tuple of float
        Those that it says of each number; none if it says the number itself.
    """

    target: ClassTarget | RealTargets
    metric: str
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, estimator: Any) -> Subject:
        """Return what an estimator predicts since its last fit."""
        recipe: Recipe = estimator._fitted.recipe  # parameters may have been set anew since
        return cls(estimator._target, recipe.metric, recipe.quantiles)

    @property
    def numbers(self) -> tuple[RealTarget, ...]:
        """The targets that are numbers; of classes none."""
        return self.target.targets if isinstance(self.target, RealTargets) else ()

    @property
    def names(self) -> list[str]:
        """What the targets are called; nothing where nobody named the only one."""
        names = [self.target.name] if isinstance(self.target, ClassTarget) else []
        names += [target.name for target in self.numbers]
        return [] if names == ["y"] else names  # y is the name of an argument

    @property
    def outputs(self) -> list[str]:
        """What each output is, in words."""
        if isinstance(self.target, ClassTarget):
            return [f"the probability of {label!r}" for label in self.target.classes.tolist()]
        quantiles = [f", its quantile {q:g}" for q in self.quantiles] or [""]
        return [f"{target.name}{q}" for target in self.numbers for q in quantiles]

    @property
    def units(self) -> Array | None:
        """Scale, mean, lowest and highest of each output, (4, outputs); None of classes."""
        if not self.numbers:
            return None
        units = [(target.scale, target.mean, *target.limits) for target in self.numbers]
        return np.repeat(np.array(units).T, max(1, len(self.quantiles)), axis=1)


@dataclass(frozen=True, eq=False)
class Answers:
    """What an estimator says of the rows of a table: asked once, told in every form.

    Attributes
    ----------
    subject : Subject
    outputs : ndarray (rows, outputs)
        Probabilities of the classes, or numbers in the targets' units.
    intervals : sequence of Conformal
        How far each number is off, where held-out rows say that.
    """

    subject: Subject
    outputs: Array
    intervals: Sequence[Conformal] = ()

    @property
    def labels(self) -> Array:
        """The most probable class of each row."""
        target = self.subject.target
        assert isinstance(target, ClassTarget)
        return target.decode(self.outputs)

    @property
    def numbers(self) -> Array:
        """Numbers (rows,), with an axis of several targets and one of several quantiles."""
        subject = self.subject
        count = len(subject.quantiles)
        axes = () if self._are_one else (len(subject.numbers),)
        return self.outputs.reshape(len(self.outputs), *axes, *((count,) if count > 1 else ()))

    def around(self, coverage: float) -> Array:
        """Return intervals (rows, 2), or (rows, targets, 2), that hold the truth so often.

        Raises
        ------
        ValueError
            If there are none, or `coverage` is more than held-out rows can say.
        """
        if not self.intervals:
            raise ValueError("there are no intervals: so few rows that none could be held out")
        lower, upper = ends(self.outputs, len(self.subject.numbers))
        each = enumerate(self.intervals)
        found = np.stack(
            [one.around(lower[:, i], upper[:, i], coverage) for i, one in each], axis=1
        )
        return found[:, 0] if self._are_one else found

    @property
    def _are_one(self) -> bool:
        return isinstance(self.subject.target, RealTargets) and self.subject.target.one


def ends(y: Array, targets: int) -> tuple[Array, Array]:
    """Return the lowest and the highest number predicted of each target, (rows, targets)."""
    by_target = y.reshape(len(y), targets, -1)
    return by_target[:, :, 0], by_target[:, :, -1]


def answers_of(estimator: Any, X: Any, note: Note = tables.warn_if_strange) -> Answers:
    """Return what a fitted estimator says of a table.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
    X : table
    note : function of a str, optional
        Is told what is odd about its columns; else there are warnings.
    """
    check_is_fitted(estimator, "preprocessing_")
    table, has_names = tables.read(X)
    had_names, kind = hasattr(estimator, "feature_names_in_"), type(estimator).__name__
    prepare = estimator.preprocessing_
    table = tables.matched(table, has_names, prepare, had_names, "X", kind)
    y = estimator._fitted.predict(prepare.transform(table, note), n_threads=estimator.n_threads)
    outputs = estimator._decode(y, vars(estimator))
    return Answers(Subject.of(estimator), outputs, getattr(estimator, "_intervals", ()))
