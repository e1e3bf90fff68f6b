"""What a fit shows while it runs: a bar of tqdm over epochs, or a line for each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.config import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# Where somebody watches, a call of the core should take about this many seconds.
BAR_SECONDS = 0.1


def display(verbose: bool | int | str) -> str:
    """Return how to show what a fit does: "nothing", "bar" or "lines".

    Parameters
    ----------
    verbose : bool, 0, 1, 2 or "auto"
        0 and 1 are False and True; 2 is a line an epoch; "auto" is True when stderr is a terminal
        or in a notebook.

    Raises
    ------
    TypeError, ValueError
        For anything else.

    Examples
    --------
    >>> display(True), display(0), display(2)
    ('bar', 'nothing', 'lines')
    """
    if _checks.says(verbose, "auto"):
        return "bar" if _in_notebook() or _in_terminal() else "nothing"
    if not isinstance(verbose, (int, np.bool_, np.integer)):
        raise TypeError(f'verbose must be True, False, 0, 1, 2 or "auto", got {verbose!r}')
    if verbose not in (0, 1, 2):
        raise ValueError(f'verbose must be True, False, 0, 1, 2 or "auto", got {verbose!r}')
    # A program without a console, as pythonw starts them, has nowhere to draw a bar.
    return ("nothing", "bar" if sys.stderr is not None else "nothing", "lines")[int(verbose)]


def _in_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _in_notebook() -> bool:
    # IPython is looked up among the loaded modules: a program that has not loaded it is no
    # notebook.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def bar(**settings: Any) -> Any:
    """Return a bar of tqdm on stderr; in a notebook with ipywidgets it is one of widgets.

    Where there are none tqdm warns, and its bar of text does as well.

    Examples
    --------
    >>> with bar(total=2, disable=True) as shown:
    ...     shown.total
    2
    """
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    return tqdm(desc="fit", file=sys.stderr, **settings)


def epochs_next(count: int, seconds: float) -> int:
    """Return how many epochs to run in the next call, after `count` of them took `seconds`.

    As many as take `BAR_SECONDS`, at most twice as many as before, at least one.

    Examples
    --------
    >>> epochs_next(10, seconds=0.2), epochs_next(10, seconds=0.001), epochs_next(1, seconds=9.0)
    (5, 20, 1)
    """
    return max(1, min(2 * count, int(count * BAR_SECONDS / seconds)))


class Progress:
    """What a fit shows of its epochs: a bar with the latest loss and metrics, lines, or nothing.

    Parameters
    ----------
    epochs : int
        How many there will be.
    how : {"nothing", "bar", "lines"}
        From `display`.
    done : int
        How many there are already.

    Notes
    -----
    tqdm is loaded for a bar alone, which goes to stderr; lines are printed.

    Attributes
    ----------
    often : bool
        Whether somebody watches: then calls of the core should be short.

    Examples
    --------
    >>> with Progress(10, "lines") as progress:
    ...     progress.advance([{"loss": 0.5}, {"loss": 0.25}])
    epoch 1/10: loss 0.5
    epoch 2/10: loss 0.25
    """

    def __init__(self, epochs: int, how: str, done: int = 0) -> None:
        self.often = how != "nothing"
        self._epochs, self._lines, self._done = epochs, how == "lines", done
        self._bar: Any = None
        if how == "bar":
            self._bar = bar(total=epochs, initial=done, unit="epoch")

    def advance(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Show the numbers of the epochs done since the last time."""
        if self._bar is not None:
            last = rows[-1]  # the losses first: a narrow terminal cuts the line
            names = dict.fromkeys([*(n for n in ("loss", "val_loss") if n in last), *last])
            shown = {name: f"{last[name]:.4g}" for name in names}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(len(rows))
        for row in rows if self._lines else ():
            self._done += 1
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
            print(printable(f"epoch {self._done}/{self._epochs}: {numbers}"), flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
