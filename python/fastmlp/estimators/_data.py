"""The data of one fit as the core reads it, and the part of it that is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._sparse import CompressedRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp._node import Node

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
        Weights of the rows (rows,).
    """

    X: Any
    target: Array
    weight: Array | None

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

        Returns
        -------
        training, held_out : Data

        Raises
        ------
        ValueError
            If fewer than two rows are held out.
        """
        from sklearn.model_selection import train_test_split

        arrays = [self.X, self.target] + ([] if self.weight is None else [self.weight])
        parts = train_test_split(*arrays, random_state=rng, test_size=fraction, stratify=stratify)
        training = Data(parts[0], parts[2], None if self.weight is None else parts[4])
        held_out = Data(parts[1], parts[3], None if self.weight is None else parts[5])
        if held_out.rows < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return training, held_out


def readable(X: Any) -> Any:
    """Return X as the core reads it."""
    return CompressedRows.of(X) if hasattr(X, "indptr") else np.asarray(X)


def average(values: Array, weight: Array | None) -> float:
    """Return the mean of a number for each row, in float64."""
    mean = values.mean(dtype=np.float64) if weight is None else np.average(values, weights=weight)
    return float(mean)
