"""When in the life of a batch each step can run, and where threads must wait for each other."""

from __future__ import annotations

from bisect import bisect, bisect_left

from fastmlp.planner import ir
from fastmlp.planner.ir import Buffer, Operand, Step, Steps
from fastmlp.planner.kernels import WHOLE_BATCH


def assign_sections(work: Steps) -> bool:
    """Give every step its section and sort by it; return whether the batch may be cut by rows.

    before: reads no example; rows: row by row; reduce: sums over rows; after: reads sums, has no
    rows. The batch may be cut if no step of the rows reads a sum over rows, or needs them all.
    """
    summed: set[Buffer] = set()  # what depends on sums over the batch
    by_rows = True
    for step in work.steps:
        reads, writes = step.reads(), step.writes()
        needs_sums = not summed.isdisjoint(reads)
        takes_rows = any(b.by_batch for b in reads)
        gives_rows = any(b.by_batch for b in writes)
        gives_sums = any(not b.by_batch for b in writes)
        if takes_rows or gives_rows:
            by_rows = by_rows and not needs_sums and step.kind not in WHOLE_BATCH
            step.section = "rows" if not gives_sums else "reduce"
        else:
            result = any(b.home in ("gradient", "scalar", "output") for b in writes)
            step.section = "after" if needs_sums or result else "before"
        if step.section in ("reduce", "after") or needs_sums:
            # What it gives row by row beside sums may be read as the rows come. Sums of blocks, as
            # normalizations leave them, are too long for lanes: networks took 1.05 times as long.
            sums = [b for b in writes if not b.by_batch]
            in_blocks = any(b.rows != 1 for b in sums)
            summed.update(writes if needs_sums or in_blocks else sums)
    if by_rows:
        work.sort(key=_stage)
    return by_rows


def _stage(step: Step) -> int:
    """Order sections; plain sums come last of those of the rows: all threads wait for a sum."""
    if step.section in ("rows", "reduce"):
        return 2 if step.section == "reduce" and step.kind == "sum" else 1
    return 0 if step.section == "before" else 3


def assign_barriers(work: Steps) -> None:
    """Mark the steps before which all threads must have finished what came earlier.

    Those that read what was written, or write what was read or written, since the last barrier; and
    the first step of each stage, as stages may be run by different threads.
    """
    written, read = _Touched(), _Touched()
    stage = ""
    for step in work.steps:
        reads = [_interval(x) for x in step.inputs if x is not None]
        writes = [_interval(x) for x in (step.out, step.out2) if x is not None]
        own_stage = "rows" if step.section == "reduce" else step.section
        conflict = any(x in written for x in reads + writes) or any(x in read for x in writes)
        step.barrier = conflict or (own_stage != stage and stage != "")
        stage = own_stage
        if step.barrier:
            written, read = _Touched(), _Touched()
        for interval in writes:
            written.add(interval)
        for interval in reads:
            read.add(interval)


Interval = tuple[int, int, int]  # a space, and where in it something begins and ends


def _interval(operand: Operand) -> Interval:
    buffer = operand.buffer
    assert buffer.place is not None
    space, start = buffer.place
    whole = space in (ir.FEED_SPACE, ir.OUTPUT_SPACE)
    return space, start, start + (1 if whole else buffer.size)


class _Touched:
    """Memory that some steps touch: a union of intervals, in order and apart from each other."""

    def __init__(self) -> None:
        self.apart: list[Interval] = []

    def __contains__(self, interval: Interval) -> bool:
        """Tell whether an interval touches any."""
        first, last = self._touching(interval)
        return first < last

    def add(self, interval: Interval) -> None:
        first, last = self._touching(interval)
        space, start, end = interval
        if first < last:
            start, end = min(start, self.apart[first][1]), max(end, self.apart[last - 1][2])
        self.apart[first:last] = [(space, start, end)]

    def _touching(self, interval: Interval) -> tuple[int, int]:
        """Return from where to where in the list the intervals lie that touch this one."""
        space, start, end = interval
        first = bisect(self.apart, (space, start, start))
        if first > 0 and self.apart[first - 1][0] == space and self.apart[first - 1][2] > start:
            first -= 1
        return first, max(first, bisect_left(self.apart, (space, end, end)))
