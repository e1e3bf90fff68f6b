"""Estimators as files that other programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from fastmlp.data import files
from fastmlp.training import turns

if TYPE_CHECKING:
    from os import PathLike


class Exported:
    """The part of an estimator that writes it as ONNX."""

    def export(self, path: str | PathLike[str]) -> None:
        """Write what `predict` and `predict_proba` compute as an ONNX file.

        Parameters
        ----------
        path : path-like
            Where to; its name ends in ".onnx". The network alone is written by ``model_.export``,
            which has more formats.

        Raises
        ------
        ValueError
            If the ending is another, or an operation of the network has no pattern in ONNX.
        TypeError
            If labels are neither texts nor numbers.
        sklearn.exceptions.NotFittedError
            If the estimator has not been fitted.
        ImportError
            If the package onnx is missing.

        Notes
        -----
        The file has the names of what skl2onnx writes. The input is ``X``, of any number of rows,
        in the type of the network. A regressor has one output, ``variable`` (rows, outputs). A
        classifier has two: ``label``, texts or int64 (rows,), or zeros and ones (rows, labels)
        where labels do not exclude one another; and ``probabilities`` (rows, classes), or
        ``scores`` of ``loss="hinge"``, where two classes have the columns −s and s.

        Examples
        --------
        >>> import fastmlp as fm
        >>> clf = fm.MLPClassifier(4, solver="lbfgs", random_state=0)
        >>> clf.fit([[0.0], [1.0], [2.0]], ["a", "b", "b"]).export("labels.onnx")  # doctest: +SKIP
        """
        check_is_fitted(self, "coefs_")
        from fastmlp.export import formats

        formats.check_estimator_path(path)
        files.check_place(path)
        files.write(path, [self._as_onnx().SerializeToString()])

    def _as_onnx(
        self, *, dtype: Any = None, element: int | None = None, numbered: bool = False
    ) -> Any:
        """Return the estimator as ONNX has it; `numbered` for places of classes as labels."""
        from fastmlp.export.onnx import estimating

        estimator: Any = self
        with turns.reading("export", estimator):
            return estimating.written(
                estimator.model_, self._labels(numbered), dtype=dtype, element=element
            )

    def _labels(self, numbered: bool = False) -> Any:
        """Return `Labels`: how the outputs of a classifier become labels; None of a regressor."""
        return None
