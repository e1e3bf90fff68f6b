"""Many columns of few rows: some networks read only those that tell of the target."""

import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

import fastmlp as fm
from fastmlp.data.table import Layout
from fastmlp.estimators.tabular.bins import bins_for
from fastmlp.estimators.tabular.choosing import telling
from fastmlp.estimators.tabular.member import Member, Predictor
from fastmlp.estimators.tabular.network import Shape, inputs_of
from fastmlp.estimators.tabular.recipe import CHOSEN, DESIGNS, Recipe, choose
from fastmlp.estimators.tabular.splits import Rows


def rows_of(t, *inputs):
    return Rows([np.asarray(part, np.float32) for part in inputs], t, None)


def noise_and(columns, rows=200, count=50):
    """Return noise, of which some columns tell of numbers: X, t."""
    X = np.random.default_rng(0).normal(size=(rows, count))
    return X, X[:, columns].sum(axis=1, keepdims=True)


def test_columns_that_tell_of_numbers_are_found_among_noise():
    X, t = noise_and([3, 40])
    found = telling(rows_of(t, X[:, :30], X[:, 30:]), 30, 20, 0.1, classes=False)
    assert found[[3, 40]].all()
    assert found.sum() <= 5
    several = np.column_stack([np.random.default_rng(1).normal(size=200), t])
    assert telling(rows_of(several, X), 50, 0, 0.1, classes=False)[[3, 40]].all()


def test_columns_that_tell_of_classes_are_found_among_noise():
    X, t = noise_and([7])
    labels = np.digitize(t[:, 0], [-0.5, 0.5])
    found = telling(rows_of(labels, X), 50, 0, 0.1, classes=True)
    assert found[7]
    assert found.sum() <= 4


@pytest.mark.parametrize("classes", [False, True])
def test_of_noise_and_constants_one_column_is_read_at_least(classes):
    t = np.arange(30) % 2 if classes else np.random.default_rng(1).normal(size=(30, 1))
    X = np.random.default_rng(0).normal(size=(30, 6))
    X[:, 0] = 3.0
    found = telling(rows_of(t, X), 6, 0, 1e-9, classes=classes)
    assert found.sum() == 1
    assert not found[0]
    assert telling(rows_of(t, np.ones((30, 3))), 3, 0, 0.1, classes=classes).sum() == 1


def test_codes_are_not_tested():
    t = np.random.default_rng(1).normal(size=(30, 1))
    assert telling(rows_of(t, np.ones((30, 2))), 0, 0, 0.1, classes=False).shape == (0,)


@pytest.mark.parametrize("design", [*CHOSEN, DESIGNS[1]], ids=["periodic", "none", "piecewise"])
def test_a_network_does_not_look_at_the_other_columns(design):
    design = dataclasses.replace(design, chosen=0.1)
    layout = Layout(numbers=30, flags=20, codes=(4,))
    X, t = noise_and([3, 40])
    X = np.column_stack([X, np.arange(200) % 4]).astype(np.float32)
    inputs = inputs_of(X, layout)
    rows = Rows(inputs, t, None)
    shape = Shape(layout, 1, classes=False)
    bins = bins_for(design, inputs[0], t, classes=False)
    member = Member(design, shape, rows, rows, bins, 0)
    predict = Predictor(member.model, design, shape)
    before = predict(inputs, member.model)
    kept = telling(rows, 30, 20, 0.1, classes=False)
    other = [part.copy() for part in inputs]
    other[0][:, ~kept[:30]] += 1.0
    other[1][:, ~kept[30:]] += 1.0
    np.testing.assert_array_equal(predict(other, member.model), before)
    for part, column in ((0, 3), (1, 10), (2, 0)):
        changed = [each.copy() for each in inputs]
        changed[part][:, column] = changed[part][::-1, column]
        assert not np.array_equal(predict(changed, member.model), before)


def test_kinds_that_choose_are_of_wide_tables():
    def kinds(rows, columns):
        made = choose(rows, "numbers", metric="rmse", columns=columns)
        return sum(design.chosen > 0 for design in made.designs)

    assert kinds(500, 300) == 2
    assert kinds(1499, 300) == 2
    assert kinds(1500, 300) == 0
    assert kinds(60, 19) == 0
    assert kinds(60, 20) == 2


def test_recipes_of_before_are_read():
    made = choose(100, "numbers", metric="rmse")
    config = made.config()
    for design in config["designs"]:
        assert design.pop("chosen") == 0
    assert Recipe.from_config(config) == made
    del config["designs"][0]["batch"]
    with pytest.raises(ValueError, match="a design must hold"):
        Recipe.from_config(config)


def test_few_columns_of_many_are_found(tmp_path):
    X, y = make_classification(500, 200, n_informative=5, n_redundant=5, random_state=0)
    made = fm.TabularClassifier(quality="fast", random_state=0).fit(X[:300], y[:300])
    assert made.score(X[300:], y[300:]) > 0.8
    weights = made._fitted.weights
    assert weights[3:].sum() > 0.5
    made.save(tmp_path / "wide.safetensors")
    for twin in (fm.load(tmp_path / "wide.safetensors"), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(twin.predict_proba(X), made.predict_proba(X))


def test_masks_stay_as_they_are():
    X, y = make_regression(100, 40, n_informative=3, random_state=0)
    made = fm.TabularRegressor(quality="fast", random_state=0, epochs=4).fit(X, y)
    for models in made._fitted.models[3:]:
        mask = models[0].network.views(models[0].parameters.view)["chosen.scale"]
        assert len(np.unique(mask)) == 2
        assert mask.min() == 0
        assert np.sum((mask / mask.max()) ** 2) * mask.max() ** 2 == pytest.approx(mask.size)
