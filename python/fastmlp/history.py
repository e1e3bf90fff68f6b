"""What happened while training: one number an epoch for each quantity that was watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class History:
    """The record `fit` returns.

    Attributes
    ----------
    history : dict of str to list of float
        For each quantity its value after every epoch: "loss", the names of the metrics, and with
        validation data the same names after ``val_``. Keras calls it so too.
    epochs : int
        How many epochs were run to their end.
    stopped : str or None
        Why training ended before the epochs asked for; None if it did not. An interrupt or another
        exception says so, and in or after which epoch it came.

    Notes
    -----
    "loss" and the metrics of the training data are averages over the epoch's batches, each taken
    before its step, with dropout active; those of the validation data are taken after the epoch,
    without dropout. So the training loss of an epoch describes weights half an epoch older. Metrics
    that are no averages ("auc", see `fastmlp.metrics`) are taken after the epoch, without dropout,
    for both. Where that was interrupted after an epoch, they are NaN.

    Examples
    --------
    >>> history = History(["loss"])
    >>> history.append({"loss": 0.5})
    >>> history.append({"loss": 0.25})
    >>> history["loss"], history.epochs, history.best_epoch
    ([0.5, 0.25], 2, 2)
    """

    def __init__(self, names: list[str]) -> None:
        self.history: dict[str, list[float]] = {name: [] for name in names}
        self.stopped: str | None = None

    def append(self, logs: Mapping[str, float]) -> None:
        """Record one epoch; `logs` has a number for every name."""
        at = self.epochs
        for name in reversed(self.history):  # the first one last: `epochs` counts its values
            # An exception may have left part of this epoch: it is overwritten.
            self.history[name][at:] = [float(logs[name])]

    @property
    def epochs(self) -> int:
        """How many epochs were run to their end."""
        return len(next(iter(self.history.values()), []))

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, with the smallest "val_loss", or "loss" without validation data.

        None before the first epoch, and where that was NaN or infinite in all of them: neither is
        ever the best.
        """
        values = np.array(self.history.get("val_loss", self.history["loss"]))
        finite = np.isfinite(values)
        return int(np.argmin(np.where(finite, values, np.inf))) + 1 if finite.any() else None

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.history:
            raise KeyError(f"no {name!r} in this history; it has {list(self.history)}")
        return self.history[name]

    def __contains__(self, name: object) -> bool:
        return name in self.history

    def __iter__(self) -> Iterator[str]:
        return iter(self.history)

    def __len__(self) -> int:
        return len(self.history)

    def keys(self) -> list[str]:
        """Names of the recorded quantities, so that `dict(history)` and pandas take it as it is."""
        return list(self.history)

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name} {values[-1]:.4g}" for name, values in self.history.items() if values
        )
        plural = "" if self.epochs == 1 else "s"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"<History of {self.epochs} epoch{plural}{': ' if last else ''}{last}{stopped}>"
