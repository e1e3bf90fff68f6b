import numpy as np
import pytest

import formulas
from fastmlp import activations, initializers
from fastmlp import graph as g
from fastmlp.activations import ACTIVATIONS, ALIASES, Activation

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


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_the_derivative_people_read_is_the_one_that_is_sent_back(name):
    z = g.input(3, "z")
    h = activations.get(name)(z)
    (z_bar,) = g.gradient(g.sum(h), [z])
    values, signal = g.reference.evaluate([h, z_bar], {z: AWKWARD})
    formula = ACTIVATIONS[name].derivative
    spelled = {"−": "-", "h (1": "h * (1", ") (1": ") * (1", "h²": "h**2", "≤": "<="}
    spelled |= {"λα": "floor", "λ [": "scale * [", ") [": ") * ["}
    for written, python in {**spelled, "[": "1.0 * ("}.items():
        formula = formula.replace(written, python)
    known = {"h": values, "z": AWKWARD, "exp": np.exp}
    known |= {"scale": formulas.LAMBDA, "floor": formulas.LAMBDA * formulas.ALPHA}
    derivative = eval(formula.replace("]", ")"), known)
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


@pytest.mark.parametrize("name", ["gelu", "mish", "elu", "leaky_relu", "prelu", "relu6"])
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


def test_a_function_that_returns_no_node_is_a_type_error():
    with pytest.raises(TypeError, match="must return a graph node, not float"):
        activations.get(lambda z: 1.0)(g.input(2))


def test_a_function_that_changes_the_shape_is_a_value_error():
    with pytest.raises(ValueError, match="must keep the shape"):
        activations.get(lambda z: g.sum(z, axis=1))(g.input(2))
