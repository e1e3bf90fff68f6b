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
#: And of the square error of lines, each row left out in turn, hats must leave so much at most.
#: They don't where many values come once: hats of five of 42 tables.
LEFT_OUT = 0.9
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
    """Return whether the means of the targets at each value say more than lines between edges.

    The F-test for lack of fit tells that they are far from lines: how far, against how far targets
    are from their means (Draper & Smith, "Applied Regression Analysis", 3rd edition, section 2.1).
    That they hold for other rows, too, tells the error of each row by the others (section 8.4).

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
    means, around = _means(index, rows, t, classes=classes)
    hats = np.stack([np.interp(values, edges, hat) for hat in np.eye(len(edges))], axis=1)
    root = np.sqrt(rows)[:, None]
    basis, sizes, _ = np.linalg.svd(root * hats, full_matrices=False)
    basis = basis[:, sizes > 1e-10 * sizes[0]]
    line = basis @ (basis.T @ (root * means)) / root
    squares = (around + rows[:, None] * np.square(means)).sum(axis=0)
    within = np.maximum(around.sum(axis=0), 1e-12 * squares)
    from_line = rows[:, None] * np.square(means - line)
    missed = from_line.sum(axis=0)
    free, rest = len(values) - basis.shape[1], len(column) - len(values)
    expected = free * within / rest
    chance = fdtrc(free, rest, missed / np.maximum(expected, np.finfo(float).tiny)) * len(missed)
    beyond = missed - expected
    # What is missed of rows that are left out; the line speaks for a value of one row, then.
    own = np.square(basis / root).sum(axis=1)[:, None]
    by_lines = (around + from_line) / np.square(np.maximum(1 - own, 1e-6))
    left = np.maximum(rows - 1, 1)[:, None]
    by_hats = np.where(root > 1, around * np.square(rows[:, None] / left), by_lines)
    far = (beyond >= within) & (beyond >= PART_OF_ALL * squares)
    better = by_hats.sum(axis=0) <= LEFT_OUT * by_lines.sum(axis=0)
    return bool(np.any((chance < CHANCE) & far & better & (squares > 0)))


def _means(index: Array, rows: Array, t: Array, *, classes: bool) -> tuple[Array, Array]:
    """Return the means of targets at each value, from that of all, and the squares around them.

    Of classes, each is a target that is 1 where it is the one, and else 0.
    """
    if classes:
        count = int(t.max()) + 1
        where = np.bincount(index * count + t, minlength=len(rows) * count)
        sums = where.reshape(len(rows), count).astype(np.float64)
        around = sums - np.square(sums) / rows[:, None]
    else:
        centred = t.astype(np.float64) - t.mean(axis=0)
        sums = np.stack([np.bincount(index, each) for each in centred.T], axis=1)
        errors = np.square(centred - (sums / rows[:, None])[index])
        around = np.stack([np.bincount(index, each) for each in errors.T], axis=1)
    means = sums / rows[:, None]
    return means - (rows @ means) / rows.sum(), around
