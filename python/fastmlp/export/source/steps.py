"""The planner's placed steps for one example, as calls of `loops`: what C and JavaScript run."""

from __future__ import annotations

from typing import Final

import numpy as np

from fastmlp.export.source.calls import Argument, Call, Listing, Operands, Ref
from fastmlp.export.source.prepared import Prepared
from fastmlp.planner.ir import Operand, Step
from fastmlp.planner.kernels import ACTIVATION, BINARY, UNARY, WHOLE_BATCH

_ACTIVATIONS: Final = {number: name for name, number in ACTIVATION.items()}
_UNARY: Final = {number: name for name, number in UNARY.items()}
_BINARY: Final = {number: name for name, number in BINARY.items()}
_COLUMNS: Final = 1  # the axis of a sum over the columns of each row


def listing(graph: Prepared, *, int8: bool = False) -> Listing:
    """Return the calls for one example of a graph.

    Parameters
    ----------
    graph : Prepared
    int8 : bool
        Whether matrices that rows are multiplied with, and tables, are int8 with a scale for each
        column of the product, or each row of the table.

    Raises
    ------
    ValueError
        If the result of an example depends on the others of its batch, or an operation has no loop.
    """
    return _Listed(graph, int8).result


class _Listed(Operands):
    """Turns steps into calls, one after the other."""

    def __init__(self, graph: Prepared, int8: bool) -> None:
        super().__init__(graph, int8)
        for step in self.steps:
            self._check(step)
            if not self._folded(step):
                getattr(self, f"_{step.kind}", self._unknown)(step)
        self._use_no_more_than_needed()

    def _use_no_more_than_needed(self) -> None:
        """Leave out the scratch that only steps needed whose results are constants now."""
        used = [
            a.offset
            for call in self.result.calls
            for a in call.arguments
            if isinstance(a, Ref) and a.name == "scratch"
        ]
        if all(offset < self.fixed for offset in used):
            self.result.scratch = self.fixed

    def _check(self, step: Step) -> None:
        per_row = step.scalar.per_row
        if step.section == "reduce" or step.kind in WHOLE_BATCH or per_row:
            raise ValueError(
                f"the result for a row depends on the other rows of its batch ({step.kind!r}): "
                "it cannot be exported as a function of one row"
            )

    def _unknown(self, step: Step) -> None:
        raise ValueError(f"there is no C or JavaScript for steps of the kind {step.kind!r}")

    def _call(self, name: str, *arguments: Argument, kind: str = "loop") -> None:
        self.result.calls.append(Call(kind, name, arguments))

    def _steps_of(self, operand: Operand | None, out: tuple[int, int]) -> tuple[Ref, int, int]:
        """Return where an operand is and its steps from row to row and from column to column."""
        rows, columns = self._shape(operand)
        down = 0 if rows == 1 and out[0] > 1 else columns
        return self._ref(operand), down, 0 if columns == 1 and out[1] > 1 else 1

    def _map(self, name: str, y: Ref, x: Ref, count: int, number: float | None = None) -> None:
        self._call(name, y, x, count, *([] if number is None else [number]), kind="map")

    def _zip(
        self,
        name: str,
        y: Ref,
        shape: tuple[int, int],
        a: tuple[Ref, int, int],
        b: tuple[Ref, int, int],
    ) -> None:
        m, n = shape
        if m > 1 and all(operand[1:] == (n, 1) for operand in (a, b)):  # one long row
            m, n = 1, m * n
        self._call(name, y, m, n, *a, *b, kind="zip")

    def _gemm(self, step: Step) -> None:
        x, w, bias = step.inputs[:3]
        reads = step.inputs[3] if len(step.inputs) > 3 else None
        numbers, out = step.numbers, step.out
        if numbers["transpose_a"] or step.out2 is not None or len(step.inputs) > 4:
            return self._unknown(step)
        (m, a_columns), (_, w_columns) = self._shape(x), self._shape(w)
        groups, n_all = numbers["groups"], self._shape(out)[1]
        k, n = a_columns // groups, n_all // groups
        by_rows = bool(numbers["transpose_b"])
        y = goal = self._ref(out)
        if reads is not None and self._ref(reads) == y:  # it may stand where the result will
            y = Ref("scratch", self.result.scratch)
            self.result.scratch += m * n_all
        matrix, scales = self._matrix(w, int(by_rows))
        offset = self._zeros(n_all) if bias is None else self._ref(bias)
        name = ("affine" if scales is None else "affine_int8") + ("_by_rows" if by_rows else "")
        for i in range(groups):
            self._call(
                name,
                y.at(i * n),
                n_all,
                self._ref(x).at(i * k),
                a_columns,
                matrix.at(i * (k if by_rows else n)),
                w_columns,
                *(() if scales is None else (scales.at(0 if by_rows else i * n),)),
                offset.at(i * n),
                m,
                k,
                n,
            )
        if numbers["activation"]:
            self._map(_ACTIVATIONS[numbers["activation"]], y, y, m * n_all)
        if reads is not None and numbers["derivative"]:
            message = f"{_ACTIVATIONS[numbers['derivative']]}_message"
            shape = (m, n_all)
            self._zip(message, goal, shape, (y, n_all, 1), (self._ref(reads), n_all, 1))
        return None

    def _unary(self, step: Step) -> None:
        name = _UNARY[step.numbers["function"]]
        number = step.scalar.value if name in ("power", "scale") else None
        x = step.inputs[0]
        assert x is not None
        self._map(name, self._ref(step.out), self._ref(x), self._size(x), number)

    def _binary(self, step: Step) -> None:
        shape = self._shape(step.out)
        a, b = (self._steps_of(operand, shape) for operand in step.inputs)
        self._zip(_BINARY[step.numbers["function"]], self._ref(step.out), shape, a, b)

    def _add_scaled(self, step: Step) -> None:
        a, b = step.inputs
        m, n = self._shape(step.out)
        y, c = self._ref(step.out), step.scalar.value
        self._call("add_scaled", y, self._ref(a), self._ref(b), m * n, c)

    def _sum(self, step: Step) -> None:
        if step.numbers["axis"] != _COLUMNS:
            return self._unknown(step)
        x = step.inputs[0]
        y = self._ref(step.out)
        return self._call("sum_columns", y, self._ref(x), *self._shape(x), step.scalar.value)

    def _spread(self, step: Step) -> None:
        shape = self._shape(step.out)
        x = self._steps_of(step.inputs[0], shape)
        self._call("spread", self._ref(step.out), *shape, *x, step.scalar.value)

    def _fill(self, step: Step) -> None:
        m, n = self._shape(step.out)
        self._call("fill", self._ref(step.out), m * n, step.scalar.value)

    def _copy(self, step: Step) -> None:
        x, n = step.inputs[0], step.numbers
        y, ldy = self._ref(step.out).at(n["to_column"]), self._shape(step.out)[1]
        m, ldx = self._shape(x)
        columns = n["columns"]
        self._call("copy", y, ldy, self._ref(x).at(n["from_column"]), ldx, m, columns)

    def _rows_of(self, step: Step) -> None:
        x = step.inputs[0]
        self._call(step.kind, self._ref(step.out), self._ref(x), *self._shape(x))

    _softmax = _log_softmax = _argmax = _rows_of

    def _pick(self, step: Step) -> None:
        x, index = step.inputs
        self._call("pick", self._ref(step.out), self._ref(x), self._ref(index), *self._shape(x))

    def _scatter(self, step: Step) -> None:
        x, index = step.inputs
        shape = self._shape(step.out)
        self._call("scatter", self._ref(step.out), self._ref(x), self._ref(index), *shape)

    def _softmax_cross_entropy(self, step: Step) -> None:
        z, t, bar = step.inputs
        m, n = self._shape(z)
        given = (self._ref(z), self._ref(t), m, n, self._shape(t)[1])
        if step.out is not None:
            self._call("cross_entropy", self._ref(step.out), *given)
        if step.out2 is not None:
            factor = (self._number(1.0), 0)
            if bar is not None:
                factor = (self._ref(bar), 0 if self._rows(bar) == 1 else 1)
            y = self._ref(step.out2)
            self._call("cross_entropy_message", y, *given, *factor, step.scalar.value)

    def _take_rows(self, step: Step) -> None:
        index, table = step.inputs
        assert table is not None
        (m, ldi), (rows, n) = self._shape(index), self._shape(table)
        y = self._ref(step.out).at(step.numbers["to_column"])
        where = self._ref(index).at(step.numbers["column"])
        ldy = self._shape(step.out)[1]
        rows_of, scale = self._matrix(table, axis=1)
        name, scales = ("take_rows", ()) if scale is None else ("take_rows_int8", (scale,))
        self._call(name, y, ldy, where, ldi, rows_of, *scales, rows, m, n)

    def _rescale(self, step: Step) -> None:
        v, scale, offset, factor = step.inputs
        x, y, (m, n) = self._ref(v), self._ref(step.out), self._shape(step.out)
        activation = step.numbers["activation"]
        for name, row in (("multiply", scale), ("add", offset), ("", None), ("multiply", factor)):
            if row is not None:
                self._zip(name, y, (m, n), (x, n, 1), self._steps_of(row, (m, n)))
                x = y
            elif not name and activation:
                self._map(_ACTIVATIONS[activation], y, x, m * n)
                x = y

    def _normalize_rows(self, step: Step) -> None:
        x, scale, offset = step.inputs
        y, shape = self._ref(step.out), self._shape(step.out)
        centered = step.numbers["centered"]
        self._call("normalize_rows", y, self._ref(x), *shape, step.scalar.value, centered)
        self._scaled_row(step, scale, offset)

    def _scaled_row(self, step: Step, scale: Operand | None, offset: Operand | None) -> None:
        """Keep what has been normalized, then multiply by a row and add one."""
        y, (m, n) = self._ref(step.out), self._shape(step.out)
        if step.out2 is not None:
            self._call("copy", self._ref(step.out2), n, y, n, m, n)
        for name, row in (("multiply", scale), ("add", offset)):
            if row is not None:
                self._zip(name, y, (m, n), (y, n, 1), self._steps_of(row, (m, n)))

    def _normalize_rows_message(self, step: Step) -> None:
        bar, x, scale = step.inputs
        shape = self._shape(x)
        row = (self._number(1.0), 0) if scale is None else (self._ref(scale), 1)
        y, number = self._ref(step.out), step.scalar.value
        given = (self._ref(bar), self._ref(x), *shape, *row, number, step.numbers["centered"])
        self._call("normalize_rows_message", y, *given)

    def _standardize(self, step: Step) -> None:
        x, mean, variance, scale, offset = step.inputs
        assert variance is not None
        found = self._values(variance)
        if found is None:  # it would be of the rows of the batch
            return self._unknown(step)
        inverse = 1 / np.sqrt(found + step.scalar.value)
        factor = None if scale is None or step.out2 is not None else self._values(scale)
        title = f"{self._title(variance)}.inverse_root"
        if factor is not None:
            scale, inverse = None, inverse * factor
        key = ("inverse", variance.buffer, step.position)
        y, row = self._ref(step.out), self._constant(key, inverse, title)
        self._call("standardize", y, self._ref(x), self._ref(mean), row, *self._shape(step.out))
        return self._scaled_row(step, scale, offset)
