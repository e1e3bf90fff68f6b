"""Places boxes of a graph in columns from left to right, after Sugiyama, Tagawa and Toda (1981).

Columns by longest path, then to the right where that shortens edges; order within a column by
medians of the neighbours, keeping the order with the fewest crossings; heights by least squares. An
edge across several columns passes through a point in each, so that it goes around boxes.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

Key: TypeAlias = Any  # hashable
Neighbours: TypeAlias = "Mapping[Key, tuple[list[Key], list[Key]]]"
Point: TypeAlias = "tuple[float, float]"

SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes, the points each edge passes through, and the size of the whole."""

    centres: Mapping[Key, Point]
    paths: Mapping[tuple[Key, Key], Sequence[Point]]
    width: float
    height: float


def layered(
    sizes: Mapping[Key, Point],
    parents: Mapping[Key, Sequence[Key]],
    gap_x: float = 46,
    gap_y: float = 20,
) -> Layout:
    """Return a layout of boxes of (width, height), given in topological order with their parents.

    Two edges between the same boxes count as one.
    """
    column = _columns(list(sizes), parents)
    columns, neighbours, chains = _with_points(sizes, parents, column)
    columns = _fewest_crossings(columns, neighbours)
    heights = {key: size[1] for key, size in sizes.items()}
    y = _heights(columns, neighbours, list(chains.values()), heights, gap_y)

    widths = [max(sizes[k][0] for k in keys if k in sizes) for keys in columns]
    lefts = [sum(widths[:i]) + gap_x * i for i in range(len(widths))]
    x = {k: lefts[i] + widths[i] / 2 for i, keys in enumerate(columns) for k in keys}
    top = min(y[k] - heights.get(k, 0) / 2 for k in y)
    bottom = max(y[k] + heights.get(k, 0) / 2 for k in y)
    centres = {k: (x[k], y[k] - top) for k in sizes}
    paths = {}
    for (parent, child), points in chains.items():
        path = [(centres[parent][0] + sizes[parent][0] / 2, centres[parent][1])]
        for p in points:
            half = widths[_column_of(x[p], lefts)] / 2
            path += [(x[p] - half, y[p] - top), (x[p] + half, y[p] - top)]
        path.append((centres[child][0] - sizes[child][0] / 2, centres[child][1]))
        paths[parent, child] = path
    return Layout(centres, paths, lefts[-1] + widths[-1], bottom - top)


def _column_of(x: float, lefts: Sequence[float]) -> int:
    return bisect.bisect_right(lefts, x) - 1


def _columns(order: Sequence[Key], parents: Mapping[Key, Sequence[Key]]) -> dict[Key, int]:
    column: dict[Key, int] = {}
    for key in order:
        column[key] = max((column[p] + 1 for p in parents[key]), default=0)
    children: dict[Key, list[Key]] = {key: [] for key in order}
    for key in order:
        for p in parents[key]:
            children[p].append(key)
    for key in reversed(order):
        # A parent that has this child only moves along, so its edge does not grow.
        held = sum(len(children[p]) > 1 or bool(parents[p]) for p in parents[key])
        if children[key] and held < len(children[key]):
            column[key] = min(column[child] for child in children[key]) - 1
    return column


def _with_points(
    sizes: Mapping[Key, Point], parents: Mapping[Key, Sequence[Key]], column: Mapping[Key, int]
) -> tuple[
    list[list[Key]], dict[Key, tuple[list[Key], list[Key]]], dict[tuple[Key, Key], list[Key]]
]:
    """Return the columns with a point wherever an edge passes, neighbours left and right, edges."""
    columns: list[list[Key]] = [[] for _ in range(max(column.values()) + 1)]
    neighbours: dict[Key, tuple[list[Key], list[Key]]] = {}
    chains: dict[tuple[Key, Key], list[Key]] = {}
    for key in sizes:
        columns[column[key]].append(key)
        neighbours[key] = ([], [])
    for child in sizes:
        for parent in dict.fromkeys(parents[child]):
            points: list[Key] = []
            for i in range(column[parent] + 1, column[child]):
                point = ("point", parent, child, i)
                columns[i].append(point)
                neighbours[point] = ([], [])
                points.append(point)
            chains[parent, child] = points
            path = [parent, *points, child]
            for a, b in pairwise(path):
                neighbours[a][1].append(b)
                neighbours[b][0].append(a)
    return columns, neighbours, chains


def _fewest_crossings(columns: list[list[Key]], neighbours: Neighbours) -> list[list[Key]]:
    best, fewest = columns, _crossings(columns, neighbours)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        # Forth by the left neighbours, back by the right ones.
        side = sweep % 2
        columns = [list(keys) for keys in columns]
        rows = columns if side == 0 else columns[::-1]
        for before, keys in pairwise(rows):
            place = {k: i for i, k in enumerate(before)}
            middle = {
                k: _median([place[n] for n in neighbours[k][side]], i) for i, k in enumerate(keys)
            }
            keys.sort(key=middle.__getitem__)
        crossings = _crossings(columns, neighbours)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _median(places: Sequence[int], otherwise: int) -> float:
    if not places:
        return otherwise
    ordered = sorted(places)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _crossings(columns: Sequence[Sequence[Key]], neighbours: Neighbours) -> int:
    total = 0
    for left, right in pairwise(columns):
        place = {k: i for i, k in enumerate(right)}
        seen: list[int] = []
        for key in left:
            ends = sorted(place[n] for n in neighbours[key][1])
            total += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
            for end in ends:
                bisect.insort(seen, end)
    return total


def _heights(
    columns: Sequence[Sequence[Key]],
    neighbours: Neighbours,
    chains: Sequence[Sequence[Key]],
    heights: Mapping[Key, float],
    gap: float,
) -> dict[Key, float]:
    """Return y for each key: near its neighbours, in order, and no nearer than the gap."""
    y: dict[Key, float] = {}
    for keys in columns:
        below = 0.0
        for key in keys:
            y[key] = below + heights.get(key, 0) / 2
            below += heights.get(key, 0) + gap
        for key in keys:
            y[key] -= below / 2
    chain_of = {point: chain for chain in chains for point in chain}
    for sweep in range(4 * SWEEPS):
        # First everything finds its place, then long edges become straight.
        straighten = sweep >= 2 * SWEEPS
        for keys in columns if sweep % 2 == 0 else reversed(columns):
            wanted, weights, offsets = [], [], []
            offset = 0.0
            for i, key in enumerate(keys):
                both = neighbours[key][0] + neighbours[key][1]
                if straighten and key in chain_of:
                    both = list(chain_of[key])
                wanted.append(sum(y[n] for n in both) / len(both) if both else y[key])
                # Points weigh more than boxes: long edges run straight.
                weights.append(1.0 if key in heights else 4.0)
                half = heights.get(key, 0) / 2
                offset += half + (gap + heights.get(keys[i - 1], 0) / 2 if i else 0)
                offsets.append(offset)
            free = _nondecreasing([w - o for w, o in zip(wanted, offsets, strict=True)], weights)
            y.update(zip(keys, (f + o for f, o in zip(free, offsets, strict=True)), strict=True))
    return y


def _nondecreasing(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the nearest non-decreasing sequence in weighted least squares (pool violators)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, more, n = blocks.pop()
            mean = (mean * total + before * more) / (total + more)
            total, count = total + more, count + n
        blocks.append((mean, total, count))
    return [mean for mean, _, count in blocks for _ in range(count)]
