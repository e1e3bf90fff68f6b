"""An average of the weights beside the weights that are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.planner.parameters import Parameters


class WeightAverage:
    """The average that a model has between steps, while the weights themselves wait here.

    Parameters
    ----------
    parameters : Parameters
        Whose weights: those trained while steps are taken, else their average.
    step : int
        The number of the first step to come.

    Attributes
    ----------
    vector : ndarray
        The average, in the layout of the parameters.
    trained : ndarray
        Likewise the weights of the last step, while the parameters are the average.
    began : int
        The number of its first step.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.planner.parameters import Parameters
    >>> w = g.parameter(1.0)
    >>> parameters = Parameters([w])
    >>> average = WeightAverage(parameters, 0)
    >>> average.begin(0)
    >>> parameters.view(w)[...] = 3.0  # a step, after which the average is 2, say
    >>> average.vector[0] = 2.0
    >>> average.end()
    >>> parameters.view(w).item()
    2.0
    >>> average.begin(1)
    >>> parameters.view(w).item()
    3.0
    """

    def __init__(self, parameters: Parameters, step: int) -> None:
        self._parameters = parameters
        self.vector = parameters.new_vector()
        self.vector[:] = parameters.flat
        self.began = step
        self.trained: NDArray[Any] = parameters.flat.copy()
        # What the parameters are: the average; either, the weights being saved; the weights.
        self._now: Literal["average", "saved", "trained"] = "average"

    def begin(self, step: int, others: Sequence[slice] = ()) -> None:
        """Give the parameters the weights that the steps from this one on change.

        They are those of the last step if the parameters still are the average; else somebody has
        changed these, steps go on from there, and the average begins anew. `others` are the parts
        of the vector that no step changes: they are, trained and averaged, what they are by now.
        """
        flat = self._parameters.flat
        if self._now == "average":
            for part in others:
                self.trained[part] = self.vector[part] = flat[part]
            if not np.array_equal(flat, self.vector):
                self.trained[:] = flat
                self.began = step
                self.vector[:] = flat
            self._now = "saved"
        if self._now == "saved":
            flat[:] = self.trained
            self._now = "trained"

    def end(self) -> None:
        """Give the parameters the average; once more does no harm, after an interrupt too."""
        flat = self._parameters.flat
        if self._now == "trained":
            self.trained[:] = flat
            self._now = "saved"
        if self._now == "saved":
            flat[:] = self.vector
            self._now = "average"

    def move(self, layout: Mapping[Node, int]) -> None:
        """Bring the vectors from this layout to the present one of the parameters."""
        new = self._parameters
        self.vector = new.put(self.vector, layout, new.new_vector())
        self.trained = new.put(self.trained, layout, new.new_vector())

    def parts(self, ema: float, first_step: int, count: int) -> NDArray[np.float64]:
        """Return how far each of the next steps brings the average to the weights."""
        parts = np.full(count, 1.0 - ema, dtype=np.float64)
        if first_step == self.began:
            parts[:1] = 1.0
        return parts

    def state(self) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
        """Return numbers and vectors from which `restore` goes on, between steps."""
        return {"began": self.began}, {"vector": self.vector, "trained": self.trained}

    def restore(self, numbers: dict[str, int], vectors: dict[str, NDArray[Any]]) -> None:
        """Take these for the average and the weights behind it; the parameters have the average."""
        self.began = int(numbers["began"])
        self.vector[:] = vectors["vector"]
        self.trained[:] = vectors["trained"]
        self._now = "average"
