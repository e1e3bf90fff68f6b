"""A process for each contender, so that none is disturbed by another's threads or settings.

Two libraries in one process share its threads' cores: OpenMP teams spin for a while after they
have worked, and JAX was measured up to 1.5 times slower next to PyTorch than alone. A `Worker`
starts ``python -m bench.worker`` and tells it what to do by pickled messages on its standard input
and output.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import timeit
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import machine
from bench.networks import Network, Problem
from bench.parts import Part
from bench.peers import peer


class WorkerError(RuntimeError):
    """What went wrong in a worker, in its words."""


class TrainingJob:
    """One way of a contender to train one network."""

    def __init__(self, contender: str, way: str, network: Network, dtype: str) -> None:
        self._training = peer(contender).TRAINING[way](Problem(network, dtype))

    def stage(self, epochs: int) -> None:
        self._training.stage(epochs)

    def run(self) -> float:
        """Train the staged epochs; return the seconds that took."""
        start = time.perf_counter()
        self._training.run()
        return time.perf_counter() - start

    def result(self) -> list[Any]:
        return list(self._training.weights())


class PredictionJob:
    """One way of a contender to predict so many rows, as a statement that is run in a loop."""

    def __init__(self, contender: str, way: str, network: Network, dtype: str, rows: int) -> None:
        problem = Problem(network, dtype)
        X = problem.X[:rows].copy()
        self._statement, self._names = peer(contender).PREDICTION[way](problem, X)
        self._timer = timeit.Timer(self._statement, globals=self._names)
        self._calls = 1

    def stage(self, calls: int) -> None:
        self._calls = calls

    def run(self) -> float:
        """Predict as often as staged; return the seconds that took."""
        return self._timer.timeit(self._calls)

    def result(self) -> tuple[str, Any]:
        """Return the statement and what it gives; the statements are those of bench/peers."""
        return self._statement, eval(self._statement, self._names)


class CopiesJob(TrainingJob):
    """One way of a contender to train copies of a network that share their matrices."""

    def __init__(self, contender: str, way: str, size: Any) -> None:
        from bench import copies

        self._training = copies.WAYS[contender][way](copies.Problem(size))


class SideBySideJob:
    """Two trainings by fastmlp in two Python threads of this process."""

    def __init__(self, network: Network, dtype: str) -> None:
        self._jobs = [TrainingJob("fastmlp", "fit", network, dtype) for _ in range(2)]

    def stage(self, epochs: int) -> None:
        for job in self._jobs:
            job.stage(epochs)

    def run(self) -> float:
        """Train both at once; return the seconds that the slower one took."""
        with ThreadPoolExecutor(2) as threads:
            return max(threads.map(TrainingJob.run, self._jobs))

    def result(self) -> None:
        return None


class PartJob:
    """So many runs of one part of a training step, by one way of a contender."""

    def __init__(self, contender: str, way: str, part: Part, dtype: str) -> None:
        self._arrays = part.arrays(dtype)
        self._repeat = getattr(peer(contender), part.KIND.upper())[way](*self._arrays)
        self._runs = 1

    def stage(self, runs: int) -> None:
        self._runs = runs

    def run(self) -> float:
        """Run as often as staged; return the seconds that took."""
        start = time.perf_counter()
        self._repeat(self._runs)
        return time.perf_counter() - start

    def result(self) -> Any:
        return self._arrays[-1]


class PeakJob:
    """The rate of multiply-adds in registers, on one core or on several at once."""

    def __init__(self, dtype: str, cores: int) -> None:
        from fastmlp import _core

        self._arguments = (_core.isa(), dtype)
        self._cores = cores

    def stage(self, _: int) -> None:
        pass

    def run(self) -> float:
        """Return operations a second, all cores together."""
        from fastmlp import _core

        with ThreadPoolExecutor(self._cores) as threads:
            peak = _core.kernels.fma_peak
            return sum(threads.map(lambda _: peak(*self._arguments, 0.1), range(self._cores)))

    def result(self) -> str:
        """Return the instruction set that was measured."""
        return self._arguments[0]


class Worker:
    """A process that has one job at a time.

    Parameters
    ----------
    threads : int
        Cores it may use: libraries are told so, and it is pinned to them.
    environment : dict, optional
        Variables to set.
    """

    def __init__(self, threads: int, environment: dict[str, str] | None = None) -> None:
        count = str(threads)
        names = "FASTMLP", "OMP", "OPENBLAS", "MKL"
        own = {f"{name}_NUM_THREADS": count for name in names} | dict(environment or {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=machine.environment() | own,
        )

    def begin(self, name: str, *arguments: Any) -> None:
        """Ask for something, without waiting for it."""
        assert self._process.stdin is not None
        pickle.dump((name, arguments), self._process.stdin)
        self._process.stdin.flush()

    def end(self) -> Any:
        """Wait for the answer."""
        assert self._process.stdout is not None
        try:
            good, answer = pickle.load(self._process.stdout)
        except EOFError:
            raise WorkerError(f"the process ended with code {self._process.wait()}") from None
        if not good:
            raise WorkerError(answer)
        return answer

    def call(self, name: str, *arguments: Any) -> Any:
        """Ask for something and return the answer."""
        self.begin(name, *arguments)
        return self.end()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


JOBS = {
    "training": TrainingJob,
    "copies": CopiesJob,
    "prediction": PredictionJob,
    "side by side": SideBySideJob,
    "part": PartJob,
    "peak": PeakJob,
}


class _Server:
    """The other end of a `Worker`."""

    def __init__(self) -> None:
        self._job: Any = None

    def open(self, kind: str, *arguments: Any) -> None:
        self._job = JOBS[kind](*arguments)

    def stage(self, count: int) -> None:
        self._job.stage(count)

    def run(self) -> Any:
        return self._job.run()

    def result(self) -> Any:
        return self._job.result()

    def serve(self, requests: Any, answers: Any) -> None:
        while True:
            try:
                name, arguments = pickle.load(requests)
            except EOFError:
                return
            try:
                answer = True, getattr(self, name)(*arguments)
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                answer = False, f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
            pickle.dump(answer, answers)
            answers.flush()


def main() -> None:
    """Serve one `Worker`; whatever a library prints goes to standard error, not into answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
    _Server().serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
