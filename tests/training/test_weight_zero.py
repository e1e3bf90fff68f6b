"""What stands in a row whose weight is 0 does not matter, however large it is."""

import warnings

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import MLPRegressor
from fastmlp import graph as g
from fastmlp.losses import mean_loss

ROWS = 30
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3))
T = RNG.uniform(1, 2, size=(ROWS, 1))
WEIGHT = RNG.uniform(0.5, 2, size=ROWS) * (np.arange(ROWS) % 5 > 0)
# What says "missing" in files of others, and squares that overflow.
LARGEST = {"float32": 3.4028234e38, "float64": 1.7976931348623157e308}
FILLS = [("float32", 1e20), ("float32", 9.96921e36), *LARGEST.items(), ("float64", -1e200)]
LOSSES = [
    name
    for name, loss in fm.losses.LOSSES.items()
    if loss.target == "real" and name not in ("quantile", "poisson")
] + [fm.losses.Quantile([0.2, 0.8]), fm.losses.Poisson(log_rate=True)]


def filled(fill, columns=1):
    """The targets, with a number in the rows of weight 0."""
    t = np.repeat(T, columns, axis=1)
    t[WEIGHT == 0] = fill
    return t


def model_for(loss, dtype):
    columns = 1 if loss == "squared_error" else 2
    return fm.MLP([3, 4, columns], activation="tanh", seed=0, dtype=dtype)


def bits(model):
    return model.parameters.flat.tobytes()


@pytest.mark.parametrize(("dtype", "fill"), FILLS)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_gradient_is_the_one_without_what_has_no_weight(loss, dtype, fill):
    trainer = model_for(loss, dtype).trainer(loss=loss, optimizer="sgd")
    one_column = loss == "gaussian_nll" or isinstance(loss, fm.losses.Quantile)
    columns = 1 if loss == "squared_error" or one_column else 2
    found, expected = (
        trainer.loss_and_gradient(X, filled(each, columns), sample_weight=WEIGHT)
        for each in (abs(fill), 1.5)  # counts, of a Poisson distribution, are not negative
    )
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])
    counts = WEIGHT > 0
    alone = trainer.loss_and_gradient(
        X[counts], filled(fill, columns)[counts], sample_weight=WEIGHT[counts]
    )
    np.testing.assert_allclose(found[0], alone[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], alone[1], rtol=1e-4, atol=1e-6)


def by_fit(model, t):
    data = (X, t, WEIGHT)
    history = model.fit(
        X,
        t,
        sample_weight=WEIGHT,
        validation_data=data,
        metrics=["mse", "mae", "r2"],
        epochs=3,
        batch_size=7,
        seed=0,
    )
    scores = model.evaluate(X, t, sample_weight=WEIGHT, metrics=["mse", "mae", "r2"])
    return [bits(model), *history.values(), *scores.values()]


def by_batches(model, t):
    parts = [(X[i : i + 10], t[i : i + 10], WEIGHT[i : i + 10]) for i in range(0, ROWS, 10)]
    return [model.fit(parts, epochs=2, seed=0)["loss"], bits(model)]


def by_lbfgs(model, t):
    history = model.fit(X, t, sample_weight=WEIGHT, optimizer=fm.LBFGS(), epochs=3)
    return [history["loss"], bits(model)]


def by_steps(model, t):
    trainer = model.trainer(optimizer="adam")
    return [*(trainer.step(X, t, sample_weight=WEIGHT) for _ in range(4)), bits(model)]


def by_members(model, t):
    members = fm.Members(model, 3)
    members.fit(X, t, sample_weight=WEIGHT, epochs=2)
    return [each.parameters.flat.tobytes() for each in members]


def by_heads(model, t):
    x = fm.Input(3)
    h = fm.Dense(4, "tanh")(x)
    two = fm.Model(
        x, {"a": fm.Dense(1)(h), "b": fm.Dense(1)(h)}, seed=0, dtype=model.parameters.dtype
    )
    weights = {"a": WEIGHT, "b": np.ones(ROWS)}
    history = two.fit(X, {"a": t, "b": T}, sample_weight=weights, epochs=2, seed=0)
    return [*history.values(), bits(two)]


WAYS = [by_fit, by_batches, by_lbfgs, by_steps, by_members, by_heads]


@pytest.mark.parametrize(("dtype", "fill"), FILLS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_training_and_evaluation_is_the_one_without_it(way, dtype, fill):
    found = way(model_for("squared_error", dtype), filled(fill))
    assert found == way(model_for("squared_error", dtype), filled(0))
    assert np.isfinite(found[-2]).all() if way is by_fit else found


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize(("dtype", "fill"), FILLS)
def test_estimators_learn_without_it(solver, dtype, fill):
    def learned(fill):
        est = MLPRegressor(hidden_layer_sizes=4, solver=solver, max_iter=4, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # too few iterations
            est.fit(X.astype(dtype), filled(fill)[:, 0].astype(dtype), sample_weight=WEIGHT)
        return est.predict(X.astype(dtype)).tolist(), est.loss_

    assert learned(fill) == learned(0)


def test_an_example_of_weight_0_may_have_an_infinite_loss_or_none_at_all():
    L, w = g.input(1, "L"), g.input(1, "w")
    feeds = {L: [1.0, np.inf, np.nan, 2.0], w: [3.0, 0.0, 0.0, 1.0]}
    mean = mean_loss(L, w)
    assert g.reference.evaluate(mean, feeds) == 5 / 4
    (message,) = g.gradient(mean, [L])
    np.testing.assert_array_equal(
        g.reference.evaluate(message, feeds).ravel(), [3 / 4, 0, 0, 1 / 4]
    )


def test_an_example_that_has_a_weight_may_not():
    trainer = model_for("squared_error", "float32").trainer()
    loss, _ = trainer.loss_and_gradient(X, filled(1e36), sample_weight=np.full(ROWS, 1e-3))
    assert loss == np.inf


def test_a_metric_of_arrays_that_takes_weights_sees_no_row_without_one():
    seen = []

    def counted(y_true, y_pred, sample_weight=None):
        seen.append((len(y_true), len(y_pred), float(sample_weight.min())))
        return 0.0

    model_for("squared_error", "float64").evaluate(X, T, sample_weight=WEIGHT, metrics=[counted])
    assert seen == [(24, 24, WEIGHT[WEIGHT > 0].min())]
