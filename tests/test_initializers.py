import json

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import initializers
from fastmlp.initializers import (
    INITIALIZERS,
    Constant,
    Glorot,
    He,
    Initializer,
    LeCun,
    Normal,
    Uniform,
    Zeros,
)

VARIANCES = {Glorot: 2 / (300 + 200), He: 2 / 200, LeCun: 1 / 200}


def draw(initializer, shape=(300, 200), seed=0):
    return initializer(np.random.default_rng(seed), shape)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_returns_float64_of_the_shape_asked_for(name):
    for shape in [(1, 1), (1, 7), (13, 1), (5, 3)]:
        W = draw(initializers.get(name), shape)
        assert W.shape == shape
        assert W.dtype == np.float64
        assert np.isfinite(W).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_same_seed_draws_the_same_numbers(name):
    initializer = initializers.get(name)
    np.testing.assert_array_equal(draw(initializer, seed=3), draw(initializer, seed=3))


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("kind", VARIANCES)
def test_drawn_weights_have_the_variance_of_the_formula(kind, distribution):
    W = draw(kind(distribution))
    deviation = np.sqrt(VARIANCES[kind])
    # Six standard errors; the kurtosis of a normal is the larger of the two.
    assert abs(W.mean()) < 6 * deviation / np.sqrt(W.size)
    assert abs(W.var() / VARIANCES[kind] - 1) < 6 * np.sqrt(2 / W.size)
    assert not np.array_equal(W, draw(kind(distribution), seed=1))


@pytest.mark.parametrize(("kind", "limit"), [(Glorot, 6 / 500), (He, 6 / 200), (LeCun, 3 / 200)])
def test_uniform_weights_fill_the_interval_of_the_paper_and_stay_within(kind, limit):
    W = draw(kind("uniform"))
    assert 0.999 * np.sqrt(limit) < abs(W).max() <= np.sqrt(limit)


NORMALS = [(kind("normal"), np.sqrt(variance)) for kind, variance in VARIANCES.items()]


@pytest.mark.parametrize(("rule", "deviation"), [*NORMALS, (Normal(0.3), 0.3)])
def test_normal_weights_are_as_often_within_a_deviation_as_normal_numbers(rule, deviation):
    W = draw(rule)
    for reach, share in ((1, 0.682689), (2, 0.954500)):  # uniform ones would be 0.577 and 1
        error = np.sqrt(share * (1 - share) / W.size)
        assert abs((abs(W) < reach * deviation).mean() - share) < 6 * error
    assert abs((W < 0).mean() - 0.5) < 6 * 0.5 / np.sqrt(W.size)


def test_uniform_weights_fill_the_interval_that_is_given():
    W = draw(Uniform(0.3))
    assert -0.3 <= W.min() < -0.2999
    assert 0.2999 < W.max() <= 0.3
    assert abs((abs(W) < 0.15).mean() - 0.5) < 6 * 0.5 / np.sqrt(W.size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(-1), "std must be .* at least 0, got -1"),
        (lambda: Normal(float("inf")), "std must be a finite number"),
        (lambda: Uniform(-1), "limit must be .* at least 0 .*, got -1"),
        (lambda: Uniform(1e308), "limit must be .*, got 1e[+]308"),  # 2 · limit would be infinite
    ],
)
def test_a_spread_that_no_numbers_have_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_constants_and_zeros_draw_nothing():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Constant(0.5)(rng, (1, 3)), [[0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(Zeros()(rng, (2, 1)), [[0], [0]])
    assert rng.random() == np.random.default_rng(0).random()


def test_a_name_an_object_and_a_number_name_initializers():
    assert initializers.get("he_normal") == He("normal")
    assert initializers.get(LeCun()) == LeCun("uniform")
    assert initializers.get(np.float32(0.5)) == Constant(0.5)


@pytest.mark.parametrize("initializer", [*INITIALIZERS.values(), Constant(-0.25)], ids=repr)
def test_every_initializer_comes_back_from_json(initializer):
    config = json.loads(json.dumps(initializer.config()))
    assert initializers.from_config(config) == initializer


def test_an_initializer_of_the_users_cannot_be_saved():
    class Mine(Initializer):
        pass

    with pytest.raises(ValueError, match="class Mine cannot be saved"):
        Mine().config()


@pytest.mark.parametrize(
    "config",
    [
        None,
        "Zeros",
        {},
        {"class": "os.system"},
        {"class": ["Zeros"]},
        {"class": "Zeros", "value": 1},
        {"class": "He", "distribution": "cauchy"},
        {"class": "He", "distribution": 3},
        {"class": "Constant"},
        {"class": "Constant", "value": "1"},
        {"class": "Zeros", 3: 4},
    ],
)
def test_a_malformed_config_is_a_value_error(config):
    with pytest.raises(ValueError, match=r"initializer config|distribution"):
        initializers.from_config(config)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("he", ValueError, "initializer must be one of .*'he_normal'.*got 'he'"),
        ([1.0], TypeError, "initializer.* must be a number, got"),
        (True, TypeError, "must be a number, got True"),
        (float("nan"), ValueError, "must be a finite number, got nan"),
    ],
)
def test_what_is_no_initializer_is_an_error(spec, error, message):
    with pytest.raises(error, match=message):
        initializers.get(spec)


def test_an_unknown_distribution_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match=r"distribution.*'uniform', 'normal'.*'cauchy'"):
        He("cauchy")


# ------------------------------------------------------------------------------- refused by models


class Makes(Initializer):
    """Whatever a function of the shape says."""

    def __init__(self, made):
        self.made = made

    def __call__(self, rng, shape):
        return self.made(shape)


WRONG = {
    "beyond float32": (lambda shape: np.full(shape, 2.0**128), ValueError, r"beyond 3.4e\+38"),
    "NaN": (lambda shape: np.full(shape, np.nan), ValueError, "NaN among"),
    "infinite": (lambda shape: np.full(shape, -np.inf), ValueError, "infinite among"),
    "a vector": (lambda shape: np.zeros(shape[1]), ValueError, "must have the shape"),
    "transposed": (lambda shape: np.zeros(shape[::-1]), ValueError, "must have the shape"),
    "text": (lambda shape: np.full(shape, "a"), TypeError, "must hold numbers, got text"),
    "complex": (lambda shape: np.zeros(shape, complex), TypeError, "must hold numbers, got compl"),
    "nothing": (lambda shape: None, TypeError, "must hold numbers, got objects"),
}
MODELS = {
    "Sequential": lambda layer: fm.Sequential([layer], input_columns=2, seed=0),
    "build": lambda layer: fm.Sequential([layer], seed=0).build(2),
    "predict": lambda layer: fm.Sequential([layer], seed=0).predict(np.ones((1, 2))),
    "fit": lambda layer: fm.Sequential([layer], seed=0).fit(np.ones((1, 2)), np.ones((1, 3))),
    "Model": lambda layer: (lambda x: fm.Model(x, layer(x), seed=0))(fm.Input(2)),
}


@pytest.mark.parametrize("argument", ["weights_initializer", "bias_initializer"])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("model", MODELS)
def test_what_an_initializer_makes_is_refused_by_the_argument_and_the_layer(model, wrong, argument):
    made, kind, words = WRONG[wrong]
    layer = fm.Dense(3, **{argument: Makes(made)})
    with pytest.raises(kind, match=words) as error:
        MODELS[model](layer)
    assert f"what {argument} of layer 'dense_1' makes must" in str(error.value)
    assert layer.owner is None
    layer.units = 2  # it is free, as before


def test_one_initializer_given_twice_is_named_by_what_it_makes_wrong():
    large = Makes(lambda shape: np.full(shape, 1e39 if shape[0] == 1 else 1.0))
    layer = fm.Dense(3, weights_initializer=large, bias_initializer=large, name="a")
    with pytest.raises(ValueError, match="what bias_initializer of layer 'a' makes must hold"):
        fm.Sequential([layer], input_columns=2)


def test_a_number_beyond_float32_may_be_one_of_float64():
    layer = fm.Dense(3, weights_initializer=2.0**128)
    with pytest.raises(ValueError, match=r"weights_initializer of layer 'dense_1' .* of float32"):
        fm.Sequential([layer], input_columns=2)
    model = fm.Sequential([layer], input_columns=2, dtype="float64")
    assert (model.layers[0].weights == 2.0**128).all()
