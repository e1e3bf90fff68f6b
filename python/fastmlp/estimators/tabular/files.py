"""Estimators of tables read from files, see `saving`: what one claims is looked at before use."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data.columns import saved
from fastmlp.data.columns.targets import RealTargets
from fastmlp.data.table import Preprocessing
from fastmlp.data.written import DECIMALS
from fastmlp.estimators.tabular import saving
from fastmlp.estimators.tabular.classifier import TabularClassifier
from fastmlp.estimators.tabular.fitted import Fitted
from fastmlp.estimators.tabular.intervals import Conformal
from fastmlp.estimators.tabular.regressor import TabularRegressor

if TYPE_CHECKING:
    from fastmlp.models.container import Contents

    Estimator = TabularClassifier | TabularRegressor

CLASSES: dict[str, type[Any]] = {cls.__name__: cls for cls in (TabularClassifier, TabularRegressor)}
#: What is said of an estimator.
KEYS = {
    "class", "parameters", "has_names", "columns", "target", "validation_score", "baseline_score",
    "stopped", "notes", "seed", "importances", "intervals",
}  # fmt: skip


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
    json.dumps(saving.parameters(estimator), allow_nan=False)  # what cannot be saved was not saved
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
