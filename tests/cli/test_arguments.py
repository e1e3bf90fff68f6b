"""What the options of `fastmlp train` offer and say, without loading what knows it."""

import argparse

import pytest

from fastmlp.cli import images
from fastmlp.cli.arguments import parser
from fastmlp.estimators.tabular.recipe import METRICS, QUALITIES


@pytest.fixture
def options():
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    actions = commands.choices["train"]._actions
    return {name: action for action in actions for name in action.option_strings}


def test_choices_for_tables_are_those_of_the_recipe(options):
    assert set(options["--quality"].choices) == set(QUALITIES)
    known = [metric for metrics in METRICS.values() for metric in metrics]
    assert list(options["--metric"].choices) == [name for name in known if name != "quantile"]


def test_defaults_for_images_are_told_as_they_are(options):
    recipe = images.Recipe()
    for name, value in {
        "--hidden": ",".join(map(str, recipe.hidden)),
        "--dropout": recipe.dropout,
        "--l2": recipe.l2,
    }.items():
        assert f"(default: {value})" in options[name].help
    few, many = (images.Recipe.of(rows, None).batch_size for rows in (100, images.LARGE))
    told = f"default: {few}, from {images.LARGE:,} rows on {many}"
    assert options["--batch-size"].help == told
