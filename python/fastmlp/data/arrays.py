"""Data from outside: what is accepted, what it becomes, and what is said when it is not.

Arrays of numbers are used as they are, without a copy: the core converts a batch when it gathers
its rows. Only what it cannot read in place is copied once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import frames
from fastmlp.data.indices import check_indices
from fastmlp.data.reading import refuse_masked
from fastmlp.data.sparse import CompressedRows
from fastmlp.data.weights import check_not_negative, in_ordinary_unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastmlp.data.weights import Units

    Array = NDArray[Any]

# Rows are checked in blocks of about this many values, so that at most one block of a large memory
# map is in memory at a time.
BLOCK_VALUES = 1 << 20

KINDS = "biuf"  # NumPy's letters of the kinds of numbers that the core reads


def array(data: Any, name: str) -> Array:
    """Return `data` as a NumPy array of numbers, copying nothing that is one already.

    Raises
    ------
    TypeError
        For objects, text, dates, complex numbers, sparse matrices, and columns of a table that hold
        such; columns of numbers of different kinds become one array.
    ValueError
        For rows of different lengths and masked values.

    Examples
    --------
    >>> array([[1, 2], [3, 4]], "X").shape
    (2, 2)
    """
    if is_sparse(data):
        raise TypeError(
            f"{name} is a sparse matrix ({type(data).__name__}); expected a dense array: "
            f"{name}.toarray()"
        )
    refuse_masked(data, name)
    result = frames.as_array(data, name)
    if result.dtype == bool:
        return result.view(np.uint8)
    if result.dtype.kind not in "iuf":
        kind = result.dtype.kind
        held = f"values of type {result.dtype}" if kind in "MmV" else frames.KINDS[kind]
        advice = f"; {frames.DATES_ADVICE}" if frames.holds_dates(result) else ""
        if not advice and kind == "O" and isinstance(data, np.ndarray):
            advice = f"; if all are numbers, write {name}.astype(float)"
        elif not advice and result.dtype.names:
            advice = f"; write numpy.lib.recfunctions.structured_to_unstructured({name})"
        elif not advice and kind in "OSU" and all(hasattr(v, "__float__") for v in result.flat):
            advice = f"; write np.array({name}, dtype=float)"  # as of fractions and decimals
        given = f"dtype {result.dtype}, type {type(data).__name__}"
        raise TypeError(f"{name} must hold numbers, got {held} ({given}){advice}")
    return result


def real_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the type that is computed in: float32 or float64.

    Examples
    --------
    >>> real_dtype("float32")
    dtype('float32')
    """
    # NumPy takes None for float64; here it is a mistake.
    for known in (np.dtype("float32"), np.dtype("float64")):
        try:
            if dtype is not None and known == np.dtype(dtype):
                return known
        except (TypeError, ValueError):
            break
    raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")


def is_sparse(data: Any) -> bool:
    """Tell whether it is a sparse matrix of SciPy's kind."""
    kind = type(data)  # the object itself would count
    return hasattr(kind, "toarray") and hasattr(kind, "nnz")


def is_named(data: Any) -> bool:
    """Tell whether it is a dict of inputs; one of SciPy's sparse formats, DOK, is a dict, too."""
    return isinstance(data, Mapping) and not is_sparse(data)


def check_finite(
    data: Array, name: str, dtype: DTypeLike, place: Callable[[int], str] = "row {}".format
) -> None:
    """Raise unless every value is finite, also after conversion to `dtype`.

    `place` names a row by its index.

    Raises
    ------
    ValueError
        The message says how many values are NaN, infinite or too large, and where the first one is.

    Examples
    --------
    >>> check_finite(np.ones((2, 2)), "X", np.float32)
    """
    if data.dtype.kind != "f" or data.size == 0:
        return
    data = np.atleast_1d(data)  # one number is one row
    limit = min(float(np.finfo(dtype).max), float(np.finfo(data.dtype).max))
    step = max(1, BLOCK_VALUES * len(data) // data.size)
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    half = data.dtype == np.float16  # of which NumPy finds the largest one by one: their bits
    seen = (block.view(np.uint16) & 0x7FFF for block in blocks) if half else blocks
    most = 0x7BFF if half else limit
    # NaN passes through min and max, and no comparison with it is true.
    with np.errstate(invalid="ignore"):
        if all(-limit <= block.min() and block.max() <= most for block in seen):
            return
    nan = sum(int(np.isnan(block).sum()) for block in blocks)
    infinite = sum(int(np.isinf(block).sum()) for block in blocks)
    wrong = [~(np.abs(block) <= limit) for block in blocks]
    large = sum(int(block.sum()) for block in wrong) - nan - infinite
    counts = [
        f"{count} {what}"
        for count, what in ((nan, "NaN"), (infinite, "infinite"), (large, f"beyond {limit:.3g}"))
        if count
    ]
    block = next(i for i, found in enumerate(wrong) if found.any())
    row, *column = np.argwhere(wrong[block])[0].tolist()
    where = place(block * step + row) + (f", column {column[0]}" if column else "")
    raise ValueError(
        f"{name} must hold finite numbers of {np.dtype(dtype)}, got {' and '.join(counts)} among "
        f"{data.size} values, the first in {where}"
    )


def matrix(
    data: Any, name: str, dtype: DTypeLike, columns: int | None = None, *, finite: bool = True
) -> Array:
    """Return `data` as a matrix of finite numbers that the core can read.

    Parameters
    ----------
    data : array-like
        Shape (rows, columns) with at least one of each. A model of one input column takes shape
        (rows,) too.
    name : str
        What to call it in errors.
    dtype : dtype-like
        The model's type: the values must be finite in it.
    columns : int, optional
        How many columns there must be; any number if not given.
    finite : bool
        Whether the values are checked to be finite.

    Raises
    ------
    TypeError, ValueError
        If it is not that.

    Examples
    --------
    >>> matrix([[1, 2], [3, 4]], "X", np.float32, columns=2).dtype
    dtype('int64')
    """
    result = array(data, name)
    if result.ndim == 1 and columns == 1:
        result = result.reshape(-1, 1)
    wanted = f"(rows, {'columns' if columns is None else columns})"
    if result.ndim != 2:
        hint = f"; for one row use {name}.reshape(1, -1)" if result.ndim == 1 else ""
        raise ValueError(f"{name} must have shape {wanted}, got shape {result.shape}{hint}")
    if columns is not None and result.shape[1] != columns:
        raise ValueError(
            f"{name} must have shape {wanted}, got shape {result.shape}: the model takes {columns} "
            f"column{'s' * (columns != 1)}, not {result.shape[1]}"
        )
    if result.size == 0:
        raise ValueError(f"{name} is empty: shape {result.shape}, expected at least one row")
    if finite:
        check_finite(result, name, dtype)
    return readable(result, dtype)


def input_rows(
    data: Any, name: str, dtype: DTypeLike, columns: int | None = None, *, finite: bool = True
) -> Array | CompressedRows:
    """Return `data` as `matrix` does, or the elements of its rows if it is sparse.

    Raises
    ------
    TypeError, ValueError
        If it is no matrix of finite numbers, or has another number of columns.

    Examples
    --------
    >>> import scipy.sparse
    >>> input_rows(scipy.sparse.eye_array(3, format="csc"), "X", np.float32, columns=3).shape
    (3, 3)
    """
    if not is_sparse(data):
        return matrix(data, name, dtype, columns, finite=finite)
    if len(data.shape) != 2 or data.shape[1] != (columns or data.shape[1]):
        wanted = f"(rows, {'columns' if columns is None else columns})"
        raise ValueError(f"{name} must have shape {wanted}, got shape {data.shape}")
    if 0 in data.shape:
        raise ValueError(f"{name} is empty: shape {data.shape}, expected at least one row")
    listed = CompressedRows.of(data.tocsr())
    values = array(listed.data, f"{name}.data")
    if finite:
        check_finite(values, f"{name}.data", dtype)
    return replace(listed, data=readable(values[:, None], dtype)[:, 0])


def inputs(
    X: Any,
    names: Sequence[str],
    columns: Sequence[int],
    dtype: DTypeLike,
    name: str = "X",
    *,
    finite: bool = True,
    categories: Sequence[Sequence[int] | None] = (),
) -> list[Any]:
    """Return one matrix for each input of a model, all with the same number of rows.

    Parameters
    ----------
    X : array-like or sparse matrix, or a sequence or dict of such
        One matrix for a model of one input. Several inputs: a sequence in the order of the model's
        inputs, or a dict by their names.
    names, columns : sequence
        Name and number of columns of each input.
    dtype : dtype-like
        The model's type.
    name : str
        What to call `X` in errors.
    finite : bool
        Whether the values are checked to be finite.
    categories : sequence
        How many categories each column of each input has, None for an input of other numbers.

    Raises
    ------
    TypeError, ValueError
        If the number of inputs, a shape or a value is wrong, or the rows disagree.

    Examples
    --------
    >>> [a.shape for a in inputs([[1.0, 2.0]], ["x"], [2], np.float32)]
    [(1, 2)]
    """
    if is_named(X):
        if set(X) != set(names):
            raise ValueError(f"{name} must have the keys {list(names)}, got {list(X)}")
        parts, titles = [X[key] for key in names], [f"{name}[{key!r}]" for key in names]
    elif len(names) == 1:
        parts, titles = [X], [name]
    else:
        if not isinstance(X, (list, tuple)):
            raise TypeError(
                f"{name} must be a list or dict of {len(names)} arrays, one for each of the inputs "
                f"{list(names)}, got {type(X).__name__}"
            )
        if len(X) != len(names):
            raise ValueError(
                f"{name} must hold {len(names)} arrays, one for each of the inputs {list(names)}, "
                f"got {len(X)}"
            )
        parts, titles = list(X), [f"{name}[{i}]" for i in range(len(X))]
    categories = categories or (None,) * len(names)
    result = [
        input_rows(part, title, dtype, width, finite=finite and limits is None)
        for part, title, width, limits in zip(parts, titles, columns, categories, strict=True)
    ]
    for part, title in zip(result, titles, strict=True):
        same_rows(part, title, len(result[0]), titles[0])
    for part, title, limits in zip(result, titles, categories, strict=True):
        if limits is not None:
            check_indices(part, title, limits)
    return result


def sample_weights(
    weight: Any,
    rows: int,
    dtype: DTypeLike,
    name: str = "sample_weight",
    units: Units | None = None,
) -> Array:
    """Return the weights of the examples as a column, in a unit that suits `dtype`.

    With `units`, those of one batch of several, which may all be zero, in the unit of the others.

    Raises
    ------
    TypeError, ValueError
        If they are not `rows` finite numbers, none negative, not all zero.

    Examples
    --------
    >>> sample_weights([1, 2], 2, np.float32).shape
    (2, 1)
    """
    values = array(weight, name)
    if values.shape not in ((rows,), (rows, 1)):
        raise ValueError(f"{name} must have shape ({rows},), got {values.shape}")
    check_finite(values, name, np.float64)  # whether they are large does not matter
    check_not_negative(values, name)
    column = values.reshape(-1, 1)
    if units is not None:
        return readable(units.scaled(column, name, dtype), dtype)
    if not values.any():
        raise ValueError(f"{name} is zero for every row: nothing would count")
    return readable(in_ordinary_unit(column, dtype)[0], dtype)


def same_rows(data: Array | CompressedRows, name: str, rows: int, other: str) -> None:
    """Raise unless `data` has as many rows as `other`.

    Examples
    --------
    >>> same_rows(np.ones((3, 1)), "t", 3, "X")
    """
    if len(data) != rows:
        raise ValueError(
            f"{name} must have as many rows as {other}: {other} has {rows}, {name} has {len(data)}"
        )


def output(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], name: str = "out") -> Array:
    """Return `out`, which errors call `name`, if results of this shape can be written to it.

    Raises
    ------
    TypeError, ValueError
        If it is no writable, aligned, C-contiguous array of this shape and type.

    Examples
    --------
    >>> output(np.empty((2, 1), np.float32), (2, 1), np.dtype(np.float32)).shape
    (2, 1)
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"{name} must have dtype {dtype}, got {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {out.shape}")
    if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
        raise ValueError(f"{name} must be C-contiguous, aligned and writable")
    return out


def asarray_like(value: ArrayLike, like: Array, name: str) -> Array:
    """Return `value` as an array of the shape and type of `like`.

    Raises
    ------
    TypeError, ValueError
        If it holds no finite numbers or has another shape.

    Examples
    --------
    >>> asarray_like([1, 2], np.zeros(2, np.float32), "biases")
    array([1., 2.], dtype=float32)
    """
    result = array(value, name)
    if result.shape != like.shape:
        raise ValueError(f"{name} must have shape {like.shape}, got {result.shape}")
    check_finite(result, name, like.dtype)
    return result.astype(like.dtype)


def readable(matrix: Array, dtype: DTypeLike = np.float64) -> Array:
    """Return the matrix itself if the core can read its rows in place, else a copy that it can.

    The core reads numbers of up to 8 bytes in the machine's byte order, in rows whose numbers lie
    side by side; it converts a batch when it gathers its rows.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns)
        Of numbers.
    dtype : dtype-like
        What becomes of numbers of which the core knows no type.

    Examples
    --------
    >>> X = np.ones((4, 6), np.uint8)
    >>> readable(X[::2, :3]).base is X
    True
    >>> readable(X[:, ::2]).flags.c_contiguous
    True
    """
    known = matrix.dtype.isnative and matrix.dtype.kind in KINDS and matrix.dtype.itemsize <= 8
    if not known:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(matrix, dtype=dtype)
    rows, columns = matrix.shape
    itemsize = matrix.itemsize
    side_by_side = columns == 1 or matrix.strides[1] == itemsize
    forward = rows == 1 or (matrix.strides[0] >= 0 and matrix.strides[0] % itemsize == 0)
    if side_by_side and forward and matrix.flags.aligned:
        return matrix
    return matrix.copy()  # ascontiguousarray would keep what is contiguous but not aligned
