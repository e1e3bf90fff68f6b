"""Plans against the NumPy reference: every operation, every broadcast, random graphs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph import BATCH, Node
from fastmlp.graph.ops import OPS
from fastmlp.optimizers import SGD, Adam
from fastmlp.planner import plan, plan_training
from fastmlp.planner.fuse import RULES
from fastmlp.planner.parameters import Parameters
from formulas import ACTIVATIONS
from op_cases import CASES, Case, away_from_zero, within_one
from random_graphs import RandomGraph

BOTH = ("float32", "float64")
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def assert_close(actual: np.ndarray, expected: np.ndarray, dtype: str, what: str = "") -> None:
    assert actual.dtype == np.dtype(dtype)
    assert actual.shape == expected.shape, what
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=what
    )


def assert_as_reference(
    outputs: Sequence[Node],
    feeds: dict[Node, np.ndarray],
    dtypes: Sequence[str] = BOTH,
    what: str = "",
) -> None:
    expected = g.reference.evaluate(outputs, feeds, seed=3, step=4)
    for dtype in dtypes:
        found = plan(outputs, dtype=dtype).run(feeds, seed=3, step=4)
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert_close(a, b, dtype, f"{what} output {i}: {outputs[i]!r}")


# ------------------------------------------------------------------------------ operations


def as_leaves(op: str, case: Case, kind: str) -> tuple[Node, list[Node], dict[Node, np.ndarray]]:
    """The case on parameters or on constants, which the planner treats in other ways than feeds."""
    leaf = g.parameter if kind == "parameters" else g.constant
    arguments = [leaf(a) for a in case.arrays]
    shape = OPS[op].shape(*(a.shape for a in arguments), **case.attrs)
    return Node(op, arguments, case.attrs, shape), arguments, {}


@pytest.mark.parametrize("kind", ["parameters", "constants"])
@pytest.mark.parametrize("op", sorted(OPS))
def test_an_operation_on_leaves_of_the_graph_is_that_of_the_reference(op: str, kind: str):
    for i, case in enumerate(CASES[op]):
        node, arguments, feeds = as_leaves(op, case, kind)
        rng = np.random.default_rng(i)
        loss = g.sum(node * g.constant(rng.normal(size=node.shape)))
        wrt = [a for j, a in enumerate(arguments) if j not in case.fixed]
        assert_as_reference([node, *g.gradient(loss, wrt)], feeds, what=f"{op}, case {i}")


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("op", sorted(OPS))
def test_a_training_plan_finds_the_gradient_of_every_operation(op: str, dtype: str):
    for i, case in enumerate(CASES[op]):
        node, arguments, _ = as_leaves(op, case, "parameters")
        rng = np.random.default_rng(i)
        loss = g.sum(g.sin(node) * g.constant(rng.normal(size=node.shape)))
        parameters = Parameters(arguments, dtype)
        training = plan_training(loss, parameters, SGD())
        value, flat = training.loss_and_gradient({}, seed=3, step=4)
        wrt = [loss, *g.gradient(loss, arguments)]
        expected = g.reference.evaluate(wrt, {}, seed=3, step=4)
        assert value == pytest.approx(expected[0].item(), rel=1e-4, abs=1e-4)
        for argument, bar in zip(arguments, expected[1:], strict=True):
            assert_close(parameters.view(argument, flat), bar, dtype, f"{op}, case {i}")


SIZES = [(1, 7), (3, 1), (5, 17)]
KINDS = ("batch", "rows", "parameter", "constant", "uniform")


def leaf(kind: str, shape: tuple[int, int], feeds: dict[Node, np.ndarray], seed: int) -> Node:
    value = within_one(*shape, seed=seed)
    if kind in ("batch", "rows"):
        node = g.input(shape[1], rows=BATCH if kind == "batch" else shape[0])
        feeds[node] = value
        return node
    if kind == "uniform":
        value = np.full(shape, 0.75)
    return (g.parameter if kind == "parameter" else g.constant)(value)


BINARY = sorted(
    op
    for op, cases in CASES.items()
    if len(cases[0].arrays) == 2 and {c.arrays[0].shape for c in cases} > {(5, 3), (1, 3)}
)


def test_all_operations_that_broadcast_are_found():
    arithmetic = {"add", "subtract", "multiply", "divide", "maximum", "ratio"}
    arithmetic |= {"logistic_cross_entropy", "logistic_residual", "prelu", "prelu_slope"}
    assert set(BINARY) == arithmetic | {f"{name}_message" for name in ACTIVATIONS}


@pytest.mark.parametrize("op", BINARY)
def test_every_broadcast_of_every_kind_of_leaf_is_that_of_the_reference(op: str):
    feeds: dict[Node, np.ndarray] = {}
    groups: dict[int | None, list[Node]] = {}
    for rows, columns in SIZES:
        full = (rows, columns)
        for small in {full, (1, columns), (rows, 1), (1, 1)}:
            for n, (kind, other) in enumerate((a, b) for a in KINDS for b in KINDS):
                if "batch" in (kind, other) and rows == 1:
                    continue  # a batch of one row is in the next test
                a = leaf(kind, full, feeds, n)
                b = leaf("rows" if other == "batch" and small[0] == 1 else other, small, feeds, n)
                if kind != "batch" and b.shape[0] == BATCH and rows != 1:
                    a = leaf("batch", full, feeds, n)
                if a.shape[0] == BATCH and b.shape[0] not in (1, BATCH):
                    b = leaf("batch", small, feeds, n)
                x, y = (a, b) if n % 2 else (b, a)
                node = Node(op, (x, y), {}, OPS[op].shape(x.shape, y.shape))
                bars = g.gradient(g.sum(g.sin(node)), [a, b])
                groups.setdefault(rows, []).extend([node, *bars])
    for rows, outputs in groups.items():
        fed = {v: a for v, a in feeds.items() if v.shape[0] != BATCH or len(a) == rows}
        used = set(g.topological_order(outputs))
        assert_as_reference(outputs, {v: a for v, a in fed.items() if v in used}, what=op)


@pytest.mark.parametrize("rows", [1, 2, 127, 128, 131, 700])
def test_one_plan_serves_every_number_of_rows(rows: int):
    x, t = g.input(9, "x"), g.input(1, "t")
    W, b = g.parameter(away_from_zero(11, 9)), g.parameter(away_from_zero(1, 11))
    V = g.parameter(away_from_zero(5, 11))
    h = g.dropout(g.relu(g.affine(x, W, b)), 0.4, key=1)
    y = g.matmul(h, V, transpose_b=True)
    loss = g.mean(g.softmax_cross_entropy(y, t)) + 0.1 * g.sum(W**2)
    outputs = [y, g.argmax(y), loss, *g.gradient(loss, [W, b, V, x])]
    plans = [plan(outputs, dtype=dtype) for dtype in BOTH]
    for n in (rows, 3, rows):
        feeds = {x: away_from_zero(n, 9), t: np.arange(n)[:, None] % 5}
        expected = g.reference.evaluate(outputs, feeds, seed=1)
        for each, dtype in zip(plans, BOTH, strict=True):
            for a, e in zip(each.run(feeds, seed=1), expected, strict=True):
                assert_close(a, e, dtype)


# --------------------------------------------------------------------------- random graphs


@pytest.mark.parametrize("seed", range(60))
def test_a_random_graph_is_that_of_the_reference(seed: int):
    graph = RandomGraph(seed, batch=(1, 2, 5, 17, 130, 300)[seed % 6])
    rng = np.random.default_rng(seed)
    outputs = [graph.nodes[i] for i in rng.integers(len(graph.nodes), size=8)]
    loss = graph.loss()
    leaves = [*graph.parameters, *graph.feeds]
    first = g.gradient(loss, [*leaves, outputs[0]])
    square = first[int(rng.integers(len(leaves)))]
    second = g.gradient(g.sum(g.sin(square)), graph.parameters)
    assert_as_reference([*outputs, outputs[0], loss, *first, *second], graph.feeds, ["float64"])


@pytest.mark.parametrize("seed", range(60, 100))
def test_a_random_loss_has_the_gradient_of_the_reference(seed: int):
    graph = RandomGraph(seed, batch=(1, 2, 5, 17, 130, 300)[seed % 6])
    loss, metric = graph.loss(), graph.loss()
    fed = set(g.topological_order([loss, metric]))
    feeds = {v: a for v, a in graph.feeds.items() if v in fed}
    parameters = Parameters(graph.parameters, "float64")
    training = plan_training(loss, parameters, Adam(), metrics=[metric])
    value, flat = training.loss_and_gradient(feeds, seed=3, step=4)
    nodes = [loss, *g.gradient(loss, parameters.nodes)]
    expected = g.reference.evaluate(nodes, feeds, seed=3, step=4)
    assert value == pytest.approx(expected[0].item(), rel=1e-12)
    for node, bar in zip(parameters.nodes, expected[1:], strict=True):
        assert_close(parameters.view(node, flat), bar, "float64", repr(node))


@pytest.mark.parametrize("off", [*(rule.__name__ for rule in RULES), "all of them"])
def test_without_a_rule_of_fusion_the_result_is_the_same(off: str, monkeypatch: pytest.MonkeyPatch):
    left = {r: kinds for r, kinds in RULES.items() if off not in (r.__name__, "all of them")}
    assert len(left) == (len(RULES) - 1 if off != "all of them" else 0)
    for seed in range(100, 112):
        graph = RandomGraph(seed, batch=(5, 300)[seed % 2])
        loss = graph.loss()
        outputs = [graph.nodes[-1], loss, *g.gradient(loss, graph.parameters)]
        fused = plan(outputs, dtype="float64").run(graph.feeds)
        with monkeypatch.context() as patch:
            patch.setattr("fastmlp.planner.fuse.RULES", left)
            plain = plan(outputs, dtype="float64").run(graph.feeds)
        for a, b in zip(fused, plain, strict=True):
            assert_close(a, b, "float64")


# ------------------------------------------------------------------ what has gone wrong once

x5, X = g.input(5, "x"), away_from_zero(400, 5)
W35, Q = g.parameter(away_from_zero(3, 5), "W"), g.parameter(away_from_zero(4, 4), "Q")
y3 = g.affine(x5, W35, g.parameter([0.5, -1.0, 2.0], "b"))

TROUBLE = {
    "an output twice": [g.exp(y3), g.exp(-y3), y3, y3],
    "the sum of the weights beside their product": [y3, g.sum(W35, axis=1), g.sum(W35, axis=0)],
    "an activation of a sum over the batch": [g.tanh(g.matmul(x5, y3, transpose_a=True))],
    "the message of an activation of one": g.gradient(
        g.sum(g.tanh(g.matmul(x5, y3, transpose_a=True))), [W35, x5]
    ),
    "a scaled sum of a transposed matrix": [2 * g.sum(W35, axis=1), 3 * g.mean(W35, axis=1)],
    "one times what is not transposed": [(g.softmax(Q) * np.ones((4, 4))) * Q],
    "padding by nothing": [g.pad(g.tanh(x5), 0, 5)],
    "leaves": [x5, W35, g.constant(3.0), x5, g.constant(X[:2])],
    "the whole of a batch in every row": [y3 - g.mean(y3, axis=0), g.mean(y3)],
    "division by a number whose inverse is subnormal": [(x5 * 1e300) / 1e308],
}


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_of_the_past_stays_there(what: str):
    used = set(g.topological_order(TROUBLE[what]))
    feeds = {x5: X} if x5 in used else {}
    found = plan(TROUBLE[what], dtype="float64").run(feeds)
    for a, b in zip(found, g.reference.evaluate(TROUBLE[what], feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


# --------------------------------------------------------------------------- feeds and outputs

DTYPES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
DTYPES += ["float16", "float32", "float64", "bool"]


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("kind", [*DTYPES, ">f4", ">i8", "longdouble"])
def test_data_of_any_type_is_read_as_its_numbers(kind: str, dtype: str):
    x, c = g.input(3, "x"), g.input(2, "c", rows=7)
    data = np.arange(150).reshape(50, 3) % 120
    fixed = np.arange(14).reshape(7, 2) % 5
    outputs = [x * 2.0, g.matmul(c, c, transpose_a=True)]
    found = plan(outputs, dtype=dtype).run({x: data.astype(kind), c: fixed.astype(kind)})
    data, fixed = data.astype(kind).astype(float), fixed.astype(kind).astype(float)
    np.testing.assert_array_equal(found[0], data * 2)
    np.testing.assert_array_equal(found[1], fixed.T @ fixed)


def test_half_precision_is_exact_for_every_finite_number():
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)][:, None]
    x = g.input(1, "x")
    np.testing.assert_array_equal(plan([x]).run({x: every})[0], every.astype(np.float32))


def strided(a: np.ndarray) -> dict[str, np.ndarray]:
    unaligned = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    unaligned[...] = a
    return {
        "Fortran order": np.asfortranarray(a),
        "every second row": np.repeat(a, 2, axis=0)[::2],
        "backwards": a[::-1].copy()[::-1],
        "some columns of a wider table": np.hstack([a, a, a])[:, a.shape[1] : 2 * a.shape[1]],
        "every second column": np.repeat(a, 2, axis=1)[:, ::2],
        "read only": np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
        "unaligned": unaligned,
    }


@pytest.mark.parametrize("layout", strided(np.ones((2, 2))))
def test_data_in_any_layout_is_read_as_its_numbers(layout: str):
    x, c = g.input(5, "x"), g.input(1, "c", rows=3)
    W = g.parameter(away_from_zero(3, 5))
    outputs = [g.matmul(x, W, transpose_b=True), g.sum(c * W), W * c, g.tanh(g.matmul(W, c, True))]
    feeds = {x: away_from_zero(40, 5), c: away_from_zero(3, 1)}
    turned = {node: strided(a)[layout] for node, a in feeds.items()}
    each = plan(outputs, dtype="float64")
    for a, b in zip(each.run(turned), each.run(feeds), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_row_repeated_in_place_is_read_without_a_copy():
    x = g.input(4, "x")
    row = np.arange(4.0)
    found = plan([x * 1.5], dtype="float64").run({x: np.broadcast_to(row, (1000, 4))})[0]
    np.testing.assert_array_equal(found, np.tile(row * 1.5, (1000, 1)))


def test_any_node_may_be_fed_instead_of_computed():
    x = g.input(3, "x")
    W = g.parameter(away_from_zero(4, 3), "W")
    h = g.tanh(g.matmul(x, W, transpose_b=True))
    y = g.sum(h * h, axis=1)
    each = plan([y], dtype="float64")
    new_w, new_h = away_from_zero(4, 3, seed=2), away_from_zero(6, 4, seed=2)
    for feeds in ({x: X[:6, :3]}, {x: X[:6, :3], W: new_w}, {h: new_h}, {h: new_h, x: X[:6, :3]}):
        expected = g.reference.evaluate([y], feeds)[0]
        np.testing.assert_allclose(each.run(feeds)[0], expected, rtol=1e-12)


def test_results_are_written_where_the_caller_wants_them():
    out = np.full((400, 3), np.nan, np.float32)
    first, second = plan([y3, g.sum(y3)]).run({x5: X}, out=[out, None])
    assert first is out
    np.testing.assert_array_equal(out, plan([y3]).run({x5: X})[0])
    assert second.shape == (1, 1)


X32 = X.astype(np.float32)


def unaligned(shape: tuple[int, int]) -> np.ndarray:
    memory = np.zeros(4 * shape[0] * shape[1] + 1, np.uint8)
    return memory[1:].view(np.float32).reshape(shape)


BAD_OUTPUTS = {
    "no array": (TypeError, [[1.0]]),
    "too many": (ValueError, [None, None]),
    "another shape": (ValueError, [np.zeros((399, 5), np.float32)]),
    "another dtype": (TypeError, [np.zeros((400, 5))]),
    "a transposed array": (ValueError, [np.zeros((5, 400), np.float32).T]),
    "a read-only array": (ValueError, [np.broadcast_to(np.float32(0), (400, 5))]),
    "an array that is not aligned": (ValueError, [unaligned((400, 5))]),
    "the input itself": (ValueError, [X32]),
}


@pytest.mark.parametrize("what", BAD_OUTPUTS)
def test_an_unusable_output_is_refused_before_anything_is_written(what: str):
    error, out = BAD_OUTPUTS[what]
    before = X32.copy()
    with pytest.raises(error, match=r"out(:| must) "):
        plan([x5 * 2.0]).run({x5: X32}, out=out)
    np.testing.assert_array_equal(X32, before)


def test_two_outputs_may_not_share_memory():
    both = np.zeros((400, 5), np.float32)
    with pytest.raises(ValueError, match="another output"):
        plan([x5 * 2.0, x5 * 3.0]).run({x5: X32}, out=[both, both])


def test_parameters_must_own_what_the_graph_uses():
    with pytest.raises(ValueError, match=r"W.* is not among"):
        plan([y3], parameters=Parameters([Q])).run({x5: X})
    with pytest.raises(ValueError, match=r"W.* is not among"):
        plan_training(g.sum(W35), Parameters([Q]), SGD())


def test_a_plan_sees_what_became_of_its_parameters():
    w = g.parameter([[1.0, 2.0]], "w")
    parameters = Parameters([w])
    each = plan([3 * w], parameters=parameters)
    parameters.view(w)[...] = [5, 7]
    np.testing.assert_array_equal(each.run({})[0], [[15, 21]])


def test_seeds_wrap_around_at_64_bits_as_in_the_reference():
    node = g.dropout(g.constant(np.ones((9, 9))), 0.5, key=2)
    for seed, step in [(-1, 0), (2**64 + 5, 7), (3, 2**64 + 1)]:
        expected = g.reference.evaluate(node, {}, seed=seed, step=step)
        np.testing.assert_array_equal(plan([node]).run({}, seed=seed, step=step)[0], expected)


@pytest.mark.parametrize("module", ["", ".plans", ".training_plans", ".parameters", ".build"])
def test_every_part_can_be_imported_first(module: str):
    script = f"import fastmlp.planner{module}; from fastmlp.planner import Plan, plan"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# --------------------------------------------------------------------------- predictors

WAYS = {
    "as it is": lambda X: X,
    "unpickled": lambda X: pickle.loads(pickle.dumps(X)),
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every third column": lambda X: np.repeat(X, 3, axis=1)[:, ::3],
    "in Fortran order": np.asfortranarray,
    "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", ["?", *"bBhHiIlLqQ", *"efd"])
@pytest.mark.parametrize("dtype", BOTH)
def test_a_predictor_takes_every_type_of_numbers_wherever_they_lie(dtype, given, way):
    x = g.input(5, "x")
    W = g.parameter(np.random.default_rng(0).normal(size=(3, 5)), "W")
    predict = plan([g.tanh(g.matmul(x, W, transpose_b=True))], dtype=dtype).predictor()
    for rows in (1, 9, 300):
        X = np.random.default_rng(rows).integers(0, 4, (rows, 5)).astype(given)
        expected = predict(X.astype(dtype), None)
        out = np.empty_like(expected)
        laid = WAYS[way](X)
        np.testing.assert_array_equal(laid, X)
        np.testing.assert_array_equal(predict(laid, None), expected)
        assert predict(laid, pickle.loads(pickle.dumps(out))) is not NotImplemented
        assert predict(laid, out) is out
        np.testing.assert_array_equal(out, expected)


def test_a_predictor_leaves_to_others_what_it_cannot_read():
    x = g.input(2, "x")
    predict = plan([2.0 * x]).predictor()
    X = np.ones((3, 2), np.float32)
    nan, large = np.full((3, 2), np.nan), np.full((3, 2), 1e300)
    unaligned = np.frombuffer(b"0" + X.tobytes(), np.float32, 6, 1).reshape(3, 2)
    masked = np.ma.masked_array(X)
    others = [X.tolist(), X[0], X[:, :1], X[:0], X.astype(">f4"), X.astype("g"), X.astype("O")]
    for given in (
        *others,
        unaligned,
        masked,
        nan,
        large,
        nan.astype("e"),
        nan.astype("f")[:, ::-1],
    ):
        assert predict(given, None) is NotImplemented
    for out in (X[:2], X.astype("d"), X.T, np.broadcast_to(X, (3, 2)), [[0.0, 0.0]] * 3):
        assert predict(X.astype("d"), out) is NotImplemented
    assert np.isnan(predict(nan.astype("f"), None)).all()


def test_a_predictor_writes_neither_over_what_it_reads_nor_over_the_parameters():
    x = g.input(2, "x")
    each = plan([g.matmul(x, g.parameter(np.eye(2), "W"))])
    predict = each.predictor()
    space = np.ones((9, 2), np.float32)
    for X in (space[:3], space[2:5], space[4::-2], space[:3].view(np.int32)):
        with pytest.raises(ValueError, match="out: must not overlap X"):
            predict(X, space[:3])
    with pytest.raises(ValueError, match="out: must not overlap the model's parameters"):
        predict(space[:2], each.parameters.flat[:4].reshape(2, 2))
    assert predict(space[3:6], space[:3]) is not NotImplemented


@pytest.mark.parametrize("columns", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_do_not_depend_on_the_gaps_between_rows(columns: int, dtype: str):
    x = g.input(columns, "x")
    sums = plan([g.sum(x), g.sum(x * x)], dtype=dtype)
    for rows in (1, 2, 5, 300):
        table = np.random.default_rng(rows).normal(size=(rows, columns + 3)).astype(dtype)
        gapped = table[:, 1 : columns + 1]
        for one, other in zip(sums.run({x: gapped}), sums.run({x: gapped.copy()}), strict=True):
            assert one.tobytes() == other.tobytes()
