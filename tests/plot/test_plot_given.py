"""What pictures are given is told by its name, before anything is drawn."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import fastmlp as fm
from fastmlp import plot

X = np.random.default_rng(0).normal(size=(12, 2))
T = (X[:, 0] > 0).astype(int)
MODEL = fm.MLP([2, 3, 1], activation="tanh", output="logistic", seed=0)
HISTORY = {"loss": [0.5, 0.4]}
MASKED = np.ma.masked_array(np.ones(12), mask=np.arange(12) > 9)


def two_inputs() -> fm.Model:
    a, b = fm.Input(2, name="a"), fm.Input(2, name="b")
    return fm.Model([a, b], fm.Dense(1)(fm.concat([a, b])), seed=0)


CASES: dict[str, tuple[Any, type[Exception], str]] = {
    "a quantity of no name": (lambda: plot.history(HISTORY, ["loss"]), ValueError, "quantity must"),
    "labels as one text": (
        lambda: plot.confusion(T, T, labels="01"),
        TypeError,
        "labels must be a",
    ),
    "labels as a number": (lambda: plot.calibration(T, T, labels=2), TypeError, "labels must be a"),
    "rows of other lengths": (
        lambda: plot.confusion([[1], [2, 3]], T),
        ValueError,
        "y_true must have rows",
    ),
    "masked labels": (lambda: plot.confusion(T, MASKED), ValueError, "y_pred has masked values"),
    "masked numbers": (lambda: plot.predicted(MASKED, T), ValueError, "y_true has masked values"),
    "texts as numbers": (lambda: plot.predicted(T, ["a"] * 12), ValueError, "y_pred must hold num"),
    "NA among numbers": (
        lambda: plot.predicted([pd.NA] * 12, T),
        TypeError,
        "y_true must hold num",
    ),
    "probabilities as texts": (lambda: plot.calibration(T, ["x"] * 12), ValueError, "y_proba must"),
    "ends as texts": (lambda: plot.predicted(T, T, interval="x"), ValueError, "interval must hold"),
    "importances too large": (
        lambda: plot.importance([10**400]),
        ValueError,
        "model_or_values must",
    ),
    "a name as all names": (
        lambda: plot.importance([1, 2], "ab"),
        TypeError,
        "names must be a list",
    ),
    "no model": (lambda: plot.decision_boundary(3, X, T), TypeError, "model must be a model or an"),
    "classes as one text": (
        lambda: plot.decision_boundary(MODEL, X, T, class_names="no"),
        TypeError,
        "class_names must be a list, got 'no'",
    ),
    "half a resolution": (
        lambda: plot.decision_boundary(MODEL, X, T, resolution=2.5),
        TypeError,
        "resolution must be an integer",
    ),
    "no network": (lambda: plot.network(3), TypeError, "model must be a Model"),
    "an example of one input": (
        lambda: plot.network(two_inputs(), X[0]),
        ValueError,
        "x is one ex",
    ),
    "features as one text": (
        lambda: plot.network(MODEL, feature_names="ab"),
        TypeError,
        "feature_names must be a list",
    ),
    "one activation": (lambda: plot.activations("relu"), TypeError, "names must be a list, got 'r"),
    "one end": (lambda: plot.activations(interval=4), TypeError, "interval must be a list, got 4"),
    "three ends": (lambda: plot.activations(interval=(1, 2, 3)), ValueError, "interval must be"),
    "one side of an image": (
        lambda: plot.features(MODEL, image_shape=2),
        TypeError,
        "image_shape must be a list, got 2",
    ),
    "three sides": (lambda: plot.features(MODEL, (1, 2, 1)), ValueError, "image_shape must be"),
    "half a layer": (lambda: plot.features(MODEL, (1, 2), 0.5), TypeError, "layer must be an int"),
    "half a unit": (lambda: plot.features(MODEL, (1, 2), count=0.5), TypeError, "count must be an"),
    "no path": (lambda: plot.loss_surface(MODEL, X, T, path=3), TypeError, "path must be a list"),
    "a short path": (
        lambda: plot.loss_surface(MODEL, X, T, path=[[np.ones(3)]]),
        ValueError,
        r"path\[0\] has 3 numbers, the model 13",
    ),
    "no span": (lambda: plot.loss_surface(MODEL, X, T, span="x"), ValueError, "span must hold num"),
    "no seed": (lambda: plot.loss_surface(MODEL, X, T, seed="x"), TypeError, "seed must be an int"),
    "a figure for axes": (
        lambda: plot.history({"loss": [1.0]}, ax=plt.figure()),
        TypeError,
        "ax must be one matplotlib Axes, .* got Figure",
    ),
    "many axes": (
        lambda: plot.confusion([0, 1], [0, 1], ax=plt.subplots(2)[1]),
        TypeError,
        "ax must be one matplotlib Axes, .* got ndarray",
    ),
    "no axes": (
        lambda: plot.activations(["relu"], axes=[3]),
        TypeError,
        r"axes\[0\] must be one matplotlib Axes",
    ),
    "labels of lists": (
        lambda: plot.confusion([0, 1], [0, 1], labels=[[0], [1]]),
        TypeError,
        "labels must hold one label each",
    ),
    "names in no order": (
        lambda: plot.network(MODEL, feature_names={"a", "b"}),
        TypeError,
        "feature_names must be a list",
    ),
    "importances of a network": (
        lambda: plot.importance(MODEL),
        TypeError,
        "model_or_values must be importances or an estimator that has them",
    ),
    "no sweep": (lambda: plot.learning_rates([0.1]), TypeError, "found must be what fastmlp.find"),
}


@pytest.mark.parametrize("what", CASES)
def test_an_argument_that_is_wrong_is_named(what):
    draw, error, message = CASES[what]
    with pytest.raises(error, match=message):
        draw()


def test_names_may_be_given_by_what_is_gone_through_once():
    ax = plot.network(MODEL, feature_names=(name for name in ("a", "b")))
    assert {"a", "b"} <= {text.get_text() for text in ax.texts}


def test_panels_may_stand_in_rows():
    axes = plt.subplots(2, 2)[1]
    assert plot.activations(["relu", "tanh", "elu", "gelu"], axes=axes) == axes.ravel().tolist()


def test_a_decision_boundary_of_a_model_of_other_columns_names_the_shape_that_was_given():
    model = fm.MLP([3, 4, 1], output="logistic", seed=0)
    with pytest.raises(ValueError, match=r"got shape \(4, 2\)"):
        plot.decision_boundary(model, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
