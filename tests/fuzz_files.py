"""Mutated model files: each must load as a model that works, or be a ValueError that says why.

A few of them are a test of every run (test_io.py). For longer:

    python -m tests.fuzz_files --seconds 600

prints how many files were tried and what came of them, and keeps those that did something else.
"""

import argparse
import collections
import json
import re
import struct
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import fastmlp as fm

VALUES = [
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308),
    *(2**31, 2**53, 2**63, 2**64, 10**30, 10**400),
    *("", "x", "Dense", "Dropout", "relu", "softmax", "os.system", "dense_1", "a:2"),
    *("\ud800", "ü" * 300, "NaN", "Infinity", "[" * 2000),
    *([], [0], [0, 0], [[]], {}, {"class": "Dense"}, {"units": 3}),
]
# Texts of a header, those that say most several times.
KEYS = ["architecture"] * 4 + ["objective", "metadata", "seed", "fits", "dtype"]
KEYS += ["kind"] + ["estimator"] * 4 + ["networks"] * 3
SECONDS = 10  # none of these small files may take so long
ENORMOUS = 1e6  # weights whose products overflow in the end


def originals():
    """Return good files that have in them all that a file can have."""
    a, b = fm.Input(2, name="a"), fm.Input(3, name="b")
    shared = fm.Dense(4, "relu", l2=0.1, name="shared", weights_initializer="glorot_normal")
    both = fm.add([shared(fm.concat([a, b])), shared(fm.concat([b, a]))])
    joined = fm.Model([a, b], fm.Dense(1, bias_initializer=0.5)(fm.Dropout(0.1)(both)), seed=0)
    fitted = fm.MLP([4, 5, 3], output="softmax", seed=3)
    fitted.fit(np.eye(4), [0, 1, 2, 0], epochs=1, l2=0.1, metrics=["accuracy"], verbose=False)
    fitted.metadata = {"classes": ["a", "b"], "means": [0.5, None], "nested": {"ü": True}}
    double = fm.Sequential(
        [fm.Dense(2, use_bias=False), fm.Activation("tanh")], input_columns=2, dtype="float64"
    )
    trunk = fm.Dense(3, "relu")(a)
    several = fm.Model(a, {"c": fm.Dense(2, "softmax")(trunk), "d": fm.Dense(1)(trunk)}, seed=0)
    several.fit(np.eye(2), {"c": [0, 1], "d": [0, 1]}, epochs=1, loss_weights=[1, 0.5])
    members = fm.Members([fitted.copy(), fitted.copy(), fitted.copy()])
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for model in (joined, fitted, double, several, members):
            model.save(Path(folder) / "m")
            files.append((Path(folder) / "m").read_bytes())
    return files


def estimators():
    """Return good files of estimators of tables."""
    table = {
        "size": [1.0, 2.5, None, 4.0] * 10,
        "kind": [f"k{i % 12}" for i in range(40)],
        "day": [f"2026-01-{1 + i % 28:02}" for i in range(40)],
        "sold": ["yes", "no"] * 20,
    }
    label, price = ["a", "b"] * 20, np.arange(40.0)
    two = np.column_stack([price, -price])
    fast = {"quality": "fast", "random_state": 0, "time_limit": 0.2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is nothing to learn
        fitted = [
            fm.TabularClassifier(class_weight={"a": 2.0, "b": 1.0}, **fast).fit(table, label),
            fm.TabularRegressor("quantile", kinds={"size": "number"}, **fast).fit(table, price),
            fm.TabularRegressor(**fast).fit(list(zip(*table.values(), strict=True)), two),
        ]
    fitted[0].metadata_ = {"nested": {"ü": [True, None]}}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for estimator in fitted:
            estimator.save(Path(folder) / "e")
            files.append((Path(folder) / "e").read_bytes())
    return files


def parts(whole):
    """Return the header as JSON, and the numbers."""
    (length,) = struct.unpack("<Q", whole[:8])
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def joined(header, numbers):
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + numbers


def spoil(rng, value):
    """Return JSON with something in it replaced, taken out, put in twice or exchanged."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = list(value)[rng.integers(len(value))]
        changed = dict(value)
        kind = rng.integers(8)
        if kind == 0:
            del changed[key]
        elif kind == 1:
            changed[str(VALUES[rng.integers(len(VALUES))])[:50]] = changed[key]
        else:
            changed[key] = spoil(rng, value[key])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.9:
        i, j = rng.integers(len(value), size=2)
        kind = rng.integers(6)
        changed = list(value)
        if kind == 0:
            del changed[i]
        elif kind == 1:
            changed[i], changed[j] = changed[j], changed[i]
        elif kind == 2:
            changed[i:i] = [changed[j]] * int(rng.integers(1, 100))
        else:
            changed[i] = spoil(rng, value[i])
        return changed
    if type(value) is int and rng.random() < 0.3:
        return value + int(rng.integers(-2, 3))
    if isinstance(value, str) and value and rng.random() < 0.3:
        i = int(rng.integers(len(value)))
        return value[:i] + chr(rng.integers(1, 1000)) + value[i + 1 :]
    return VALUES[rng.integers(len(VALUES))]


def spoil_header(rng, whole):
    """Change the header by its meaning: JSON in JSON."""
    header, numbers = parts(whole)
    meta = header["__metadata__"]
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.2:
            header = spoil(rng, header)
            meta = header.get("__metadata__") if isinstance(header, dict) else None
            if not isinstance(meta, dict):
                break
            continue
        key = rng.choice([key for key in KEYS if key in meta] or ["dtype"])
        try:
            meta[str(key)] = json.dumps(spoil(rng, json.loads(meta[str(key)])))
        except (ValueError, KeyError, TypeError, RecursionError):
            meta[str(key)] = str(VALUES[rng.integers(len(VALUES))])[:3000]
    return joined(header, numbers)


def spoil_bytes(rng, whole):
    """Change some bytes, most of them in the header."""
    changed = bytearray(whole)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(min(len(changed), 3000 if rng.random() < 0.8 else len(changed))))
        kind, length = rng.integers(5), int(rng.integers(1, 40))
        if kind == 0:
            del changed[at : at + length]
        elif kind == 1:
            changed[at:at] = changed[at : at + length] * int(rng.integers(1, 30))
        elif kind == 2:
            del changed[at:]
        else:
            changed[at] = rng.integers(256)
        if not changed:
            break
    return bytes(changed)


def spoil_numbers(rng, whole):
    """Put any bits where the weights are, among them NaN."""
    header, numbers = parts(whole)
    changed = bytearray(numbers)
    for at in rng.integers(len(changed) - 8, size=rng.integers(1, 4)):
        changed[at : at + 4] = struct.pack("<f", rng.choice([np.nan, np.inf, 1e38, 1e-45, 0]))
    return joined(header, bytes(changed))


def splice(rng, whole, other):
    """The header of one file with the numbers of another, or their texts exchanged."""
    (mine, numbers), (theirs, others) = parts(whole), parts(other)
    if rng.random() < 0.5:
        return joined(mine, others)
    key = rng.choice(list(mine["__metadata__"]))
    mine["__metadata__"][str(key)] = theirs["__metadata__"].get(str(key), "")
    return joined(mine, numbers)


def mutated(rng, files):
    """Return the bytes of a spoilt file."""
    whole, other = (files[i] for i in rng.integers(len(files), size=2))
    kind = rng.random()
    if kind < 0.55:
        return spoil_header(rng, whole)
    if kind < 0.85:
        return spoil_bytes(rng, whole)
    return spoil_numbers(rng, whole) if kind < 0.93 else splice(rng, whole, other)


def verdict(path):
    """Return in a word what loading the file did; an AssertionError if it may not."""
    begin = time.monotonic()
    try:
        model = fm.load(path)
    except ValueError as error:
        text = str(error)
        assert text.startswith("cannot load"), text
        assert len(text) < 1000, text
        assert text.isprintable(), text
        # The first words, without what differs from file to file.
        return " ".join(re.sub(r"'.*?'|[^\sa-zA-Z]+", "_", text.partition(": ")[2]).split()[:4])
    assert time.monotonic() - begin < SECONDS, "it took too long"
    if isinstance(model, (fm.TabularClassifier, fm.TabularRegressor)):
        return verdict_of_estimator(model, path)
    each = model if isinstance(model, fm.Members) else [model]
    assert all(np.isfinite(one.parameters.flat).all() for one in each)
    columns = each[0].network.input_columns
    if sum(columns) + sum(each[0].network.outputs.columns) < 10**6:
        model.predict(
            [np.ones((2, n)) for n in columns] if len(columns) > 1 else np.ones((2, *columns))
        )
    twin = Path(f"{path}.twin")
    model.save(twin)
    again = fm.load(twin)
    pairs = zip(each, again if isinstance(model, fm.Members) else [again], strict=True)
    assert all(a.parameters.flat.tobytes() == b.parameters.flat.tobytes() for a, b in pairs)
    return "loaded"


def verdict_of_estimator(estimator, path):
    """Return that it was loaded, if it is an estimator that works."""
    names = estimator.preprocessing_.seen
    rows = {name: [None, None] for name in names}
    if not hasattr(estimator, "feature_names_in_"):
        rows = np.full((2, len(names)), None)
    predict = getattr(estimator, "predict_proba", estimator.predict)
    known = predict(rows)
    weights = [model.parameters.flat for each in estimator._fitted.models for model in each]
    if max(np.abs(flat).max() for flat in weights) < ENORMOUS:
        assert np.isfinite(known).all()
    if getattr(estimator, "_intervals", ()) and np.isfinite(known).all():
        assert np.isfinite(estimator.predict_interval(rows, 0.01)).all()
    twin = Path(f"{path}.twin")
    estimator.save(twin)
    again = fm.load(twin)
    np.testing.assert_array_equal(getattr(again, predict.__name__)(rows), known)
    return "loaded"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    warnings.simplefilter("error")
    rng, found = np.random.default_rng(options.seed), collections.Counter()
    files = originals() + estimators()
    kept = Path(tempfile.mkdtemp(prefix="fuzz-files-"))
    print(f"seed {options.seed}; what goes wrong is kept in {kept}", flush=True)
    end, wrong = time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        path = kept / f"{found.total()}.safetensors"
        path.write_bytes(mutated(rng, files))
        try:
            found[verdict(path)] += 1
        except Exception as error:
            wrong += 1
            found[f"WRONG {type(error).__name__}"] += 1
            print(f"{path}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        else:
            path.unlink()
    for words, count in found.most_common(40):
        print(f"{count:8}  {words}")
    print(f"{found.total()} files, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
