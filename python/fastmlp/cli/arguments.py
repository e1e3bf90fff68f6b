"""The arguments of every command, with their help. Importing this loads nothing heavy."""

from __future__ import annotations

import argparse
import codecs
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

_SEED = 2**32 - 1  # the most that scikit-learn's random_state takes

_EXAMPLES = """\
examples:
  fastmlp train digits                         scikit-learn's handwritten digits
  fastmlp train houses.csv --target price      a table of your own
  fastmlp predict houses.safetensors new.csv   predictions for new rows
  fastmlp info houses.safetensors              what is in a model file
  fastmlp COMMAND --help                       everything a command can do
"""

_TRAIN_EXAMPLES = """\
examples:
  fastmlp train digits
  fastmlp train mnist --hidden 512,256 --dropout 0.3 --plot pictures
  fastmlp train iris --seed 7 --output iris.safetensors
  fastmlp train houses.csv --target price --time-limit 60
  fastmlp train patients.csv --target stage --task classification --metric auc

A table may hold numbers, texts, true and false, and dates, and lack values.
An empty field is missing; so are NA, None, null, NaN, ? and the like among
numbers, while among texts they are categories or classes. Codes such as 007
are texts. Labels are predicted as they are written. Every row needs as many
fields as the header.

Several networks are trained, each without some of the rows, and averaged. The
result at the end is what networks say of rows that they were not trained on.
The file is that of fastmlp.TabularClassifier or TabularRegressor: in Python,
fastmlp.load("houses.safetensors").predict(table).
"""

_PREDICT_EXAMPLES = """\
examples:
  fastmlp predict houses.safetensors new.csv
  fastmlp predict iris.safetensors flowers.csv --probabilities --output p.csv
  fastmlp predict houses.safetensors new.csv --intervals 0.8

The table needs the columns of training by name, in any order; others are
ignored. It is read as in training: see fastmlp train --help. There is one line
of output for each row, and the table may be larger than memory.
"""

_INFO_EXAMPLES = """\
examples:
  fastmlp info
  fastmlp info digits.safetensors
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others of the command."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without the list of all options, and exit."""
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Make the parser; what it returns has the command's function in ``run``."""
    top = _Parser(
        prog="fastmlp",
        description="Train multilayer perceptrons on a CPU and predict with them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_predict(commands)
    _add_info(commands)
    return top


class _Version(argparse.Action):
    """Like argparse's own, but the version is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from fastmlp.config import version

        print(f"fastmlp {version()}")
        parser.exit()


def _command(
    commands: Any, name: str, summary: str, examples: str, module: str
) -> argparse.ArgumentParser:
    def run(options: argparse.Namespace) -> None:
        from importlib import import_module

        import_module(f"fastmlp.cli.{module}").run(options)

    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_train(commands: Any) -> None:
    train = _command(
        commands, "train", "train a network on a dataset or a table", _TRAIN_EXAMPLES, "train"
    )
    _add_data(train.add_argument_group("data").add_argument)
    _add_table_training(train.add_argument_group("training on a table").add_argument)
    _add_image_training(train.add_argument_group("training on images").add_argument)


def _add_data(add: Any) -> None:
    """Add what is trained on, and what holds of any training."""
    from fastmlp.datasets import NAMES

    kinds = ".csv, .tsv, .parquet, .feather, .jsonl, …"
    add("data", help=f"a table with a header ({kinds}), or one of: {', '.join(NAMES)}")
    add("--target", metavar="COLUMN", help="the column of the table to predict")
    add(
        "--task",
        choices=("classification", "regression"),
        help="what to predict, a class or a number (default: found from the target)",
    )
    _add_format(add)
    add("--output", metavar="FILE", type=Path, help="the model file (default: DATA.safetensors)")
    add("--plot", metavar="DIR", type=Path, help="save pictures of the result in this folder")
    add("--seed", metavar="N", type=_integer(0, _SEED), default=0, help="default: %(default)s")
    add("--epochs", metavar="N", type=_integer(1), help="default: by the number of rows")
    add("--threads", metavar="N", type=_threads, help="default: all the process may use")
    add("--quiet", action="store_true", help="print the result only")


def _add_table_training(add: Any) -> None:
    add(
        "--quality",
        choices=("best", "fast"),
        help="several networks of each kind, or one (default: best)",
    )
    add(
        "--metric",
        choices=("accuracy", "log_loss", "auc", "rmse", "mae"),
        help="what to be good at (default: accuracy for classes, rmse for numbers)",
    )
    add(
        "--members", metavar="N", type=_integer(1), help="how many networks of each kind to average"
    )
    add(
        "--time-limit",
        metavar="SECONDS",
        type=_number(above=0),
        help="stop by then, with the best there is",
    )


def _add_image_training(add: Any) -> None:
    from fastmlp.activations import ALIASES
    from fastmlp.graph.ops.activations.declaration import DECLARED
    from fastmlp.optimizers import OPTIMIZERS

    add(
        "--hidden",
        metavar="UNITS",
        type=_widths,
        help='units of each hidden layer, or "none" (default: 256,128)',
    )
    add(
        "--activation",
        metavar="NAME",
        type=lambda name: ALIASES.get(name, name),
        choices=tuple(name for name, phi in DECLARED.items() if phi.elementwise and phi.sends),
        help="of the hidden units: %(choices)s (default: relu)",
    )
    add(
        "--dropout",
        metavar="RATE",
        type=_number(at_least=0, below=1),
        help="share of hidden units left out at each step (default: 0.3)",
    )
    add(
        "--batch-size",
        metavar="N",
        type=_integer(1),
        help="default: 32, from 20,000 rows on 128",
    )
    add(
        "--optimizer",
        metavar="NAME",
        choices=tuple(OPTIMIZERS),
        help="%(choices)s; sgd has momentum 0.9 (default: adam)",
    )
    rates = ", ".join(f"{name} {kind().learning_rate}" for name, kind in OPTIMIZERS.items())
    add(
        "--learning-rate",
        metavar="RATE",
        type=_number(above=0),
        help=f"at the start; it falls to 0 along a half cosine (default: {rates})",
    )
    add(
        "--l2",
        metavar="λ",
        type=_number(at_least=0),
        help="weight of the penalty λ·½‖W‖² (default: 0.0001)",
    )
    add(
        "--patience",
        metavar="N",
        type=_integer(1),
        help="keep a tenth of the training rows apart to validate, stop after N epochs without a "
        "better loss on them, and return to the best epoch (default: train on all rows)",
    )


def _add_format(add: Any) -> None:
    """Add the options of how a table in a file is written."""
    add("--sep", metavar="CHARACTER", type=_one, help="between fields (default: found out)")
    add(
        "--decimal",
        metavar="SIGN",
        choices=(".", ","),
        help="point or comma of numbers (default: found out; 1.234,50 €, 12 %% and (1,234) are "
        "numbers)",
    )
    add(
        "--encoding",
        metavar="NAME",
        type=_encoding,
        help="of text (default: UTF-8, UTF-16 or else Windows-1252)",
    )


def _add_predict(commands: Any) -> None:
    command = _command(
        commands, "predict", "predict the rows of a table", _PREDICT_EXAMPLES, "predict"
    )
    add = command.add_argument
    add("model", type=Path, help="a model file that `fastmlp train` has saved")
    add("table", type=Path, help="a table with a header (.csv, .tsv, .parquet, .jsonl, …)")
    _add_format(add)
    add("--output", metavar="FILE", type=Path, help="a .csv file to write (default: the terminal)")
    add("--probabilities", action="store_true", help="add the probability of each class")
    add(
        "--intervals",
        metavar="COVERAGE",
        type=_number(above=0, below=1),
        nargs="?",
        const=0.9,
        help="add the ends of an interval that holds this share of the truth (default: 0.9)",
    )


def _add_info(commands: Any) -> None:
    command = _command(
        commands, "info", "describe a model file, or this installation", _INFO_EXAMPLES, "info"
    )
    command.add_argument("model", type=Path, nargs="?", help="a model file")
    command.add_argument("--json", action="store_true", help="describe the installation as JSON")


# --- types of values -------------------------------------------------------------------------


def _integer(at_least: int, at_most: int | None = None) -> Callable[[str], int]:
    most = "" if at_most is None else f" and at most {at_most}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = at_least - 1
        if value < at_least or (at_most is not None and value > at_most):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number of at least {at_least}{most}"
            )
        return value

    return parse


def _threads(text: str) -> int:
    """Return a number of threads; only this asks the core."""
    from fastmlp import _core

    return _integer(1, _core.format.most_threads)(text)


def _number(
    at_least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> Callable[[str], float]:
    limits = [
        f"{words} {limit:g}"
        for words, limit in (("at least", at_least), ("above", above), ("below", below))
        if math.isfinite(limit)
    ]

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and at_least <= value < below and value > above):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {' and '.join(limits)}")
        return value

    return parse


def _one(text: str) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '\r\n"':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, such as ; or tab")
    return text


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding that Python knows, such as utf-8, latin-1 or cp1252"
        ) from None


def _widths(text: str) -> Sequence[int]:
    if text == "none":
        return ()
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        widths = []
    if not widths or min(widths) < 1:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a list of whole numbers of at least 1 such as 256,128, nor "none"'
        )
    return tuple(widths)
