"""Where the bins of a column begin and end: at its quantiles, or at its values where these jump.

A column may hold numbers that are names: of a shop, a school, a year. What goes along with one
says little of the next, which a line between quantiles can't follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.estimators.tabular.network import MOST_EMBEDDED, MOST_ENCODED, Bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.recipe import Design

    Array = NDArray[Any]

#: A column may have a hat at each of its values if there are so many rows of each on average.
ROWS_OF_VALUE = 3
#: It has them if lines miss the values as far by chance in one of a thousand columns, and if the
#: values explain as much of what lines leave open as they leave open themselves, and a hundredth of
#: all there is. Where they explain less, order tells as much: hats gained nothing on 39 tables.
CHANCE, PART_OF_ALL = 1e-3, 0.01
#: Rows that tell it, where there are more.
ROWS = 20_000


def bins_for(design: Design, numbers: Array, t: Array, *, classes: bool) -> Bins | None:
    """Return the bins of each column; None of a design without bins.

    They lie between its quantiles, equal ones once, or as hats between all its values where targets
    go up and down between these. A column of one value has one bin around it.

    Parameters
    ----------
    design : Design
    numbers : ndarray (rows, columns)
    t : ndarray
        Classes (rows,), or numbers (rows, targets). The weights of rows do not count.
    classes : bool
        Whether targets are classes.
    """
    count = numbers.shape[1]
    if design.embedding != "piecewise" or not 0 < count <= MOST_EMBEDDED:
        return None
    most = MOST_ENCODED // count
    share = np.linspace(0.0, 1.0, 1 + max(1, min(design.encoding, most)))
    some: Any = slice(None)
    if len(numbers) > ROWS:
        some = np.random.default_rng(0).choice(len(numbers), ROWS, replace=False)
    found = Bins([], [])
    for each in numbers.T:
        column = each.astype(np.float64)
        edges = np.unique(np.quantile(column, share))
        hats = jumps(column[some], t[some], edges, most, classes=classes)
        if hats:
            values = np.unique(column)
            hats = len(values) <= most
            edges = values if hats else edges
        found.hats.append(hats)
        whole = edges.tolist() if len(edges) > 1 else [edges[0] - 0.5, edges[0] + 0.5]
        found.edges.append(whole)
    return found


def jumps(column: Array, t: Array, edges: Array, most: int, *, classes: bool) -> bool:
    """Return whether the means of the targets at each value are far from lines between edges.

    The F-test for lack of fit: how far means are from the line, against how far targets are from
    their means (Draper & Smith, "Applied Regression Analysis", 3rd edition, section 2.1).

    Parameters
    ----------
    column : ndarray (rows,)
    t : ndarray
        As for `bins_for`.
    edges : ndarray
        Ascending.
    most : int
        How many values there may be.
    classes : bool
        Whether targets are classes.
    """
    from scipy.special import fdtrc

    values, index, rows = np.unique(column, return_inverse=True, return_counts=True)
    most = min(most, len(column) // ROWS_OF_VALUE)
    if len(edges) < 2 or not len(edges) < len(values) <= most:
        return False
    means, squares = _means(index, rows, t, classes=classes)
    hats = np.stack([np.interp(values, edges, hat) for hat in np.eye(len(edges))], axis=1)
    root = np.sqrt(rows)[:, None]
    line, _, rank, _ = np.linalg.lstsq(root * hats, root * means, rcond=None)
    missed = np.square(root * (means - hats @ line)).sum(axis=0)
    within = np.maximum(squares - np.square(root * means).sum(axis=0), 1e-12 * squares)
    free, rest = len(values) - rank, len(column) - len(values)
    expected = free * within / rest
    chance = fdtrc(free, rest, missed / np.maximum(expected, np.finfo(float).tiny)) * len(missed)
    beyond = missed - expected
    far = (beyond >= within) & (beyond >= PART_OF_ALL * squares)
    return bool(np.any((chance < CHANCE) & far & (squares > 0)))


def _means(index: Array, rows: Array, t: Array, *, classes: bool) -> tuple[Array, Array]:
    """Return the means of targets at each value, and the sums of squares of all: from their mean.

    Of classes, each is a target that is 1 where it is the one, and else 0.
    """
    if classes:
        count = int(t.max()) + 1
        where = np.bincount(index * count + t, minlength=len(rows) * count)
        sums = where.reshape(len(rows), count).astype(np.float64)
        squares = sums.sum(axis=0)
        squares -= np.square(squares) / len(t)
    else:
        centred = t.astype(np.float64) - t.mean(axis=0)
        sums = np.stack([np.bincount(index, each) for each in centred.T], axis=1)
        squares = np.square(centred).sum(axis=0)
    means = sums / rows[:, None]
    return means - (rows @ means) / rows.sum(), squares
