"""Training: what a step is, what it does not depend on, and how it ends."""

import _thread
import pkgutil
import signal
import threading
import time

import numpy as np
import pytest

import fastmlp as fm
import optimizer_formulas as formulas
from fastmlp import graph as g
from fastmlp import losses, planner
from fastmlp.graph import reference
from fastmlp.networks import objectives
from optimizer_formulas import CASES


def data(rows=23, columns=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)), rng.integers(classes, size=rows)


def classifier(dropout=0.0, seed=0, dtype="float64"):
    layers = [fm.Dense(7, "tanh"), fm.Dropout(dropout), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=seed, dtype=dtype)


def reference_gradients(model, X, t, l2=0.0, weight=None):
    """J and its gradients from the NumPy reference, in the order of `get_weights`."""
    network = model.network
    objective = objectives.choose(network, loss=None, loss_weights=None, metrics=(), l2=l2, l1=0.0)
    graph = objective.training_graph(network, (1,), (weight is not None,))
    gradients = g.gradient(graph.loss, network.parameter_nodes)
    feeds = {network.input_nodes[0]: X, graph.targets[0]: t[:, None]}
    for node in network.parameter_nodes:
        feeds[node] = model.parameters.view(node)
    if weight is not None:
        feeds[graph.weights[0]] = weight[:, None]
    J, *values = reference.evaluate([graph.loss, *gradients], feeds)
    return J.item(), [
        value[0] if now.ndim == 1 else value
        for value, now in zip(values, model.get_weights(), strict=True)
    ]


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_of_one_batch_is_one_step_down_the_gradient(l2, weighted):
    X, t = data()
    weight = np.random.default_rng(1).uniform(size=len(t)) if weighted else None
    model = classifier()
    before = model.get_weights()
    J, gradients = reference_gradients(model, X, t, l2, weight)
    history = model.fit(
        X, t, optimizer=fm.SGD(0.1), epochs=1, batch_size=None, l2=l2, sample_weight=weight
    )
    assert history["loss"] == pytest.approx([J], rel=1e-12)
    for after, w, gradient in zip(model.get_weights(), before, gradients, strict=True):
        np.testing.assert_allclose(after, w - 0.1 * gradient, rtol=1e-10, atol=1e-14)


OPTIMIZERS = [*CASES.values(), fm.Adam(fm.CosineDecay(0.1, steps=7), weight_decay=0.1)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_epochs_of_batches_follow_the_formula_of_the_optimizer(optimizer):
    X, t = data()
    model, twin = classifier(), classifier()
    model.fit(X, t, optimizer=optimizer, epochs=2, batch_size=5, shuffle=False)
    states = [{} for _ in twin.get_weights()]
    roles = twin.network.parameter_roles.values()
    batches = [slice(i, i + 5) for i in range(0, len(t), 5)]
    for number, batch in enumerate(batches * 2):
        _, gradients = reference_gradients(twin, X[batch], t[batch])
        twin.set_weights(
            [
                formulas.step(optimizer, number, w, gradient, state, role)
                for w, gradient, state, role in zip(
                    twin.get_weights(), gradients, states, roles, strict=True
                )
            ]
        )
    for got, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows_not_its_batches():
    X, t = data(rows=7)
    model = classifier()
    expected = model.evaluate(X, t)["loss"]
    history = model.fit(X, t, optimizer=fm.SGD(1e-12), epochs=1, batch_size=5)
    assert history["loss"] == pytest.approx([expected], rel=1e-9)


@pytest.fixture
def threads():
    before = fm.get_num_threads()
    yield
    fm.set_num_threads(before)


def trained(**arguments):
    X, t = data(rows=301)
    model = classifier(dropout=0.3, dtype="float32")
    history = model.fit(X, t, epochs=7, batch_size=32, seed=5, **arguments)
    return model.parameters.flat.copy(), history["loss"]


def trained_together():
    """Train a network whose batches, of 10⁸ operations, threads certainly share."""
    X, t = data(rows=301)
    layers = [fm.Dense(500, "relu"), fm.Dropout(0.3), fm.Dense(500, "tanh"), fm.Dense(3, "softmax")]
    model = fm.Sequential(layers, input_columns=X.shape[1], seed=1)
    history = model.fit(X, t, epochs=2, batch_size=100, seed=5)
    return model.parameters.flat.copy(), history["loss"]


def test_listening_does_not_change_a_bit(monkeypatch, capsys):
    weights, loss = trained(verbose=False)
    seen = []
    ways = [
        {"verbose": True},
        {"callbacks": [lambda model, epoch, logs: seen.append(epoch)]},
        {"validation_data": data(rows=11, seed=3)},
    ]
    for way in ways:
        again, loss_again = trained(**way)
        np.testing.assert_array_equal(again, weights)
        assert loss_again == loss
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    monkeypatch.setattr("fastmlp.training.epochs.ORDER_NUMBERS", 2 * 301)
    again, loss_again = trained(verbose=False)
    np.testing.assert_array_equal(again, weights)
    assert loss_again == loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_between_other_numbers_give_the_bits_that_they_give_alone(dtype):
    rng = np.random.default_rng(0)
    rows, t = rng.normal(size=(75, 4)), rng.normal(size=75)
    apart = rng.random((75, 3)).astype(dtype)[:, 1]  # a column of a table
    found = []
    for weights in (apart, apart.copy()):
        net = fm.MLP([4, 6, 1], activation="tanh", seed=0, dtype=dtype)
        net.fit(rows, t, sample_weight=weights, shuffle=False, epochs=2)
        steps = net.trainer(optimizer="sgd")
        loss, gradient = steps.loss_and_gradient(rows, t, weights)
        found.append((loss, gradient.tobytes(), net.parameters.flat.tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("count", [2, 3])
def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(threads, count):
    fm.set_num_threads(1)
    weights, loss = trained_together()
    fm.set_num_threads(count)
    again, loss_again = trained_together()
    np.testing.assert_array_equal(again, weights)
    assert loss_again == loss


def test_a_model_with_a_seed_trains_the_same_each_time_and_each_fit_differently():
    X, t = data()
    runs = []
    for _ in range(2):
        model = classifier(dropout=0.5, seed=3)
        runs.append([model.fit(X, t, epochs=1, batch_size=4)["loss"] for _ in range(2)])
    assert runs[0] == runs[1]
    fresh = [classifier(seed=3) for _ in range(2)]
    for model, seed in zip(fresh, (0, 1), strict=True):
        model.fit(X, t, epochs=1, batch_size=4, seed=seed)
    assert not np.array_equal(fresh[0].parameters.flat, fresh[1].parameters.flat)


def test_a_model_without_a_seed_differs_from_the_next():
    X, t = data()
    first, second = (classifier(seed=None).fit(X, t, epochs=1)["loss"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_two_fits_with_equal_optimizers_are_one_longer_fit(optimizer):
    X, t = data()
    whole, parts = classifier(), classifier()
    whole.fit(X, t, optimizer=optimizer, epochs=5, batch_size=8, shuffle=False)
    for epochs in (2, 3):
        parts.fit(X, t, optimizer=optimizer, epochs=epochs, batch_size=8, shuffle=False)
    np.testing.assert_array_equal(parts.parameters.flat, whole.parameters.flat)


def test_another_optimizer_starts_without_the_state_of_the_last():
    X, t = data()
    model = classifier()
    model.fit(X, t, optimizer=fm.Adam(0.1), epochs=2, shuffle=False)
    twin = model.copy()
    for each in (model, twin):
        each.fit(X, t, optimizer=fm.RMSprop(0.02), epochs=2, shuffle=False)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "float64", "float16", "bool"])
def test_data_of_any_number_type_trains_as_the_same_values_in_the_models_type(dtype):
    X = np.random.default_rng(0).integers(2, size=(23, 5)).astype(dtype)
    t = data()[1]
    one, other = classifier(dtype="float32"), classifier(dtype="float32")
    one.fit(X, t, epochs=2, batch_size=4)
    other.fit(X.astype("float32"), t, epochs=2, batch_size=4)
    np.testing.assert_array_equal(one.parameters.flat, other.parameters.flat)


def test_epochs_nobody_listens_to_go_to_the_core_in_one_call(monkeypatch):
    calls = []
    run = planner.TrainingPlan.run_epochs

    def counted(self, *args, **kwargs):
        calls.append(kwargs["epochs"])
        return run(self, *args, **kwargs)

    monkeypatch.setattr(planner.TrainingPlan, "run_epochs", counted)
    X, t = data()
    classifier().fit(X, t, epochs=50)
    assert calls == [50]
    classifier().fit(X, t, epochs=3, callbacks=[lambda model, epoch, logs: None])
    assert calls == [50, 1, 1, 1]


def test_a_fit_of_the_same_kind_uses_the_plan_of_the_last(monkeypatch):
    made = []
    plan = planner.plan_training

    def counted(*args, **kwargs):
        made.append(args)
        return plan(*args, **kwargs)

    monkeypatch.setattr(planner, "plan_training", counted)
    X, t = data()
    model = classifier()
    for rows, optimizer in ((23, "adam"), (11, fm.Adam(0.5)), (1, "adam")):
        model.fit(X[:rows], t[:rows], epochs=1, optimizer=optimizer)
    assert len(made) == 1
    model.fit(X, t, epochs=1, l2=0.1)
    model.fit(X, t, epochs=1, l2=0.1, sample_weight=np.ones(23))
    assert len(made) == 3


def test_validation_is_the_evaluation_after_the_epoch():
    X, t = data()
    model = classifier(dropout=0.5)
    held_out = data(rows=13, seed=9)
    history = model.fit(
        X, t, epochs=3, l2=0.1, metrics=["accuracy", "zero_one"], validation_data=held_out
    )
    assert list(history) == [
        *("loss", "accuracy", "zero_one"),
        *("val_loss", "val_accuracy", "val_zero_one"),
    ]
    for name, value in model.evaluate(*held_out).items():
        assert history[f"val_{name}"][-1] == value


def test_weights_of_the_validation_examples_count():
    X, t = data()
    weight = np.arange(23.0)
    model = classifier()
    history = model.fit(X, t, epochs=1, validation_data=(X, t, weight))
    assert history["val_loss"] == [model.evaluate(X, t, sample_weight=weight)["loss"]]


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_weighted_epoch_records_what_evaluate_gives(dtype, share):
    X, t = data(rows=211)
    rng = np.random.default_rng(4)
    weight = rng.uniform(0.5, 2, 211) * (rng.random(211) < share)
    weight[0] = 1  # most batches have no weight at all
    model = classifier(dtype=dtype)
    how = {"l2": 0.1, "metrics": ["accuracy", "hinge"], "optimizer": fm.SGD(1e-15)}
    history = model.fit(X, t, epochs=1, batch_size=16, sample_weight=weight, **how)
    for name, value in model.evaluate(X, t, sample_weight=weight).items():
        assert history[name] == [pytest.approx(value, rel=1e-5 if dtype == "float32" else 1e-12)]


UNITS = [("float32", e) for e in (-1000, -140, -17, 17, 120, 1000)]
UNITS += [("float64", e) for e in (-1010, -150, 1020)]


@pytest.mark.parametrize(("dtype", "exponent"), UNITS)
def test_the_unit_of_the_weights_changes_no_bit(dtype, exponent):
    X, t = data()
    weight = np.random.default_rng(2).uniform(0.5, 1.5, 23)

    def trained(weight):
        model = classifier(dtype=dtype)
        history = model.fit(
            *(X, t),
            epochs=3,
            batch_size=8,
            l2=0.1,
            seed=1,
            sample_weight=weight,
            validation_data=(X, t, weight),
        )
        evaluated = model.evaluate(X, t, sample_weight=weight)
        return model.parameters.flat.tobytes(), dict(history), evaluated

    assert trained(np.ldexp(weight, exponent)) == trained(weight)


@pytest.mark.parametrize("unit", [1e-320, 1e-45, 1e-39, 1e-7, 1e7, 1e37, 1.5e308])
def test_weights_in_any_unit_train_the_same(unit):
    X, t = data()
    weight = np.linspace(0.5, 1, 23)
    losses = []
    for given in (weight, weight * unit):
        model = classifier(dtype="float32")
        losses.append(model.fit(X, t, epochs=5, seed=1, sample_weight=given)["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3 if unit == 1e-320 else 1e-5)


def test_a_batch_of_weights_beyond_the_range_of_the_model_counts_for_nothing():
    X, t = data(rows=16)
    weight = np.where(np.arange(16) < 8, 1.0, 1e-44)
    model, half = classifier(dtype="float32"), classifier(dtype="float32")
    how = {"epochs": 1, "batch_size": 8, "shuffle": False, "optimizer": fm.SGD(0.1)}
    history = model.fit(X, t, sample_weight=weight, **how)
    assert history["loss"] == half.fit(X[:8], t[:8], **how)["loss"]
    np.testing.assert_array_equal(model.parameters.flat, half.parameters.flat)


def test_an_example_of_weight_two_counts_as_two_examples():
    X, t = data()
    weight = np.where(np.arange(23) < 4, 2.0, 1.0)
    model, twin = classifier(), classifier()
    model.fit(X, t, epochs=3, batch_size=None, sample_weight=weight, shuffle=False)
    twice = np.r_[0:23, 0:4]
    twin.fit(X[twice], t[twice], epochs=3, batch_size=None, shuffle=False)
    np.testing.assert_allclose(model.parameters.flat, twin.parameters.flat, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "output", "target"),
    [
        ("squared_error", "identity", lambda X: np.sin(X.sum(axis=1))),
        ("cross_entropy", "softmax", lambda X: (X[:, 0] * X[:, 1] > 0).astype(int)),
        ("binary_cross_entropy", "logistic", lambda X: (X[:, 0] * X[:, 1] > 0).astype(int)),
        ("hinge", "identity", lambda X: (X[:, 0] * X[:, 1] > 0).astype(int)),
        *(
            (loss, "identity", lambda X: np.sin(X.sum(axis=1)))
            for loss in (
                *("mean_squared_error", "absolute_error", "huber", "log_cosh", "quantile"),
                lambda y, t: g.abs(y - t),
            )
        ),
        *((loss, "softmax", lambda X: (X[:, 0] > 0).astype(int)) for loss in ("log_loss", "focal")),
        ("kl_divergence", "softmax", lambda X: np.c_[X[:, 0] > 0, X[:, 0] <= 0] * 1.0),
        ("binary_focal", "logistic", lambda X: (X[:, 0] > 0).astype(int)),
        ("cosine_similarity", "identity", lambda X: np.c_[X, X[:, :1]]),
        ("poisson", "exp", lambda X: np.round(np.exp(X[:, 0] - 2))),
        ("gaussian_nll", "identity", lambda X: np.sin(X.sum(axis=1))),
        (lambda y, t: g.mean((y - t) ** 2), "identity", lambda X: np.sin(X.sum(axis=1))),
    ],
)
def test_every_loss_is_learned(loss, output, target):
    X = np.random.default_rng(0).normal(size=(200, 2))
    columns = {"cosine_similarity": 3, "gaussian_nll": 2}.get(loss, 1)
    columns = 2 if output == "softmax" else columns
    model = fm.MLP([2, 32, columns], activation="tanh", output=output, seed=0)
    t = target(X)
    before = model.evaluate(X, t, loss=loss)["loss"]
    history = model.fit(X, t, loss=loss, optimizer=fm.Adam(0.02), epochs=100)
    assert model.evaluate(X, t)["loss"] < before / 4
    assert history.stopped is None
    assert history.epochs == 100


def test_every_loss_by_name_is_among_those_learned():
    marks = test_every_loss_is_learned.pytestmark[0].args[1]
    assert set(losses.LOSSES) <= {loss for loss, *_ in marks if isinstance(loss, str)}


def test_the_default_loss_is_that_of_the_output():
    X = np.random.default_rng(0).normal(size=(9, 2))
    for output, columns, name in (
        ("softmax", 3, "cross_entropy"),
        ("logistic", 1, "binary_cross_entropy"),
        ("tanh", 1, "squared_error"),
    ):
        t = np.arange(9) % 2
        model = fm.MLP([2, 4, columns], output=output, seed=0)
        twin = model.copy()
        assert model.fit(X, t, epochs=2)["loss"] == twin.fit(X, t, epochs=2, loss=name)["loss"]


def test_several_inputs_are_given_by_position_or_by_name():
    a, b = fm.Input(2, name="a"), fm.Input(3, name="b")
    h = fm.concat([fm.Dense(4, "relu")(a), b])
    model = fm.Model([a, b], fm.Dense(1)(h), seed=0)
    twin = model.copy()
    rng = np.random.default_rng(0)
    A, B, t = rng.normal(size=(9, 2)), rng.normal(size=(9, 3)), rng.normal(size=9)
    model.fit([A, B], t, epochs=2)
    twin.fit({"b": B, "a": A}, t, epochs=2)
    np.testing.assert_array_equal(model.predict((A, B)), twin.predict({"a": A, "b": B}))


def test_a_loss_that_becomes_infinite_stops_and_keeps_finite_weights():
    X, t = data()
    model = fm.MLP([5, 7, 1], activation="relu", seed=0)
    with pytest.warns(fm.NonFiniteLossWarning, match="in epoch .* last finite weights kept"):
        history = model.fit(1e3 * X, t, optimizer=fm.SGD(10.0), epochs=50)
    assert history.stopped.startswith("the loss became NaN or infinite")
    assert history.epochs < 50
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.parameters.flat).all()
    model.set_weights([0.1 * np.ones_like(w) for w in model.get_weights()])
    assert model.fit(X, t, optimizer=fm.SGD(1e-3), epochs=1).stopped is None


def test_an_exception_in_a_callback_leaves_the_weights_of_the_last_epoch():
    X, t = data()
    model, twin = classifier(), classifier()

    def fail(model, epoch, logs):
        if epoch == 2:
            raise RuntimeError("of the user's own")

    with pytest.raises(RuntimeError, match="of the user's own"):
        model.fit(X, t, epochs=5, callbacks=[fail])
    twin.fit(X, t, epochs=2, seed=None)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)
    assert model.history.epochs == 2


class BrokenError(Exception):
    """Raised by who listens."""


def after(function, error, times=1):
    """Return the function, raising an error when it has done its work the given time."""
    left = [times]

    def replaced(*arguments, **named):
        result = function(*arguments, **named)
        left[0] -= 1
        if left[0] == 0:
            raise error
        return result

    return replaced


PLACES = {
    "after the core": "fastmlp.planner.training_plans.TrainingPlan.run_epochs",
    "at the orders": "fastmlp.training.request.Shuffled.__call__",
    "at the numbers of the optimizer": "fastmlp.training.updates.NumbersAhead.__call__",
    "in the validation": "fastmlp.training.evaluation.Evaluation.__call__",
    "before the history": "fastmlp.training.epochs.Training._validate",
    "behind the history": "fastmlp.history.History.append",
    "at the bar": "fastmlp.training.progress.Progress.advance",
}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BrokenError("of somebody's own")])
@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_wherever_an_exception_comes_history_weights_and_optimizer_agree(
    monkeypatch, place, listens, error
):
    X, t = data()
    heard = []
    how = {"batch_size": 10, "validation_data": (X, t)}
    listeners = [lambda model, epoch, logs: heard.append(epoch)] if listens else []
    model, twin = classifier(), classifier()
    monkeypatch.setattr(PLACES[place], after(pkgutil.resolve_name(PLACES[place]), error, 3))
    with pytest.raises(type(error)):
        model.fit(X, t, epochs=9, callbacks=listeners, **how)
    monkeypatch.undo()
    done = model.history.epochs
    assert done in (2, 3)
    assert {len(values) for values in dict(model.history).values()} == {done}
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else "ended by BrokenError"
    assert model.history.stopped in (f"{said} in epoch {done + 1}", f"{said} after epoch {done}")
    assert np.isnan(model.history["val_loss"][-1]) == (place == "in the validation")
    if listens:
        assert heard == list(range(1, done + 1))
    twin.fit(X, t, epochs=done, **how)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)
    for each in (model, twin):
        each.fit(X, t, epochs=2, **how)  # the optimizer goes on from where it was
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), BrokenError()])
def test_an_exception_of_a_listener_is_told_in_the_history(error):
    X, t = data()
    model, twin = classifier(), classifier()

    def fail(model, epoch, logs):
        if epoch == 2:
            raise error

    with pytest.raises(type(error)):
        model.fit(X, t, epochs=5, callbacks=[fail])
    kind = "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
    assert model.history.stopped.endswith(f"{kind} after epoch 2")
    twin.fit(X, t, epochs=2)
    for each in (model, twin):
        each.fit(X, t, epochs=2, seed=1)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def fit_until_ctrl_c(model, X, t, **arguments):
    """Press Ctrl-C when the weights have changed, and wait for what comes of it."""
    before = model.parameters.flat.copy()

    def interrupt():
        while np.array_equal(model.parameters.flat, before):
            time.sleep(0.001)
        _thread.interrupt_main()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, t, epochs=10**6, verbose=False, **arguments)
    watcher.join()


def test_ctrl_c_while_callbacks_are_told_is_heard_when_all_have_been():
    X, t = data()
    model, first, second = classifier(), [], []

    def press(model, epoch, logs):
        if epoch == 3:
            signal.raise_signal(signal.SIGINT)
        first.append(epoch)

    listeners = [press, lambda model, epoch, logs: second.append(epoch)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, t, epochs=9, callbacks=listeners)
    assert first == second == [1, 2, 3]
    assert model.history.epochs == 3
    assert model.history.stopped == "interrupted after epoch 3"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_for_callbacks():
    X, t = data()
    model, heard = classifier(), []

    def press(model, epoch, logs):
        for pressed in range(9):
            signal.raise_signal(signal.SIGINT)
            heard.append(pressed)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, t, epochs=9, callbacks=[press])
    assert heard == [0]
    assert model.history.stopped == "interrupted after epoch 1"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebodys_own_hears_every_ctrl_c_and_one_set_by_a_callback_stays():
    X, t = data()
    heard, before = [], signal.getsignal(signal.SIGINT)
    own, later = (lambda *given: heard.append("own")), (lambda *given: heard.append("later"))

    def press(model, epoch, logs):
        for _ in range(epoch):
            signal.raise_signal(signal.SIGINT)
        if epoch == 2:
            signal.signal(signal.SIGINT, later)

    try:
        signal.signal(signal.SIGINT, own)
        classifier().fit(X, t, epochs=3, callbacks=[press])
        assert signal.getsignal(signal.SIGINT) is later
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["own"] * 3 + ["later"] * 3


def test_other_threads_fit_with_callbacks_without_signals():
    X, t = data()
    heard = []
    how = {"epochs": 3, "callbacks": [lambda model, epoch, logs: heard.append(epoch)]}
    worker = threading.Thread(target=classifier().fit, args=(X, t), kwargs=how)
    worker.start()
    worker.join()
    assert heard == [1, 2, 3]


def test_ctrl_c_ends_training_with_the_weights_of_a_whole_step():
    X, t = data(rows=2000)
    model = classifier()
    fit_until_ctrl_c(model, X, t)
    assert np.isfinite(model.parameters.flat).all()
    assert model.fit(X, t, epochs=1).epochs == 1


@pytest.mark.parametrize("optimizer", ["adam", fm.SGD(0.01, momentum=0.9)])
def test_ctrl_c_leaves_every_whole_epoch_in_the_history(optimizer):
    X, t = data()
    model, twin = classifier(dropout=0.2), classifier(dropout=0.2)
    # One step an epoch, so that the weights are those after the last epoch.
    how = {"batch_size": None, "optimizer": optimizer, "metrics": ["accuracy"]}
    fit_until_ctrl_c(model, X, t, **how)
    done = model.history.epochs
    assert done > 0
    assert model.history.stopped == f"interrupted in epoch {done + 1}"
    assert dict(twin.fit(X, t, epochs=done, **how)) == dict(model.history)
    for each in (model, twin):
        each.fit(X, t, epochs=3, **how)  # the optimizer goes on from where it was
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_one_row_and_one_column_and_one_unit_are_enough():
    model = fm.MLP([1, 1, 1], seed=0)
    history = model.fit([2.0], [3.0], epochs=3)
    assert history.epochs == 3


def test_two_models_train_in_two_threads_as_they_do_alone():
    X, t = data(rows=301)
    alone = [classifier(dropout=0.2, seed=seed) for seed in (1, 2)]
    for model in alone:
        model.fit(X, t, epochs=20)
    together = [classifier(dropout=0.2, seed=seed) for seed in (1, 2)]
    workers = [
        threading.Thread(target=model.fit, args=(X, t), kwargs={"epochs": 20}) for model in together
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.parameters.flat, other.parameters.flat)


def test_one_model_answers_several_threads_at_once():
    X, _ = data(rows=20_000)
    model = classifier(dtype="float32")
    X = X.astype("float32")
    expected = model.predict(X)
    wrong = []

    def ask():
        for _ in range(20):
            if not np.array_equal(model.predict(X), expected):
                wrong.append(1)

    workers = [threading.Thread(target=ask) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_an_update_that_overflows_at_the_end_is_of_the_last_epoch():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 5)), 100.0 * rng.normal(size=20)
    model = fm.MLP([5, 1], seed=0)
    before = model.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning, match="became NaN or infinite in epoch 1;"):
        model.fit(X, t, optimizer=fm.SGD(1e38), epochs=1, batch_size=20, verbose=0)
    np.testing.assert_array_equal(model.parameters.flat, before)


@pytest.mark.parametrize("wrong", [lambda t, p: (t == p).mean(), lambda t, p: 0.5])
def test_a_metric_of_arrays_that_is_taken_for_one_of_nodes_is_told(wrong):
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 5)), rng.integers(2, size=20)
    model = fm.MLP([5, 2], output="softmax", seed=0)
    with pytest.raises(TypeError, match=r"calls its first argument y_true, or is given as .*of\("):
        model.fit(X, t, metrics=[wrong], verbose=0)
    right = fm.metrics.of(lambda a, b: float((a == b).mean()), needs="label")
    found = model.evaluate(X, t, metrics=[right])
    assert 0 <= found[1] <= 1


def test_targets_in_one_row_are_told_to_be_a_column():
    X, t = np.ones((20, 5)), np.ones((1, 20))
    with pytest.raises(ValueError, match=r"write t\.reshape\(-1, 1\)"):
        fm.MLP([5, 1], seed=0).fit(X, t)
