"""Contests: the same work by several contenders, checked, warmed up and measured in turns."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench import harness, machine
from bench.parts import Part
from bench.peers import CONTENDERS, missing, peer
from bench.worker import Worker, WorkerError

# Threads that spin after their work are asleep by then, and the next contender has the cores.
PAUSE = 0.05
# Calls or epochs of one timed run, whatever their speed: their orders must fit in memory.
MOST = 1 << 20
# A timed run of one part of a step need not last as long as one of many steps.
PART_SECONDS = 0.02
PART_TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


# What holds everyone to an instruction set: fastmlp, PyTorch with its oneDNN and MKL, and JAX.
HELD = {
    isa: {
        "FASTMLP_ISA": isa,
        "ATEN_CPU_CAPABILITY": isa,
        "ONEDNN_MAX_CPU_ISA": onednn,
        "MKL_ENABLE_INSTRUCTIONS": isa.upper(),
        "XLA_FLAGS": f"--xla_cpu_max_isa={isa.upper()}",
    }
    for isa, onednn in (("avx2", "AVX2"), ("avx512", "AVX512_CORE"))
}


@dataclass
class Entry:
    """One way of one contender, its process, and what was measured.

    Attributes
    ----------
    contender, way : str
        Which.
    worker : Worker
        Its process.
    threads : int
        Cores that it may use.
    count : int
        Epochs or calls of a timed run.
    samples : list of float
        Seconds of each timed run, divided by its units (steps, calls).
    facts : dict
        What else there is to record.
    """

    contender: str
    way: str
    worker: Worker
    threads: int = 1
    count: int = 1
    samples: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether it stands for its contender, rather than being shown beside it."""
        return self.way not in peer(self.contender).ASIDE

    @property
    def timing(self) -> harness.Timing:
        """The median of the samples and their quartiles."""
        return harness.summary(self.samples)

    def record(self) -> dict[str, Any]:
        """Return what goes into JSON."""
        return {
            "contender": self.contender,
            "way": self.way,
            "counted": self.counted,
            "threads": self.threads,
            **asdict(self.timing),
            "seconds": self.samples,
            **self.facts,
        }


class Contest:
    """The entries of a contest, each in a process of its own; closes them at the end.

    Parameters
    ----------
    contenders : sequence of str
        Names of `peers`. One that lacks a package is skipped, with a line that says so.
    kind : "training", "prediction", or the kind of a part
        What they do.
    threads : int or sequence of int
        Cores each may use; of several numbers, each is an entry of its own.
    isa : str, optional
        The instruction set that fastmlp is held to.
    everyone : bool, default False
        Whether the peers are held to it as well, which only those in `HELD` can be.
    ways : collection of str, optional
        Ways that take part; all, if not given.
    """

    def __init__(
        self,
        contenders: Sequence[str],
        kind: str,
        threads: int | Sequence[int],
        isa: str | None = None,
        *,
        everyone: bool = False,
        ways: Collection[str] | None = None,
    ) -> None:
        counts = [threads] if isinstance(threads, int) else threads
        self.environment = {"FASTMLP_ISA": isa} if isa else {}
        if isa and everyone:
            self.environment = HELD[isa]
        self.entries: list[Entry] = []
        for name in contenders:
            lacking = missing(name)
            if lacking:
                note(f"{name}: skipped, {lacking} is not installed")
                continue
            for way, count in product(getattr(peer(name), kind.upper(), {}), counts):
                if ways is not None and way not in ways:
                    continue
                self.entries.append(Entry(name, way, Worker(count, self.environment), count))

    def __enter__(self) -> Contest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for entry in self.entries:
            entry.worker.close()

    def each(self, action: Callable[[Entry], None]) -> None:
        """Let every entry do something; one that fails is left out, with a line that says why."""
        left = usable(self.entries, action)
        for entry in self.entries:
            if not any(entry is other for other in left):
                entry.worker.close()
        self.entries = left


def usable(
    entries: Iterable[Entry], action: Callable[[Entry], None], where: str = ""
) -> list[Entry]:
    """Let entries do something, and return those that can; of others say why they are left out."""
    left = []
    for entry in entries:
        try:
            action(entry)
        except WorkerError as error:
            note(f"{entry.contender} ({entry.way}): left out{where}, {error}")
        else:
            left.append(entry)
    return left


def calibrate(entry: Entry, seconds: float) -> None:
    """Warm an entry's job up and choose the length of its timed runs."""
    entry.count = 1
    entry.worker.call("stage", 1)
    entry.worker.call("run")
    while True:
        spent = entry.worker.call("run")
        if spent >= seconds / 2 or entry.count >= MOST:
            return
        wanted = entry.count * seconds / max(spent, 1e-7)
        entry.count = min(MOST, max(entry.count + 1, round(wanted)))
        entry.worker.call("stage", entry.count)
        entry.worker.call("run")


def in_turns(
    entries: Iterable[Entry], repeats: int, units: int, rates: Iterable[Entry] = ()
) -> None:
    """Run all entries in turns: A, B, C, A, B, C, …

    `units` are the steps or calls in an entry's ``count`` of 1; `rates` are entries whose runs
    return a rate rather than seconds.
    """
    for _ in range(repeats):
        for entry in entries:
            time.sleep(PAUSE)
            entry.samples.append(entry.worker.call("run") / (entry.count * units))
        for entry in rates:
            time.sleep(PAUSE)
            entry.samples.append(entry.worker.call("run"))


def compare(
    parts: Sequence[Part], dtype: str, options: argparse.Namespace, isa: str | None = None
) -> list[dict[str, Any]]:
    """Check and measure parts of one kind, on one core and on all, and return a result of each."""
    counts, kind = sorted({1, options.threads}), parts[0].KIND
    with Contest(options.contenders, kind, counts, isa) as rivals:
        return [_compare(part, rivals, dtype, options) for part in parts]


def _compare(
    part: Part, rivals: Contest, dtype: str, options: argparse.Namespace
) -> dict[str, Any]:
    expected = part.expected(dtype)
    scale = np.linalg.norm(expected)

    def prepare(entry: Entry) -> None:
        entry.worker.call("open", "part", entry.contender, entry.way, part, dtype)
        entry.worker.call("run")
        error = float(np.linalg.norm(entry.worker.call("result") - expected) / scale)
        if not error <= PART_TOLERANCE[dtype]:
            raise WorkerError(f"its {part.name} {part} differs by {error:.1e} of its norm")
        entry.facts, entry.samples = {"error": error}, []
        calibrate(entry, min(options.seconds, PART_SECONDS))

    rivals.each(prepare)
    in_turns(rivals.entries, options.repeats, 1)
    return {"part": part.name, "size": str(part), "entries": [e.record() for e in rivals.entries]}


def note(text: str) -> None:
    """Say something beside the results."""
    print(text, file=sys.stderr, flush=True)


def parser(description: str, contenders: Sequence[str] = CONTENDERS) -> argparse.ArgumentParser:
    """Return a parser of what all benchmarks understand."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--contenders", type=names(contenders), default=tuple(contenders), metavar="A,B,…"
    )
    options.add_argument("--repeats", type=positive(int), default=7, help="timed runs of each")
    options.add_argument(
        "--seconds", type=positive(float), default=0.4, help="of a timed run, about"
    )
    options.add_argument("--threads", type=positive(int), default=machine.cores())
    options.add_argument("--json", type=Path, help="where to write the results")
    options.add_argument("--quick", action="store_true", help="a trial: numbers mean nothing")
    return options


def parse(options: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; a quick trial measures twice, and briefly."""
    chosen = options.parse_args(arguments)
    if chosen.quick:
        chosen.repeats, chosen.seconds = 2, 0.001
    return chosen


def names(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of names with commas between them."""
    known = tuple(known)

    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return chosen

    return read


def positive(kind: type) -> Callable[[str], Any]:
    """Return a reader of numbers greater than 0."""

    def read(text: str) -> Any:
        number = kind(text)
        if not number > 0:
            raise argparse.ArgumentTypeError(f"expected a number greater than 0, got {text}")
        return number

    return read


def finish(options: argparse.Namespace, benchmark: str, results: dict[str, Any]) -> dict[str, Any]:
    """Return the results with all that is known of how they came about; write them if asked to."""
    packages = {p for name in CONTENDERS for p in peer(name).PACKAGES}
    document = {
        "benchmark": benchmark,
        "machine": machine.describe(tuple(packages)),
        "options": {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()},
        **results,
    }
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return document
