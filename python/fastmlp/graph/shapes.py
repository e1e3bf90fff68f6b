"""Shapes (rows, columns) of nodes: rows are a number, the batch, or a multiple of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fastmlp.data.reading import read, refuse_masked

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape: TypeAlias = "tuple[int | str, int]"

BATCH: Final = "batch"


def as_array(value: Any, name: str) -> NDArray[Any]:
    """Return a number, a row or rows as an array.

    ValueError if rows differ in length, or values are masked.

    Examples
    --------
    >>> as_array([[1, 2], [3]], "W")
    Traceback (most recent call last):
        ...
    ValueError: W must have rows of one length, got lengths 2 at index 0 and 1 at index 1
    """
    refuse_masked(value, name)
    return read(value, name)


def per_example(rows: int | str) -> int:
    """Return how many rows there are for each of the batch; 0 if they are a number."""
    if not isinstance(rows, str):
        return 0
    return 1 if rows == BATCH else int(rows.partition("·")[0])


def multiple(rows: int | str, times: int) -> int | str:
    """Return `times` as many rows: "4·batch" for 4 times the batch."""
    if not isinstance(rows, str):
        return rows * times
    count = per_example(rows) * times
    return BATCH if count == 1 else f"{count}·{BATCH}"


def fraction(rows: int | str, parts: int) -> int | str:
    """Return the `parts`-th part of the rows; ValueError if they are no multiple of it."""
    count = per_example(rows) or int(rows)
    if count % parts:
        raise ValueError(f"{rows} rows are no multiple of {parts}")
    return multiple(BATCH, count // parts) if isinstance(rows, str) else count // parts


def number_of_rows(rows: int | str, batch: int | None) -> int:
    """Return how many rows there are in a batch of so many."""
    if not isinstance(rows, str):
        return rows
    assert batch is not None
    return per_example(rows) * batch


def describe(shape: Shape) -> str:
    """Return a shape as text: (batch, 3)."""
    return f"({shape[0]}, {shape[1]})"


def broadcast(*shapes: Shape) -> Shape:
    """Return the common shape: sizes are equal, or 1 and repeated."""
    rows = {s[0] for s in shapes} - {1}
    columns = {s[1] for s in shapes} - {1}
    if len(rows) > 1 or len(columns) > 1:
        raise ValueError(f"shapes {' and '.join(map(describe, shapes))} do not broadcast")
    return next(iter(rows), 1), next(iter(columns), 1)
