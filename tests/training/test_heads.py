"""Training for several outputs: J and its gradient, what an epoch reports, its arguments."""

import numpy as np
import pytest

import fastmlp as fm
from allocations import SUPPORTED, counted
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.training.updates import Updates

RNG = np.random.default_rng(0)
ROWS = 23
X = RNG.normal(size=(ROWS, 4))
PRICE, KIND = X[:, :1] * 2, X[:, 1:].argmax(axis=1)
T = {"price": PRICE, "kind": KIND}
TINY = fm.SGD(1e-12)


def model(form="dict", dtype="float64", dropout=0.0, seed=0):
    x = fm.Input(4)
    h = fm.Dropout(dropout)(fm.Dense(5, "tanh", name="trunk")(x))
    price, kind = fm.Dense(1, name="price")(h), fm.Dense(3, "softmax", name="kind")(h)
    outputs = {"price": price, "kind": kind} if form == "dict" else [price, kind]
    return fm.Model(x, outputs, seed=seed, dtype=dtype)


def by_hand(weights, X, price, kind, w_price, w_kind, factors, l2):
    """J and its gradients, written out: a trunk h with two heads."""
    W1, b1, W2, b2, W3, b3 = weights
    h = np.tanh(X @ W1.T + b1)
    y, z = h @ W2.T + b2, h @ W3.T + b3
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    a, b = w_price / w_price.sum(), w_kind / w_kind.sum()
    L1 = (a * (0.5 * (y - price) ** 2)[:, 0]).sum()
    L2 = -(b * np.log(p[np.arange(len(X)), kind])).sum()
    J = factors[0] * L1 + factors[1] * L2
    J += 0.5 * l2 * sum((W**2).sum() for W in (W1, W2, W3))
    y_bar = factors[0] * a[:, None] * (y - price)
    z_bar = factors[1] * b[:, None] * (p - np.eye(3)[kind])
    h_bar = (y_bar @ W2 + z_bar @ W3) * (1 - h**2)
    pairs = [(h_bar, X, W1), (y_bar, h, W2), (z_bar, h, W3)]
    gradients = [part for bar, v, W in pairs for part in (bar.T @ v + l2 * W, bar.sum(axis=0))]
    return J, L1, L2, gradients


ONES = np.ones(ROWS)
A, B = RNG.uniform(0.1, 1, size=(2, ROWS))
WEIGHTS = {
    "none": (None, ONES, ONES),
    "shared": (A, A, A),
    "of both": ({"price": A, "kind": B}, A, B),
    "of one": ({"kind": B}, ONES, B),
}


@pytest.mark.parametrize("form", ["dict", "list"])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.25, 2.0), (0.0, 1.0)])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_a_step_goes_down_the_gradient_of_the_weighted_sum(form, weights, factors, l2):
    given, w_price, w_kind = WEIGHTS[weights]
    trained = model(form)
    before = trained.get_weights()
    J, L1, L2, gradients = by_hand(before, X, PRICE, KIND, w_price, w_kind, factors, l2)
    t = T if form == "dict" else [PRICE, KIND]
    trainer = trained.trainer(loss_weights=list(factors), l2=l2, optimizer=fm.SGD(0.1))
    loss, found = trainer.loss_and_gradient(X, t, given)
    assert loss == pytest.approx(J, rel=1e-12)
    parts = trainer.views(found).values()
    for got, expected in zip(parts, gradients, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-14)
    scores = trained.evaluate(
        X, t, sample_weight=given, l2=l2, metrics=[], loss_weights=list(factors)
    )
    assert list(scores) == pytest.approx([J, L1, L2], rel=1e-12)
    history = trained.fit(
        X, t, epochs=1, batch_size=None, optimizer=fm.SGD(0.1), l2=l2, sample_weight=given,
        loss_weights=dict(zip(("price", "kind"), factors, strict=True)),
    )  # fmt: skip
    assert [history[name][0] for name in ("loss", "price_loss", "kind_loss")] == pytest.approx(
        [J, L1, L2], rel=1e-12
    )
    for after, w, gradient in zip(trained.get_weights(), before, gradients, strict=True):
        np.testing.assert_allclose(after, w - 0.1 * gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("batch_size", [4, 7, None])
def test_an_epoch_reports_means_over_its_rows_whatever_its_batches(weights, batch_size):
    given, *_ = WEIGHTS[weights]
    trained = model()
    arguments = {"sample_weight": given, "loss_weights": [0.5, 2], "l2": 0.1}
    arguments["metrics"] = {"price": ["mean_squared_error", "mae"], "kind": ["auc", "accuracy"]}
    history = trained.fit(X, T, epochs=2, batch_size=batch_size, optimizer=TINY, **arguments)
    scores = trained.evaluate(X, T, **arguments)
    names = ["loss", "price_loss", "kind_loss", "price_mean_squared_error", "price_mae"]
    assert list(history) == list(scores.keys()) == [*names, "kind_auc", "kind_accuracy"]
    for name in history:
        assert history[name][-1] == pytest.approx(scores[name], rel=1e-8), name


def test_batches_in_which_an_output_weighs_nothing_count_nothing_for_it():
    weight = np.zeros(ROWS)
    weight[5:9] = 1
    trained = model()
    arguments = {"sample_weight": {"kind": weight}, "metrics": {"kind": ["accuracy"]}}
    history = trained.fit(X, T, epochs=1, batch_size=3, shuffle=False, optimizer=TINY, **arguments)
    scores = trained.evaluate(
        X[5:9], {"price": PRICE[5:9], "kind": KIND[5:9]}, metrics=["accuracy"]
    )
    assert history["kind_loss"][0] == pytest.approx(scores["kind_loss"], rel=1e-9)
    assert history["kind_accuracy"][0] == pytest.approx(scores["kind_accuracy"])
    assert np.isfinite(history["loss"]).all()


def test_float32_follows_float64():
    histories = [model(dtype=dtype).fit(X, T, epochs=5, seed=1) for dtype in ("float32", "float64")]
    for name in histories[0]:
        assert histories[0][name] == pytest.approx(histories[1][name], rel=1e-4)


def test_the_heads_share_one_forward_pass_of_the_trunk():
    trainer = model().trainer()
    data = trainer._examples(X, T, None)
    graph = trainer.compiled(trainer._objective, trainer.optimizer, data).graph
    ops = [node.op for node in g.topological_order([graph.loss, *graph.metrics])]
    assert ops.count("tanh") == 1


def test_the_same_bits_on_one_thread_and_on_two():
    rng = np.random.default_rng(1)
    big, price = rng.normal(size=(3000, 4)), rng.normal(size=3000)
    found = []
    before = fm.get_num_threads()
    try:
        for threads in (1, 2):
            fm.set_num_threads(threads)
            trained = model(dtype="float32", dropout=0.2)
            t = {"price": price, "kind": (price > 0).astype(int)}
            trained.fit(big, t, epochs=2, batch_size=1000, seed=0)
            found.append(trained.parameters.flat.tobytes())
    finally:
        fm.set_num_threads(before)
    assert found[0] == found[1]


@pytest.mark.skipif(not SUPPORTED, reason="counts allocations as Linux makes them")
def test_steps_of_several_heads_allocate_nothing():
    trained = model(dtype="float32")
    trained.fit(X, T, epochs=3, batch_size=4)
    with counted(_core.__file__) as calls:
        trained.fit(X, T, epochs=2, batch_size=4, verbose=False)
        few = calls()
        trained.fit(X, T, epochs=200, batch_size=4, verbose=False)
        many = calls() - few
    assert many == few


@pytest.mark.parametrize("weights", WEIGHTS)
def test_lbfgs_minimises_the_weighted_sum(weights):
    given, *_ = WEIGHTS[weights]
    trained = model()
    arguments = {"sample_weight": given, "loss_weights": [0.5, 1], "l2": 0.01}
    arguments["metrics"] = {"kind": ["accuracy", "auc"], "price": ["mean_squared_error"]}
    history = trained.fit(X, T, optimizer="lbfgs", batch_size=None, epochs=30, **arguments)
    scores = trained.evaluate(X, T, **arguments)
    assert list(history) == list(scores.keys())
    for name in history:
        assert history[name][-1] == pytest.approx(scores[name], rel=1e-9), name
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    _, gradient = trained.trainer(loss_weights=[0.5, 1], l2=0.01).loss_and_gradient(X, T, given)
    assert np.abs(gradient).max() < 0.1


def test_groups_and_muon_know_the_layers_of_every_output():
    trained = model()
    before = dict(zip(trained.network.parameter_names, trained.get_weights(), strict=True))
    groups = {"kind": {"learning_rate": 1e-30}}
    trained.fit(X, T, optimizer=fm.SGD(0.01, groups=groups), epochs=2)
    after = dict(zip(trained.network.parameter_names, trained.get_weights(), strict=True))
    still = {name for name in after if np.abs(after[name] - before[name]).max() < 1e-20}
    assert still == {"kind.weights", "kind.biases"}
    updates = Updates.of(trained.network, fm.Muon())
    names = dict(zip(trained.network.parameter_nodes, trained.network.parameter_names, strict=True))
    assert [names[node] for node, _ in updates.directions] == ["trunk.weights"]


# --- arguments


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (None, ["squared_error", "cross_entropy"]),
        ({"kind": "hinge"}, ["squared_error", "hinge"]),
        (["squared_error", "hinge"], ["squared_error", "hinge"]),
        ([None, "hinge"], ["squared_error", "hinge"]),
    ],
)
def test_a_loss_is_of_each_output(loss, names):
    assert [each.name for each in model().trainer(loss=loss)._objective.losses] == names


def test_one_loss_is_that_of_all():
    x = fm.Input(4)
    both = fm.Model(x, [fm.Dense(2)(x), fm.Dense(3)(x)], seed=0)
    losses = both.trainer(loss="hinge")._objective.losses
    assert [each.name for each in losses] == ["hinge", "hinge"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [(None, (1, 1)), (0.5, (0.5, 0.5)), ([2, 0], (2, 0)), ({"kind": 3}, (1, 3))],
)
def test_a_weight_is_of_each_output(weights, expected):
    objective = model().trainer(loss_weights=weights)._objective
    assert tuple(head.weight for head in objective.heads) == expected


def test_a_single_loss_may_have_a_weight_too():
    single = fm.MLP([4, 1], seed=0, dtype="float64")
    plain, doubled = (single.evaluate(X, PRICE, loss_weights=w)["loss"] for w in (None, 2.0))
    assert doubled == 2 * plain


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["mae"], ["price_mae", "kind_mae"]),
        ([["mae"], []], ["price_mae"]),
        (["mae", ["accuracy", "auc"]], ["price_mae", "kind_accuracy", "kind_auc"]),
        ({"kind": ["accuracy"]}, ["kind_accuracy"]),
        ({"kind": "accuracy", "price": ["r2"]}, ["price_r2", "kind_accuracy"]),
        ([], []),
    ],
)
def test_metrics_are_of_all_outputs_or_of_each(metrics, expected):
    outputs = [fm.Dense(3)(x := fm.Input(4)), fm.Dense(3, "softmax")(x)]
    same = fm.Model(x, dict(zip(("price", "kind"), outputs, strict=True)), seed=0)
    t = {"price": X[:, :3], "kind": np.eye(3)[KIND]}
    loss = {"kind": "squared_error"}
    names = list(same.fit(X, t, epochs=1, loss=loss, metrics=metrics))
    assert names == ["loss", "price_loss", "kind_loss", *expected]


def test_a_model_never_fitted_evaluates_the_accuracy_of_its_classes():
    assert list(model().evaluate(X, T).keys()) == [
        "loss",
        "price_loss",
        "kind_loss",
        "kind_accuracy",
    ]


def test_evaluate_goes_on_with_what_the_last_fit_was_given():
    trained = model()
    trained.fit(X, T, epochs=1, loss_weights=[0.5, 2], l2=0.1, metrics={"price": ["mae"]})
    given = {"loss_weights": [0.5, 2], "l2": 0.1, "metrics": {"price": ["mae"]}}
    assert trained.evaluate(X, T) == trained.evaluate(X, T, **given)
    other = trained.evaluate(X, T, loss={"kind": "hinge"})
    assert list(other.keys()) == ["loss", "price_loss", "kind_loss", "kind_accuracy"]


def test_class_weights_are_of_each_output():
    a, b = model(), model()
    by_class = np.array([0.5, 3.0, 1.0])
    common = {"epochs": 2, "seed": 0}
    a.fit(X, T, class_weight={"kind": {0: 0.5, 1: 3.0}}, sample_weight=A, **common)
    b.fit(X, T, sample_weight={"price": A, "kind": A * by_class[KIND]}, **common)
    np.testing.assert_allclose(a.parameters.flat, b.parameters.flat, rtol=1e-9, atol=1e-12)
    balanced = model().fit(X, T, class_weight={"kind": "balanced"}, epochs=1)
    assert np.isfinite(balanced["loss"]).all()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_validation_takes_the_same_forms(weights):
    given, *_ = WEIGHTS[weights]
    a, b = model(), model()
    x = a.fit(X, T, epochs=2, seed=0, validation_data=(X, T, given))
    y = b.fit(X, [PRICE, KIND], epochs=2, seed=0, validation_data=(X, (PRICE, KIND), given))
    assert x.history == y.history
    assert x["val_kind_loss"][-1] == a.evaluate(X, T, sample_weight=given)["kind_loss"]


def test_the_last_rows_of_every_output_are_held_out():
    a, b = model(), model()
    x = a.fit(X, T, epochs=2, seed=0, validation_split=0.25, sample_weight={"kind": B})
    at = int(ROWS * 0.75)
    first, last = (
        {name: t[part] for name, t in T.items()} for part in (slice(at), slice(at, None))
    )
    held_out = (X[at:], last, {"kind": B[at:]})
    y = b.fit(
        X[:at], first, epochs=2, seed=0, validation_data=held_out, sample_weight={"kind": B[:at]}
    )
    assert x.history == y.history


def test_callbacks_listen_to_the_numbers_of_an_output():
    stopping = fm.EarlyStopping("val_kind_auc", patience=2)
    metrics = {"kind": ["auc"]}
    history = model().fit(
        X, T, epochs=50, metrics=metrics, validation_data=(X, T), callbacks=[stopping]
    )
    assert stopping.best_value == max(history["val_kind_auc"])


def test_a_head_below_a_hard_threshold_is_told_of():
    x = fm.Input(4)
    outputs = [fm.Dense(1)(x), fm.Dense(1, "threshold", name="step")(x)]
    with pytest.warns(fm.NoSignalWarning, match="reaches step: every path to an output"):
        fm.Model(x, outputs, seed=0).fit(X, [PRICE, KIND > 0], epochs=1)


FIT = {"X": X, "t": T}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"t": PRICE},
            TypeError,
            "t must be a list or dict of 2 arrays, one for each of the outputs",
        ),
        ({"t": [PRICE]}, ValueError, "t must hold 2 arrays"),
        ({"t": {"price": PRICE}}, ValueError, r"t must have the keys .* lacks \['kind'\]"),
        ({"t": T | {"sort": 1}}, ValueError, "t names the output 'sort'"),
        ({"t": T | {"kind": KIND[:9]}}, ValueError, r"t\['kind'\] must have as many rows as X"),
        ({"t": [PRICE, KIND + 1]}, ValueError, r"t\['kind'\] has .* out of range"),
        ({"t": [PRICE * np.nan, KIND]}, ValueError, r"t\['price'\] must hold finite numbers"),
        ({"loss": {"sort": "hinge"}}, ValueError, "loss names the output 'sort'"),
        ({"loss": ["hinge"]}, ValueError, "loss must have 2 entries"),
        ({"loss": {"kind": "hing"}}, ValueError, "loss must be one of"),
        ({"loss": "cross_entropy"}, ValueError, r"t\['price'\] has 23 values"),
        ({"loss_weights": [1]}, ValueError, "loss_weights must have 2 entries"),
        ({"loss_weights": [1, -1]}, ValueError, r"loss_weights\['kind'\] must be"),
        ({"loss_weights": {"kind": "1"}}, TypeError, r"loss_weights\['kind'\] must be a number"),
        ({"loss_weights": 0}, ValueError, "zero for every output"),
        ({"loss_weights": {"knd": 1}}, ValueError, "did you mean 'kind'"),
        ({"metrics": "mae"}, TypeError, "metrics must be a list"),
        ({"metrics": {"sort": ["mae"]}}, ValueError, "metrics names the output 'sort'"),
        ({"metrics": [["mae"], ["mae"], []]}, ValueError, "metrics must have 2 entries"),
        ({"metrics": {"kind": ["mea"]}}, ValueError, r"metrics\['kind'\]\[0\] must be one of"),
        (
            {"metrics": {"kind": ["auc", "auc"]}},
            ValueError,
            "metrics of output 'kind' must have diff",
        ),
        ({"metrics": {"price": ["auc"]}}, ValueError, "metric 'auc': the targets must be classes"),
        ({"sample_weight": {"sort": A}}, ValueError, "sample_weight names the output 'sort'"),
        (
            {"sample_weight": {"kind": A[:3]}},
            ValueError,
            r"sample_weight\['kind'\] must have shape",
        ),
        (
            {"sample_weight": {"kind": -A}},
            ValueError,
            r"sample_weight\['kind'\] must not be negative",
        ),
        ({"class_weight": "balanced"}, TypeError, "class_weight must be a dict by the outputs"),
        ({"class_weight": {"kind": {7: 1}}}, ValueError, r"class_weight\['kind'\] has the key 7"),
        ({"class_weight": {"price": "balanced"}}, ValueError, r"class_weight\['price'\] needs one"),
        (
            {"validation_data": (X, PRICE)},
            TypeError,
            r"validation_data\[1\] must be a list or dict",
        ),
    ],
)
def test_wrong_arguments_are_errors_that_name_the_output(arguments, error, message):
    trained = model()
    before = trained.parameters.flat.copy()
    with pytest.raises(error, match=message):
        trained.fit(**(FIT | arguments))
    assert trained.parameters.flat.tobytes() == before.tobytes()
    assert trained.history is None


def test_two_numbers_of_one_name_are_an_error():
    x = fm.Input(4)
    clash = fm.Model(x, {"a": fm.Dense(1)(x), "a_b": fm.Dense(1)(x)}, seed=0)
    metric = fm.metrics.of(lambda y_true, y_pred: 0.0, name="b_loss")
    with pytest.raises(ValueError, match="two of the numbers have one name"):
        clash.fit(X, [PRICE, PRICE], metrics={"a": [metric]})


def test_the_name_of_an_output_that_a_number_of_the_validation_data_has_is_an_error():
    x = fm.Input(4)
    valued = fm.Model(x, {"val": fm.Dense(1)(x), "b": fm.Dense(1)(x)}, seed=0)
    targets = [PRICE, PRICE]
    assert "val_loss" in valued.fit(X, targets, epochs=1)  # without any it says what it is
    before = valued.history
    for held_out in ({"validation_split": 0.5}, {"validation_data": (X, targets)}):
        with pytest.raises(ValueError, match="'val_loss' would be both a number of the validation"):
            valued.fit(X, targets, epochs=1, **held_out)
    assert valued.history is before
    own = fm.metrics.Metric("val_loss", "mean y", lambda y, t: g.mean(y))
    with pytest.raises(ValueError, match="after the name of an output or a metric"):
        fm.MLP([4, 1], seed=0).fit(X, PRICE, metrics=[own], epochs=1, validation_split=0.5)
