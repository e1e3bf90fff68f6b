"""Examples of every operation, and what each is, said another way. A list for many tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import scipy.special

from fastmlp import graph as g
from fastmlp.graph import BATCH, Node
from fastmlp.graph.ops import OPS
from fastmlp.graph.ops.activations.declaration import DECLARED
from fastmlp.graph.ops.rows import run_key
from formulas import ACTIVATIONS, Formula


def away_from_zero(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, kept off the kinks at 0."""
    x = np.random.default_rng([seed, *shape]).normal(size=shape)
    return x + np.copysign(0.1, x)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.abs(away_from_zero(*shape, seed=seed))


def within_one(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).uniform(0.1, 0.9, size=shape)


def classes(rows: int, columns: int) -> np.ndarray:
    return (np.arange(rows) * 7 % columns).astype(float)[:, None]


@dataclass
class Case:
    """An operation on numbers; `fixed` arguments have no derivative, `static` ones no batch."""

    arrays: tuple[np.ndarray, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    static: tuple[int, ...] = ()

    def build(self, op: str, batch: bool) -> tuple[Node, list[Node], dict[Node, np.ndarray]]:
        arguments = []
        for i, array in enumerate(self.arrays):
            rows = BATCH if batch and len(array) > 1 and i not in self.static else len(array)
            arguments.append(g.input(array.shape[1], f"a{i}", rows=rows))
        feeds = dict(zip(arguments, self.arrays, strict=True))
        attrs = dict(self.attrs)
        if batch and "shape" in attrs:
            # An input beside it tells the rows of the batch.
            rows, columns = attrs["shape"]
            attrs["shape"] = (BATCH, columns)
            feeds[g.input(1, "rows")] = np.zeros((rows, 1))
        node = Node(op, arguments, attrs, OPS[op].shape(*(a.shape for a in arguments), **attrs))
        return node, arguments, feeds


SHAPES = [(1, 1), (1, 7), (5, 3), (17, 1), (3, 13)]
NORMS = [(1, 1), (1, 7), (5, 4), (17, 1), (3, 37), (40, 65)]
PAIRS = [
    ((5, 3), (5, 3)),
    ((5, 3), (1, 3)),
    ((5, 1), (5, 3)),
    ((5, 1), (1, 3)),
    ((1, 1), (5, 3)),
    ((1, 3), (1, 1)),
    ((7, 1), (7, 1)),
    ((1, 1), (1, 1)),
]


def unary(make: Callable[..., np.ndarray] = away_from_zero, **attrs: Any) -> list[Case]:
    return [Case((make(*shape),), attrs) for shape in SHAPES]


def binary(second: Callable[..., np.ndarray] = away_from_zero) -> list[Case]:
    return [Case((away_from_zero(*a), second(*b, seed=1))) for a, b in PAIRS]


def flip(x: np.ndarray, transpose: bool) -> np.ndarray:
    return np.ascontiguousarray(x.T) if transpose else x


def read_by_message(name: str) -> Callable[..., np.ndarray]:
    """Return what makes what the activation's message reads: z, or h off the kinks at 0 and ±1."""

    def read(*shape: int, seed: int = 0) -> np.ndarray:
        z = away_from_zero(*shape, seed=seed)
        if DECLARED[name].reads == "z":
            return z
        h = ACTIVATIONS[name].phi(z)
        return np.where(h == 0, -0.5, np.where(np.abs(h) == 1, 1.5 * h, h))

    return read


def message(formula: Formula) -> Callable[..., np.ndarray]:
    return lambda bar, u: bar * formula.slope(u)


CASES: dict[str, list[Case]] = {
    "affine": [
        Case(
            (away_from_zero(rows, k), away_from_zero(n, k, seed=1), away_from_zero(1, n)),
            static=(1, 2),
        )
        for rows, k, n in [(1, 1, 1), (5, 3, 2), (7, 1, 4), (2, 5, 1)]
    ],
    "matmul": [
        Case(
            (flip(away_from_zero(m, k), ta), flip(away_from_zero(k, n, seed=1), tb)),
            {"transpose_a": ta, "transpose_b": tb},
            # The batch is a's rows, or what a product of two transposed sums over.
            static=() if ta and not tb else (1,) if not ta else (0, 1),
        )
        for m, k, n in [(1, 1, 1), (5, 3, 2), (2, 7, 3)]
        for ta in (False, True)
        for tb in (False, True)
    ],
    **{op: binary() for op in ("add", "subtract", "multiply", "divide", "maximum", "ratio")},
    **{f"{name}_message": binary(read_by_message(name)) for name in ACTIVATIONS},
    **{op: binary() for op in ("prelu", "prelu_slope")},
    **{op: binary(within_one) for op in ("logistic_cross_entropy", "logistic_residual")},
    **{op: unary() for op in ("negative", "exp", "sin", "cos", "abs", "log_cosh")},
    **{op: unary(positive) for op in ("log", "sqrt")},
    "power": [
        *unary(exponent=2.0),
        *unary(exponent=3.0),
        *unary(exponent=-1.0),
        *unary(exponent=0.0),
        *unary(positive, exponent=0.5),
        *unary(positive, exponent=-1.7),
    ],
    **{op: unary() for op in ACTIVATIONS},
    **{
        op: [Case((away_from_zero(*s),), {"axis": axis}) for s in SHAPES for axis in (None, 0, 1)]
        for op in ("sum", "mean")
    },
    "spread": [
        Case((away_from_zero(*a),), {"shape": b, "mean": mean})
        for a, b in [((1, 1), (5, 3)), ((1, 3), (5, 3)), ((5, 1), (5, 3)), ((1, 1), (7, 1))]
        for mean in (False, True)
    ],
    **{op: unary() for op in ("softmax", "log_softmax", "argmax")},
    "softmax_cross_entropy": [
        Case((away_from_zero(5, 3), away_from_zero(5, 3, seed=1))),
        Case((away_from_zero(1, 7), away_from_zero(1, 7, seed=1))),
        Case((away_from_zero(5, 3), classes(5, 3)), fixed=(1,)),
        Case((away_from_zero(1, 2), classes(1, 2)), fixed=(1,)),
        Case((away_from_zero(3, 1), away_from_zero(3, 1, seed=1))),
    ],
    "softmax_cross_entropy_message": [
        Case((away_from_zero(5, 1), away_from_zero(5, 3), away_from_zero(5, 3, seed=1))),
        Case((away_from_zero(1, 1), away_from_zero(1, 7), away_from_zero(1, 7, seed=1))),
        Case((away_from_zero(5, 1), away_from_zero(5, 3), classes(5, 3)), fixed=(2,)),
    ],
    **{
        f"normalize_{along}": [
            Case((away_from_zero(*s) + 3.0,), {"epsilon": 0.1, "centered": centered})
            for s in NORMS
            for centered in (True, False)
        ]
        for along in ("rows", "columns")
    },
    **{
        f"normalize_{along}_message": [
            Case(
                (away_from_zero(*s, seed=1), away_from_zero(*s) + 3.0),
                {"epsilon": 0.1, "centered": centered},
            )
            for s in NORMS
            for centered in (True, False)
        ]
        for along in ("rows", "columns")
    },
    "column_variance": [Case((away_from_zero(*s) + 3.0,)) for s in NORMS],
    "standardize": [
        Case(
            (away_from_zero(*s), away_from_zero(1, s[1]), positive(1, s[1], seed=1)),
            {"epsilon": 0.1},
            static=(1, 2),
        )
        for s in NORMS
    ],
    "pick": [
        Case((away_from_zero(b, n), classes(b, n)), fixed=(1,))
        for b, n in [(1, 1), (5, 3), (17, 5)]
    ],
    "scatter": [
        Case((away_from_zero(b, 1), classes(b, n)), {"columns": n}, fixed=(1,))
        for b, n in [(1, 1), (5, 3), (17, 5)]
    ],
    "concatenate": [
        Case(tuple(away_from_zero(b, n) for n in columns))
        for b, columns in [(1, (1, 1)), (5, (3, 1, 4)), (17, (2, 5))]
    ],
    "slice": [
        Case((away_from_zero(b, n),), {"start": i, "stop": j})
        for b, n, i, j in [(1, 1, 0, 1), (5, 3, 0, 2), (5, 3, 1, 3), (17, 7, 2, 3)]
    ],
    "pad": [
        Case((away_from_zero(b, n),), {"start": i, "columns": columns})
        for b, n, i, columns in [(1, 1, 0, 1), (5, 3, 0, 4), (5, 3, 2, 5), (17, 2, 1, 7)]
    ],
    "group_rows": [
        Case((away_from_zero(b, n),), {"groups": k})
        for b, n, k in [(1, 2, 2), (5, 6, 3), (17, 4, 4)]
    ],
    "ungroup_rows": [
        Case((away_from_zero(b, n),), {"groups": k}, static=(0,))
        for b, n, k in [(2, 1, 2), (6, 2, 3), (20, 1, 4)]
    ],
    "group_matmul": [
        Case(
            (
                away_from_zero(b, k * n),
                away_from_zero(b, k * m, seed=1)
                if ta
                else away_from_zero(k * (m if tb else n), n if tb else m, seed=1),
            ),
            {"groups": k, "transpose_a": ta, "transpose_b": tb},
            static=() if ta else (1,),
        )
        for b, k, n, m in [(1, 1, 1, 1), (5, 3, 2, 4), (17, 2, 1, 3), (3, 2, 5, 1), (1, 3, 1, 1)]
        for ta, tb in [(False, True), (False, False), (True, False)]
    ],
    "group_affine": [
        Case(
            (
                away_from_zero(b, k * n),
                away_from_zero(k * m, n, seed=1),
                away_from_zero(1, k * m, seed=2),
            ),
            {"groups": k},
            static=(1, 2),
        )
        for b, k, n, m in [(1, 1, 1, 1), (5, 3, 2, 4), (17, 2, 1, 3), (3, 2, 5, 1)]
    ],
    "take_rows": [
        Case(
            (np.hstack([classes(b, len(t)) for t in tables]), *tables),
            fixed=(0,),
            static=tuple(range(1, len(tables) + 1)),
        )
        for b, tables in [
            (1, [away_from_zero(1, 1)]),
            (5, [away_from_zero(3, 4)]),
            (17, [away_from_zero(5, 2), away_from_zero(1, 3), away_from_zero(20, 1)]),
        ]
    ],
    "add_rows": [
        Case(
            (away_from_zero(b, n), np.hstack([classes(b, rows + 1), classes(b, rows)])),
            {"rows": rows, "columns": columns, "start": start, "column": 1},
            fixed=(1,),
        )
        for b, n, rows, columns, start in [(1, 1, 1, 1, 0), (5, 4, 3, 4, 0), (17, 7, 20, 2, 3)]
    ],
    "dropout": [
        Case((away_from_zero(*shape),), {"rate": rate, "key": 3})
        for shape in SHAPES
        for rate in (0.2, 0.5)
    ],
    "dropout_at": [
        Case((away_from_zero(*shape), np.array([[rate]])), {"key": 3}, static=(1,), fixed=(1,))
        for shape in SHAPES
        for rate in ((0.25, 0.5) if shape != SHAPES[-1] else (0.25, 0.5, 1.0, -0.5, math.nan))
    ],
    "gaussian_noise": [
        Case((away_from_zero(*shape),), {"deviation": deviation, "key": 3})
        for shape in SHAPES
        for deviation in (0.2, 3.0)
    ],
}

ALL_CASES = [
    pytest.param(op, case, batch, id=f"{op}-{i}-{'batch' if batch else 'rows'}")
    for op, cases in CASES.items()
    for i, case in enumerate(cases)
    for batch in (False, True)
    # A batch of one row is there already as a number of rows.
    if not batch
    or op == "spread"
    or any(len(a) > 1 and j not in case.static for j, a in enumerate(case.arrays))
]


def dense(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return t if t.shape == z.shape else np.eye(z.shape[1])[t[:, 0].astype(int)]


def cross_entropy(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(dense(z, t) * scipy.special.log_softmax(z, axis=1)).sum(1, keepdims=True)


def cross_entropy_message(bar: np.ndarray, z: np.ndarray, t: np.ndarray) -> np.ndarray:
    t = dense(z, t)
    return bar * (scipy.special.softmax(z, axis=1) * t.sum(1, keepdims=True) - t)


def spread_value(a: np.ndarray, shape: tuple[int, int], mean: bool) -> np.ndarray:
    return a * np.ones(shape) / (np.prod(shape) / a.size if mean else 1)


def matmul_value(a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool) -> np.ndarray:
    return np.einsum("ki,jk->ij" if transpose_b else "ki,kj->ij", a if transpose_a else a.T, b)


def group_matmul_value(
    a: np.ndarray, b: np.ndarray, groups: int, transpose_a: bool, transpose_b: bool
) -> np.ndarray:
    a = a.reshape(len(a), groups, -1)
    if transpose_a:
        b = b.reshape(len(b), groups, -1)
        return np.einsum("bki,bkj->kij", a, b).reshape(-1, b.shape[2])
    b = b.reshape(groups, -1, b.shape[1])
    return np.einsum("bki,koi->bko" if transpose_b else "bki,kio->bko", a, b).reshape(len(a), -1)


def pad_value(a: np.ndarray, start: int, columns: int) -> np.ndarray:
    result = np.zeros((len(a), columns))
    result[:, start : start + a.shape[1]] = a
    return result


def bits(n: int, key: int) -> int:
    """The formula of cpp/kernels/table.h on Python's own integers."""
    word = 2**64
    u = (key + (n + 1) * 0x9E3779B97F4A7C15) % word
    u = (u ^ (u >> 30)) * 0xBF58476D1CE4E5B9 % word
    u = (u ^ (u >> 27)) * 0x94D049BB133111EB % word
    return u ^ (u >> 31)


def keep(n: int, rate: float, key: int) -> bool:
    return divmod(bits(n // 2, key), 2**32)[1 - n % 2] >= int(rate * 2**32)


def normal(n: int, key: int) -> float:
    upper, lower = divmod(bits(n, key), 2**32)
    return math.sqrt(-2 * math.log((upper + 1) / 2**32)) * math.cos(2 * math.pi * lower / 2**32)


def noise_value(a: np.ndarray, deviation: float, key: int) -> np.ndarray:
    drawn = [normal(n, run_key(0, 0, key)) for n in range(a.size)]
    return a + deviation * np.reshape(drawn, a.shape)


def normalized(a: np.ndarray, epsilon: float, centered: bool) -> np.ndarray:
    """Of rows."""
    center = np.average(a, axis=1) if centered else np.zeros(len(a))
    return np.array(
        [
            (v - m) / np.hypot(np.linalg.norm(v - m) / len(v) ** 0.5, epsilon**0.5)
            for v, m in zip(a, center, strict=True)
        ]
    )


def normalized_message(
    bar: np.ndarray, a: np.ndarray, epsilon: float, centered: bool
) -> np.ndarray:
    """Of rows, by the Jacobian written out."""
    result = []
    for b, v, h in zip(bar, a, normalized(a, epsilon, centered), strict=True):
        n, m = len(v), v.mean() if centered else 0.0
        J = np.eye(n) - (np.ones((n, n)) / n if centered else 0) - np.outer(h, h) / n
        result.append(J @ b / np.sqrt(((v - m) ** 2).mean() + epsilon))
    return np.array(result)


def dropout_value(a: np.ndarray, rate: float, key: int) -> np.ndarray:
    kept = [keep(n, rate, run_key(0, 0, key)) for n in range(a.size)]
    return np.where(np.reshape(kept, a.shape), a / (1 - rate), 0)


# What each operation is, said another way (SciPy, einsum, loops) than in the package.
VALUES: dict[str, Callable[..., np.ndarray]] = {
    "affine": lambda x, W, b: np.einsum("bi,oi->bo", x, W) + b,
    "matmul": matmul_value,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "maximum": lambda a, b: np.where(a > b, a, b),
    "ratio": lambda a, b: np.divide(a, b, where=b != 0, out=np.zeros(np.broadcast(a, b).shape)),
    "logistic_cross_entropy": lambda z, t: (
        -t * scipy.special.log_expit(z) - (1 - t) * scipy.special.log_expit(-z)
    ),
    "logistic_residual": lambda z, t: scipy.special.expit(z) - t,
    "prelu": lambda z, a: np.maximum(z, 0) + a * np.minimum(z, 0),
    "prelu_slope": lambda z, a: (z > 0) + a * (z <= 0),
    **{name: formula.phi for name, formula in ACTIVATIONS.items()},
    **{f"{name}_message": message(formula) for name, formula in ACTIVATIONS.items()},
    "negative": np.negative,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "log_cosh": lambda a: np.logaddexp(a, -a) - np.log(2),
    "power": lambda a, exponent: np.power(a, exponent),
    "sum": lambda a, axis: np.add.reduce(a, axis=axis if axis is not None else (0, 1)).reshape(
        [1 if axis in (None, i) else n for i, n in enumerate(a.shape)]
    ),
    "mean": lambda a, axis: np.average(a, axis=axis, keepdims=True),
    "spread": spread_value,
    "softmax": lambda a: scipy.special.softmax(a, axis=1),
    "log_softmax": lambda a: scipy.special.log_softmax(a, axis=1),
    "argmax": lambda a: np.array([[row.tolist().index(max(row))] for row in a]),
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_message": cross_entropy_message,
    "pick": lambda a, i: np.array([[row[int(j)]] for row, j in zip(a, i[:, 0], strict=True)]),
    "scatter": lambda a, i, columns: a * np.eye(columns)[i[:, 0].astype(int)],
    "concatenate": lambda *arrays: np.hstack(arrays),
    "slice": lambda a, start, stop: np.delete(
        a, [j for j in range(a.shape[1]) if not start <= j < stop], axis=1
    ),
    "pad": pad_value,
    "group_rows": lambda a, groups: np.array([p for row in a for p in np.split(row, groups)]),
    "ungroup_rows": lambda a, groups: np.hstack([a[j::groups] for j in range(groups)]),
    "group_matmul": group_matmul_value,
    "group_affine": lambda x, W, b, groups: group_matmul_value(x, W, groups, False, True) + b,
    "take_rows": lambda index, *tables: np.array(
        [
            [x for number, table in zip(row, tables, strict=True) for x in table[int(number)]]
            for row in index
        ]
    ),
    "add_rows": lambda a, index, rows, columns, start, column: (
        np.eye(rows)[:, index[:, column].astype(int)] @ a[:, start : start + columns]
    ),
    "dropout": dropout_value,
    # A rate that is none drops nothing.
    "dropout_at": lambda a, rate, key: dropout_value(a, rate.item() if 0 <= rate < 1 else 0.0, key),
    "gaussian_noise": noise_value,
    "normalize_rows": normalized,
    "normalize_columns": lambda a, **attrs: normalized(a.T, **attrs).T,
    "normalize_rows_message": normalized_message,
    "normalize_columns_message": lambda bar, a, **attrs: normalized_message(bar.T, a.T, **attrs).T,
    "column_variance": lambda a: np.var(a, axis=0, keepdims=True),
    "standardize": lambda a, m, v, epsilon: np.stack(
        [(c - m[0, j]) / (v[0, j] + epsilon) ** 0.5 for j, c in enumerate(a.T)], axis=1
    ),
}
