"""Item 12: each exercise begins with an answer that is told what is wrong, and ends with one that
is right."""

from __future__ import annotations

import re

from pages import FOLDER, run


def test_every_first_answer_is_wrong_and_every_solution_ends_right(capfd):
    run.cache_clear()
    run("plot_12_exercises")
    lines = re.sub(r"\n {7,}", " ", capfd.readouterr().out)
    said = re.findall(r"^.*?\b(right|not yet): (.*)$", lines, re.MULTILINE)
    told = iter(said)
    hints = {
        "XOR by hand": "this is OR",
        "A message, derived": "",
        "All messages of a small graph": "ȳ right; z̄",
        "Overfit, then cure": "does not even follow",
        "A deep linear network": "other order",
        "A threshold from logistics": "make it steeper",
    }
    page = (FOLDER / "plot_12_exercises.py").read_text(encoding="utf-8")
    asked, _, solved = page.partition("# Solutions\n# ---------\n")
    exercises = re.findall(r"^# ([^\n]+)\n# -+$(.*?)(?=^# [^\n]+\n# -+$|\Z)", asked, re.M | re.S)
    assert [title for title, _ in exercises] == list(hints)
    for title, attempt in exercises:
        for _ in range(attempt.count("print(")):
            right, what = next(told)
            assert right == "not yet"
            assert hints[title] in what or title == "Overfit, then cure"
    assert re.findall(r"^# Solution: (.+)\n# ~+$", solved, re.M) == list(hints)
    for title in hints:
        *_, (right, _) = verdicts = [next(told) for _ in range(solutions(title))]
        assert right == "right", verdicts
    assert next(told, None) is None


def solutions(title):
    """Return how many verdicts the solution of an exercise prints."""
    return {"Overfit, then cure": 5, "A threshold from logistics": 2}.get(title, 2)
