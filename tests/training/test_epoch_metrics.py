"""Metrics of whole epochs in `fit` and `evaluate`, and the data arguments of `fit`."""

import numpy as np
import pytest
import scipy.sparse
import sklearn.metrics as sk
from sklearn.utils import compute_class_weight

import fastmlp as fm
from fastmlp import graph as g

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5))
T = (X[:, 0] + RNG.normal(size=120) > 0.4).astype(int)
NAMES = ["loss", "auc", "accuracy", "f1"]


def model(dropout=0.0, seed=0, outputs=1, output="logistic"):
    layers = [fm.Dense(7, "tanh"), fm.Dropout(dropout), fm.Dense(outputs, output)]
    return fm.Sequential(layers, input_columns=5, seed=seed, dtype="float64")


def test_history_has_them_where_they_stand_among_the_metrics():
    history = model().fit(X, T, epochs=2, metrics=NAMES[1:], validation_data=(X[:50], T[:50]))
    assert list(history) == [*NAMES, *(f"val_{name}" for name in NAMES)]
    assert all(len(values) == 2 for values in history.history.values())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_they_are_of_all_rows_at_the_weights_of_the_epochs_end_without_dropout(dropout):
    trained, found = model(dropout), []
    listener = lambda m, epoch, logs: found.append(sk.roc_auc_score(T, m.predict(X)[:, 0]))  # noqa: E731
    weights = RNG.uniform(size=120)
    held_out = (X[:50], T[:50], weights[:50])
    history = trained.fit(
        X, T, epochs=3, metrics=["auc"], callbacks=[listener], validation_data=held_out
    )
    assert history["auc"] == found
    scores = trained.evaluate(X[:50], T[:50], sample_weight=weights[:50])
    said = trained.predict(X[:50])[:, 0]
    assert history["val_auc"][-1] == scores["auc"]
    assert scores["auc"] == pytest.approx(
        sk.roc_auc_score(T[:50], said, sample_weight=weights[:50])
    )


def test_training_is_the_same_bit_for_bit_with_and_without_them():
    plain, watched = model(0.3), model(0.3)
    a = plain.fit(X, T, epochs=4, seed=1, metrics=["accuracy"])
    b = watched.fit(X, T, epochs=4, seed=1, metrics=["auc", "accuracy", "log_loss"])
    assert plain.parameters.flat.tobytes() == watched.parameters.flat.tobytes()
    assert a["loss"] == b["loss"]
    assert a["accuracy"] == b["accuracy"]


def test_they_take_sparse_rows_and_several_inputs():
    x, z = fm.Input(2), fm.Input(3)
    joined = fm.Dense(1, "logistic")(fm.concat([fm.Dense(4, "tanh")(x), z]))
    both = fm.Model([x, z], joined, seed=0)
    history = both.fit([X[:, :2], X[:, 2:]], T, epochs=1, metrics=["auc"])
    said = both.predict([X[:, :2], X[:, 2:]])[:, 0]
    assert history["auc"] == [sk.roc_auc_score(T, said)]
    dense, sparse = model(), model()
    rows = scipy.sparse.csr_array(np.where(X > 0, X, 0))
    arguments = {"epochs": 2, "metrics": ["auc"], "validation_split": 0.25}
    expected = dense.fit(rows.toarray(), T, **arguments)
    for name, values in sparse.fit(rows, T, **arguments).history.items():
        assert values == pytest.approx(expected[name], rel=1e-9)


def test_early_stopping_keeps_the_epoch_of_the_highest_auc():
    stopping = fm.EarlyStopping("val_auc", patience=3)
    trained = model()
    history = trained.fit(
        X[:60],
        T[:60],
        epochs=40,
        optimizer=fm.Adam(0.05),
        metrics=["auc"],
        validation_data=(X[60:], T[60:]),
        callbacks=[stopping],
    )
    best = int(np.argmax(history["val_auc"]))
    assert (stopping.best_epoch, stopping.best_value) == (best + 1, max(history["val_auc"]))
    assert trained.evaluate(X[60:], T[60:])["auc"] == stopping.best_value


def test_a_history_and_its_picture_know_which_way_is_up():
    pytest.importorskip("matplotlib")
    history = model().fit(X, T, epochs=9, metrics=["auc", "log_loss"], validation_split=0.3)
    assert history.higher_is_better["val_auc"]
    assert not history.higher_is_better["val_log_loss"]
    for name, best in (("auc", max), ("log_loss", min)):
        texts = fm.plot.history(history, name).get_legend().get_texts()
        assert f"best {best(history[f'val_{name}']):.4g}" in texts[1].get_text()


def test_what_is_undefined_is_nan_and_never_an_improvement():
    stopping = fm.EarlyStopping("val_auc", patience=2)
    with pytest.warns(fm.NonFiniteLossWarning, match="val_auc was NaN"):
        history = model().fit(
            X, T, epochs=9, metrics=["auc"], validation_data=(X, np.ones(120)), callbacks=[stopping]
        )
    assert history.epochs == 2
    assert np.isnan(history["val_auc"]).all()
    assert np.isfinite(history["auc"]).all()


@pytest.mark.parametrize(
    "metric", ["top_k", "mape", sk.mean_poisson_deviance, lambda y_true, y_pred: "x"]
)
def test_what_cannot_be_measured_is_an_error_before_anything_changes(metric):
    network = model(outputs=3, output="softmax")
    before = network.parameters.flat.copy()
    with pytest.raises((TypeError, ValueError), match="metric '"):
        network.fit(X, T, metrics=[metric])
    assert network.parameters.flat.tobytes() == before.tobytes()
    assert network.history is None


def test_a_saved_model_evaluates_what_it_was_fitted_with(tmp_path):
    network = model(outputs=4, output="softmax")
    network.fit(X, T, epochs=1, metrics=["auc", "top_3", "accuracy"])
    network.save(tmp_path / "m.safetensors")
    for again in (fm.load(tmp_path / "m.safetensors"), network.copy()):
        scores = again.evaluate(X[:90], T[:90] + 2 * (X[:90, 1] > 0))
        assert list(scores.keys()) == ["loss", "auc", "top_3", "accuracy"]


# --- data arguments


@pytest.mark.parametrize("fraction", [0.1, 0.25, 1 / 3])
def test_validation_split_holds_out_the_last_rows(fraction):
    weight = RNG.uniform(0.1, 1, size=120)
    at = int(120 * (1 - fraction))
    split, given = model(), model()
    a = split.fit(X, T, epochs=3, seed=2, validation_split=fraction, sample_weight=weight)
    b = given.fit(
        X[:at],
        T[:at],
        epochs=3,
        seed=2,
        sample_weight=weight[:at],
        validation_data=(X[at:], T[at:], weight[at:]),
    )
    assert a.history == b.history
    assert split.parameters.flat.tobytes() == given.parameters.flat.tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"validation_split": 1.0}, ValueError, "validation_split must be .* less than 1"),
        ({"validation_split": -0.1}, ValueError, "validation_split must be"),
        ({"validation_split": "0.1"}, TypeError, "validation_split must be a number"),
        ({"validation_split": 0.999}, ValueError, "leaves 0 to train on and 120"),
        ({"validation_split": 0.5, "validation_data": (X, T)}, ValueError, "both given"),
        (
            {"validation_split": 0.5, "sample_weight": np.repeat([1.0, 0.0], 60)},
            ValueError,
            "zero for every one of the last 60 rows",
        ),
        ({"class_weight": [1, 2]}, TypeError, r"write dict\(enumerate\(...\)\) around"),
        ({"class_weight": "even"}, TypeError, 'class_weight must be a dict or "balanced"'),
        ({"class_weight": {2: 1.0}}, ValueError, "has the key 2, expected classes 0 … 1"),
        ({"class_weight": {"0": 1.0}}, TypeError, "keys of class_weight must be an integer"),
        ({"class_weight": {0: -1.0}}, ValueError, r"class_weight\[0\] must be"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, ValueError, "leaves no row a weight"),
        ({"class_weight": "balanced", "loss": "squared_error"}, ValueError, "needs one class"),
    ],
)
def test_wrong_data_arguments_are_errors_before_anything_changes(arguments, error, message):
    network = model()
    before = network.parameters.flat.copy()
    with pytest.raises(error, match=message):
        network.fit(X, T[:, None] if "loss" in arguments else T, **arguments)
    assert network.parameters.flat.tobytes() == before.tobytes()


def test_too_small_a_share_is_an_error():
    with pytest.raises(ValueError, match="leaves 5 to train on and 0 to validate"):
        model().fit(X[:5], T[:5], validation_split=1e-17)


@pytest.mark.parametrize("targets", ["labels", "one-hot", "signed", "binary", "true"])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_multiply_those_of_the_rows(targets, weighted):
    weight = RNG.uniform(0.1, 1, size=120) if weighted else np.ones(120)
    by_class = np.array([0.5, 3.0])
    t, loss, outputs, output = {
        "labels": (T, "cross_entropy", 2, "softmax"),
        "one-hot": (np.eye(2)[T], "cross_entropy", 2, "softmax"),
        "signed": (2 * T - 1, "hinge", 1, "identity"),
        "binary": (T, "binary_cross_entropy", 1, "logistic"),
        "true": (T.astype(bool), "binary_cross_entropy", 1, "logistic"),
    }[targets]
    keys = {"signed": (-1, 1), "true": (False, True), "binary": (0.0, 1.0)}.get(targets, (0, 1))
    a, b = (model(outputs=outputs, output=output) for _ in range(2))
    given = {"sample_weight": weight} if weighted else {}
    common = {"loss": loss, "epochs": 2, "seed": 0}
    a.fit(X, t, class_weight=dict(zip(keys, by_class, strict=True)), **given, **common)
    b.fit(X, t, sample_weight=weight * by_class[T], **common)
    np.testing.assert_allclose(a.parameters.flat, b.parameters.flat, rtol=1e-9, atol=1e-12)


def test_a_class_that_is_not_named_weighs_one():
    a, b = model(), model()
    a.fit(X, T, class_weight={1: 3.0}, epochs=2, seed=0)
    b.fit(X, T, sample_weight=np.where(T == 1, 3.0, 1.0), epochs=2, seed=0)
    np.testing.assert_allclose(a.parameters.flat, b.parameters.flat, rtol=1e-9, atol=1e-12)


def test_balanced_weights_are_scikit_learns_and_of_the_training_rows_alone():
    at = 90
    by_class = compute_class_weight("balanced", classes=np.array([0, 1]), y=T[:at])
    a, b = model(), model()
    x = a.fit(X, T, class_weight="balanced", validation_split=0.25, epochs=2, seed=0)
    y = b.fit(
        X[:at],
        T[:at],
        sample_weight=by_class[T[:at]],
        validation_data=(X[at:], T[at:]),
        epochs=2,
        seed=0,
    )
    np.testing.assert_allclose(a.parameters.flat, b.parameters.flat, rtol=1e-9, atol=1e-12)
    assert x["val_loss"] == pytest.approx(y["val_loss"], rel=1e-9)


def test_weights_are_refused_where_a_loss_or_metric_is_of_all_rows_at_once():
    network, weight = model(), np.ones(120)
    before = network.parameters.flat.copy()

    def mean_of_squares(y, t):
        return g.mean((y - t) ** 2)

    for how in ({"loss": mean_of_squares}, {"metrics": [mean_of_squares]}):
        for fit in (
            lambda how=how: network.evaluate(X, T, sample_weight=weight, **how),
            lambda how=how: network.evaluate(lambda: iter([(X, T, weight)]), **how),
            lambda how=how: network.fit(X, T, sample_weight=weight, **how),
            lambda how=how: network.fit(X, T, validation_data=(X, T, weight), **how),
            lambda how=how: network.fit(
                X, T, validation_data=lambda: iter([(X, T, weight)]), **how
            ),
            lambda how=how: fm.Members([network]).fit(X, T, validation_data=(X, T, weight), **how),
            lambda how=how: fm.Members([network]).evaluate(X, T, sample_weight=weight, **how),
        ):
            with pytest.raises(ValueError, match="reduced already"):
                fit()
    assert network.parameters.flat.tobytes() == before.tobytes()
    assert network.history is None
    assert network.evaluate(X, T, loss=mean_of_squares)["loss"] == pytest.approx(
        np.mean((network.predict(X)[:, 0] - T) ** 2)
    )
