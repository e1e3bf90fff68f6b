"""The data of one fit as the core reads it, and the part of it that is held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data.sparse import CompressedRows
from fastmlp.data.weights import in_ordinary_unit

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from fastmlp.graph.node import Node

    Array = NDArray[Any]


@dataclass(frozen=True)
class Data:
    """Checked data.

    Attributes
    ----------
    X : ndarray or sparse CSR
        (rows, features).
    target : ndarray
        Encoded targets (rows, target columns).
    weight : ndarray or None
        Weights of the rows (rows,), in the unit that `of` has chosen.
    exponent : int
        Of that unit: the weights that were given are weight · 2^exponent.
    """

    X: Any
    target: Array
    weight: Array | None
    exponent: int = 0

    @classmethod
    def of(
        cls, X: Any, target: Array, weight: Array | None, dtype: DTypeLike, exponent: int = 0
    ) -> Data:
        """Return data to compute with in `dtype`, its weights given as weight · 2^exponent."""
        if weight is not None:
            weight, more = in_ordinary_unit(weight, dtype)
            exponent += more
        return cls(X.tocsr() if hasattr(X, "tocsr") else X, target, weight, exponent)

    def penalty(self, alpha: float, dtype: DTypeLike) -> float:
        """Return the α with which α / Σ w is what it is for the weights as they were given.

        It ends at the fourth root of the largest number, 4e9 in float32, where it outweighs all
        losses: the square of its gradient, in Adam's second moment, would overflow next, and then
        nothing is trained.
        """
        if self.exponent == 0:
            return alpha
        with np.errstate(over="ignore", under="ignore"):
            return float(min(np.ldexp(alpha, -self.exponent), np.finfo(dtype).max ** 0.25))

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.target)

    def feeds(self, x: Node, t: Node, weight: Node | None) -> dict[Node, Any]:
        """Return what to feed to these nodes."""
        feeds = {x: readable(self.X), t: self.target}
        if weight is not None:
            assert self.weight is not None
            feeds[weight] = self.weight[:, None]
        return feeds

    def split(self, fraction: float, stratify: Array | None, rng: Any) -> tuple[Data, Data]:
        """Hold a random part out, the same one that scikit-learn holds out.

        Rows of weight 0 are as good as not there: none of them is held out.

        Returns
        -------
        training, held_out : Data

        Raises
        ------
        ValueError
            If fewer than two rows are held out, or a class cannot be in both parts.
        """
        from sklearn.model_selection import train_test_split

        rows = np.arange(self.rows)
        empty = rows[:0] if self.weight is None else np.flatnonzero(self.weight == 0)
        counting, told = np.delete(rows, empty), ""
        if len(empty):
            stratify = None if stratify is None else stratify[counting]
            told = (
                f" early_stopping holds out rows whose sample_weight is not 0; of {self.rows} rows "
                f"{len(counting)} have one."
            )
        try:
            kept, held = train_test_split(
                counting, random_state=rng, test_size=fraction, stratify=stratify
            )
        except ValueError as error:
            if not told:
                raise
            raise ValueError(f"{error}{told}") from None
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                f"your dataset.{told}"
            )
        return self._part(np.concatenate([kept, empty])), self._part(held)

    def _part(self, rows: Array) -> Data:
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, X=self.X[rows], target=self.target[rows], weight=weight)


def readable(X: Any) -> Any:
    """Return X as the core reads it."""
    return CompressedRows.of(X) if hasattr(X, "indptr") else np.asarray(X)


def average(values: Array, weight: Array | None) -> float:
    """Return the mean of a number for each row, in float64."""
    mean = values.mean(dtype=np.float64) if weight is None else np.average(values, weights=weight)
    return float(mean)
