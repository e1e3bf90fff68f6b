"""A model in words: the table of its layers and the line that stands for it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from fastmlp.config import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastmlp.networks.network import Network
    from fastmlp.networks.structure import SummaryRow


@readable
class Summary:
    """The layers of a network as a table; printing it or ending a notebook's cell with it shows it.

    Attributes
    ----------
    rows : list of SummaryRow
        The same as data: name, kind, output columns, activation, parameters, connections, how many
        of the parameters are statistics, whether the layer is trainable, which output it makes.

    Examples
    --------
    >>> import fastmlp as fm
    >>> print(fm.MLP([4, 8, 3], output="softmax", seed=0).summary())
    layer    kind   columns  activation  parameters  from
    x        Input        4                       0
    dense_1  Dense        8  relu                40  x
    dense_2  Dense        3  softmax             27  dense_1
    67 parameters, float32
    """

    def __init__(self, rows: list[SummaryRow], count: int, dtype: str) -> None:
        self.rows = rows
        self._last = f"{count:,} parameter{'' if count == 1 else 's'}{_parts(rows)}, {dtype}"

    def __str__(self) -> str:
        table = [["layer", "kind", "columns", "activation", "parameters", "from"]]
        some = any(not row.trainable for row in self.rows)
        named = any(row.output for row in self.rows)
        if some:
            table[0].append("trainable")
        if named:
            table[0].append("output")
        for row in self.rows:
            columns, parameters = f"{row.output_columns:,}", f"{row.parameters:,}"
            sources = ", ".join(row.connections)
            table.append([row.name, row.kind, columns, row.activation, parameters, sources])
            if some:
                table[-1].append("" if row.trainable else "frozen")
            if named:
                table[-1].append(row.output)
        return "\n".join([*_aligned(table, right={2, 4}), self._last])

    __repr__ = __str__


def _parts(rows: Sequence[SummaryRow]) -> str:
    """Return how many of the parameters are of which kind, if not all of them are trained."""
    frozen = sum(row.parameters - row.told for row in rows if not row.trainable)
    told = sum(row.told for row in rows)
    if not frozen and not told:
        return ""
    trained = sum(row.parameters for row in rows) - frozen - told
    kinds = [(trained, "trainable"), (frozen, "frozen"), (told, "statistics")]
    return f" ({', '.join(f'{n:,} {kind}' for n, kind in kinds if n or kind == 'trainable')})"


def _aligned(table: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


def chain(network: Network) -> str:
    """Return a network in one line: widths and activations of a chain, else how many layers it has.

    Examples
    --------
    >>> import fastmlp as fm
    >>> chain(fm.MLP([4, 8, 3], output="softmax", seed=0).network)
    '4 → 8 relu → 3 softmax'
    """
    rows = network.summary()
    follows = all(b.connections == (a.name,) for a, b in pairwise(rows))
    if not follows or len(rows) > 12 or len(network.outputs) > 1:
        inputs = " and ".join(str(columns) for columns in network.input_columns)
        outputs = " and ".join(str(columns) for columns in network.outputs.columns)
        return f"{inputs} → {len(network.layers)} layers → {outputs}"
    return " → ".join([str(rows[0].output_columns), *(_step(row) for row in rows[1:])])


def _step(row: SummaryRow) -> str:
    if row.kind == "Dense":
        activation = "" if row.activation == "identity" else f" {row.activation}"
        return f"{row.output_columns}{activation}"
    return row.activation or row.kind
