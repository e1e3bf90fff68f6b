"""Item 7: training error falls with capacity, test error does not, and two repairs help."""

import numpy as np
from pages import run

import fastmlp as fm

PAGE = "plot_07_overfitting"


def errors(page, models):
    """Return the training and the test errors of models."""
    rms, train, test = page["rms"], (page["x"], page["t"]), (page["x_test"], page["t_test"])
    return np.array([[rms(model, *train), rms(model, *test)] for model in models]).T


def test_a_polynomial_of_higher_degree_never_fits_its_examples_worse():
    page = run(PAGE)
    training, _ = errors(page, page["polynomials"])
    assert (np.diff(training) < 1e-9).all()


def test_as_many_weights_as_examples_go_through_all_of_them_noise_included():
    page = run(PAGE)
    training, test = errors(page, page["polynomials"])
    assert training[-1] < 1e-6  # eleven powers and a bias, twelve examples
    assert test[-1] > 4 * test.min()
    assert 3 <= page["degrees"][test.argmin()] <= 5


def test_the_polynomials_are_numpys():
    page = run(PAGE)
    x, t = page["x"].ravel(), page["t"].ravel()
    for degree in (1, 3, 5):
        expected = np.polynomial.Polynomial.fit(x, t, degree)(x)
        np.testing.assert_allclose(
            page["Polynomial"](degree).predict(page["x"]).ravel(), expected, atol=1e-9
        )


def test_a_penalty_shrinks_the_weights_and_has_a_best_size():
    page = run(PAGE)
    norms = [np.linalg.norm(p.model.layers[0].weights) for p in page["penalized"]]
    assert (np.diff(norms) < 0).all()
    training, test = errors(page, page["penalized"])
    assert (np.diff(training) > -1e-12).all()
    assert 0 < test.argmin() < len(test) - 1
    assert test.min() < errors(page, page["polynomials"][-1:])[1][0] / 4


def test_wide_networks_fit_the_noise_and_are_worse_for_it():
    page = run(PAGE)
    training, test = errors(page, page["networks"])
    assert training[-1] < 0.01 < 0.25 < training[0]
    assert test[-1] > 1.15 * test.min()


def test_early_stopping_and_the_penalty_repair_it():
    page = run(PAGE)
    _, (wide, stopped, regular) = errors(page, [page["wide"], page["stopped"], page["regular"]])
    assert stopped < 0.85 * wide
    assert regular < 0.9 * wide


def test_early_stopping_returns_to_the_best_weights():
    page = run(PAGE)
    best = min(page["history"]["val_loss"])
    found = page["stopped"].evaluate(page["x_val"], page["t_val"])["loss"]
    np.testing.assert_allclose(found, best, rtol=1e-5)
    assert isinstance(page["stopper"], fm.EarlyStopping)
