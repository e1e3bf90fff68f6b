"""The guide of the estimators: every block runs, and what it says comes out."""

import re
from pathlib import Path

import pytest

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
