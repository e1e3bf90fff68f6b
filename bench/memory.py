"""What fastmlp costs besides time: ``python -m bench.memory``.

Memory that training the digits network on data of MNIST's size adds to the data; how much longer
``import fastmlp`` takes than ``import numpy``; and the size of the wheels in ``dist``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import contest, machine, report

# 60,000 images of 784 float32, made in place so that making them leaves no higher peak behind.
# The peak is that of the whole process, so it is compared with what is resident before the import.
TRAINING = """
import sys, numpy as np
rows, epochs = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
X = np.empty((rows, 784), np.float32)
rng.random(out=X, dtype=np.float32)
t = rng.integers(0, 10, rows)

def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))

before = status("VmRSS")
import fastmlp as fm
model = fm.MLP([784, 256, 128, 10], "relu", "softmax", seed=0)
model.fit(X, t, loss="cross_entropy", optimizer=fm.Adam(1e-3), batch_size=128, epochs=epochs,
          seed=0, verbose=False)
print(status("VmHWM") - before)
"""
STATUS = Path("/proc/self/status")
MNIST_ROWS = 60_000
# fastmlp loads its parts when they are first named; what counts is having a model to make.
IMPORTS = {
    "import numpy": "import numpy",
    "import fastmlp": "import fastmlp",
    "import fastmlp and name MLP": "import fastmlp; fastmlp.MLP",
}
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def output(*arguments: str) -> str:
    """Return what a fresh Python prints."""
    command = [sys.executable, *arguments]
    environment = machine.environment()
    # Installed packages are compiled; from a checkout the first run compiles them.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return found.stdout


def added_by_training(rows: int, epochs: int) -> float:
    """Return the megabytes that training adds to the data at its peak, fastmlp itself included."""
    return int(output("-c", TRAINING, str(rows), str(epochs))) * 1024 / 1e6


def import_times(repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each import, in fresh processes in turns."""
    spent: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats + 1):
        for name, times in spent.items():
            times.append(1e3 * float(output("-c", TIMED.format(IMPORTS[name]))))
    # The first ones read files from the disk.
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


def row(what: str, value: float, unit: str, floor: str = "") -> dict[str, Any]:
    """Return one line of the results."""
    return {"what": what, "value": value, "unit": unit, "floor": floor}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    parser.set_defaults(repeats=20)
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="where wheels are")
    options = contest.parse(parser, arguments)
    if not STATUS.exists():
        parser.error(f"peak memory is read from {STATUS}, which this system does not have")
    rows = 2_000 if options.quick else MNIST_ROWS
    times = import_times(options.repeats)
    *_, own = times.values()
    short, long = added_by_training(rows, 1), added_by_training(rows, 5)
    found = [
        row("training digits on MNIST's size, 5 epochs, added to the data", long, "MB", "64 MB"),
        row("the same after 1 epoch", short, "MB"),
        *(row(name, spent, "ms") for name, spent in times.items()),
        row("the last, over import numpy", own - times["import numpy"], "ms", "40 ms"),
    ]
    for wheel in sorted(options.dist.glob("*.whl")):
        found.append(row(wheel.name, wheel.stat().st_size / 1e6, "MB", "3 MB"))
    document = contest.finish(options, "memory", {"rows": found})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
