"""Estimators of tables as files that other programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from fastmlp.estimators.tabular.answers import Subject
from fastmlp.estimators.tabular.nodes import network_nodes, nodes_of

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.data.table import Preprocessing
    from fastmlp.estimators.tabular.fitted import Fitted
    from fastmlp.networks.exported import ExportedNodes

    Array = NDArray[Any]


class ExportedTable:
    """The part of an estimator of tables that writes it for other programs."""

    # Of the estimator.
    preprocessing_: Preprocessing
    _fitted: Fitted

    def export(self, path: str | PathLike[str], **settings: Any) -> Any:
        """Write the estimator: the preparation of columns, all networks, their mean.

        Parameters
        ----------
        path : path-like
            Where to; its name ends in ".onnx", ".h" (C and C++), ".js" or ".mjs" (JavaScript) or
            ".py" (NumPy), see `Model.export`.
        **settings
            Those of the format; `data` for ``quantize="int8"`` is a table.

        Raises
        ------
        ValueError
            If the ending is another; of source, if there is a column of dates whose month, weekday,
            day or hour counts, or of numbers beyond float32 or too close for it, such as seconds
            since 1970 of one hour.
        sklearn.exceptions.NotFittedError
            If the estimator has not been fitted.

        Notes
        -----
        An ONNX file has an input of its name for each column that is used, (rows, 1): texts for
        categories that are texts, without blanks around them ("" where one is missing), float64 for
        all else, NaN where it is missing; dates are days since 1970-01-01, with fractions, by the
        clock of the zone that training saw, durations and times of day seconds. What is expected of
        each stands in its `doc_string`. Outputs are ``label`` and ``probabilities`` (rows,
        classes), or ``variable`` (rows, targets · quantiles), float64; one whose name a column has
        is called ``label_2`` and so on. Columns are prepared in float64.

        In source a row is one number for each column that is used: a number as it is and NaN where
        it is missing; for a category its place in the list of them and NaN for any other; for true
        and false 1 and 0; for a date the days since 1970. What each is stands at the top of the
        file, as do the outputs: the probabilities of the classes, or the numbers in the targets'
        units. All is computed in float32.

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

        formats.check_graph(path, "an estimator of tables")
        return formats.export(self, path, **settings)

    def _export_nodes(self) -> ExportedNodes:
        subject = Subject.of(self)
        return nodes_of(self.preprocessing_, self._fitted, subject.units, subject.outputs)

    def _as_onnx(self) -> Any:
        """Return the estimator as ONNX has it."""
        from fastmlp.export.onnx import tables
        from fastmlp.export.onnx.estimating import Labels

        parts, y, names = network_nodes(self._fitted)
        classes = getattr(self, "classes_", None)
        labels = None if classes is None else Labels(classes)
        columns = self.preprocessing_.columns
        return tables.written(columns, parts, y, names, Subject.of(self).units, labels)
