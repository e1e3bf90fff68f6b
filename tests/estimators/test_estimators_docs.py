"""The guide of the estimators runs, and what both have is described in the same words."""

import inspect
import re
from pathlib import Path

import pytest

import fastmlp as fm

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "estimators.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the guides are not here")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_guide_runs_from_its_first_block_to_its_last():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    low, high, y = names["low"], names["high"], names["y"]
    assert 0.7 < ((low <= y) & (y <= high)).mean() < 0.9
    assert names["ours"].model_.layers


def described(estimator):
    """Return default and words of each parameter by its name."""
    section = inspect.getdoc(estimator).partition("Parameters\n----------\n")[2]
    parts = re.findall(
        r"^(\w[\w, ]*) : (.*\n(?: .*\n)*)", section.partition("\n\n")[0] + "\n", re.M
    )
    words = {name: text for names, text in parts for name in names.split(", ")}
    signature = inspect.signature(estimator).parameters.values()
    return {each.name: (each.default, words[each.name]) for each in signature}


def test_what_classifier_and_regressor_share_has_the_same_words_and_defaults():
    ours = [described(estimator) for estimator in (fm.MLPClassifier, fm.MLPRegressor)]
    shared = ours[0].keys() & ours[1].keys() - {"loss"}
    assert len(shared) > 25
    for name in shared:
        assert ours[0][name] == ours[1][name]
