"""Seconds of `fit`, scikit-learn's estimators beside fastmlp's: ``python -m bench.estimators``.

Both get the same data, the same parameters and the same seeds, each in a process of its own, one
after the other, with a rest in between. Scores on rows that were held out stand beside the seconds:
a fit that is fast and worse is not faster.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import contest, report

CONTENDERS = {"sklearn": "sklearn.neural_network", "fastmlp": "fastmlp"}

# Threads of OpenBLAS spin for 0.1 s after a call: those of whoever ran before, or of loading the
# data, must be asleep when a fit begins.
REST_SECONDS = 0.3

Rows = tuple[Any, Any, Any, Any]


def _split(X: Any, y: Any) -> Rows:
    """Return rows to train on, scaled, and a fifth to test on."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def bundled(name: str) -> Callable[[], Rows]:
    """Return a function that loads one of scikit-learn's small tables."""

    def load() -> Rows:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return _split(X, (y - y.mean()) / y.std() if name == "diabetes" else y)

    return load


def mnist() -> Rows:
    """Return the handwritten digits as float32 between 0 and 1."""
    import fastmlp as fm

    data = fm.datasets.load("mnist")
    return data.X_train, data.X_test, data.t_train, data.t_test


def california() -> Rows:
    """Return numbers made up in the size of the California housing table, which is a download."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20640, 8))
    hidden = np.tanh(X @ rng.normal(size=(8, 12)))
    return _split(X, hidden @ rng.normal(size=12) + 0.3 * rng.normal(size=len(X)))


def words() -> Rows:
    """Return made-up counts of words, sparse: 5,000 rows of 10,000 columns, 50 of them not 0."""
    import scipy.sparse

    rng = np.random.default_rng(0)
    topics, rows, columns = 4, 5000, 10000
    y = rng.integers(topics, size=rows)
    places = (rng.integers(columns, size=(rows, 50)) // topics * topics + y[:, None]) % columns
    random = rng.integers(columns, size=(rows, 50))
    places = np.where(rng.random((rows, 50)) < 0.2, places, random)
    starts = np.arange(0, 50 * rows + 1, 50)
    X = scipy.sparse.csr_matrix((np.ones(50 * rows), places.ravel(), starts), (rows, columns))
    X.sum_duplicates()
    return X[:4000], X[4000:], y[:4000], y[4000:]


@dataclass(frozen=True)
class Case:
    """Data and parameters of a fit."""

    load: Callable[[], Rows]
    estimator: str = "MLPClassifier"
    parameters: dict[str, Any] = field(default_factory=dict)


CASES = {
    "iris": Case(bundled("iris"), parameters={"max_iter": 200}),
    "diabetes": Case(bundled("diabetes"), "MLPRegressor", {"max_iter": 200}),
    "digits": Case(bundled("digits"), parameters={"max_iter": 60}),
    "digits, early stopping": Case(
        bundled("digits"), parameters={"max_iter": 60, "early_stopping": True}
    ),
    "digits, sgd": Case(bundled("digits"), parameters={"max_iter": 60, "solver": "sgd"}),
    "digits, lbfgs": Case(bundled("digits"), parameters={"max_iter": 60, "solver": "lbfgs"}),
    "california": Case(california, "MLPRegressor", {"max_iter": 20}),
    "words, sparse": Case(words, parameters={"max_iter": 3}),
    "mnist": Case(mnist, parameters={"max_iter": 3}),
}


def fit_once(contender: str, name: str, seed: int) -> tuple[float, float]:
    """Return seconds and score of one fit, in this process."""
    from importlib import import_module

    case = CASES[name]
    X, X_test, y, y_test = case.load()
    make = getattr(import_module(CONTENDERS[contender]), case.estimator)
    estimator = make(random_state=seed, **case.parameters)
    time.sleep(REST_SECONDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds = time.perf_counter() - start
    return seconds, float(estimator.score(X_test, y_test))


def compete(name: str, seeds: int) -> dict[str, Any]:
    """Measure both contenders on one case, in turns."""
    context = multiprocessing.get_context("spawn")
    results: dict[str, list[tuple[float, float]]] = {contender: [] for contender in CONTENDERS}
    pools = {c: ProcessPoolExecutor(1, mp_context=context) for c in CONTENDERS}
    try:
        for pool, contender in zip(pools.values(), pools, strict=True):
            pool.submit(fit_once, contender, "iris", 0).result()  # loads what is loaded once
        for seed in range(seeds):
            for contender, pool in pools.items():
                results[contender].append(pool.submit(fit_once, contender, name, seed).result())
    finally:
        for pool in pools.values():
            pool.shutdown()
    entries = {
        contender: {"seconds": [s for s, _ in found], "scores": [score for _, score in found]}
        for contender, found in results.items()
    }
    medians = {c: statistics.median(e["seconds"]) for c, e in entries.items()}
    return {"case": name, **entries, "speedup": medians["sklearn"] / medians["fastmlp"]}


def missing_data(names: Sequence[str]) -> dict[str, str]:
    """Return the cases whose data are not to be had on this machine, and why."""
    missing = {}
    for name in names:
        try:
            CASES[name].load()
        except FileNotFoundError as error:
            missing[name] = str(error)
    return missing


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), help="by default all")
    parser.add_argument("--seeds", type=contest.positive(int), default=5)
    parser.add_argument("--json", type=Path, help="write everything that was measured here")
    options = parser.parse_args(arguments)
    missing = missing_data(options.cases or tuple(CASES))  # before an hour is measured for nothing
    for name, why in missing.items():
        if options.cases:
            parser.error(f"--cases: {name!r} has no data here: {why}")
        contest.note(f"{name}: left out, {why}")
    options.cases = [name for name in options.cases or CASES if name not in missing]
    results = [compete(name, options.seeds) for name in options.cases]
    speedups = [result["speedup"] for result in results]
    found = {
        "results": results,
        "geometric mean of speedups": statistics.geometric_mean(speedups),
        "smallest speedup": min(speedups),
    }
    document = contest.finish(options, "estimators", found)
    report.show(document)
    return document


if __name__ == "__main__":
    main()
