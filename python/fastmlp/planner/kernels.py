"""The core's names and numbers for what it computes, as `_core.format` has them."""

from __future__ import annotations

from typing import Final

from fastmlp import _core

_format = _core.format


def _numbered(names: tuple[str, ...]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


KINDS: Final = _numbered(tuple(_format.kinds))
NUMBERS: Final = _format.kinds  # the names of each kind's numbers, in the core's order
MAY_OVERWRITE: Final = _format.may_overwrite  # the inputs that a kind's result may replace
WHOLE_BATCH: Final = frozenset(_format.whole_batch)  # kinds that need all rows at once
SECTIONS: Final = _numbered(_format.sections)
SPACES: Final = _numbered(_format.spaces)
ACTIVATION: Final = _numbered(_format.activations)
# The axes of a sum, as cpp/runtime/steps/sums.h numbers them.
OVER_ROWS: Final = 0
OVER_COLUMNS: Final = 1
OVER_ALL: Final = 2
UNARY: Final = _numbered(_format.unary)
BINARY: Final = _numbered(_format.binary)
# The activation that a function of one argument is, and whose message one of two arguments is.
ACTIVATION_OF_UNARY: Final = {UNARY[n]: ACTIVATION[n] for n in ACTIVATION if n in UNARY}
DERIVATIVE_OF_BINARY: Final = {
    BINARY[f"{name}_message"]: number
    for name, number in ACTIVATION.items()
    if f"{name}_message" in BINARY
}
OPTIMIZERS: Final = _format.optimizers  # the vectors and the numbers of each rule, by name
GRAIN: Final = _format.grain  # elements: what begins on a multiple of it begins a cache line
# Stands for a number of rows that the run decides; so many times it for a multiple.
BATCH_ROWS: Final = _format.batch_rows
MOST_NUMBERS: Final = _format.most_numbers  # of a step
BY_ITS_ROWS: Final = _format.by_its_rows  # the weight of a batch is its number of rows
# Beyond this many terms gemm keeps partial sums in its result, which then cannot be its operand
# without a copy.
BLOCK_TERMS: Final = _format.block_terms
