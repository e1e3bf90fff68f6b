"""Estimators of tables as source code that other programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from fastmlp.estimators.tabular.nodes import nodes_of

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.data.table import Preprocessing
    from fastmlp.estimators.tabular.fitted import Fitted
    from fastmlp.networks.exported import ExportedNodes

    Array = NDArray[Any]


class ExportedTable:
    """The part of an estimator of tables that writes it as source."""

    # Of the estimator.
    preprocessing_: Preprocessing
    _fitted: Fitted

    def _units(self) -> Array | None:
        """Return scale, mean, lowest and highest of each output, (4, outputs); None of classes."""
        raise NotImplementedError

    def _said(self) -> list[str]:
        """Say what each output is."""
        raise NotImplementedError

    def export(self, path: str | PathLike[str], **settings: Any) -> Any:
        """Write the estimator as source: the preparation of columns, all networks, their mean.

        Parameters
        ----------
        path : path-like
            Where to; its name ends in ".h" (C and C++), ".js" or ".mjs" (JavaScript) or ".py"
            (NumPy), see `Model.export`.
        **settings
            Those of the format; `data` for ``quantize="int8"`` is a table.

        Raises
        ------
        ValueError
            If the ending is another; if there is a column of dates whose month, weekday, day or
            hour counts, or of numbers beyond float32.
        sklearn.exceptions.NotFittedError
            If the estimator has not been fitted.

        Notes
        -----
        A row is one number for each column that is used (those of constants and the like are not):
        a number as it is and NaN where it is missing; for a category its place in the list of them
        and NaN for any other; for true and false 1 and 0; for a date the days since 1970. What
        each is stands at the top of the file, as do the outputs: the probabilities of the classes,
        or the numbers in the targets' units. All is computed in float32: numbers whose differences
        it cannot tell, such as seconds since 1970, lose them.

        Examples
        --------
        >>> import tempfile
        >>> import fastmlp as fm
        >>> table = {"size": list(range(40)), "kind": ["a", "b"] * 20}
        >>> clf = fm.TabularClassifier(quality="fast", random_state=0)
        >>> clf = clf.fit(table, [size > 19 for size in range(40)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     clf.export(f"{folder}/table.h")
        """
        check_is_fitted(self, "preprocessing_")
        from fastmlp.export import formats

        formats.check_source(path, "an estimator of tables")
        return formats.export(self, path, **settings)

    def _export_nodes(self) -> ExportedNodes:
        return nodes_of(self.preprocessing_, self._fitted, self._units(), self._said())
