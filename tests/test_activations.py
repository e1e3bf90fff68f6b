import pickle
import re

import numpy as np
import pytest
import scipy.special

import fastmlp as fm
import formulas
from fastmlp import activations, initializers
from fastmlp import graph as g
from fastmlp.activations import ACTIVATIONS, ALIASES, Activation

ROWS = {"softmax", "log_softmax"}
AWKWARD = np.array([[-40.0, -1.7, -0.3], [0.2, 1.1, 40.0]])


def value(activation: Activation, z: np.ndarray) -> np.ndarray:
    node = g.input(z.shape[1], "z")
    return g.reference.evaluate(activation(node), {node: z})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_has_the_values_of_its_formula(name):
    z = np.array([[-1.0, 0.0, 2.0]])
    np.testing.assert_allclose(value(activations.get(name), z), formulas.ALL[name].phi(z), 1e-14)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"exp"}))
def test_every_activation_but_exp_stays_finite_far_from_zero(name):
    assert np.isfinite(value(activations.get(name), np.array([[-1e4, 0.0, 1e4]]))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_sends_back_its_derivative(name):
    z, bar = g.input(3, "z"), g.constant([[0.3, -1.2, 0.7]])
    report = g.check_gradients(g.sum(bar * activations.get(name)(z)), {z: AWKWARD}, wrt=[z])
    assert set(report.errors) == {z}


def python(formula: str) -> str:
    """Return what people read as Python reads it."""
    formula = formula.replace("[0 < h < 1]", "[0 < h * (1 - h)]").replace("u′", "du")
    formula = formula.replace("−", "-").replace("²", "**2").replace("³", "**3").replace("≤", "<=")
    formula = re.sub(r"\|(\w+)\|", r"abs(\1)", formula)
    formula = re.sub(r"√\(([^()]*)\)", r"(\1)**0.5", formula).replace("λα", "floor")
    formula = formula.replace("λ", "scale").replace("[", "(1.0*(").replace("]", "))")
    formula = formula.replace("2π", "2*π")
    return re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", formula)  # factors side by side


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax", "log_softmax"}))
def test_the_derivative_people_read_is_the_one_that_is_sent_back(name):
    z = g.input(3, "z")
    h = activations.get(name)(z)
    (z_bar,) = g.gradient(g.sum(h), [z])
    values, signal = g.reference.evaluate([h, z_bar], {z: AWKWARD})
    formula, *where = (python(part) for part in ACTIVATIONS[name].derivative.split(", "))
    known = {
        "z": AWKWARD,
        "h": values,
        "exp": np.exp,
        "tanh": np.tanh,
        "log": np.log,
        "cos": np.cos,
    }
    known |= {"Φ": scipy.special.ndtr, "σ": formulas.sigma, "π": np.pi}
    known |= {"scale": formulas.LAMBDA, "floor": formulas.LAMBDA * formulas.ALPHA}
    known["du"] = formulas.tanh_argument_slope(AWKWARD)
    for definition in where:
        symbol, _, meaning = definition.partition(" = ")
        known[symbol] = eval(meaning, known)
    derivative = eval(formula, known)
    np.testing.assert_allclose(signal, np.broadcast_to(derivative, signal.shape), atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_default_initializer_of_every_activation_exists(name):
    assert ACTIVATIONS[name].initializer in initializers.INITIALIZERS


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_activation_itself(alias, name):
    assert activations.get(alias) is ACTIVATIONS[name]


def test_an_activation_and_a_function_are_accepted_as_they_are():
    relu = ACTIVATIONS["relu"]
    assert activations.get(relu) is relu

    def swish(z):
        return z * g.logistic(z)

    custom = activations.get(swish)
    assert custom.name == "swish"
    np.testing.assert_allclose(value(custom, AWKWARD), AWKWARD / (1 + np.exp(-AWKWARD)))


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"activation.*'softplus'.*'rellu'.*did you mean 'relu'"):
        activations.get("rellu")


@pytest.mark.parametrize("name", ["celu", "crelu", "rrelu", "prelu", "relu6"])
def test_an_activation_of_other_packages_is_not_taken_for_a_mistyped_one(name):
    with pytest.raises(ValueError, match=f"'relu'.*got '{name}'$"):
        activations.get(name)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ReLU", "relu"),
        ("rleu", "relu"),
        ("erlu", "relu"),
        ("tahn", "tanh"),
        ("sofmax", "softmax"),
        ("soft max", "softmax"),
        ("sigmod", "sigmoid"),
        ("treshold", "threshold"),
    ],
)
def test_a_mistyped_name_is_recognised(typed, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        activations.get(typed)


def test_something_that_is_no_activation_is_a_type_error():
    with pytest.raises(TypeError, match=r"activation must be a name or a function.*not int"):
        activations.get(3)


@pytest.mark.parametrize("make", [lambda a: fm.MLP([1, 8, 1], a), lambda a: fm.Dense(8, a)])
def test_a_list_of_activations_is_told_where_each_belongs(make):
    with pytest.raises(TypeError, match=r"for one of each layer write Sequential\(\[Dense\(8, "):
        make(["relu", "tanh"])


def test_a_function_that_returns_no_node_is_a_type_error():
    with pytest.raises(TypeError, match="must return a graph node, not float"):
        activations.get(lambda z: 1.0)(g.input(2))


def test_a_function_of_arrays_is_told_whose_it_is_and_what_it_was_given():
    with pytest.raises(TypeError, match=r"activation 'len' is called with graph nodes z, and"):
        activations.get(len)(g.input(2))


def test_a_function_that_changes_the_shape_is_a_value_error():
    with pytest.raises(ValueError, match="must keep the shape"):
        activations.get(lambda z: g.sum(z, axis=1))(g.input(2))


def steep(z):
    return g.leaky_relu(z, 0.3)


def squareplus(z):
    return 0.5 * (z + g.sqrt(z * z + 4.0))


@pytest.fixture
def registry(monkeypatch):
    """Give every test the names as they were before it."""
    for name in ("ACTIVATIONS", "_REGISTERED"):
        monkeypatch.setattr(activations, name, dict(getattr(activations, name)))
    names = set(activations.NAMES)
    yield
    activations.NAMES.intersection_update(names)


@pytest.mark.usefixtures("registry")
class TestRegister:
    def test_a_registered_function_is_known_by_its_name_and_as_itself(self):
        given = activations.register("squareplus", squareplus, initializer="he_uniform", middle=1)
        assert activations.get("squareplus") is given
        assert activations.get(squareplus) is given
        assert given.initializer == "he_uniform"
        assert given.middle == 1.0
        np.testing.assert_allclose(value(given, AWKWARD), 0.5 * (AWKWARD + np.hypot(AWKWARD, 2)))

    def test_the_same_function_may_be_registered_again(self):
        first = activations.register("squareplus", squareplus)
        assert activations.register("squareplus", squareplus) == first

    @pytest.mark.parametrize(
        ("again", "settings"), [(steep, {}), (squareplus, {"initializer": "he_normal"})]
    )
    def test_a_name_is_not_given_twice_unless_that_is_said(self, again, settings):
        first = activations.register("squareplus", squareplus)
        with pytest.raises(ValueError, match=r"'squareplus' is taken .*write replace=True"):
            activations.register("squareplus", again, **settings)
        assert activations.get("squareplus") is first
        second = activations.register("squareplus", again, replace=True, **settings)
        assert activations.get("squareplus") is second

    @pytest.mark.parametrize("name", ["relu", "swish", "multiply", "relu_message"])
    @pytest.mark.parametrize("replace", [False, True])
    def test_names_of_the_package_are_its_own(self, name, replace):
        with pytest.raises(ValueError, match=f"'{name}' is fastmlp's own"):
            activations.register(name, steep, replace=replace)

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ((3, steep), TypeError, "name must be a str, not int"),
            (("", steep), ValueError, "name must be a word, got ''"),
            ((" steep", steep), ValueError, "name must be a word, got ' steep'"),
            (("steep", "relu"), TypeError, "function must be a function of a node, not str"),
            (("steep", g.Node), TypeError, "function must be a function of a node, not type"),
        ],
    )
    def test_what_is_no_name_or_no_function_is_an_error(self, arguments, error, words):
        before = dict(activations.ACTIVATIONS)
        with pytest.raises(error, match=words):
            activations.register(*arguments)
        assert before == activations.ACTIVATIONS

    @pytest.mark.parametrize(
        ("settings", "error", "words"),
        [
            ({"initializer": "he"}, ValueError, "initializer must be one of"),
            ({"middle": np.inf}, ValueError, "middle must be"),
            ({"replace": 1}, TypeError, "replace must be"),
        ],
    )
    def test_settings_are_checked_before_the_name_is_taken(self, settings, error, words):
        with pytest.raises(error, match=words):
            activations.register("steep", steep, **settings)
        assert "steep" not in activations.NAMES

    def test_a_model_with_it_is_saved_and_loaded(self, tmp_path):
        activations.register("squareplus", squareplus)
        X = np.random.default_rng(0).normal(size=(7, 4)).astype("f4")
        for way in ("squareplus", squareplus):
            model = fm.MLP([4, 5, 2], way, seed=0)
            model.save(tmp_path / "model.safetensors")
            loaded = fm.load(tmp_path / "model.safetensors")
            assert loaded.layers[0].activation.function is squareplus
            for same in (loaded, model.copy(), pickle.loads(pickle.dumps(model))):
                np.testing.assert_array_equal(same.predict(X), model.predict(X))

    def test_a_layer_made_before_its_function_has_a_name_is_saved_by_it(self):
        layer = fm.Dense(3, squareplus)
        with pytest.raises(ValueError, match="cannot be saved before it is registered by fastmlp"):
            layer.config()
        activations.register("soft", squareplus)
        assert layer.config()["activation"] == "soft"

    def test_a_file_whose_function_is_not_registered_says_what_to_register(self, tmp_path):
        activations.register("squareplus", squareplus)
        fm.MLP([4, 5, 2], "squareplus", seed=0).save(tmp_path / "model.safetensors")
        activations.NAMES.remove("squareplus")
        del activations.ACTIVATIONS["squareplus"]
        with pytest.raises(ValueError, match=r"'squareplus', which is unknown here: .*register\("):
            fm.load(tmp_path / "model.safetensors")

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_estimators_take_the_name(self):
        activations.register("squareplus", squareplus)
        X = np.random.default_rng(0).normal(size=(30, 4))
        estimator = fm.MLPRegressor(hidden_layer_sizes=(5,), activation="squareplus", max_iter=3)
        estimator.fit(X, X[:, 0])
        assert estimator.model_.layers[0].activation.function is squareplus


@pytest.mark.parametrize("number", [0.2, 0.01, -0.5])
def test_a_slope_of_ones_own_is_that_of_the_formula(number):
    z = g.input(3, "z")
    h = g.leaky_relu(z, number)
    expected = np.where(AWKWARD > 0, AWKWARD, number * AWKWARD)
    np.testing.assert_allclose(g.reference.evaluate(h, {z: AWKWARD}), expected, rtol=1e-15)
    g.check_gradients(g.sum(h * h), {z: AWKWARD}, wrt=[z])


@pytest.mark.parametrize("number", [0.5, 1.0, 2])
def test_an_alpha_of_ones_own_is_that_of_the_formula(number):
    z = g.input(3, "z")
    h = g.elu(z, number)
    expected = np.where(AWKWARD > 0, AWKWARD, number * np.expm1(np.minimum(AWKWARD, 0)))
    np.testing.assert_allclose(g.reference.evaluate(h, {z: AWKWARD}), expected, rtol=1e-15)
    g.check_gradients(g.sum(h * h), {z: AWKWARD}, wrt=[z])


@pytest.mark.parametrize(
    ("build", "name"), [(g.leaky_relu, "slope"), (g.elu, "alpha")], ids=["leaky_relu", "elu"]
)
def test_a_slope_that_is_no_number_is_an_error(build, name):
    z = g.input(1)
    with pytest.raises(TypeError, match=f"{name} must be a"):
        build(z, "steep")
    with pytest.raises(ValueError, match=f"{name} must be"):
        build(z, float("nan"))


def test_the_second_derivative_of_every_message_is_that_of_differences():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-3, 3, 40), [-30.0, 30.0, -1e4, 1e4]])[:, None]
    points = points[np.abs(np.abs(points) - 1).min(axis=1) > 0.01]  # off the kinks
    z = g.input(1, "z")
    for name in sorted(set(ACTIVATIONS) - {"softmax", "exp", "threshold"}):
        h = activations.get(name)(z)
        (slope,) = g.gradient(g.sum(h), [z])
        (bend,) = g.gradient(g.sum(slope), [z]) if slope.parents else (g.constant(0.0),)
        found = g.reference.evaluate(bend, {z: points})
        step = 1e-5
        there = [g.reference.evaluate(slope, {z: points + d}) for d in (step, -step)]
        expected = (there[0] - there[1]) / (2 * step)
        np.testing.assert_allclose(
            np.broadcast_to(found, expected.shape), expected, atol=1e-8, err_msg=name
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", sorted(set(ACTIVATIONS) - {"softmax", "log_softmax", "exp", "sin"})
)
def test_the_largest_numbers_have_the_slope_of_all_that_are_far_from_zero(name, dtype):
    z = g.input(1, "z")
    (slope,) = g.gradient(g.sum(activations.get(name)(z)), [z])
    most, far = float(np.finfo(dtype).max), 1e4  # squares of numbers between overflow
    points = np.array([[sign * size] for sign in (1, -1) for size in (far, most / 4, most)])
    for found in (
        g.run(slope, {z: points}, dtype=dtype),
        g.reference.evaluate(slope, {z: points}),
    ):
        found = np.broadcast_to(found, points.shape)
        np.testing.assert_allclose(found, np.repeat(found[[0, 3]], 3, axis=0), atol=1e-7)
