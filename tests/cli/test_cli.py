"""The command: what it prints, what it saves, how it ends."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import datasets
from fastmlp.cli import main
from fastmlp.config import versions
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")

# The package under test, also where it was found by a relative path.
HOME = str(Path(fm.__file__).resolve().parent.parent)
ENVIRONMENT = {**os.environ, "PYTHONPATH": HOME}


# Networks that are trained in a second.
FAST = ("--quality", "fast", "--members", 1)


def fastmlp(*arguments, folder):
    """Run the command in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "fastmlp", *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def write_houses(path, rows=240, seed=0, **options):
    """A table with all that real ones have: texts, true/false, missing values, an id."""
    rng = np.random.default_rng(seed)
    area = rng.normal(90, 25, rows).round(1)
    city = rng.choice(["Ulm", "Bonn", "Kiel"], rows)
    garden = rng.random(rows) < 0.4
    price = 2000 * area + 50_000 * (city == "Bonn") + 30_000 * garden
    table = pd.DataFrame({"id": [f"H{i}" for i in range(rows)], "area": area, "city": city})
    table = table.assign(garden=garden, rooms=rng.integers(1, 7, rows), price=price.round())
    table["kind"] = np.where(table["price"] > table["price"].median(), "dear", "cheap")
    table.loc[::11, "area"] = np.nan
    table.loc[5::40, "city"] = None
    table.loc[3, "price"] = np.nan
    table.to_csv(path, index=False, **options)
    return table


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    return folder, fastmlp("train", "digits", "--plot", "pictures", folder=folder)


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A folder with a table and two models trained on it, one of each task."""
    folder = tmp_path_factory.mktemp("houses")
    table = write_houses(folder / "houses.csv")
    for target in ("price", "kind"):
        other = {"price": "kind", "kind": "price"}[target]
        table.drop(columns=other).to_csv(folder / f"{target}.csv", index=False)
        run(folder, "train", f"{target}.csv", "--target", target, "--quiet", *FAST)
    return folder


def run(folder, *arguments):
    """Run the command in this process: quicker, for what does not depend on one of its own."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return main([str(argument) for argument in arguments])
    finally:
        os.chdir(before)


def read_until(end, terminal):
    shown = b""
    while not shown.endswith(end):
        shown += os.read(terminal, 100_000)
    return shown


def read_predictions(text):
    return list(csv.DictReader(text.splitlines()))


# --- train -----------------------------------------------------------------------------------


def test_train_digits_ends_with_a_good_test_accuracy(digits):
    _, result = digits
    assert result.returncode == 0, result.stderr
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(r"test accuracy 0\.\d{4}", last)
    assert float(last.split()[-1]) >= 0.975


def test_train_digits_prints_the_data_the_network_and_the_machine(digits):
    _, result = digits
    for part in (
        "1,437 training rows, 360 test rows, 64 features, 10 classes",
        "dense_1    Dense        256  relu",
        "50,826 parameters",
        versions()["instruction set"].split()[0],
        "thread",
        "digits.safetensors",
    ):
        assert part in result.stdout
    assert result.stderr == ""


def test_train_digits_saves_a_model_that_python_can_load(digits):
    folder, result = digits
    data = datasets.load("digits")
    model = fm.load(folder / "digits.safetensors")
    accuracy = (model.predict(data.X_test).argmax(axis=1) == data.t_test).mean()
    assert f"test accuracy {accuracy:.4f}" == result.stdout.splitlines()[-1]


def test_train_with_plot_saves_pictures(digits):
    folder, result = digits
    for name in ("history.png", "features.png"):
        assert (folder / "pictures" / name).read_bytes().startswith(b"\x89PNG")
        assert name in result.stdout


def test_a_progress_bar_shows_in_a_terminal(tmp_path):
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")
    import fcntl
    import pty
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    end = b"[the end]"
    # A terminal that closes may lose what nobody has read yet: this one is read all the while, and
    # stays open until the end has come through.
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(read_until, end, leader)
        try:
            result = subprocess.run(
                [sys.executable, "-m", "fastmlp", "train", "digits", "--epochs", "3"],
                cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=follower,
                timeout=120, check=False,
            )  # fmt: skip
        finally:
            os.write(follower, end)
    os.close(follower)
    os.close(leader)
    assert result.returncode == 0
    assert b"3/3" in shown.result()
    assert b"3/3" not in result.stdout


@pytest.mark.parametrize("name", [n for n in datasets.NAMES if n not in ("digits", "mnist")])
def test_every_small_set_can_be_trained_and_described(name, tmp_path, capsys):
    assert run(tmp_path, "train", name, *FAST) == 0
    output = capsys.readouterr().out
    assert "test R2" in output if name == "diabetes" else "test accuracy" in output
    assert run(tmp_path, "info", f"{name}.safetensors") == 0
    output = capsys.readouterr().out
    data = datasets.load(name)
    assert f"from {data.X_train.shape[1]} columns" in output
    assert data.target_names[0] in output


def test_mnist_is_trained_from_the_data_folder(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (70, 28, 28), dtype=np.uint8)
    labels = (np.arange(70) % 10).astype(np.uint8)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:],
    )  # fmt: skip
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    assert run(tmp_path, "train", "mnist", "--epochs", 1, "--hidden", "8") == 0
    assert "60 training rows, 10 test rows, 784 features, 10 classes" in capsys.readouterr().out


def test_quiet_prints_the_test_result_only(tmp_path, capsys):
    assert run(tmp_path, "train", "iris", *FAST, "--quiet", "--output", "i.st") == 0
    assert re.fullmatch(r"test accuracy [01]\.\d{4}\n", capsys.readouterr().out)
    assert (tmp_path / "i.st").is_file()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    weights = []
    for seed in (1, 1, 2):
        run(tmp_path, "train", "digits", "--epochs", 1, "--seed", seed, "--quiet")
        weights.append(fm.load(tmp_path / "digits.safetensors").parameters.flat)
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_every_option_of_the_network_and_the_training_arrives(tmp_path, capsys):
    options = (
        "--hidden 7,5 --activation sigmoid --dropout 0 --optimizer sgd --learning-rate 0.02 "
        "--batch-size 11 --epochs 4 --l2 0.125 --threads 1 --patience 3"
    )
    before = fm.get_num_threads()
    try:
        assert run(tmp_path, "train", "digits", *options.split()) == 0
        assert fm.get_num_threads() == 1
    finally:
        fm.set_num_threads(before)
    output = capsys.readouterr().out
    assert "sgd, 4 epochs, until 3 bring nothing, batches of 11, l2 0.12" in output
    assert "(144 of them to validate)" in output
    layers = fm.load(tmp_path / "digits.safetensors").layers
    assert [(layer.units, layer.activation.name) for layer in layers] == [
        (7, "logistic"), (5, "logistic"), (10, "softmax"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", fm.optimizers.OPTIMIZERS)
def test_every_optimizer_can_be_chosen(tmp_path, capsys, name):
    assert run(tmp_path, "train", "digits", "--epochs", 2, "--optimizer", name) == 0
    assert f"{name}, 2 epochs" in capsys.readouterr().out


def test_no_hidden_layer_is_a_linear_model(tmp_path):
    assert run(tmp_path, "train", "digits", "--epochs", 1, "--hidden", "none", "--quiet") == 0
    assert len(fm.load(tmp_path / "digits.safetensors").layers) == 1


def test_a_learning_rate_that_explodes_saves_nothing_and_says_what_to_change(tmp_path, capsys):
    rate = ("--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", 3)
    assert run(tmp_path, "train", "digits", *rate, "--quiet") == 2
    error = capsys.readouterr().err
    assert "the loss became NaN or infinite in epoch 1" in error
    assert "--learning-rate" in error
    assert list(tmp_path.iterdir()) == []


# --- tables ----------------------------------------------------------------------------------


def test_a_table_is_trained_and_says_what_it_left_out(tmp_path, capsys):
    write_houses(tmp_path / "houses.csv")
    assert run(tmp_path, "train", "houses.csv", "--target", "price", *FAST) == 0
    output = capsys.readouterr().out
    assert "1 row without 'price' left out" in output
    assert "column 'id' is left out" in output
    assert "predicting 'price': regression" in output
    *_, rmse, r2 = output.splitlines()
    assert re.fullmatch(r"held-out RMSE [\d,.]+ \(in units of 'price'\)", rmse)
    assert 0.5 < float(r2.removeprefix("held-out R2 ")) < 1


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_separators_and_compression_are_found(separator, suffix, tmp_path, capsys):
    write_houses(tmp_path / f"houses.{suffix}", sep=separator)
    assert run(tmp_path, "train", f"houses.{suffix}", "--target", "kind", *FAST) == 0
    assert "2 classes" in capsys.readouterr().out
    assert (tmp_path / "houses.safetensors").is_file()


def test_the_task_can_be_chosen_against_the_appearance(tmp_path, capsys):
    write_houses(tmp_path / "houses.csv")
    for task, result in (("regression", "held-out R2"), ("classification", "held-out accuracy")):
        arguments = ("--target", "rooms", "--task", task, *FAST, "--quiet")
        assert run(tmp_path, "train", "houses.csv", *arguments) == 0
        assert result in capsys.readouterr().out


def test_epochs_bound_how_long_networks_of_a_table_are_trained(tmp_path):
    write_houses(tmp_path / "houses.csv")
    for epochs in (2, 3):
        arguments = ("--target", "kind", "--epochs", epochs, "--quiet", *FAST)
        assert run(tmp_path, "train", "houses.csv", *arguments) == 0
        fitted = fm.load(tmp_path / "houses.safetensors")._fitted
        assert {design.epochs for design in fitted.recipe.designs} == {epochs}
        assert max(map(max, fitted.epochs)) <= epochs


def test_a_class_of_a_single_row_does_not_prevent_training(tmp_path):
    table = write_houses(tmp_path / "houses.csv")
    table.loc[0, "kind"] = "castle"
    table.to_csv(tmp_path / "houses.csv", index=False)
    assert run(tmp_path, "train", "houses.csv", "--target", "kind", *FAST, "--quiet") == 0


def train_on(folder, lines, *options, target="t"):
    """Train on lines of a table; return the predictions of its own rows."""
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    arguments = ("train", "t.csv", "--target", target, *FAST, "--output", "m.safetensors")
    assert run(folder, *arguments, *options) == 0
    assert run(folder, "predict", "m.safetensors", "t.csv", "--output", "p.csv") == 0
    return (folder / "p.csv").read_text().splitlines()[1:]


def by_size(labels, rows=120):
    """Lines of a table whose label follows from the number."""
    sizes = np.random.default_rng(0).normal(size=rows)
    cuts = np.quantile(sizes, np.linspace(0, 1, len(labels) + 1)[1:-1])
    return [
        "a,t",
        *(f"{x:.4f},{labels[i]}" for x, i in zip(sizes, np.digitize(sizes, cuts), strict=True)),
    ]


@pytest.mark.parametrize(
    "labels",
    [
        ("7", "42"),
        ("007", "042"),
        ("9007199254740992", "9007199254740993"),
        ("1.0", "2.0"),
        ("+1", "-1"),
        ("1e3", "1e4"),
        ("true", "FALSE"),
        ("yes", "No", "YES"),
        ("None", "Basic", "Full"),
        ("NA", "null", "n/a"),
        ("NaN", "x"),
    ],
)
def test_labels_are_predicted_as_the_file_writes_them(labels, tmp_path):
    task = ("--task", "classification", "--quiet")
    assert set(train_on(tmp_path, by_size(labels), *task)) == set(labels)
    lines = [
        line if at % 7 else line.partition(",")[0] + ", "
        for at, line in enumerate(by_size(labels), 6)
    ]
    assert set(train_on(tmp_path, lines, *task)) == set(labels)


def test_a_class_that_is_lost_as_a_missing_number_is_told_of_even_quietly(tmp_path, capsys):
    predicted = train_on(tmp_path, by_size(["0", "1", "NA"]), "--quiet")
    assert set(predicted) == {"0", "1"}
    error = capsys.readouterr().err
    assert "40 rows left out: 't' holds numbers, and 'NA' among numbers is a missing" in error
    predicted = train_on(tmp_path, [*by_size(["0.5", "1"]), "1,None"], "--task", "regression")
    assert all(map(float, predicted))
    assert "1 row left out" in capsys.readouterr().err


def test_two_ways_of_writing_a_number_are_two_classes_and_noted(tmp_path, capsys):
    assert set(train_on(tmp_path, by_size(["1", "1.0", "2"]), "--quiet")) == {"1", "1.0", "2"}
    assert "'1' and '1.0' are two classes of 't', though one number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "codes", [("007", "7"), ("9007199254740992", "9007199254740993"), ("NA", "None"), ("NA", "")]
)
def test_columns_of_codes_and_words_tell_rows_apart(codes, tmp_path):
    lines = ["a,c,t", *(f"{i * 7 % 11},{codes[i % 2]},{'xy'[i % 2]}" for i in range(120))]
    assert train_on(tmp_path, lines) == list("xy") * 60


def test_blanks_around_names_and_labels_do_not_count(tmp_path):
    lines = by_size(["no", "yes"])
    spaced = [f" {line.replace(',', ' , ')}\t " for line in lines]
    assert train_on(tmp_path, spaced, target=" t ") == train_on(tmp_path, lines)


def test_the_index_that_pandas_writes_is_not_learned_from(tmp_path, capsys):
    lines = [("" if i == 0 else f"{i},") + line for i, line in enumerate(by_size(["x", "y"]))]
    train_on(tmp_path, ["," + lines[0], *lines[1:]])
    assert "the first column is left out: without a name" in capsys.readouterr().out
    assert fm.load(tmp_path / "m.safetensors").preprocessing_.seen == ("a",)


@pytest.mark.parametrize("power", [300, -300])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_numbers_whose_squares_are_out_of_range_are_learned(power, task, tmp_path, capsys):
    values = np.random.default_rng(0).normal(size=200)
    answer = (lambda x: f"{2 * x}e{power}") if task == "regression" else (lambda x: int(x > 0))
    train_on(tmp_path, ["a,t", *(f"{x}e{power},{answer(x)}" for x in values)], "--quiet")
    assert float(capsys.readouterr().out.split()[-1]) > 0.9


@pytest.mark.parametrize("minus", ["({})", "−{}"])
def test_a_minus_as_people_write_it_is_read(minus, tmp_path, capsys):
    number = [7 * i % 60 - 30 for i in range(120)]
    lines = ["a,t", *(f"{n if n >= 0 else minus.format(-n)},{2 * n}" for n in number)]
    predicted = np.array(train_on(tmp_path, lines), float)
    assert np.corrcoef(predicted, number)[0, 1] > 0.95
    assert "column 'a' is read as numbers with a minus as (5) or −5" in capsys.readouterr().out


def test_numbers_that_all_stand_in_parentheses_are_texts(tmp_path):
    lines = ["a,t", *(f"({1 + i % 3}),{'xyz'[i % 3]}" for i in range(120))]
    assert train_on(tmp_path, lines) == list("xyz") * 40
    found = fm.load(tmp_path / "m.safetensors").preprocessing_.columns
    assert found[0].categories == ("(1)", "(2)", "(3)")


def test_too_many_numbers_for_classes_are_said_to_be_many(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,t\n" + "".join(f"{i},{i}\n" for i in range(50)))
    assert run(tmp_path, "train", "t.csv", "--target", "t", "--task", "classification") == 2
    assert "'t' has 50 different values in 50 rows, too many for" in capsys.readouterr().err


def test_numbers_are_learned_and_predicted_as_people_write_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    sizes = rng.integers(1000, 9000, 120)
    dots = [f"{size // 1000}.{size % 1000:03},50 €" for size in sizes]
    lines = ["a;t", *(f"{dot};{dot}" for dot in dots)]
    predicted = train_on(tmp_path, lines)
    output = " ".join(capsys.readouterr().out.split())
    assert "'a' is read as numbers with decimal commas, points between thousands, €" in output
    assert "the target 't' is read as numbers with decimal commas" in output
    assert np.corrcoef([float(p) for p in predicted], sizes)[0, 1] > 0.95
    # a table that says another sign than what is known is told of
    (tmp_path / "new.csv").write_text("a;t\n1.000,5;\n2.000,5;\n")
    (tmp_path / "plain.csv").write_text("a,t\n" + "".join(f"{i}.5,{i}.5\n" for i in range(40)))
    assert run(tmp_path, "train", "plain.csv", "--target", "t", *FAST) == 0
    capsys.readouterr()
    assert run(tmp_path, "predict", "plain.safetensors", "new.csv") == 0
    assert "note: new.csv has decimal commas (see --decimal)" in capsys.readouterr().err
    # a table of new rows is read as that of training, also where it could be read in two ways
    (tmp_path / "new.csv").write_text("a\n5.000\n5000\n")
    assert run(tmp_path, "predict", "m.safetensors", "new.csv") == 0
    first, second = read_predictions(capsys.readouterr().out)
    assert first == second


def test_a_model_that_says_nothing_is_told_of(tmp_path, capsys):
    rng = np.random.default_rng(0)
    lines = ["a,t", *(f"{rng.normal():.3f},{'xy'[rng.random() < 0.05]}" for _ in range(200))]
    train_on(tmp_path, lines, "--quiet")
    assert "no better than" in capsys.readouterr().err


@pytest.mark.parametrize("row", range(1, 40, 3))
def test_an_error_about_a_value_names_its_row(row, tmp_path, capsys):
    lines = by_size(["x", "y"], rows=40)
    lines[row] = lines[row].replace(lines[row].partition(",")[0], "-inf")
    (tmp_path / "t.csv").write_text("\n\n" + "\n".join(lines))
    assert run(tmp_path, "train", "t.csv", "--target", "t") == 2
    assert f"the first in row {row} (line {row + 3})" in capsys.readouterr().err


# --- predict ---------------------------------------------------------------------------------


def test_predictions_are_in_the_units_of_the_target(houses, capsys):
    assert run(houses, "predict", "price.safetensors", "price.csv") == 0
    rows = read_predictions(capsys.readouterr().out)
    truth = pd.read_csv(houses / "price.csv")["price"]
    assert len(rows) == len(truth)
    assert list(rows[0]) == ["price"]
    predicted = np.array([float(row["price"]) for row in rows])
    known = truth.notna()
    assert np.corrcoef(predicted[known], truth[known])[0, 1] > 0.9
    assert abs(predicted[known].mean() / truth[known].mean() - 1) < 0.1


def test_predictions_are_labels_and_probabilities_sum_to_1(houses, capsys):
    assert run(houses, "predict", "kind.safetensors", "kind.csv", "--probabilities") == 0
    rows = read_predictions(capsys.readouterr().out)
    truth = pd.read_csv(houses / "kind.csv")["kind"]
    assert list(rows[0]) == ["kind", "probability_cheap", "probability_dear"]
    assert np.mean([row["kind"] == label for row, label in zip(rows, truth, strict=True)]) > 0.85
    for row in rows:
        cheap, dear = float(row["probability_cheap"]), float(row["probability_dear"])
        assert cheap + dear == pytest.approx(1, abs=1e-5)
        assert row["kind"] == ("dear" if dear > cheap else "cheap")


def test_predictions_go_to_a_file_and_do_not_depend_on_the_order_of_columns(houses, capsys):
    table = pd.read_csv(houses / "kind.csv")
    table[table.columns[::-1]].to_csv(houses / "reversed.csv", index=False)
    assert run(houses, "predict", "kind.safetensors", "kind.csv") == 0
    expected = capsys.readouterr().out
    arguments = ("kind.safetensors", "reversed.csv", "--output", "out.csv")
    assert run(houses, "predict", *arguments) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "240 predictions written to out.csv" in captured.err
    assert (houses / "out.csv").read_text() == expected


def test_models_of_tables_whose_names_differ_behind_a_dot_do_not_overwrite_each_other(tmp_path):
    table = "a,t\n" + "".join(f"{i},{i % 2}\n" for i in range(20))
    for name in ("sales.2025.csv", "sales.2026.csv.gz", "plain"):
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / name, "wt") as file:
            file.write(table)
        assert run(tmp_path, "train", name, "--target", "t", *FAST, "--quiet") == 0
    models = {path.name for path in tmp_path.glob("*.safetensors")}
    assert models == {f"{name}.safetensors" for name in ("sales.2025", "sales.2026", "plain")}


def test_predictions_that_cannot_be_written_leave_the_file_there_is(houses, capsys, monkeypatch):
    (houses / "kept.csv").write_text("what was there\n")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    arguments = ("kind.safetensors", "kind.csv", "--output", "kept.csv")
    assert run(houses, "predict", *arguments) == 2
    assert capsys.readouterr().err == "fastmlp: error: kept.csv: No space left on device\n"
    assert (houses / "kept.csv").read_text() == "what was there\n"
    assert not list(houses.glob(".fastmlp*"))


@pytest.mark.skipif(os.name != "posix", reason="devices and pipes of POSIX")
def test_predictions_go_into_devices_pipes_and_nowhere(houses):
    command = f'"{sys.executable}" -m fastmlp predict kind.safetensors kind.csv'
    for more, expected in (
        ("", 241),
        ("--output /dev/null", 0),
        ("--output >(cat)", 241),
        ("--output /dev/stdout | cat", 241),
        (">&-", 0),
    ):
        result = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} {more}; code=$?; wait; exit $code"],
            cwd=houses, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stdout.count("\n")) == (0, expected), result.stderr
        assert "Error" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_device_is_named(houses, capsys):
    arguments = ("kind.safetensors", "kind.csv", "--output", "/dev/full")
    assert run(houses, "predict", *arguments) == 2
    assert capsys.readouterr().err == "fastmlp: error: /dev/full: No space left on device\n"


def test_without_stderr_notes_and_errors_are_not_among_predictions(houses, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    (houses / "new.csv").write_text("area,city,garden,rooms\n,Paris,True,?\n80,,False,2\n")
    assert run(houses, "predict", "price.safetensors", "new.csv") == 0
    assert len(read_predictions(capsys.readouterr().out)) == 2
    assert run(houses, "predict", "price.safetensors", "none.csv") == 2
    assert capsys.readouterr().out == ""


def test_new_rows_may_hold_what_training_never_saw(houses, capsys):
    (houses / "new.csv").write_text("area,city,garden,rooms\n,Paris,True,?\n80,,False,2\n")
    assert run(houses, "predict", "price.safetensors", "new.csv") == 0
    captured = capsys.readouterr()
    assert len(read_predictions(captured.out)) == 2
    assert "'rooms': 1 value missing" in captured.err
    assert captured.err.count("\n") == 1


def test_a_text_column_of_numbers_stays_text(tmp_path, capsys):
    lines = [f"{code},{code == '7'}" for code in ["7", "12", "x1"] * 20]
    (tmp_path / "codes.csv").write_text("code,t\n" + "\n".join(lines) + "\n")
    assert run(tmp_path, "train", "codes.csv", "--target", "t", "--quiet", *FAST) == 0
    (tmp_path / "new.csv").write_text("code\n7\n12\n")
    capsys.readouterr()
    assert run(tmp_path, "predict", "codes.safetensors", "new.csv") == 0
    captured = capsys.readouterr()
    assert captured.out == "t\nTrue\nFalse\n"
    assert captured.err == ""


def save_model_of_before(path, columns, target, **changes):
    """Write the file of a network on a table, as the command did once."""
    width = sum(len(c["categories"]) if "categories" in c else 1 for c in columns)
    outputs = len(target["labels"]) if "labels" in target else 1
    model = fm.MLP([width, outputs], output="softmax" if outputs > 1 else "identity", seed=0)
    weights = np.zeros((outputs, width), np.float32)
    np.fill_diagonal(weights[:, width - outputs :], 5)
    model.set_weights([weights, np.zeros(outputs, np.float32)])
    model.metadata = {"preprocessing": {"columns": columns, "target": target}, **changes}
    model.save(path)


OLD_NUMBER = {
    "kind": "number", "name": "a ", "median": 2.0, "mean": 2.0, "scale": 1.5, "indicator": False
}  # fmt: skip
OLD_TEXT = {"kind": "text", "name": "c", "categories": ["x", "y ", ""], "others": False}


def test_a_model_of_before_finds_blanks_missing_words_and_numbers_as_labels(tmp_path, capsys):
    target = {"kind": "class", "name": "t", "labels": [1, 2, 3]}
    save_model_of_before(tmp_path / "m.safetensors", [OLD_NUMBER, OLD_TEXT], target)
    (tmp_path / "new.csv").write_text("c,a\nx,1\ny,1\nNA,1\n,1\n")
    assert run(tmp_path, "predict", "m.safetensors", "new.csv") == 0
    assert capsys.readouterr() == ("t\n1\n2\n3\n3\n", "")
    assert run(tmp_path, "predict", "m.safetensors", "new.csv", "--probabilities") == 0
    assert "t,probability_1,probability_2,probability_3\n1,0.9" in capsys.readouterr().out
    assert run(tmp_path, "info", "m.safetensors") == 0
    said = capsys.readouterr().out
    assert "predicts 't', one of 3 classes: 1, 2, 3" in said
    assert "c: 3 categories" in said


def test_a_model_of_before_predicts_numbers_in_their_units(tmp_path, capsys):
    target = {"kind": "real", "name": "t", "mean": 100.0, "scale": 10.0}
    save_model_of_before(tmp_path / "m.safetensors", [OLD_NUMBER], target)
    (tmp_path / "new.csv").write_text("a\n2\n3.5\n\n''\n".replace("''", "NA"))
    assert run(tmp_path, "predict", "m.safetensors", "new.csv") == 0
    assert capsys.readouterr().out == "t\n100\n150\n100\n"
    (tmp_path / "far.csv").write_text("a\n9\n1e300\n")
    assert run(tmp_path, "predict", "m.safetensors", "far.csv") == 2
    assert "column 'a': 1e+300 in row 2 (line 3) is too far fr" in capsys.readouterr().err


def test_an_estimator_of_python_is_a_model_of_the_command_and_the_other_way_round(houses, capsys):
    table = pd.read_csv(houses / "kind.csv")
    estimator = fm.TabularClassifier(quality="fast", n_members=1, random_state=0)
    estimator.fit(table.drop(columns="kind"), table["kind"]).save(houses / "python.st")
    assert run(houses, "predict", "python.st", "kind.csv") == 0
    predicted = capsys.readouterr().out.splitlines()
    assert predicted == ["prediction", *estimator.predict(table.drop(columns="kind"))]
    loaded = fm.load(houses / "kind.safetensors")
    assert run(houses, "predict", "kind.safetensors", "kind.csv") == 0
    assert capsys.readouterr().out.splitlines() == ["kind", *loaded.predict(table)]
    assert loaded.metadata_["target"] == "kind"


def fit_quickly(y, X=None, **parameters):
    X = {"a": np.linspace(-1, 1, 120), "b": ["x", "y"] * 60} if X is None else X
    how = {"quality": "fast", "n_members": 1, "epochs": 2, "random_state": 0, **parameters}
    return X, fm.TabularRegressor(**how).fit(X, y)


@pytest.mark.filterwarnings("ignore:the model is no better")
def test_every_number_that_an_estimator_predicts_has_a_column(tmp_path, capsys):
    y = np.linspace(0, 1, 120)
    both = np.column_stack([y, -10 * y])
    header = {}
    for name, (X, estimator) in {
        "two": fit_quickly(both),
        "quantiles": fit_quickly(y, metric="quantile"),
        "all": fit_quickly(both, metric="quantile", quantiles=[0.25, 0.75]),
        "one": fit_quickly(y, metric="quantile", quantiles=0.3),
        "named": fit_quickly("cost", {"a": y**2, "cost": y}),
    }.items():
        estimator.save(tmp_path / "m.st")
        pd.DataFrame(X).to_csv(tmp_path / "t.csv", index=False)
        assert run(tmp_path, "predict", "m.st", "t.csv", "--intervals") == 0
        header[name], *rows = csv.reader(capsys.readouterr().out.splitlines())
        numbers = estimator.predict(X).reshape(120, -1)
        ends = estimator.predict_interval(X).reshape(120, -1)
        np.testing.assert_allclose(np.array(rows, float), np.hstack([numbers, ends]), rtol=1e-6)
        assert len(header[name]) == len(rows[0])
        assert run(tmp_path, "info", "m.st") == 0
        said = capsys.readouterr().out
        assert {
            "two": "predicts 'y0', 'y1', a number each\n",
            "quantiles": "predicts a number, by its quantiles 0.1, 0.5, 0.9\n",
            "all": "predicts 'y0', 'y1', a number each, by its quantiles 0.25, 0.75\n",
            "one": "predicts a number, by its quantile 0.3\n",
            "named": "predicts 'cost', a number\nfrom 1 column:\n",
        }[name] in said
    assert header == {
        "two": ["y0", "y1", "y0_lower", "y0_upper", "y1_lower", "y1_upper"],
        "quantiles": [*(f"prediction_q{q}" for q in (0.1, 0.5, 0.9)),
                      "prediction_lower", "prediction_upper"],
        "all": ["y0_q0.25", "y0_q0.75", "y1_q0.25", "y1_q0.75",
                "y0_lower", "y0_upper", "y1_lower", "y1_upper"],
        "one": ["prediction", "prediction_lower", "prediction_upper"],
        "named": ["cost", "cost_lower", "cost_upper"],
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:the model is no better")
def test_predictions_far_from_zero_are_told_apart(tmp_path, capsys):
    X, estimator = fit_quickly(np.linspace(0, 1, 120) + 1.7e9)
    estimator.save(tmp_path / "m.st")
    pd.DataFrame(X).to_csv(tmp_path / "t.csv", index=False)
    assert run(tmp_path, "predict", "m.st", "t.csv") == 0
    written = np.array(capsys.readouterr().out.splitlines()[1:], float)
    np.testing.assert_allclose(written - 1.7e9, estimator.predict(X) - 1.7e9, atol=1e-5)


@pytest.mark.filterwarnings("ignore:the model is no better")
def test_what_python_warns_of_columns_is_a_note(tmp_path, capsys):
    _, estimator = fit_quickly(np.linspace(0, 1, 120), np.linspace(0, 1, 120)[:, None])
    estimator.save(tmp_path / "m.st")
    (tmp_path / "t.csv").write_text("a\n0.5\n")
    assert run(tmp_path, "predict", "m.st", "t.csv") == 0
    assert capsys.readouterr().err == (
        "fastmlp: note: X has feature names, but TabularRegressor was fitted without feature "
        "names: columns are taken by their position\n"
    )


def test_blanks_that_pandas_keeps_around_names_and_texts_do_not_count(tmp_path, capsys):
    lines = ["a, b, c", *(f"{i % 7}, {'xyz'[i % 3]}, {'st'[i % 3 == 0]}" for i in range(120))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table.columns) == ["a", " b", " c"]
    assert run(tmp_path, "train", "t.csv", "--target", "c", *FAST, "--quiet") == 0
    predicted = fm.load(tmp_path / "t.safetensors").predict(table)
    np.testing.assert_array_equal(predicted, table[" c"].str.strip())
    estimator = fm.TabularClassifier(quality="fast", n_members=1, random_state=0)
    estimator.fit(table, " c").save(tmp_path / "python.st")
    capsys.readouterr()
    assert run(tmp_path, "predict", "python.st", "t.csv") == 0
    printed = capsys.readouterr()
    assert [line.strip(' "') for line in printed.out.splitlines()[1:]] == predicted.tolist()
    assert printed.err == ""


@pytest.mark.parametrize(
    ("target", "metric", "said"),
    [
        ("kind", "log_loss", r"held-out log loss \d\.\d+(e-\d+)?\nheld-out accuracy [01]\.\d{4}\n"),
        ("kind", "auc", r"held-out AUC [01]\.\d+\nheld-out accuracy [01]\.\d{4}\n"),
        ("price", "mae", r"held-out mean absolute error [\d,]+ \(in .*\nheld-out RMSE .*\n.*\n"),
    ],
)
def test_the_metric_asked_for_is_told(houses, capsys, target, metric, said):
    how = ("--target", target, "--metric", metric, "--output", "m.st", *FAST, "--quiet")
    assert run(houses, "train", "houses.csv", *how) == 0
    assert re.fullmatch(said, capsys.readouterr().out)


def test_an_option_that_is_wrong_is_one_line(tmp_path, capsys):
    for arguments, said in (
        ((), "fastmlp: error: the following arguments are required: COMMAND"),
        (("train", "t.csv", "--time-limit", 0), "fastmlp train: error: argument --time-limit: '0'"),
        (("predict", "m.st"), "fastmlp predict: error: the following arguments are required"),
    ):
        with pytest.raises(SystemExit) as ended:
            run(tmp_path, *arguments)
        printed = capsys.readouterr()
        assert (ended.value.code, printed.out) == (2, "")
        assert printed.err.startswith(said)
        assert re.fullmatch(r".*; see fastmlp( \w+)? --help\n", printed.err)


def test_where_nothing_can_be_written_is_said_before_any_work(tmp_path, capsys, monkeypatch):
    write_houses(tmp_path / "t.csv")
    (tmp_path / "file").touch()
    assert run(tmp_path, "train", "t.csv", "--target", "kind", "--plot", "file") == 2
    assert "--plot file: file is a file; give the name of a folder" in capsys.readouterr().err
    assert run(tmp_path, "train", "t.csv", "--target", "no", "--plot", "new/folder") == 2
    assert not (tmp_path / "new").exists()
    capsys.readouterr()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert run(tmp_path, "train", "t.csv", "--target", "kind") == 2
    printed = capsys.readouterr()
    assert "--output t.safetensors: the folder . cannot be written to" in printed.err
    assert printed.out == ""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
@pytest.mark.parametrize("option", [("--plot", "/proc/new"), ("--output", "/proc/new.safetensors")])
def test_a_folder_that_takes_no_files_whoever_asks_is_told_before_any_work(
    tmp_path, capsys, option
):
    assert run(tmp_path, "train", "digits", *option) == 2
    printed = capsys.readouterr()
    assert f"{' '.join(option)}: the folder /proc cannot be written to" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("target", ["kind", "price"])
def test_any_number_of_threads_trains_the_same_networks(tmp_path, capsys, target):
    table = write_houses(tmp_path / "houses.csv")
    said = []
    for threads in (1, 2, 3):
        how = ("--members", 3, "--epochs", 6, "--threads", threads, "--output", f"{threads}.st")
        assert run(tmp_path, "train", "houses.csv", "--target", target, *how) == 0
        assert "9 networks" in capsys.readouterr().out
        loaded = fm.load(tmp_path / f"{threads}.st")
        said.append((loaded.predict_proba if target == "kind" else loaded.predict)(table))
    assert np.array_equal(said[0], said[1])
    assert np.array_equal(said[0], said[2])


def test_intervals_hold_as_much_of_the_truth_as_they_say(houses, capsys):
    assert run(houses, "predict", "price.safetensors", "price.csv", "--intervals", 0.8) == 0
    rows = pd.DataFrame(read_predictions(capsys.readouterr().out)).astype(float)
    assert list(rows) == ["price", "price_lower", "price_upper"]
    truth = pd.read_csv(houses / "price.csv")["price"]
    inside = (rows["price_lower"] <= truth) & (truth <= rows["price_upper"])
    assert 0.7 < inside[truth.notna()].mean() <= 1
    assert ((rows["price_lower"] < rows["price"]) & (rows["price"] < rows["price_upper"])).all()


def test_tables_longer_than_a_part_are_predicted_row_by_row(houses, capsys, monkeypatch):
    assert run(houses, "predict", "kind.safetensors", "kind.csv") == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr("fastmlp.cli.delimited._CHUNK", 50)
    monkeypatch.setattr("fastmlp.cli.predict.ROWS", 50)
    assert run(houses, "predict", "kind.safetensors", "kind.csv") == 0
    assert capsys.readouterr().out == whole


def test_number_columns_read_texts_by_the_same_rule_when_predicting(houses, capsys):
    (houses / "new.csv").write_text("area,city,garden,rooms\n007,Ulm,TRUE,3\n7.0,Ulm,true,3.0\n")
    assert run(houses, "predict", "price.safetensors", "new.csv") == 0
    first, second = read_predictions(capsys.readouterr().out)
    assert first == second
    large = "large,Ulm,1,3.0\n"
    (houses / "new.csv").write_text(f"area,city,garden,rooms\n7,Ulm,1,3\n{10 * large}")
    assert run(houses, "predict", "price.safetensors", "new.csv") == 2
    error = capsys.readouterr().err
    assert "'area' must hold numbers, but 10 of its 11 values do not: 'large', the first" in error
    assert "row 2 (line 3)" in error


@pytest.mark.parametrize("write", [str, lambda number: f"{number:.1f} €".replace(".", ",")])
def test_a_few_values_that_are_no_numbers_or_flags_are_missing_and_told_of_once(
    write, houses, capsys, monkeypatch
):
    monkeypatch.setattr("fastmlp.cli.delimited._CHUNK", 20)
    monkeypatch.setattr("fastmlp.cli.predict.ROWS", 20)
    rows = [[write(10 + i), "Ulm", "no", write(3)] for i in range(60)]
    for bad in (["98144-3027", "maybe"], ["", ""]):
        for at in (5, 30, 31):
            rows[at][0] = bad[0]
        rows[50][2] = bad[1]
        lines = [";".join(row) for row in rows]
        (houses / "new.csv").write_text("\n".join(["area;city;garden;rooms", *lines]))
        assert run(houses, "predict", "price.safetensors", "new.csv") == 0
        found = capsys.readouterr()
        assert ("must hold" in found.err) == bool(bad[0])
        if bad[0]:
            given = found
    assert given.out == found.out
    said = [line for line in given.err.splitlines() if "must hold" in line]
    assert said == [
        "fastmlp: note: column 'area' must hold numbers; 3 other values are taken as missing: "
        "'98144-3027', the first in row 6 (line 7); correct them or leave them empty",
        "fastmlp: note: column 'garden' must hold 'False' or 'True'; 1 other value is taken as "
        "missing: 'maybe', the first in row 51 (line 52); correct them or leave them empty",
    ]


def test_parts_of_a_table_are_prepared_once_and_judged_together(houses, capsys, monkeypatch):
    monkeypatch.setattr("fastmlp.cli.delimited._CHUNK", 20)
    monkeypatch.setattr("fastmlp.cli.predict.ROWS", 20)
    prepared, transform = [], Preprocessing.transform

    def counted(self, table, *note):
        prepared.append(table.rows)
        return transform(self, table, *note)

    monkeypatch.setattr(Preprocessing, "transform", counted)

    def predict(*bad):
        prepared.clear()
        areas = ["large" if i in bad else str(20 + i) for i in range(80)]
        lines = [f"{area},Ulm,no,3" for area in areas]
        (houses / "new.csv").write_text("\n".join(["area,city,garden,rooms", *lines]))
        code = run(houses, "predict", "price.safetensors", "new.csv", "--intervals", "0.5")
        return code, capsys.readouterr().err

    code, error = predict(*range(24, 40))  # most of the second part
    assert code == 0
    assert "'area' must hold numbers; 16 other values are taken as missing: 'large'" in error
    assert sum(prepared) == 80
    assert len(prepared) > 2
    code, error = predict(*range(24, 80))
    assert code == 2
    assert "'area' must hold numbers, but 3" in error
    assert "'large', the first in row " in error


def test_a_few_words_among_numbers_that_people_write_are_missing_values(tmp_path, capsys):
    sizes = [f"{i},{i % 10} €" for i in range(20, 60)]
    lines = [f"{size};{i},5;{3 * i}" for i, size in enumerate(sizes)]
    gaps = [";" + line.split(";", 1)[1] if i in (4, 9) else line for i, line in enumerate(lines)]
    words = ["n.v." + line if line[0] == ";" else line for line in gaps]
    said = {}
    for name, rows in (("words", words), ("gaps", gaps)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["size;other;y", *rows]))
        assert run(tmp_path, "train", f"{name}.csv", "--target", "y", *FAST) == 0
        (tmp_path / "new.csv").write_text("size;other\n1,234;0,5\nn.v.;1,234\n")
        said[name] = capsys.readouterr().out
        assert run(tmp_path, "predict", f"{name}.safetensors", "new.csv") == 0
        said[f"{name} predicted"] = capsys.readouterr().out
    assert "column 'size' is read as numbers with decimal commas, €" in said["words"]
    told = " ".join(said["words"].split())
    assert "no numbers, taken as missing: 'n.v.', the first in row 5 (line 6)" in told
    assert said["words"].splitlines()[-2:] == said["gaps"].splitlines()[-2:]
    assert said["words predicted"] == said["gaps predicted"]


def test_a_file_is_read_by_the_decimal_sign_of_the_frame_that_was_learned(tmp_path, capsys):
    frame = pd.DataFrame({"a": [f"{i / 8:.3f} €".replace(".", ",") for i in range(81)]})
    estimator = fm.TabularRegressor(quality="fast", epochs=3, n_members=1, random_state=0)
    estimator.fit(frame, np.arange(81.0)).save(tmp_path / "m.safetensors")
    new = pd.DataFrame({"a": ["1,125 €", "9,875 €"]})  # thousands, by themselves
    new.to_csv(tmp_path / "new.csv", index=False)
    new.to_parquet(tmp_path / "new.parquet")
    for name in ("new.csv", "new.parquet"):
        assert run(tmp_path, "predict", "m.safetensors", name) == 0
        found = np.array(capsys.readouterr().out.split()[1:], float)
        np.testing.assert_allclose(found, estimator.predict({"a": [1.125, 9.875]}), rtol=1e-5)


@pytest.mark.parametrize("kind", ["dates", "durations", "days of Python", "times"])
def test_targets_that_are_dates_or_durations_are_refused_in_a_line(kind, tmp_path, capsys):
    days = pd.Series(pd.to_datetime("2026-01-31 07:30") + pd.to_timedelta(range(20), unit="D"))
    targets = {
        "dates": days,
        "durations": days - days[0],
        "days of Python": days.dt.date,
        "times": days.dt.time,
    }[kind]
    things = "dates" if "da" in kind else "durations"
    pd.DataFrame({"a": range(20), "y": targets}).to_parquet(tmp_path / "t.parquet")
    for task in ((), ("--task", "regression"), ("--task", "classification")):
        assert run(tmp_path, "train", "t.parquet", "--target", "y", *task) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fastmlp: error: the target 'y' holds {things}, which are neither")
        assert error.count("\n") == 1


@pytest.mark.parametrize("task", [(), ("--task", "regression")], ids=str)
def test_dates_and_times_in_texts_are_refused_as_targets_alike(task, tmp_path, capsys):
    for things, texts in (
        ("dates", [f"2026-01-{day:02}" for day in range(1, 21)]),
        ("durations", [f"{hour:02}:15" for hour in range(20)]),
    ):
        pd.DataFrame({"a": range(20), "y": texts}).to_csv(tmp_path / "t.csv", index=False)
        assert run(tmp_path, "train", "t.csv", "--target", "y", *task) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fastmlp: error: the target 'y' holds {things}, which are neither")
    pd.DataFrame({"a": range(20), "y": [""] * 20}).to_csv(tmp_path / "t.csv", index=False)
    assert run(tmp_path, "train", "t.csv", "--target", "y", *task) == 2
    assert "missing in every row" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["p.parquet", "p.csv.gz", "p.xlsx", "p.tsv", "p.JSONL"])
def test_predictions_are_not_written_under_the_name_of_another_format(name, houses, capsys):
    assert run(houses, "predict", "houses.safetensors", "houses.csv", "--output", name) == 2
    assert f"--output {name}: predictions are written as CSV, not" in capsys.readouterr().err
    assert not (houses / name).exists()


LABELS = {
    "integers with gaps": ([0, None, 1], "Int64", ["0", "1"]),
    "wide integers with gaps": ([2**60, None, 2**60 + 1], "Int64", [str(2**60), str(2**60 + 1)]),
    "bytes": ([b"x", None, b"y"], object, ["x", "y"]),
    "blanks": (["x", " ", "y"], object, ["x", "y"]),
    "truth with gaps": ([True, None, False], "boolean", ["False", "True"]),
}


@pytest.mark.parametrize("what", LABELS)
def test_labels_of_typed_files_are_what_they_are_though_some_are_missing(what, tmp_path, capsys):
    values, dtype, classes = LABELS[what]
    table = pd.DataFrame({"a": range(60), "y": pd.Series(values * 20, dtype=dtype)})
    for name, write in (("t.parquet", table.to_parquet), ("t.feather", table.to_feather)):
        write(tmp_path / name)
        options = ("--target", "y", "--output", "m.safetensors", "--epochs", 2, *FAST)
        assert run(tmp_path, "train", name, *options) == 0
        assert "20 rows without 'y' left out" in capsys.readouterr().out
        assert [*map(str, fm.load(tmp_path / "m.safetensors").classes_)] == classes
        assert run(tmp_path, "predict", "m.safetensors", name) == 0
        assert {row["y"] for row in read_predictions(capsys.readouterr().out)} <= {*classes}


def test_wide_integers_of_typed_files_are_codes_though_some_are_missing(tmp_path):
    codes = pd.Series([2**60, 2**60 + 1, None] * 20, dtype="Int64")
    pd.DataFrame({"a": codes, "y": np.arange(60.0)}).to_parquet(tmp_path / "t.parquet")
    options = ("--target", "y", "--output", "m.safetensors", "--epochs", 2, *FAST)
    assert run(tmp_path, "train", "t.parquet", *options) == 0
    (column,) = fm.load(tmp_path / "m.safetensors").preprocessing_.columns
    assert column.categories == (str(2**60), str(2**60 + 1))


def test_a_target_of_lists_is_named(tmp_path, capsys):
    pd.DataFrame({"a": range(20), "y": [[1, 2]] * 20}).to_parquet(tmp_path / "t.parquet")
    assert run(tmp_path, "train", "t.parquet", "--target", "y") == 2
    error = capsys.readouterr().err
    assert "error: the target 'y' holds values of type ndarray, no number or text" in error


@pytest.mark.parametrize("task", ["price", "kind"])
def test_pictures_of_a_table_are_drawn(task, houses, tmp_path):
    table = houses / f"{task}.csv"
    arguments = ("--target", task, "--plot", "pictures", *FAST, "--quiet")
    assert run(tmp_path, "train", table, *arguments) == 0
    names = {"price": {"predicted.png"}, "kind": {"confusion.png", "calibration.png"}}[task]
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert drawn == names | {"importance.png"}


def test_a_reader_that_stops_early_is_no_error(houses):
    command = f'"{sys.executable}" -m fastmlp predict kind.safetensors kind.csv | head -n 1'
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=houses, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "kind\n", "")


def test_dates_and_times_of_a_file_are_those_of_a_frame(tmp_path, capsys):
    days = pd.date_range("2024-01-01 06:00", periods=120, freq="7h")
    table = pd.DataFrame({"day": days, "lasted": days - days[0], "t": np.sin(np.arange(120) / 20)})
    table.assign(day=days.strftime("%m/%d/%Y %I:%M %p")).to_csv(tmp_path / "a.csv", index=False)
    assert run(tmp_path, "train", "a.csv", "--target", "t", "--quality", "fast") == 0
    assert "taken as dates, the month in front" in " ".join(capsys.readouterr().out.split())
    assert run(tmp_path, "info", "a.safetensors") == 0
    assert "day: a date\n  lasted: seconds\n" in capsys.readouterr().out
    assert run(tmp_path, "predict", "a.safetensors", "a.csv", "--output", "y.csv") == 0
    expected = fm.load(tmp_path / "a.safetensors").predict(table)
    found = pd.read_csv(tmp_path / "y.csv").iloc[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# --- info and help ---------------------------------------------------------------------------


def test_info_describes_the_installation_or_a_model(houses, tmp_path, capsys):
    assert run(tmp_path, "info") == 0
    assert "instruction set" in capsys.readouterr().out
    assert run(houses, "info", "price.safetensors") == 0
    output = capsys.readouterr().out
    for part in (
        "TabularRegressor",
        "predicts 'price', a number",
        "city: 3 categories",
        "held-out R2",
    ):
        assert part in output


def test_info_describes_the_installation_as_json(tmp_path, capsys):
    assert run(tmp_path, "info", "--json") == 0
    described = json.loads(capsys.readouterr().out)
    assert described == versions()
    assert {"instruction set", "threads", "OpenMP", "compiler", "build type"} <= set(described)
    assert run(tmp_path, "info", "m.safetensors", "--json") == 2
    assert "--json describes the installation" in capsys.readouterr().err


def test_info_describes_a_model_that_python_saved(tmp_path, capsys):
    fm.MLP([2, 3, 1], seed=0).save(tmp_path / "m.safetensors")
    assert run(tmp_path, "info", "m.safetensors") == 0
    assert "13 parameters" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["train"], ["predict"], ["info"]])
def test_help_shows_examples_and_fits_a_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "examples:\n  fastmlp " in text
    assert max(map(len, text.splitlines())) <= 80


def test_version_and_help_come_from_a_process_of_their_own(tmp_path):
    for option, start in (("--version", "fastmlp"), ("--help", "usage: fastmlp")):
        result = fastmlp(option, folder=tmp_path)
        assert result.returncode == 0
        assert result.stdout.startswith(start)


def test_an_output_of_few_letters_ends_no_training_and_garbles_no_prediction(tmp_path):
    rows = [f"{i % 7},{'λ' if i % 7 > 3 else 'ü'}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["größe,y", *rows]), encoding="utf-8")

    def shown(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "fastmlp", *arguments], cwd=tmp_path, capture_output=True,
            env=ENVIRONMENT | {"PYTHONIOENCODING": "cp1252"}, timeout=120, check=False,
        )  # fmt: skip

    assert b"--l2 \\u03bb" in shown("train", "--help").stdout
    fit = shown("train", "t.csv", "--target", "y", "--quality", "fast", "--epochs", "2")
    assert fit.returncode == 0, fit.stderr
    assert b"\\u03bb" in fit.stdout
    assert "größe".encode("cp1252") in shown("info", "t.safetensors").stdout
    said = shown("predict", "t.safetensors", "t.csv")
    assert said.returncode == 2
    assert b"cannot be written in cp1252, the encoding of the output: give --output" in said.stderr
    assert shown("predict", "t.safetensors", "t.csv", "--output", "p.csv").returncode == 0
    assert "λ" in (tmp_path / "p.csv").read_text(encoding="utf-8")


def test_the_plainest_locale_ends_no_training_and_one_epoch_is_no_plural(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "fastmlp", "train", "digits", "--epochs", "1"],
        cwd=tmp_path, capture_output=True, timeout=120, check=False,
        env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii:surrogateescape"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert b"8x8 pixels" in result.stdout
    assert b"adam, 1 epoch, batches" in result.stdout
    assert b"trained   1 epoch in" in result.stdout


# --- what can go wrong -----------------------------------------------------------------------

WRONG = [
    (["train", "nothing.csv", "--target", "x"], "there is no file nothing.csv"),
    (["train", "digit"], "did you mean 'digits'?"),
    (["train", "houses.csv"], "--target: id, area, city"),
    (["train", "houses.csv", "--target", "prise"], "no column 'prise'; it has: id, area"),
    (["train", "houses.csv", "--target", "prise"], "; did you mean 'price'?"),
    (["train", "noted.csv", "--target", "b"], "it has: # of 2026; is the first line a comment?"),
    (
        ["train", "digits", "--quiet", "--hidden", "9999999999"],
        "not enough memory: Unable to alloc",
    ),
    (["train", "bare.csv", "--target", "t"], "it has: 0.5, 1; they are all numbers: is there no"),
    (["train", "plain.csv", "--target", "t"], "it has: a, 7, b, 1; '7', '1' are numbers: is th"),
    (["train", "tilde.csv", "--target", "b"], "is another character between its columns? Say whi"),
    (["train", "small.csv", "--target", "b", "--sep", ";"], "It is read with --sep ';'"),
    (["train", "primes.csv", "--target", "b"], "the quotes are part of the name: --target "),
    (["train", "alone.csv", "--target", "a"], "alone.csv has no column but 'a' to learn from"),
    (["train", ".", "--target", "b"], ". is a folder; give the name of a table's file"),
    (["train", "odd.csv", "--target", "b"], "1 value of 'b' among numbers is none: 'oops', the fi"),
    (
        ["train", "odd.csv", "--target", "b"],
        "the first in row 13 (line 14); correct them or",
    ),
    (["train", "euro.csv", "--target", "b"], "1 value of 'b' among numbers is none: 'oops', the f"),
    (
        ["train", "endless.csv", "--target", "b"],
        "column 'b' holds 1 infinite value, the first in row 14 (line 15)",
    ),
    (
        ["train", "units.csv", "--target", "b", "--task", "regression"],
        "in $ and €: write all",
    ),
    (["train", "joined.csv", "--target", "b"], "line 12 repeats the header: leave it out"),
    (
        ["train", "wide.csv", "--target", "b"],
        "line 1 holds zero bytes; UTF-16 that does not",
    ),
    (["train", "sheet.xlsx", "--target", "b"], "sheet.xlsx is a spreadsheet; save the sheet as C"),
    (["train", "broken.jsonl", "--target", "b"], "line 3 is no JSON: Expecting"),
    (["train", "broken.json", "--target", "b"], "line 1 is no JSON: Expecting"),
    (
        ["train", "numbers.json", "--target", "b"],
        "error: numbers.json holds a list, but not of objects: columns need",
    ),
    (["train", "twice.csv", "--target", "t"], "has 2 columns 't': which of them is the target?"),
    (["train", "ragged.csv", "--target", "b"], "line 3 has 3 fields, but the header names 2 colu"),
    (["train", "same.csv", "--target", "b", "--output", "same.csv"], "would overwrite what is re"),
    (["predict", "price.safetensors", "price.csv", "--output", "price.csv"], "would overwrite wh"),
    (["predict", "price.safetensors", "price.csv", "--output", "."], "is a folder"),
    (["predict", "price.safetensors", "ragged.csv"], "line 3 has 3 fields, but the header names"),
    (["train", "houses.csv", "--target", "id"], "too many for classes"),
    (["train", "houses.csv", "--target", "city", "--task", "regression"], "'city' must hold numb"),
    (["train", "small.csv", "--target", "b"], "2 rows to learn from; 10 are the least"),
    (["train", "empty.csv", "--target", "b"], "has a header but no rows"),
    (["train", "nought.csv", "--target", "b"], "cannot be read as a table"),
    (["train", "binary.csv", "--target", "b"], "cannot be read as a table"),
    (["train", "same.csv", "--target", "b"], "the target 'b' is 1 in every row"),
    (["train", "digits", "--target", "b"], "--target is for tables in files; digits has its own"),
    (["train", "iris", "--sep", ";"], "--sep is for tables in files; iris has its own"),
    (["train", "iris", "--hidden", "3"], "--hidden is for images; what a table is trained with"),
    (["train", "digits", "--quality", "best"], "--quality is for tables; digits is of images"),
    (["train", "iris", "--metric", "rmse"], "--metric rmse is not for classification; there are:"),
    (["predict", "kind.safetensors", "kind.csv", "--intervals"], "--intervals is for numbers"),
    (["train", "digits", "--output", "no/where.st"], "there is no folder no"),
    (["train", "digits", "--output", "."], "is a folder"),
    (["train", "digits", "--output", os.devnull], "is a device or the like"),
    (["train", "digits", "--output", "m.keras"], "'.keras' is the ending of another format"),
    (["predict", "no.safetensors", "new.csv"], "no.safetensors: No such file"),
    (["predict", "houses.csv", "houses.csv"], "cannot load"),
    (["predict", "price.safetensors", "."], ". is a folder; give the name of a table's file"),
    (["predict", "price.safetensors", os.devnull], "is a pipe or a device: tables are read twice"),
    (["predict", "price.safetensors", "-"], "- is a pipe or a device: tables are read twice"),
    (["train", "-", "--target", "y"], "- is a pipe or a device: tables are read twice"),
    (["predict", "price.safetensors", "no.csv"], "there is no file no.csv"),
    (["predict", "price.safetensors", "small.csv"], "the table lacks 4 of the 4 columns"),
    (["predict", "price.safetensors", "price.csv", "--probabilities"], "predicts a number"),
    (["predict", "price.safetensors", "price.csv", "--output", "no/o.csv"], "no folder no"),
    (["predict", "python.safetensors", "price.csv"], "not written by `fastmlp train`, nor by save"),
    (["predict", "other.safetensors", "price.csv"], "contradicts itself"),
    (["predict", "strange.safetensors", "price.csv"], "not a description of preprocessing"),
    (["info", "no.safetensors"], "no.safetensors: No such file"),
    (["info", "strange.safetensors"], "not a description of preprocessing"),
]


@pytest.fixture(scope="module")
def wrong(houses):
    (houses / "small.csv").write_text("a,b\n1,2\n3,4\n")
    (houses / "noted.csv").write_text("# of 2026\na,b\n" + "1,2\n" * 20)
    (houses / "empty.csv").write_text("a,b\n")
    (houses / "nought.csv").write_text("")
    (houses / "binary.csv").write_bytes(bytes(range(256)))
    (houses / "sheet.xlsx").write_bytes(b"PK\3\4")
    (houses / "same.csv").write_text("a,b\n" + "".join(f"{i},1\n" for i in range(20)))
    (houses / "bare.csv").write_text("0.5,1\n" + "0.25,2\n" * 20)
    (houses / "plain.csv").write_text("a,7,b,1\n" + "c,0.25,d,2\n" * 20)
    (houses / "tilde.csv").write_text("a~b\n" + "0.25~2\n" * 20)
    (houses / "primes.csv").write_text("'a','b'\n" + "0.25,2\n" * 20)
    (houses / "alone.csv").write_text("a\n" + "0\n1\n" * 20)
    numbers = [f"{i},{i + 0.5}\n" for i in range(20)]
    (houses / "odd.csv").write_text("".join(["a,b\n", *numbers[:12], "1,oops\n", *numbers]))
    euros = [f"{i},{i + 0.5} €\n" for i in range(20)]
    (houses / "euro.csv").write_text("".join(["a,b\n", "1,oops\n", *euros]), encoding="utf-8")
    (houses / "endless.csv").write_text("".join(["a,b\n3,\n", *numbers[:12], "1,inf\n", *numbers]))
    rows = (f"{i},{'$€'[i % 2]}{i + 0.5}\n" for i in range(20))
    (houses / "units.csv").write_text("a,b\n" + "".join(rows), encoding="utf-8")
    (houses / "joined.csv").write_text(("a,b\n" + "".join(numbers[:10])) * 2)
    (houses / "wide.csv").write_text("a,b\n" + "1,2\n" * 20, encoding="utf-16-le")
    (houses / "broken.jsonl").write_text('{"a": 1, "b": 2}\n\n{"a": 1,\n')
    (houses / "broken.json").write_text('[{"a": 1, "b": 2}, {"a": 1,]')
    (houses / "numbers.json").write_text("[[1, 2], [3, 4]]")
    (houses / "twice.csv").write_text("a,t, t\n" + "0.25,2,1\n" * 20)
    (houses / "ragged.csv").write_text("a,b\n1,2\n3,4,5\n6,7\n")
    fm.MLP([2, 1], seed=0).save(houses / "python.safetensors")
    target = {"kind": "class", "name": "t", "labels": [1, 2]}
    save_model_of_before(houses / "other.safetensors", [OLD_TEXT], target)
    model = fm.load(houses / "other.safetensors")
    model.metadata["preprocessing"]["columns"].append(OLD_NUMBER)
    model.save(houses / "other.safetensors")
    model.metadata = {"preprocessing": json.loads('{"columns": [1], "target": 2}')}
    model.save(houses / "strange.safetensors")
    return houses


def test_bounded_threads_are_those_that_are_told(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n" + "0,x\n1,y\n" * 20)
    what = ("t.csv", "--target", "b", "--quality", "fast", "--epochs", "1")
    assert run(tmp_path, "train", *what, "--threads", "1") == 0
    assert ", 1 thread\n" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda part: " ".join(part))
def test_bad_input_says_what_is_wrong_and_exits_with_2(arguments, message, wrong, capsys):
    assert run(wrong, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("fastmlp: error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden", "0"], "256,128"),
        (["--hidden", "12,x"], "256,128"),
        (["--epochs", "0"], "'0' is not a whole number of at least 1"),
        (["--seed", "-1"], "at least 0"),
        (["--seed", "4294967296"], "at most 4294967295"),
        (["--dropout", "1"], "'1' is not a number at least 0 and below 1"),
        (["--learning-rate", "0"], "'0' is not a number above 0"),
        (["--l2", "nan"], "'nan' is not a number at least 0"),
        (["--threads", "two"], "'two' is not a whole number"),
        (["--threads", "4097"], "at most 4096"),
        (["--activation", "rely"], "choose from"),
        (["--optimizer", "adamant"], "choose from"),
    ],
)
def test_a_bad_value_of_an_option_names_the_option(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "digits", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert f"argument {arguments[0]}: " in error
    assert message in error


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("pandas", ["train", "houses.csv", "--target", "price"], "table"),
        ("matplotlib", ["train", "digits", "--plot", "p"], "plot"),
    ],
)
def test_a_missing_extra_says_what_to_install_before_anything_is_done(
    module, arguments, extra, wrong, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    assert run(wrong, *arguments) == 2
    captured = capsys.readouterr()
    assert f'pip install "fastmlp[{extra}]"' in captured.err
    assert captured.out == ""


def test_in_a_process_of_its_own_bad_input_shows_no_traceback(tmp_path):
    result = fastmlp("train", "nothing.csv", folder=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_ctrl_c_ends_with_130_and_a_word(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "fastmlp", "train", "digits", "--epochs", "1000000"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("machine"):
                break
        time.sleep(0.3)  # let it come into the C++ loop
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "interrupted; nothing was saved" in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
