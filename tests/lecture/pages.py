"""Runs a page of the lecture and returns what it computed, so that tests can assert it."""

from __future__ import annotations

import runpy
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "lecture"


@cache
def run(name: str) -> dict[str, Any]:
    """Return the global names of docs/lecture/<name>.py after it has run."""
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive, and thus cannot be shown")
        try:
            return runpy.run_path(str(FOLDER / f"{name}.py"))
        finally:
            plt.close("all")
