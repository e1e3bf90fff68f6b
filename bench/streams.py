"""How far a stream is from arrays: ``python -m bench.streams``.

Epochs of one network on arrays and on streams of the same batches, in turns: generators, a list of
batches, PyTorch's DataLoader, rows mixed in a window, Parquet files. And the memory that a stream
adds at its peak, however long it is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastmlp as fm
from bench import contest, harness, report
from bench.memory import STATUS, output, row

ROWS_OF_BATCH = 256
SIZES = (784, 256, 128, 10)
BATCHES = 200
FLOOR = 80  # % of the rate of arrays, where a batch is about 1 ms of work

# The process that is measured makes each batch when it is asked for.
STREAMING = """
import sys, numpy as np
batches = int(sys.argv[1])

def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))

rng = np.random.default_rng(0)
def stream():
    for _ in range(batches):
        yield rng.random((256, 784), np.float32), rng.integers(0, 10, 256)

before = status("VmRSS")
import fastmlp as fm
model = fm.MLP([784, 256, 128, 10], "relu", "softmax", seed=0)
model.fit(stream, optimizer=fm.Adam(1e-3), epochs=1, seed=0, verbose=False)
print(status("VmHWM") - before)
"""


def sources(batches: int, folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return what to fit on by what it is: arrays (X, t), or one stream."""
    rng = np.random.default_rng(0)
    rows = batches * ROWS_OF_BATCH
    X = rng.random((rows, SIZES[0]), np.float32)
    t = rng.integers(0, SIZES[-1], rows)

    def slices() -> Iterator[tuple[Any, Any]]:
        for i in range(0, rows, ROWS_OF_BATCH):
            yield X[i : i + ROWS_OF_BATCH], t[i : i + ROWS_OF_BATCH]

    def made() -> Iterator[tuple[Any, Any]]:
        own = np.random.default_rng(0)
        for i in range(0, rows, ROWS_OF_BATCH):
            drawn = own.integers(0, rows, ROWS_OF_BATCH)
            yield np.clip(X[drawn] + np.float32(0.1), 0, 1), t[i : i + ROWS_OF_BATCH]

    found: dict[str, tuple[Any, ...]] = {
        "arrays, as they stand": (X, t),
        "a generator of slices": (slices,),
        "a generator that gathers and changes rows": (made,),
        "rows mixed in a window of 10,000": (fm.data.shuffled(slices, 10_000),),
    }
    try:
        import torch
        from torch.utils.data import DataLoader, TensorDataset
    except ImportError:
        contest.note("torch: skipped, it is not installed")
    else:
        torch.set_num_threads(1)
        data = TensorDataset(torch.from_numpy(X), torch.from_numpy(t))
        found["PyTorch's DataLoader"] = (DataLoader(data, batch_size=ROWS_OF_BATCH),)
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        contest.note("pyarrow: skipped, it is not installed")
    else:
        columns = {f"x{i}": column for i, column in enumerate(X.T)} | {"t": t}
        path = folder / "rows.parquet"
        parquet.write_table(pyarrow.table(columns), path, row_group_size=20 * ROWS_OF_BATCH)
        found["a Parquet file"] = (fm.data.Parquet(path, "t", batch_size=ROWS_OF_BATCH),)
    return found


def fitting(data: tuple[Any, ...]) -> Callable[[], float]:
    """Return a function that fits for an epoch and returns the seconds of it, after a first one."""
    model = fm.MLP(SIZES, "relu", "softmax", seed=0)
    settings: dict[str, Any] = {"optimizer": fm.Adam(1e-3), "epochs": 1, "verbose": False}
    if len(data) == 2:
        settings |= {"batch_size": ROWS_OF_BATCH, "shuffle": False}

    def fit() -> float:
        start = time.perf_counter()
        model.fit(*data, **settings)
        return time.perf_counter() - start

    fit()
    return fit


def rates(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the milliseconds a batch on arrays, and the rate of each stream beside them."""
    batches = 4 if options.quick else BATCHES
    with tempfile.TemporaryDirectory() as folder:
        fits = {name: fitting(data) for name, data in sources(batches, Path(folder)).items()}
        seconds: dict[str, list[float]] = {name: [] for name in fits}
        for _ in range(options.repeats):
            for name, fit in fits.items():
                seconds[name].append(fit())
    (arrays, first), *others = ((n, harness.summary(s).median) for n, s in seconds.items())
    found = [row(f"{arrays}: a batch of {ROWS_OF_BATCH} rows", 1e3 * first / batches, "ms")]
    for name, median in others:
        # What reads or makes rows anew has a speed of its own.
        floor = f"{FLOOR} %" if "slices" in name or "window" in name else ""
        found.append(row(f"{name}, of the rate of arrays", 100 * first / median, "%", floor))
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    options = contest.parse(parser, arguments)
    found = rates(options)
    if STATUS.exists():
        for batches in (5, 10) if options.quick else (500, 4000):
            size = batches * ROWS_OF_BATCH * SIZES[0] * 4 / 1e6
            peak = int(output("-c", STREAMING, str(batches))) * 1024 / 1e6
            found.append(row(f"memory added by a stream of {size:.0f} MB at its peak", peak, "MB"))
    document = contest.finish(options, "streams", {"rows": found})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
