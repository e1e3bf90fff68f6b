"""Speed of every kernel, and its products beside the peers': ``python -m bench.kernels``.

A product is told in GFLOP/s and in parts of the peak: what the same instruction set reaches in
multiply-adds between registers, measured in turns with it. (Processors that lower their clock under
load lower it further when operands come from memory, so that no product can reach all of it.) The
other kernels are told in nanoseconds an element and in the bytes they read and write. All of them
run on one core. Then come the products of the networks' steps, on one core and on all, in turns
with those of PyTorch and NumPy. Every result is compared with NumPy's before it is timed.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import contest, harness, report
from bench.networks import NETWORKS
from bench.parts import Product, aligned, normal, products_of
from fastmlp import _core
from fastmlp._core import kernels

# The products of a step of 784-256-128-10 on 128 rows, those of small networks, of single rows, and
# large ones.
PRODUCTS = [
    Product(128, 256, 784),
    Product(784, 256, 128, a_transposed=True),
    Product(128, 128, 256),
    Product(256, 128, 128, a_transposed=True),
    Product(128, 256, 128, b_transposed=True),
    Product(128, 10, 128),
    Product(128, 10, 128, a_transposed=True),
    Product(128, 128, 10, b_transposed=True),
    Product(256, 54, 128),
    Product(32, 32, 4),
    Product(1, 32, 4),
    Product(1, 3, 32),
    Product(1, 256, 784),
    Product(256, 784, 1024),
    Product(1024, 1024, 1024),
    Product(1024, 1024, 1024, a_transposed=True),
    Product(1024, 1024, 1024, b_transposed=True),
    Product(1024, 1024, 4096),
]
# M, N, K, and how many elements each row of A lists: a layer on words, forwards and its gradient.
SPARSE_PRODUCTS = [(200, 100, 10000, 50), (10000, 100, 200, 1)]
ELEMENTS = 128 * 256
ROWS = [(128, 10), (128, 256)]


@dataclass(frozen=True)
class Case:
    """One kernel on one size."""

    kernel: str
    size: str
    isa: str
    dtype: str
    run: harness.Runner
    check: Callable[[], None]
    flops: int = 0
    elements: int = 0
    bytes: int = 0


def products(isa: str, dtype: str) -> Iterator[Case]:
    for product in PRODUCTS:
        splits = dtype == "float32" and kernels.splits(product.M, product.N, product.K, isa=isa)
        A, B, C = product.arrays(dtype)
        bias = normal(np.random.default_rng(1), 1, product.N, dtype)[0]
        for name in ("gemm", *(["split_gemm"] if splits else [])):

            def run(runs: int, name=name, A=A, B=B, C=C, bias=bias) -> float:
                gemm = getattr(kernels, name)
                return gemm(A, B, C, isa=isa, bias=bias, forward="relu", repeat=runs)

            def check(run=run, A=A, B=B, C=C, bias=bias) -> None:
                run(1)
                expected = np.maximum(A.astype(float) @ B.astype(float) + bias, 0)
                allowed = np.finfo(dtype).eps * A.shape[1] * (np.abs(A) @ np.abs(B) + 10)
                assert (np.abs(C - expected) <= allowed).all(), "the product is wrong"

            yield Case(name, str(product), isa, dtype, run, check, flops=product.flops)


def sparse_products(isa: str, dtype: str) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for M, N, K, each in SPARSE_PRODUCTS:
        columns = np.sort(rng.integers(K, size=(M, each)), axis=1).astype(np.int32)
        values = normal(rng, M, each, dtype)
        A = values.ravel(), columns.ravel(), np.arange(M + 1) * each
        B, C = normal(rng, K, N, dtype), normal(rng, M, N, dtype)

        def run(runs: int, A=A, B=B, C=C) -> float:
            return kernels.sparse_gemm(A, B, C, isa=isa, repeat=runs)

        def check(run=run, values=values, columns=columns, B=B, C=C) -> None:
            run(1)
            expected = (values[:, :, None].astype(float) * B[columns]).sum(axis=1)
            np.testing.assert_allclose(C, expected, rtol=1e-4, atol=1e-4)

        size = f"{M}×{N}×{K}, {each} a row"
        yield Case("sparse_gemm", size, isa, dtype, run, check, flops=2 * M * N * each)


def functions(isa: str, dtype: str) -> Iterator[Case]:
    rng, width = np.random.default_rng(0), np.dtype(dtype).itemsize
    x, z, y = (aligned(rng.uniform(0.1, 2, (1, ELEMENTS)), dtype) for _ in range(3))
    plain = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "tanh": np.tanh}
    for name in kernels.unary_names:

        def run(runs: int, name=name) -> float:
            return kernels.unary(name, x, y, isa=isa, c=1.5, repeat=runs)

        def check(run=run, name=name) -> None:
            run(1)
            if name in plain:
                np.testing.assert_allclose(y, plain[name](x), rtol=1e-5)

        sizes = {"elements": ELEMENTS, "bytes": 2 * width * ELEMENTS}
        yield Case(name, f"{ELEMENTS}", isa, dtype, run, check, **sizes)
    arithmetic = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum}
    for name in kernels.binary_names:

        def run(runs: int, name=name) -> float:
            return kernels.binary(name, x, z, y, isa=isa, repeat=runs)

        def check(run=run, name=name) -> None:
            run(1)
            if name in arithmetic:
                np.testing.assert_array_equal(y, arithmetic[name](x, z))

        sizes = {"elements": ELEMENTS, "bytes": 3 * width * ELEMENTS}
        yield Case(name, f"{ELEMENTS}", isa, dtype, run, check, **sizes)


def rows(isa: str, dtype: str) -> Iterator[Case]:
    rng, width = np.random.default_rng(0), np.dtype(dtype).itemsize
    for shape in ROWS:
        x, y = normal(rng, *shape, dtype), normal(rng, *shape, dtype)
        t = aligned(rng.integers(0, shape[1], (shape[0], 1)).astype(float), dtype)
        loss, turned = np.zeros(shape[0], dtype), normal(rng, *shape[::-1], dtype)
        total, column = np.zeros(shape[1], dtype), np.zeros((shape[0], 1), dtype)
        softmax = np.exp(x - x.max(axis=1, keepdims=True))
        softmax /= softmax.sum(axis=1, keepdims=True)
        message = softmax - np.eye(shape[1], dtype=dtype)[t[:, 0].astype(int)]
        # kernel: its arguments, where the result lies, and what it must be.
        calls: dict[str, tuple[tuple[Any, ...], dict[str, Any], np.ndarray, np.ndarray]] = {
            "softmax": ((x, y), {}, y, softmax),
            "log_softmax": ((x, y), {}, y, np.log(softmax)),
            "softmax_cross_entropy": ((x, t), {"loss": loss, "z_bar": y}, y, message),
            "transpose": ((x, turned), {}, turned, x.T),
            "sum_rows": ((x, total), {}, total, x.sum(axis=0)),
            "sum_columns": ((x, column), {}, column, x.sum(axis=1, keepdims=True)),
            "argmax": ((x, column), {}, column, x.argmax(axis=1)[:, None]),
        }
        for name, (arguments, options, result, expected) in calls.items():

            def run(runs: int, name=name, arguments=arguments, options=options) -> float:
                return getattr(kernels, name)(*arguments, isa=isa, repeat=runs, **options)

            def check(run=run, result=result, expected=expected) -> None:
                run(1)
                np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)

            size = "×".join(map(str, shape))
            sizes = {"elements": x.size, "bytes": (x.size + result.size) * width}
            yield Case(name, size, isa, dtype, run, check, **sizes)


def updates(isa: str, dtype: str) -> Iterator[Case]:
    rng, width = np.random.default_rng(0), np.dtype(dtype).itemsize
    w, g, y = (normal(rng, 1, ELEMENTS, dtype)[0] for _ in range(3))
    rules = _core.format.optimizers

    def update(rule: str) -> Callable[[int], float]:
        state = [_core.aligned_zeros(ELEMENTS, w.dtype) for _ in rules[rule].state]
        numbers = [1e-3] * len(rules[rule].numbers)
        return lambda runs: kernels.update(
            rule, w, g, state=state, numbers=numbers, isa=isa, repeat=runs
        )

    def dropout(runs: int) -> float:
        return kernels.dropout(g, y, isa=isa, key=1, rate=0.2, repeat=runs)

    def check() -> None:
        for run in runners.values():
            run(1)
        assert np.isfinite(w).all()
        dropout(1)
        kept = y != 0
        np.testing.assert_allclose(y[kept], 1.25 * g[kept], rtol=1e-6)

    runners = {rule: update(rule) for rule in rules}
    # w is written and, but for `assign`, read; g is read, and the state read and written.
    arrays = {rule: 3 + 2 * len(rules[rule].state) for rule in runners}
    arrays |= {"assign": 2, "dropout": 2}
    for name, run in (runners | {"dropout": dropout}).items():
        sizes = {"elements": ELEMENTS, "bytes": arrays[name] * width * ELEMENTS}
        yield Case(name, f"{ELEMENTS}", isa, dtype, run, check, **sizes)


def peak_case(isa: str, dtype: str, seconds: float = 2e-3) -> harness.Runner:
    """Return a runner of one operation at the peak, so that its timing is the peak's inverse."""
    return lambda runs: runs / kernels.fma_peak(isa, dtype, seconds)


def measure(cases: list[Case], isa: str, dtype: str, options: Any) -> list[dict[str, Any]]:
    """Check and time the cases of one table."""
    for case in cases:
        case.check()
    runners = [peak_case(isa, dtype), *(case.run for case in cases)]
    peak, *timings = harness.in_turns(runners, sample=options.seconds, samples=options.repeats)
    results = []
    for case, timing in zip(cases, timings, strict=True):
        found = {k: v for k, v in dataclasses.asdict(case).items() if not callable(v)}
        found |= dataclasses.asdict(timing) | {"spread": timing.spread, "peak": 1 / peak.median}
        results.append(found)
    return results


def compare(isa: str, dtype: str, options: Any) -> list[dict[str, Any]]:
    """Check and time the products of the networks' steps, in turns with the peers' own."""
    results = []
    for name in options.networks:
        network = NETWORKS[name]
        contest.note(f"products of {network}, {isa}, {dtype} …")
        found = contest.compare(products_of(network, network.batch), dtype, options, isa)
        results += [{"network": name, "isa": isa, "dtype": dtype, **each} for each in found]
    return results


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its tables, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp", "pytorch", "numpy"))
    parser.set_defaults(repeats=11, seconds=0.02)
    parser.add_argument("--isa", nargs="+", choices=kernels.isas, default=[kernels.isas[-1]])
    parser.add_argument("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"])
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="kernels to measure; peers: the networks' products, beside the peers'",
    )
    parser.add_argument("--networks", type=contest.names(NETWORKS), default=tuple(NETWORKS))
    options = contest.parse(parser, arguments)
    results, compared = [], []
    makers = (products, sparse_products, functions, rows, updates)
    tables = {
        (isa, dtype): [case for make in makers for case in make(isa, dtype)]
        for isa, dtype in itertools.product(options.isa, options.dtype)
    }
    names = {case.kernel for cases in tables.values() for case in cases} | {"peers"}
    wanted = set(options.only or names)
    if unknown := wanted - names:
        parser.error(f"--only: {sorted(unknown)} not among {', '.join(sorted(names))}")
    for (isa, dtype), cases in tables.items():
        if chosen := [case for case in cases if case.kernel in wanted]:
            results += measure(chosen, isa, dtype, options)
        if "peers" in wanted:
            compared += compare(isa, dtype, options)
    document = contest.finish(options, "kernels", {"results": results, "products": compared})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
