"""``fastmlp train table.csv``: the estimators of tables, told of in the terminal."""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.cli.files import warn
from fastmlp.cli.outputs import save_picture
from fastmlp.cli.saying import Say, amount, machine, took
from fastmlp.cli.sources import Source, open_source
from fastmlp.data import frames
from fastmlp.data.columns.words import count, quoted
from fastmlp.estimators.tabular.answers import Subject
from fastmlp.estimators.tabular.judging import score

Array = np.ndarray[Any, np.dtype[Any]]

METRICS = {"classification": "accuracy", "regression": "rmse"}
#: What metrics are called that are said if they were asked for, before those that always are.
ASKED = {"log_loss": "log loss", "auc": "AUC", "mae": "mean absolute error"}
#: More classes than this have no line of their own.
MOST_CLASSES = 20
#: What kinds of columns are called, one and several.
WHAT = {
    "robust": ("number", "numbers"),
    "tailed": ("number", "numbers"),
    "flag": ("of two values", "of two values"),
    "category": ("category", "categories"),
    "date": ("date", "dates"),
}


def train(options: argparse.Namespace, output: Path, say: Say) -> None:
    """Train an estimator, save it, and print how good it is last."""
    source = open_source(options, note=lambda text: say("note", text))
    estimator = _estimator(options, source)
    say("data", f"{source.description}\n{_sizes(source)}")
    say("training", f"quality {estimator.quality}, metric {estimator.metric}, seed {options.seed}")
    say("machine", machine(options.threads))
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        table = frames.named(source.X)
        columns = {**table.columns, source.target: source.y}
        # What is known of the file, the estimator does not have to find.
        estimator.fit(replace(table, columns=columns, decimal=source.form.decimal), source.target)
    for note in estimator.notes_:
        say("note", note)
    for warning in caught:
        warn(str(warning.message))
    say("columns", _columns(estimator))
    limit = f", ended by the {estimator.stopped_}" if estimator.stopped_ else ""
    members = count(estimator.n_members_, "network")
    say("trained", f"{members} in {took(time.perf_counter() - begin)}{limit}")
    judged = _judge_classes if source.task == "classification" else _judge_numbers
    where, truth, outputs = _rows_to_judge(estimator, source)
    scores, lines = judged(estimator, source, where, truth, outputs, say)
    estimator.metadata_ = {
        "target": source.target,
        "training": {
            "data": source.description,
            "rows": len(source.y),
            "seed": options.seed,
            "judged by": where,
            **scores,
        },
    }
    estimator.save(output)
    say("saved", str(output))
    if options.plot is not None:
        pictures = _plot(estimator, source, truth, outputs, options.plot)
        say("pictures", ", ".join(map(str, pictures)))
    for line in lines:
        print(line)


def _estimator(options: argparse.Namespace, source: Source) -> Any:
    import fastmlp as fm
    from fastmlp.estimators.tabular.recipe import METRICS as KNOWN

    classes = source.task == "classification"
    metric = options.metric or METRICS[source.task]
    known = [m for m in KNOWN["classes" if classes else "numbers"] if m != "quantile"]
    if metric not in known:
        raise ValueError(
            f"--metric {metric} is not for {source.task}; there are: {', '.join(known)}"
        )
    return (fm.TabularClassifier if classes else fm.TabularRegressor)(
        metric=metric,
        quality=options.quality,
        n_members=options.members,
        epochs=options.epochs,
        time_limit=options.time_limit,
        random_state=options.seed,
        n_threads=options.threads,
        verbose=0 if options.quiet else "auto",
    )


def _sizes(source: Source) -> str:
    columns = len(source.X) if isinstance(source.X, dict) else source.X.shape[1]
    text = f"{count(len(source.y), 'row')}, {count(columns, 'column')}"
    if source.task == "classification":
        text += f", {len(np.unique(source.y.astype(str)))} classes"
    return text if source.y_test is None else f"{text}, {count(len(source.y_test), 'test row')}"


def _columns(estimator: Any) -> str:
    """Say what was found in the columns."""
    found = Counter(WHAT[column.kind] for column in estimator.preprocessing_.columns)
    words = [f"{n:,} {what[n > 1]}" for what, n in found.items()]
    return ", ".join(words)


def _rows_to_judge(estimator: Any, source: Source) -> tuple[str, Array, Array]:
    """Return rows that say how good a model is, and what it says of them."""
    if source.y_test is None:
        truth, outputs = estimator.held_out_
        return "held-out", truth, outputs
    predict = getattr(estimator, "predict_proba", estimator.predict)
    return "test", np.asarray(source.y_test), predict(source.X_test)


def _judge_classes(
    estimator: Any, source: Source, where: str, truth: Array, probabilities: Array, say: Say
) -> tuple[dict[str, float], list[str]]:
    """Compare labels with the truth: of all rows, and of each class."""
    from sklearn.metrics import precision_recall_fscore_support

    labels = estimator.classes_
    predicted = labels[probabilities.argmax(axis=1)]
    right = predicted == truth
    each = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    order = np.argsort(-each[3], kind="stable")
    width = max(5, *(min(len(str(label)), 30) for label in labels))
    lines = [f"{'class':<{width}}  {'rows':>7}  precision  recall"]
    for i in order[:MOST_CLASSES]:
        name = str(labels[i])
        name = name if len(name) <= 30 else name[:29] + "…"
        lines.append(
            f"{name:<{width}}  {int(each[3][i]):>7,}  {each[0][i]:>9.3f}  {each[1][i]:>6.3f}"
        )
    if len(labels) > MOST_CLASSES:
        lines.append(f"… and {len(labels) - MOST_CLASSES} rarer classes")
    say("judged", f"by {count(len(truth), f'{where} row')}, which networks did not train on")
    say("", "\n".join(lines))
    accuracy, most = float(right.mean()), labels[order[0]]
    alone = float((truth == most).mean())
    say("", f"always {quoted(str(most))}: accuracy {alone:.4f}")
    scores = {f"{where} accuracy": accuracy, "accuracy of the most frequent class": alone}
    lines = [f"{where} accuracy {accuracy:.4f}"]
    if estimator.metric in ASKED:
        name = f"{where} {ASKED[estimator.metric]}"
        places = Subject.of(estimator).target.encode(truth)
        found = score(estimator.metric, places, probabilities)
        if not np.isnan(found):  # an AUC of rows of one class is none
            scores[name] = found
            lines.insert(0, f"{name} {found:#.4g}")
    return scores, lines


def _judge_numbers(
    estimator: Any, source: Source, where: str, truth: Array, predicted: Array, say: Say
) -> tuple[dict[str, float], list[str]]:
    """Compare numbers with the truth, in the target's own units."""
    rmse, mae = (score(metric, truth, predicted[:, None]) for metric in ("rmse", "mae"))
    spread = score("rmse", truth, np.full((len(truth), 1), truth.mean()))
    r2 = 1 - (rmse / spread) ** 2 if spread > 0 else 0.0
    say("judged", f"by {count(len(truth), f'{where} row')}, which networks did not train on")
    say("", f"mean absolute error {amount(mae)}; always the mean: RMSE {amount(spread)}")
    scores = {f"{where} RMSE": rmse, f"{where} R2": r2, "RMSE of the mean": spread}
    unit = f"(in units of {source.target!r})"
    lines = [f"{where} RMSE {amount(rmse)} {unit}", f"{where} R2 {r2:.4f}"]
    if estimator.metric in ASKED:
        name = f"{where} {ASKED[estimator.metric]}"
        scores[name] = mae
        lines.insert(0, f"{name} {amount(mae)} {unit}")
    return scores, lines


def _plot(estimator: Any, source: Source, truth: Array, outputs: Array, folder: Path) -> list[Path]:
    """Draw what held-out rows say of the model."""
    from matplotlib.figure import Figure

    from fastmlp import plot

    def figure(size: float) -> Any:
        return Figure(figsize=(size, size * 0.85), layout="constrained").subplots()

    if source.task == "classification":
        labels = estimator.classes_
        predicted = labels[outputs.argmax(axis=1)]
        side = min(max(5.0, 0.6 * len(labels)), 14.0)
        axes: dict[str, Any] = {
            "confusion.png": plot.confusion(truth, predicted, labels=labels, ax=figure(side)),
            "calibration.png": plot.calibration(truth, outputs, labels=labels, ax=figure(5.5)),
        }
    else:
        axes = {"predicted.png": plot.predicted(truth, outputs, name=source.target, ax=figure(5.5))}
    axes["importance.png"] = plot.importance(estimator, ax=figure(6.0))
    folder.mkdir(parents=True, exist_ok=True)
    for name, ax in axes.items():
        save_picture(ax.figure, folder / name)
    return [folder / name for name in axes]
