"""Estimators of tables written to files: one safetensors file, without pickle and training data.

The header's metadata has, as text:

==============  ==================================================================================
fastmlp         version of this format, "1"
kind            "tabular"
estimator       JSON: class and parameters, columns, target, scores, notes, importances, intervals
networks        JSON: the recipe, and what the networks are (`Fitted.to_arrays`)
metadata        JSON: the user's own
==============  ==================================================================================

and the arrays of the networks; `files` reads it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import files
from fastmlp.data.columns import saved
from fastmlp.data.columns.targets import RealTargets
from fastmlp.models import container

if TYPE_CHECKING:
    from os import PathLike

KIND = "tabular"
#: The classes whose estimators files hold.
NAMES = ("TabularClassifier", "TabularRegressor")


def save(estimator: Any, path: str | PathLike[str]) -> None:
    """Write a fitted estimator to a file; see `TabularClassifier.save`."""
    files.check_model_name(path)
    files.check_place(path)
    cls = type(estimator)
    if cls.__name__ not in NAMES or not cls.__module__.startswith("fastmlp."):
        raise TypeError(
            f"{cls.__name__} is a class of your own, which a file cannot hold: it holds "
            f"{' or '.join(NAMES)}"
        )
    user = container.users_json(estimator.metadata_, "metadata_")
    networks, arrays = estimator._fitted.to_arrays()
    header = {
        "kind": KIND,
        "estimator": json.dumps(described(estimator), allow_nan=False),
        "networks": json.dumps(networks, allow_nan=False),
        "metadata": user,
    }
    container.write(path, header, arrays)


def described(estimator: Any) -> dict[str, Any]:
    """Return all that a file holds of a fitted estimator besides its networks, as JSON values."""
    return {
        "class": type(estimator).__name__,
        "parameters": parameters(estimator),
        "has_names": hasattr(estimator, "feature_names_in_"),
        "columns": estimator.preprocessing_.to_json(),
        "target": _target(estimator._target),
        "validation_score": _finite(estimator.validation_score_),
        "baseline_score": _finite(estimator.baseline_score_),
        "stopped": estimator.stopped_,
        "notes": list(estimator.notes_),
        "seed": estimator._seed,
        "importances": [_finite(value) for value in estimator.feature_importances_.tolist()],
        "intervals": [one.to_json() for one in getattr(estimator, "_intervals", ())],
    }


def _finite(score: float) -> float | None:
    """Return a score; None of one that is not defined, which JSON cannot say otherwise."""
    return score if math.isfinite(score) else None


def parameters(estimator: Any) -> dict[str, Any]:
    """Return the constructor's arguments as JSON values."""
    found: dict[str, Any] = estimator.get_params(deep=False)
    if not isinstance(found["random_state"], (int, np.integer)):
        found["random_state"] = None  # a generator has moved on anyway
    for name, value in found.items():
        if isinstance(value, np.generic):
            found[name] = value.item()
    if found["kinds"] is not None:
        found["kinds"] = {str(name): kind for name, kind in found["kinds"].items()}
    if found.get("quantiles") is not None:
        found["quantiles"] = np.ravel(found["quantiles"]).astype(float).tolist()
    if isinstance(weights := found.get("class_weight"), dict):
        found["class_weight"] = [
            [label.item() if isinstance(label, np.generic) else label, float(weight)]
            for label, weight in weights.items()
        ]
    return found


def _target(target: Any) -> dict[str, Any]:
    if isinstance(target, RealTargets):
        return {"targets": [saved.describe(one) for one in target.targets], "one": target.one}
    return saved.describe(target)
