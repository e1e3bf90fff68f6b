"""``fastmlp info``: what a model file holds, or what this installation is."""

from __future__ import annotations

import argparse

from fastmlp.cli.files import load_trained
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.targets import ClassTarget


def run(options: argparse.Namespace) -> None:
    """Describe a model file; without one, the installation."""
    import fastmlp as fm

    if options.model is None:
        fm.show_versions()
        return
    model = fm.load(options.model)
    if not isinstance(model, fm.Model):
        print(f"{model!r}\nnot a file of `fastmlp train`: use fastmlp.load in Python")
        return
    print(model.summary())
    if "preprocessing" not in model.metadata:
        print("no preprocessing: not a file of `fastmlp train`")
        return
    prepare = load_trained(options.model)[1]
    target = prepare.target
    if isinstance(target, ClassTarget):
        labels = ", ".join(map(str, target.labels))
        print(f"\npredicts {target.name!r}, one of {len(target.labels)} classes: {labels}")
    else:
        print(f"\npredicts {target.name!r}, a number")
    print(f"from {len(prepare.columns)} columns:")
    shown = prepare.columns[:20]
    for column in shown:
        kind = f"{len(column.categories)} texts" if isinstance(column, OneHotColumn) else "a number"
        print(f"  {column.name}: {kind}")
    if len(shown) < len(prepare.columns):
        print(f"  … and {len(prepare.columns) - len(shown)} more")
    training = model.metadata.get("training")
    if isinstance(training, dict):
        print("\ntraining")
        for key, value in training.items():
            print(f"  {key}: {round(value, 4) if isinstance(value, float) else value}")
