"""The benchmarks' own parts, and a quick trial of each with contenders that are always there."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fastmlp import _core

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
bench = pytest.importorskip("bench", reason="bench/ is not part of an installation")

from bench import (  # noqa: E402
    bounds,
    busy,
    contest,
    copies,
    estimators,
    exported,
    floors,
    kernels,
    machine,
    members,
    memory,
    parts,
    passes,
    planning,
    predict,
    report,
    streams,
    tables,
    tabm,
    threads,
    train_step,
)
from bench.networks import NETWORKS, TRAINED, Network, Problem, exponential  # noqa: E402
from bench.peers import CONTENDERS, missing, peer  # noqa: E402
from bench.peers import fastmlp as own  # noqa: E402
from bench.peers import numpy as reference  # noqa: E402
from bench.worker import Worker, WorkerError  # noqa: E402

SMALL = Network("small", (3, 5, 2), "relu", "cross_entropy", 4, 3)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(contest, "PAUSE", 0.0)  # they keep timings apart, which nobody reads here


def test_flops_of_a_step_leave_out_the_message_to_the_input():
    # Forward 2·4·(3·5 + 5·2), weight gradients the same, messages only through the second layer.
    assert SMALL.step_flops == 2 * 4 * (3 * 5 + 5 * 2) * 2 + 2 * 4 * 5 * 2
    assert SMALL.parameters == 4 * 5 + 6 * 2


@pytest.mark.parametrize("network", [SMALL, *NETWORKS.values()], ids=str)
def test_the_products_of_a_step_have_its_flops(network):
    found = parts.products_of(network, network.batch)
    assert sum(product.flops for product in found) == network.step_flops


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("shape", [(1, 1), (7, 200), (200, 7), (31, 33), (128, 128)])
def test_the_blocks_of_the_threads_cover_a_product_once(shape, threads):
    count = np.zeros(shape, int)
    blocks = own.grid(shape, (6, 16), threads)
    for rows, columns in blocks:
        count[rows, columns] += 1
    assert (count == 1).all()
    assert len(blocks) <= threads


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", ["fastmlp", "numpy"])
def test_parts_are_what_they_say_whoever_computes_them(name, threads, monkeypatch):
    monkeypatch.setattr(_core, "get_num_threads", lambda: threads)
    sizes = [(33, 5, 70, a, b) for a in (False, True) for b in (False, True)]
    for part in [*(parts.Product(*size) for size in sizes), parts.Tanh(101), parts.Stream(37)]:
        for make in getattr(peer(name), part.KIND.upper(), {}).values():
            arrays = part.arrays("float64")
            make(*arrays)(1)
            np.testing.assert_allclose(arrays[-1], part.expected("float64"), rtol=1e-11)


@pytest.mark.parametrize("name", TRAINED)
def test_every_network_names_contenders_in_its_floors(name):
    assert set(TRAINED[name].floors) <= {*CONTENDERS, "peak"}


def test_a_problem_is_the_same_each_time():
    one, two = Problem(SMALL), Problem(SMALL)
    assert np.array_equal(one.X, two.X)
    assert np.array_equal(one.t, two.t)
    assert all(map(np.array_equal, one.weights, two.weights))
    assert np.array_equal(one.orders(2), two.orders(2))


def test_orders_take_every_row_once_an_epoch():
    for epoch in Problem(SMALL).orders(3).reshape(3, -1):
        assert sorted(epoch) == list(range(SMALL.rows))


def test_the_matrix_exponential_is_the_sum_of_its_series():
    rows = np.random.default_rng(0).standard_normal((20, 4))
    rows = np.vstack([rows, np.zeros(4), [1, 2, 0, 1], [0, 1, -1, 0]])
    for row, found in zip(rows, exponential(rows), strict=True):
        term = total = np.eye(2)
        for k in range(1, 60):
            term = term @ row.reshape(2, 2) / k
            total = total + term
        np.testing.assert_allclose(found, total.ravel(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_says_what_it_needs(name):
    module = peer(name)
    assert module.TITLE
    assert set(module.ASIDE) <= {*module.TRAINING, *module.PREDICTION}
    assert missing(name) is None or missing(name) in module.PACKAGES


def test_an_unknown_contender_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"nobody.*numpy"):
        peer("nobody")


def test_a_missing_peer_is_skipped_by_name(monkeypatch, capsys):
    monkeypatch.setattr(reference, "PACKAGES", ("no_such_package",))
    with contest.Contest(("numpy",), "training", 1) as rivals:
        assert rivals.entries == []
    assert "numpy: skipped, no_such_package is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", train_step.TOLERANCE)
@pytest.mark.parametrize("way", ["fit", "plan"])
@pytest.mark.parametrize("network", [SMALL, NETWORKS["tiny"]], ids=str)
def test_fastmlp_trains_like_numpy_in_the_order_of_the_problem(network, way, dtype):
    # Through the very check that precedes every measurement; float32 is held to less there.
    expected = train_step.Reference(network)
    with Worker(1) as worker:
        entry = contest.Entry("fastmlp", way, worker)
        expected.check(entry, dtype)
    assert entry.facts["weights_error"] < (1e-3 if dtype == "float32" else 1e-11)


def test_a_contender_with_other_results_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(train_step, "TOLERANCE", {"float32": (-1.0, -1.0)})
    expected = train_step.Reference(SMALL)
    with contest.Contest(("numpy",), "training", 1) as rivals:
        rivals.each(lambda entry: expected.check(entry, "float32"))
        assert rivals.entries == []
    assert "left out, its results differ" in capsys.readouterr().err


def test_a_part_with_another_result_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(contest, "PART_TOLERANCE", {"float32": -1.0})
    options = contest.parse(contest.parser("", ("numpy",)), ["--quick", "--threads", "1"])
    (found,) = contest.compare([parts.Tanh(8)], "float32", options)
    assert found["entries"] == []
    assert "left out, its tanh 8 differs" in capsys.readouterr().err


def test_a_worker_passes_errors_on_and_lives_on():
    with Worker(1) as worker:
        with pytest.raises(WorkerError, match="KeyError: 'juggling'"):
            worker.call("open", "juggling")
        worker.call("open", "peak", "float32", 1)
        assert worker.call("run") > 0


@pytest.mark.parametrize("isa", _core.available_isas())
def test_a_worker_can_be_held_to_every_isa(isa):
    with Worker(1, {"FASTMLP_ISA": isa}) as worker:
        worker.call("open", "peak", "float32", 1)
        assert worker.call("result") == isa


def test_a_quick_training_benchmark_gives_a_table(capsys, tmp_path):
    path = tmp_path / "results" / "train.json"
    arguments = ["--quick", "--contenders", "fastmlp,numpy", "--networks", "tiny"]
    isa = _core.available_isas()[0]
    found = train_step.main(
        [*arguments, "--isa", isa, "--dtype", "float32,float64", "--json", str(path)]
    )
    assert json.loads(path.read_text())["results"] == found["results"]
    assert {result["isa"] for result in found["results"]} == {isa}
    assert [result["dtype"] for result in found["results"]] == ["float32", "float64"]
    for result in found["results"]:
        assert {entry["contender"] for entry in result["entries"]} == {"fastmlp", "numpy"}
        assert all(entry["samples"] == 2 for entry in result["entries"])
    printed = capsys.readouterr().out
    assert "tiny 4-32-32-3" in printed
    assert "mean nothing" in printed
    assert "in float64, of that in float32: tiny" in printed


def test_a_quick_bounds_benchmark_tells_what_is_out_of_reach(capsys, tmp_path):
    steps = tmp_path / "train.json"
    arguments = ["--quick", "--threads", "1", "--contenders", "fastmlp,numpy"]
    train_step.main([*arguments, "--networks", "tiny", "--json", str(steps)])
    taken = json.loads(steps.read_text())["results"][0]
    found = bounds.main([*arguments, "--networks", "tiny,matexp", "--steps", str(steps)])
    tiny, matexp = found["results"]
    assert tiny["entries"] == taken["entries"]
    assert {entry["contender"] for entry in matexp["entries"]} == {"fastmlp"}
    for result in tiny, matexp:
        bound = result["bound"]
        assert bound["least"] == bound["products"] + bound["tanh"] + bound["update"]
        assert 0 < bound["products"] <= bound["own products"]
        assert 0 <= bound["tanh"] <= bound["own tanh"]
    assert tiny["bound"]["tanh"] == 0 < matexp["bound"]["tanh"]
    assert "the least that it could take" in capsys.readouterr().out


def test_a_floor_is_met_missed_or_out_of_reach_of_the_bound():
    def entry(contender, median):
        return {"contender": contender, "counted": True, "median": median}

    def said(own, least):
        entries = [entry("fastmlp", own), entry("jax", 10.0)]
        peak = {"all cores": 1.0}
        result = {"network": "wide", "step_flops": 4.0, "peak": peak, "entries": entries}
        result["bound"] = {"least": least}
        document = {"benchmark": "bounds", "results": [result]}
        shown = {row[1]: row[2:] for row in tables.bound_rows(result, tables.best(entries))}
        return shown, [row[1:] for row in floors.bounds(document)], floors.asked(document)

    shown, asked, text = said(5.0, 4.4)
    assert shown == {"JAX": ["2×", "2.27×"], "the FMA peak": ["80%", "91%"]}
    assert asked == [["2×", "1.2×", "met"], ["80%", "88%", "MISSED"]]
    assert "| wide, against JAX     | 2×       | 1.2×  | met    |" in text
    assert said(9.0, 8.5)[1][0] == ["1.11×", "1.2×", "out of reach"]


def test_what_is_asked_is_printed_and_never_published(capsys):
    row = memory.row("the last, over import numpy", 50.0, "ms", "40 ms")
    document = {"benchmark": "memory", "machine": machine.describe(), "rows": [row]}
    assert "40 ms" not in report.render(document)
    report.show(document)
    assert "| the last, over import numpy | 50 ms    | 40 ms |" in capsys.readouterr().out
    for page in (ROOT / "docs").glob("benchmarks*.md"):
        words = re.findall(r"MISSED|\bfloors?\b|\bceiling\b|\basked\b", page.read_text())
        assert words == [], page


def test_the_least_step_takes_the_fastest_of_each_part():
    def part(name, times, **medians):
        entries = [{"contender": c, "median": m} for c, m in medians.items()]
        return {"kind": "product", "part": name, "times": times, "entries": entries}

    found = [part("a", 1, fastmlp=5, numpy=4), part("b", 1, fastmlp=2, numpy=3)]
    found += [part("a", 20, fastmlp=0.1, numpy=1)]
    assert bounds.least(found, "product", ["fastmlp", "numpy"]) == 2 + 2
    assert bounds.least(found, "product", ["numpy"]) == 4 + 3
    assert bounds.least(found, "tanh", ["numpy"]) == 0


def test_a_quick_kernel_benchmark_has_kernels_and_products_beside_the_peers(capsys):
    arguments = ["--quick", "--threads", "2", "--networks", "tiny", "--contenders", "fastmlp,numpy"]
    isa = _core.available_isas()[0]
    found = kernels.main([*arguments, "--isa", isa, "--only", "softmax", "peers"])
    assert {result["kernel"] for result in found["results"]} == {"softmax"}
    assert len(found["products"]) == len(parts.products_of(NETWORKS["tiny"], 32))
    for result in found["products"]:
        ways = [(entry["contender"], entry["threads"]) for entry in result["entries"]]
        assert ways == [("fastmlp", 1), ("fastmlp", 2), ("numpy", 1), ("numpy", 2)]
    assert "NumPy, 2 threads" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        kernels.main(["--only", "juggling"])
    assert "['juggling'] not among abs, adagrad, adam" in capsys.readouterr().err


def test_the_estimators_benchmark_gives_a_table(capsys):
    found = estimators.main(["--cases", "iris", "--seeds", "1"])
    assert [result["case"] for result in found["results"]] == ["iris"]
    assert all(len(found["results"][0][name]["scores"]) == 1 for name in estimators.CONTENDERS)
    assert "scores over 1 seed" in capsys.readouterr().out


def test_estimators_whose_data_are_not_here_are_left_out_before_anything_is_measured(
    capsys, monkeypatch
):
    def nowhere():
        raise FileNotFoundError("MNIST is not on this machine")

    def measure(name, seeds):
        assert "mnist: left out, MNIST is not on this machine" in said()
        entries = {c: {"seconds": [1.0], "scores": [1.0]} for c in estimators.CONTENDERS}
        return {"case": name, **entries, "speedup": 1.0}

    printed = []

    def said():
        printed.append(capsys.readouterr().err)
        return "".join(printed)

    monkeypatch.setitem(estimators.CASES, "mnist", estimators.Case(nowhere))
    monkeypatch.setattr(estimators, "compete", measure)
    found = estimators.main(["--seeds", "1"])
    assert [result["case"] for result in found["results"]] == [*estimators.CASES][:-1]
    assert found["options"]["cases"] == [*estimators.CASES][:-1]
    with pytest.raises(SystemExit):
        estimators.main(["--cases", "iris", "mnist"])
    assert "--cases: 'mnist' has no data here: MNIST is not" in said()


def test_a_quick_prediction_benchmark_gives_a_table(capsys):
    found = predict.main(["--quick", "--contenders", "fastmlp,numpy"])
    assert [result["case"] for result in found["results"]] == list(predict.CASES)
    assert "model.predict(X, out=out)" in capsys.readouterr().out


def test_a_quick_thread_benchmark_gives_its_tables(capsys):
    found = threads.main(["--quick", "--networks", "tiny", "--threads", "2"])
    assert list(found["scaling"][0]["seconds"]) == ["1", "2"]
    assert [row["kind"] for row in found["together"]] == ["two processes", "two Python threads"]
    assert "two Python threads" in capsys.readouterr().out


def test_a_quick_benchmark_beside_busy_neighbours_gives_a_table(capsys):
    found = busy.main(["--quick", "--calls", "partial_fit", "--dtypes", "float32"])
    (row,) = found["results"]
    assert list(row["neighbours"]) == ["0", "1", "2", "4"]
    assert all(r["ratio"] == r["most"] / r["one"] for r in row["neighbours"].values())
    assert "4 neighbours" in capsys.readouterr().out


def test_a_quick_benchmark_of_passes_checks_every_function(capsys, monkeypatch):
    monkeypatch.setattr(passes, "SIZES", {"in memory": 64 << 10, "in caches": 16 << 10})
    found = passes.main(["--quick", "--dtype", "float64"])
    names = [row["what"].partition(" beyond")[0] for row in found["rows"]]
    assert [n for n in names if n in passes.FUNCTIONS] == 2 * list(passes.FUNCTIONS)[1:]
    assert [row["floor"] for row in found["rows"]].count("≤ 1.5 passes") == len(passes.ASKED)
    assert "LayerNorm beyond relu" in capsys.readouterr().out
    monkeypatch.setitem(passes.TOLERANCE, "float64", 0.0)
    with pytest.raises(AssertionError, match="differs from the reference by"):
        passes.main(["--quick", "--dtype", "float64"])


def test_a_quick_planning_benchmark_times_every_case(capsys, monkeypatch):
    few = dict(list(planning.CASES.items())[:2])
    monkeypatch.setattr(planning, "CASES", few)
    found = planning.main(["--quick"])
    assert [row["what"] for row in found["results"]] == list(few)
    one, two = (row["steps"] for row in found["results"])
    assert 0 < one < two
    assert "µs a step" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
def test_a_quick_benchmark_of_exported_networks_checks_and_times_them(capsys, monkeypatch):
    monkeypatch.setattr(exported, "FLAGS", ("-O1",))
    found = exported.main(["--quick", "--networks", "tiny"])
    what = [row["what"] for row in found["rows"]]
    assert what[:3] == ["tiny, predict", "tiny, float, gcc -O1", "tiny, float, gcc -Os"]
    assert all(row["value"] > 0 for row in found["rows"])
    assert "tiny, int8, gcc -O1" in capsys.readouterr().out
    monkeypatch.setitem(exported.TOLERANCE, "int8", 0.0)
    with pytest.raises(ValueError, match="results differ by"):
        exported.main(["--quick", "--networks", "tiny"])


def test_a_quick_benchmark_of_members_compares_them_with_models_one_by_one(capsys):
    found = members.main(["--quick", "--cases", "tiny", "--threads", "2"])
    assert len(found["rows"]) == 8
    assert all(row["value"] > 0 for row in found["rows"])
    assert "fit, at once, 2 threads against 1" in capsys.readouterr().out


def test_copies_that_share_matrices_train_as_in_numpy_and_are_timed(capsys, monkeypatch):
    found = tabm.main(["--quick", "--sizes", "tiny", "--contenders", "fastmlp", "--threads", "1"])
    assert [row["unit"] for row in found["rows"]] == ["ms", "GFLOP/s"]
    assert all(row["value"] > 0 for row in found["rows"])
    assert "4 copies of 5-16-16-3, batch 32: fastmlp, fit" in capsys.readouterr().out
    monkeypatch.setattr(tabm, "TOLERANCE", 0.0)
    found = tabm.main(["--quick", "--sizes", "tiny", "--contenders", "fastmlp", "--threads", "1"])
    assert found["rows"] == []
    assert "left out, its weights differ by" in capsys.readouterr().err


def test_the_gradient_of_copies_is_that_of_finite_differences():
    problem = copies.Problem(copies.SIZES["tiny"])
    weights = [w.astype(np.float64) for w in problem.weights]
    X, t = problem.X[:7].astype(np.float64), problem.t[:7]

    def loss() -> float:
        *layers, U, c = weights
        h = np.repeat(X[:, None], len(c), axis=1)
        for i in range(0, len(layers), 4):
            r, W, s, b = layers[i : i + 4]
            h = np.maximum((h * r) @ W.T * s + b, 0)
        y = np.einsum("bkn,kmn->bkm", h, U) + c
        chosen = y[np.arange(len(t)), :, t]
        return float((np.log(np.exp(y).sum(axis=2)) - chosen).mean())

    for w, slope in zip(weights, copies.gradient(weights, X, t), strict=True):
        place = tuple(n // 2 for n in w.shape)
        kept, values = w[place], []
        for step in (1e-6, -1e-6):
            w[place] = kept + step
            values.append(loss())
        w[place] = kept
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope[place], abs=1e-8)


def test_a_quick_benchmark_of_streams_compares_them_with_arrays(capsys):
    found = streams.main(["--quick"])
    arrays, generator, *others = found["rows"]
    assert (arrays["unit"], generator["unit"], generator["floor"]) == ("ms", "%", "80 %")
    assert all(row["value"] > 0 for row in others)
    assert "a generator of slices, of the rate of arrays" in capsys.readouterr().out


@pytest.mark.skipif(not memory.STATUS.exists(), reason="reads /proc/self/status")
def test_a_quick_memory_benchmark_finds_wheels(capsys, tmp_path):
    (tmp_path / "some.whl").write_bytes(b"x" * 500_000)
    found = memory.main(["--quick", "--dist", str(tmp_path)])
    assert found["rows"][-1] == memory.row("some.whl", 0.5, "MB", "3 MB")
    assert "import fastmlp" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--repeats", "0"], ["--seconds", "-1"], ["--networks", "tiny,giant"], ["--contenders", "x"]],
    ids=" ".join,
)
def test_bad_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        train_step.main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_a_table_reads_well_in_a_terminal_and_in_markdown():
    text = tables.table(["a", "long"], [["one", "2"]])
    assert text == "| a   | long |\n| --- | ---- |\n| one | 2    |"


def test_tables_go_to_their_place_in_a_document_and_replace_what_is_there():
    text = "before\n<!-- bench:x -->\nold\n<!-- end:x -->\nafter"
    filled = report.insert(text, "x", r"new \1")
    assert filled == "before\n<!-- bench:x -->\nnew \\1\n<!-- end:x -->\nafter"
    assert report.insert(filled, "x", r"new \1") == filled
    with pytest.raises(ValueError, match="no place for y"):
        report.insert(text, "y", "")


def test_results_are_put_into_documents_by_the_command(tmp_path):
    row = memory.row("import numpy", 50.0, "ms")
    machine_facts = machine.describe()
    options = {"quick": False, "threads": 1, "repeats": 2, "seconds": 1.0}
    results = {"benchmark": "memory", "machine": machine_facts, "options": options, "rows": [row]}
    (tmp_path / "memory.json").write_text(json.dumps(results))
    target = tmp_path / "page.md"
    target.write_text("<!-- bench:memory --><!-- end:memory -->\n")
    report.main([str(tmp_path / "memory.json"), "--into", str(target)])
    assert "| import numpy | 50 ms" in target.read_text()
    assert "`python -m bench.memory` on" in target.read_text()


@pytest.mark.parametrize("built", ["Debug", "Release, address"])
def test_tables_of_a_build_for_finding_errors_say_so(built):
    facts = {"benchmark": "some", "machine": machine.describe() | {"build type": built}}
    text = report.render(facts, {"some": lambda document: "| a table |"})
    assert text.startswith(f"**A build for finding errors ({built}): these numbers mean nothing.**")
    facts["machine"] |= {"build type": "Release"}
    assert report.render(facts, {"some": lambda document: "| a table |"}).startswith("| a table |")


def test_a_summary_goes_to_its_own_place():
    entry = {"contender": "fastmlp", "counted": True, "median": 1e-6}
    result = {"network": "tiny", "dtype": "float32", "batch": 32, "entries": [entry]}
    facts = {"benchmark": "train_step", "machine": machine.describe(), "results": [result]}
    filled = report.fill("<!-- bench:train_step_summary --><!-- end:train_step_summary -->", facts)
    assert "| tiny 4-32-32-3 | 32    | 1.00    |" in filled


def test_results_held_to_an_instruction_set_have_a_place_of_their_own():
    rows = [memory.row("import numpy", 50.0, "ms")]
    facts = {"benchmark": "memory", "machine": machine.describe(), "rows": rows}
    facts["options"] = {"isa": "avx2"}
    place = "<!-- bench:memory -->\nold\n<!-- end:memory -->\n"
    with pytest.raises(ValueError, match="no place for memory_avx2"):
        report.fill(place, facts)
    filled = report.fill(place + "<!-- bench:memory_avx2 --><!-- end:memory_avx2 -->", facts)
    assert filled.startswith(place)
    assert "`python -m bench.memory --isa avx2` on" in filled


def test_a_grid_of_rows_has_a_place_of_its_own():
    entry = {"contender": "fastmlp", "way": "predict", "counted": True, "median": 1e-6}
    result = {"case": "grid", "network": "tiny", "rows": 4, "entries": [entry]}
    facts = {"benchmark": "predict", "machine": machine.describe(), "results": [result]}
    facts |= {"options": {"rows": [4, 16]}, "least": 1.0, "mean": 3.0}
    place = "<!-- bench:predict -->\nold\n<!-- end:predict -->\n"
    filled = report.fill(place + "<!-- bench:predict_rows --><!-- end:predict_rows -->", facts)
    assert filled.startswith(place)
    assert "`python -m bench.predict --rows 4,16` on" in filled


def test_every_benchmark_with_tables_has_its_place_in_the_documentation():
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in tables.TABLES:
        report.insert(text, name, "")
    for name in tables.SUMMARIES:
        report.insert((ROOT / "README.md").read_text(), f"{name}_summary", "")
