"""Files of before say how their columns become numbers; what we did not write is an error."""

from __future__ import annotations

import math

import pytest

from fastmlp.cli.preparing import Prepared

NUMBER = {"kind": "number", "name": "a", "median": 0.0, "mean": 0.0, "scale": 1.0}
NUMBER["indicator"] = False
CLASSES = {"kind": "class", "name": "t", "labels": ["x", "y"]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"columns": [NUMBER]},
        {"columns": [], "target": CLASSES},
        {"columns": "abc", "target": CLASSES},
        {"columns": [CLASSES], "target": CLASSES},
        {"columns": [NUMBER], "target": NUMBER},
        {"columns": [{**NUMBER, "kind": "os.system"}], "target": CLASSES},
        {"columns": [{**NUMBER, "scale": 0.0}], "target": CLASSES},
        {"columns": [{**NUMBER, "scale": math.inf}], "target": CLASSES},
        {"columns": [{**NUMBER, "mean": "0"}], "target": CLASSES},
        {"columns": [{**NUMBER, "extra": 1}], "target": CLASSES},
        {"columns": [{**NUMBER, "name": ["a"]}], "target": CLASSES},
        {"columns": [NUMBER], "target": {**CLASSES, "labels": ["only"]}},
        {"columns": [NUMBER], "target": {**CLASSES, "labels": [["x"], ["y"]]}},
    ],
)
def test_json_that_we_did_not_write_is_an_error(data):
    with pytest.raises(ValueError, match="not a description of preprocessing"):
        Prepared.from_json(data)
