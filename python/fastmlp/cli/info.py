"""``fastmlp info``: what a model file holds, or what this installation is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from fastmlp.cli.files import load_trained
from fastmlp.cli.predict import names_of
from fastmlp.config import versions
from fastmlp.data.columns.words import count

#: Columns and labels that are listed.
SHOWN = 20


def run(options: argparse.Namespace) -> None:
    """Describe a model file; without one, the installation."""
    import fastmlp as fm

    if options.model is None:
        if options.json:
            print(json.dumps(versions(), indent=1, ensure_ascii=False))
        else:
            fm.show_versions()
        return
    if options.json:
        raise ValueError(f"--json describes the installation alone, got {options.model} too")
    model = fm.load(options.model)
    if isinstance(model, (fm.TabularClassifier, fm.TabularRegressor)):
        from fastmlp.estimators.tabular.answers import Subject

        subject = Subject.of(model)
        networks = count(model.n_members_, "network")
        print(f"{type(model).__name__}, {networks}, metric {subject.metric}")
        labels = model.classes_.tolist() if hasattr(model, "classes_") else None
        _print_columns(names_of(model), labels, model.preprocessing_.columns, subject.quantiles)
        _print_training(model.metadata_.get("training"))
        return
    if not isinstance(model, fm.Model):
        print(f"{model!r}\nnot a file of `fastmlp train`: use fastmlp.load in Python")
        return
    print(model.summary())
    if "preprocessing" not in model.metadata:
        print("no preprocessing: not a file of `fastmlp train`")
        return
    _, prepare = load_trained(options.model)
    if prepare is not None:
        target = prepare.target
        _print_columns([target.name], getattr(target, "labels", None), prepare.columns)
    _print_training(model.metadata.get("training"))


def _print_columns(
    targets: Sequence[str],
    labels: Sequence[Any] | None,
    columns: Sequence[Any],
    quantiles: Sequence[float] = (),
) -> None:
    name = f" {', '.join(map(repr, targets))}," if targets else ""
    if labels is None:
        what = "a number" if len(targets) < 2 else "a number each"
        if quantiles:
            what += f", by its {'quantiles' if len(quantiles) > 1 else 'quantile'} "
            what += ", ".join(f"{q:g}" for q in quantiles)
        print(f"\npredicts{name} {what}")
    else:
        more = ", …" if len(labels) > SHOWN else ""
        shown = ", ".join(map(str, labels[:SHOWN])) + more
        print(f"\npredicts{name} one of {len(labels)} classes: {shown}")
    print(f"from {count(len(columns), 'column')}:")
    for column in columns[:SHOWN]:
        print(f"  {column.name}: {column.holds}")
    if len(columns) > SHOWN:
        print(f"  … and {len(columns) - SHOWN} more")


def _print_training(training: Any) -> None:
    if isinstance(training, dict):
        print("\ntraining")
        for key, value in training.items():
            print(f"  {key}: {round(value, 4) if isinstance(value, float) else value}")
