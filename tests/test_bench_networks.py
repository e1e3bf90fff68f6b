"""The benchmarks' networks of every part: what they are, and that all train them alike."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))
bench = pytest.importorskip("bench", reason="bench/ is not part of an installation")

from bench import contest, predict, shapes, train_step  # noqa: E402
from bench.networks import CLIP_NORM, SEED, TOOLBOX, TRAINED, Network, Problem  # noqa: E402
from bench.peers import numpy as reference  # noqa: E402
from bench.peers import peer  # noqa: E402
from bench.worker import Worker  # noqa: E402


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(contest, "PAUSE", 0.0)  # they keep timings apart, which nobody reads here


def small(network):
    """Return a network with the same parts and few of everything."""
    limits = network.categories[:2]
    widths = (3 + network.embedded * len(limits), 5, 6, 4)
    return replace(network, widths=widths, categories=limits, batch=7, batches=3)


PLAIN = [
    Network("small", (3, 5, 4), activation, loss, 7, 1)
    for activation in shapes.ACTIVATIONS
    for loss in ("cross_entropy", "squared_error")
]


PLAIN.append(replace(PLAIN[0], l2=0.1))


@pytest.mark.parametrize("network", [*PLAIN, *map(small, TOOLBOX.values())], ids=str)
def test_the_reference_gradient_is_that_of_the_loss(network):
    problem = Problem(network, "float64")
    rng = np.random.default_rng(SEED)
    inputs = [rng.standard_normal((7, 3)), problem.table_rows[:7]][: len(problem.inputs)]
    targets = [
        rng.integers(0, columns, 7)
        if loss == "cross_entropy"
        else rng.standard_normal((7, columns))
        for loss, columns in network.outputs
    ]
    gradients = reference.gradient(network, problem.weights, inputs, targets)
    for w, gradient in zip(problem.weights, gradients, strict=True):
        for index in np.ndindex(w.shape):
            kept, h = w[index], 1e-6
            w[index] = kept + h
            above = reference.mean_loss(network, problem.weights, inputs, targets)
            w[index] = kept - h
            below = reference.mean_loss(network, problem.weights, inputs, targets)
            w[index] = kept
            assert gradient[index] == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("network", [*TRAINED.values(), *map(small, TOOLBOX.values())], ids=str)
def test_a_problem_has_the_arrays_that_its_network_trains(network):
    if network.parameters < 1e6:
        weights = Problem(network).weights
        assert [w.shape for w in weights] == [shape for _, shape in network.trained]
        assert sum(w.size for w in weights) == network.parameters


def test_the_flops_of_embeddings_and_heads_are_counted():
    # The message goes to the 2 · 8 columns that stand for categories, not to the 3 numbers.
    table, heads = small(TOOLBOX["embedding"]), small(TOOLBOX["heads"])
    assert table.layers == [(19, 5), (5, 6), (6, 4)]
    assert table.step_flops == 7 * 2 * (3 * (19 * 5 + 5 * 6 + 6 * 4) - 3 * 5)
    assert heads.layers == [(3, 5), (5, 6), (6, 4), (6, 3)]
    assert heads.step_flops == 7 * 2 * (3 * (3 * 5 + 5 * 6 + 6 * 4 + 6 * 3) - 3 * 5)


def test_the_gradient_of_the_network_that_clips_is_longer_than_the_bound():
    problem = Problem(replace(TOOLBOX["adamw"], batches=1), "float64")
    found = reference.gradient(problem.network, problem.weights, problem.inputs, problem.targets)
    assert sum((g * g).sum() for g in found) > CLIP_NORM**2


@pytest.mark.parametrize("dtype", train_step.TOLERANCE)
@pytest.mark.parametrize("size", ["small", "whole"])
@pytest.mark.parametrize("name", TOOLBOX)
def test_fastmlp_trains_networks_of_every_part_like_numpy(name, size, dtype):
    network = small(TOOLBOX[name]) if size == "small" else TOOLBOX[name]
    expected = train_step.Reference(network)
    with Worker(1) as worker:
        entry = contest.Entry("fastmlp", "fit", worker)
        expected.check(entry, dtype)
    if not network.dropout:
        assert entry.facts["weights_error"] < (1e-3 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TOOLBOX)
def test_networks_of_every_part_train_to_the_same_bits_on_any_number_of_threads(name, dtype):
    found = []
    for count in (1, 2, 3):
        with Worker(count) as worker:
            network = replace(TOOLBOX[name], batches=3)
            worker.call("open", "training", "fastmlp", "fit", network, dtype)
            worker.call("stage", 2)
            worker.call("run")
            found.append(worker.call("result"))
    for other in found[1:]:
        assert all(map(np.array_equal, found[0], other))


def test_scikit_learn_is_left_out_where_it_lacks_a_part():
    for network in TOOLBOX.values():
        with pytest.raises(ValueError, match=f"no such networks as {network.name}"):
            peer("sklearn").estimator_of(Problem(network))


@pytest.mark.parametrize("name", TOOLBOX)
def test_a_quick_training_benchmark_measures_networks_of_every_part(name, capsys):
    arguments = ["--quick", "--threads", "1", "--contenders", "fastmlp,numpy,sklearn"]
    (result,) = train_step.main([*arguments, "--networks", name])["results"]
    entries = [(entry["contender"], entry["way"]) for entry in result["entries"]]
    assert entries == [("fastmlp", "fit"), ("numpy", "arrays")]
    printed = capsys.readouterr()
    assert f"| {TOOLBOX[name]} " in printed.out
    assert "no such networks as" in printed.err


def test_random_networks_are_drawn_alike_and_cover_what_they_say():
    assert shapes.drawn() == shapes.SHAPES
    assert list(shapes.SHAPES) == [str(number) for number in range(1, shapes.COUNT + 1)]
    networks = [shape.network for shape in shapes.SHAPES.values()]
    assert {n.activation for n in networks} == set(shapes.ACTIVATIONS)
    assert {n.optimizer for n in networks} == {"adam", "sgd"}
    assert {shape.dtype for shape in shapes.SHAPES.values()} == {"float32", "float64"}
    assert {len(n.widths) - 2 for n in networks} == {1, 2, 3, 4, 5}
    assert {n.batch for n in networks} == set(shapes.BATCHES)
    assert any(n.dropout for n in networks)
    assert any(n.l2 for n in networks)
    assert all(n.step_flops <= shapes.MOST_FLOPS for n in networks)


@pytest.mark.parametrize("number", ["7", "13", "16", "22", "23"])
def test_fastmlp_trains_random_networks_like_numpy(number):
    shape = shapes.SHAPES[number]
    expected = train_step.Reference(shape.network, shapes.CHECK_STEPS)
    with Worker(1) as worker:
        entry = contest.Entry("fastmlp", "fit", worker)
        expected.check(entry, shape.dtype)
    assert entry.facts["weights_error"] < (1e-2 if shape.dtype == "float32" else 1e-10)


def test_a_quick_benchmark_of_random_networks_joins_its_pieces(capsys, tmp_path):
    path = tmp_path / "first.json"
    arguments = ["--quick", "--threads", "1", "--contenders", "fastmlp,numpy"]
    shapes.main([*arguments, "--shapes", "22", "--json", str(path)])
    found = shapes.main([*arguments, "--shapes", "7", "--join", str(path)])["results"]
    assert [result["number"] for result in found] == ["7", "22"]
    for result in found:
        assert {entry["contender"] for entry in result["entries"]} == {"fastmlp", "numpy"}
    printed = capsys.readouterr().out
    assert "| 22 | 16-4-20-100-1 | 32 " in " ".join(printed.split())
    assert "NumPy: geometric mean" in printed


def test_networks_can_be_prepared_before_the_machine_is_quiet(capsys, monkeypatch):
    class Line:
        @staticmethod
        def readline() -> str:
            said = capsys.readouterr().err
            assert said.index("7: (16, 5, 100)") < said.index("22: (16, 4") < said.index("ready")
            return "\n"

    monkeypatch.setattr(shapes.sys, "stdin", Line)
    arguments = ["--quick", "--threads", "1", "--contenders", "fastmlp,numpy", "--wait"]
    found = shapes.main([*arguments, "--shapes", "7,22"])["results"]
    assert [result["number"] for result in found] == ["7", "22"]
    assert all(len(entry["seconds"]) == 2 for result in found for entry in result["entries"])


def test_everyone_can_be_held_to_an_instruction_set():
    with contest.Contest(("numpy",), "training", 1, "avx2", everyone=True) as rivals:
        assert rivals.environment["FASTMLP_ISA"] == rivals.environment["ATEN_CPU_CAPABILITY"]
        assert rivals.environment["XLA_FLAGS"] == "--xla_cpu_max_isa=AVX2"
    with contest.Contest(("numpy",), "training", 1, ways=("by hand",)) as rivals:
        assert rivals.entries == []


def test_a_quick_grid_of_predictions_compares_each_number_of_rows(capsys):
    arguments = ["--quick", "--threads", "1", "--contenders", "fastmlp,numpy"]
    found = predict.main([*arguments, "--rows", "1,300", "--networks", "deep,tiny"])["results"]
    assert [(result["network"].split()[0], result["rows"]) for result in found] == [
        ("deep", 1),
        ("deep", 300),
        ("tiny", 1),
        ("tiny", 300),
    ]
    printed = capsys.readouterr().out
    assert "the fastest call of each" in printed
    assert "NumPy: geometric mean" in printed
    with pytest.raises(SystemExit):
        predict.main([*arguments, "--rows", "0"])
    assert "--rows" in capsys.readouterr().err
