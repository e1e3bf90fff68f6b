"""Estimators of tables in files: one safetensors file, without a pickle and without training data.

The header's metadata has, as text:

==============  ==================================================================================
fastmlp         version of this format, "1"
kind            "tabular"
estimator       JSON: class and parameters, columns, target, scores, notes, importances, intervals
networks        JSON: the recipe, and what the networks are (`Fitted.to_arrays`)
metadata        JSON: the user's own
==============  ==================================================================================

and the arrays of the networks. What a file claims is looked at before it is used.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import files
from fastmlp.data.columns import saved
from fastmlp.data.columns.targets import RealTargets
from fastmlp.data.table import Preprocessing
from fastmlp.data.written import DECIMALS
from fastmlp.estimators.tabular.classifier import TabularClassifier
from fastmlp.estimators.tabular.fitted import Fitted
from fastmlp.estimators.tabular.intervals import Conformal
from fastmlp.estimators.tabular.regressor import TabularRegressor
from fastmlp.models import container

if TYPE_CHECKING:
    from os import PathLike

    from fastmlp.models.container import Contents

    Estimator = TabularClassifier | TabularRegressor

KIND = "tabular"
CLASSES: dict[str, type[Any]] = {
    "TabularClassifier": TabularClassifier,
    "TabularRegressor": TabularRegressor,
}
KEYS = {
    "class", "parameters", "has_names", "columns", "target", "validation_score", "baseline_score",
    "stopped", "notes", "seed", "importances", "intervals",
}  # fmt: skip


def save(estimator: Estimator, path: str | PathLike[str]) -> None:
    """Write a fitted estimator to a file; see `TabularClassifier.save`."""
    files.check_model_name(path)
    files.check_place(path)
    name = type(estimator).__name__
    if CLASSES.get(name) is not type(estimator):
        raise TypeError(
            f"{name} is a class of your own, which a file cannot hold: it holds "
            f"{' or '.join(CLASSES)}"
        )
    user = container.users_json(estimator.metadata_, "metadata_")
    networks, arrays = estimator._fitted.to_arrays()
    described = {
        "class": name,
        "parameters": _parameters(estimator),
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
    header = {
        "kind": KIND,
        "estimator": json.dumps(described, allow_nan=False),
        "networks": json.dumps(networks, allow_nan=False),
        "metadata": user,
    }
    container.write(path, header, arrays)


def _finite(score: float) -> float | None:
    """Return a score; None of one that is not defined, which JSON cannot say otherwise."""
    return score if math.isfinite(score) else None


def _parameters(estimator: Estimator) -> dict[str, Any]:
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


def estimator_of(contents: Contents) -> Estimator:
    """Return the estimator in a file, every part of it checked before it is used.

    Raises
    ------
    ValueError
        If anything in it could not come from `save`.
    """
    try:
        return _estimator(contents)
    except (KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        raise ValueError(f"its estimator is not one that was saved: {error!r}") from None


def _estimator(contents: Contents) -> Estimator:
    described = contents.parsed("estimator")
    if not isinstance(described, dict) or set(described) != KEYS:
        raise ValueError(f"its estimator must be a JSON object with {', '.join(sorted(KEYS))}")
    metadata = contents.parsed("metadata")
    if not isinstance(metadata, dict):
        raise ValueError(f"its metadata must be a JSON object, not {type(metadata).__name__}")
    estimator = _unfitted(described)
    prepare = Preprocessing.from_json({**_told_elsewhere(metadata), **described["columns"]})
    fitted = Fitted.from_arrays(contents.parsed("networks"), contents.tensors())
    found: dict[str, Any] = {
        "preprocessing_": prepare,
        "n_features_in_": len(prepare.seen),
        **_read_target(described["target"], estimator),
        "validation_score_": _score(described["validation_score"]),
        "baseline_score_": _score(described["baseline_score"]),
        "n_members_": fitted.members,
        "stopped_": _checks.choice(described["stopped"], "stopped", ("", "time limit")),
        "notes_": _texts(described["notes"]),
        "metadata_": metadata,
        "_seed": _checks.integer(described["seed"], "its seed", at_least=0),
        "_importances": _importances(described["importances"], len(prepare.seen)),
        "_fitted": fitted,
        "_held_out": None,
    }
    if _checks.flag(described["has_names"], "has_names"):
        found["feature_names_in_"] = np.array(prepare.seen, dtype=object)
    _check_outputs(found, estimator)
    intervals = tuple(Conformal.from_json(one) for one in described["intervals"])
    if "n_outputs_" in found:
        found["_intervals"] = intervals
    if len(intervals) not in (0, found.get("n_outputs_", 0)):
        raise ValueError(f"it has {len(intervals)} intervals for other targets")
    estimator._adopt(found)
    return estimator


def _told_elsewhere(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the decimal sign of a file's table where older files of the command line have it."""
    decimal = metadata.get("decimal")
    return {"decimal": decimal} if decimal in DECIMALS else {}


def _unfitted(described: dict[str, Any]) -> Estimator:
    """Return an estimator with the parameters of the one saved, checked as `fit` checks them."""
    cls = CLASSES[_checks.choice(described["class"], "its class", CLASSES)]
    parameters = described["parameters"]
    if not isinstance(parameters, dict) or set(parameters) != set(cls._get_param_names()):
        raise ValueError(f"its parameters must be those of {cls.__name__}")
    if isinstance(pairs := parameters.get("class_weight"), list):
        parameters["class_weight"] = dict(pairs)
    estimator: Estimator = cls(**parameters)
    estimator._validate_params()
    json.dumps(_parameters(estimator), allow_nan=False)  # what cannot be saved was not saved
    return estimator


def _read_target(data: Any, estimator: Estimator) -> dict[str, Any]:
    if isinstance(estimator, TabularClassifier):
        target = saved.rebuild(data, {"class": saved.TARGETS["class"]})
        return {"_target": target, "classes_": target.classes}
    if not isinstance(data, dict) or set(data) != {"targets", "one"} or not data["targets"]:
        raise ValueError("its target must have targets, at least one, and say whether it is one")
    each = [saved.rebuild(one, {"real": saved.TARGETS["real"]}) for one in data["targets"]]
    one = _checks.flag(data["one"], "one")
    if one and len(each) > 1:
        raise ValueError(f"its target is one, but there are {len(each)}")
    return {"_target": RealTargets(tuple(each), one), "n_outputs_": len(each)}


def _check_outputs(found: dict[str, Any], estimator: Estimator) -> None:
    """Raise unless the networks take what the columns become, and put out what the target needs."""
    fitted, prepare = found["_fitted"], found["preprocessing_"]
    if fitted.layout != prepare.layout:
        raise ValueError(
            f"its networks read {fitted.layout}, but its columns become {prepare.layout}"
        )
    recipe = fitted.recipe
    if recipe.task != estimator._task:
        raise ValueError(f"its networks predict {recipe.task}")
    outputs = found.get("n_outputs_", 0) * max(len(recipe.quantiles), 1)
    outputs = outputs or len(found["classes_"])
    if fitted.outputs != outputs:
        raise ValueError(f"its networks have {fitted.outputs} outputs, its target needs {outputs}")


def _score(value: Any, name: str = "its score") -> float:
    return math.nan if value is None else _checks.real(value, name)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError("its notes must be texts")
    return tuple(value)


def _importances(value: Any, columns: int) -> np.ndarray[Any, Any]:
    if not isinstance(value, list) or len(value) != columns:
        raise ValueError(f"its importances must be {columns} numbers")
    return np.array([_score(number, "an importance") for number in value], np.float64)
