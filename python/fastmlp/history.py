"""What happened while training: one number an epoch for each quantity that was watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._checks import has_not, listed
from fastmlp.config import readable

if TYPE_CHECKING:
    from collections.abc import Sequence


@readable
@has_not(
    {
        **{name: f"write history[{name!r}]" for name in ("loss", "val_loss", "accuracy")},
        "epoch": "write range(1, history.epochs + 1)",
        "params": "write epochs, or len of one of its lists",
        "plot": "write fastmlp.plot.history(history)",
        "best": "write best_epoch, the number of an epoch, counted from 1",
    }
)
class History(dict[str, list[float]]):
    """The record `fit` returns: for each quantity a list of its values, one an epoch.

    The quantities are "loss", the metrics by name, and with validation data the same names after
    ``val_``. It is a dict: ``pandas.DataFrame(history)`` has a row for each epoch.

    Attributes
    ----------
    history : History
        Itself, as Keras calls it.
    epochs : int
        How many epochs were run to their end.
    higher_is_better : dict of str to bool
        For each quantity whether more of it is better, as of an accuracy.
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

    Copies and pickles keep all of it, those of a model that of its last fit, too. What writes a
    dict as its items alone (JSON, skops) keeps the numbers and, of metrics of fastmlp,
    `higher_is_better`: write `config()`.

    Examples
    --------
    >>> history = History(["loss"])
    >>> history.append({"loss": 0.5})
    >>> history.append({"loss": 0.25})
    >>> history["loss"], history.epochs, history.best_epoch
    ([0.5, 0.25], 2, 2)
    """

    def __init__(self, names: Sequence[str] | Mapping[str, bool] = ()) -> None:
        known = listed(names)
        if known is None or not all(isinstance(name, str) for name in known):
            raise TypeError(f"names must be a list of texts, or a dict by such, got {names!r}")
        super().__init__((name, []) for name in known)
        given = names if isinstance(names, Mapping) else {}
        self.higher_is_better = {name: given.get(name, False) for name in known}
        self.stopped: str | None = None

    def __setitem__(self, name: str, values: list[float]) -> None:
        known: dict[str, bool] = vars(self).setdefault("higher_is_better", {})
        if not isinstance(name, str):
            raise TypeError(f"a quantity has a text for a name, got {name!r}")
        if name not in known:  # as where only the numbers were kept
            known[name] = _higher_is_better(name)
        super().__setitem__(name, values)

    def copy(self) -> History:
        """Return a record with lists of its own."""
        return History.from_config(self.config())

    def config(self) -> dict[str, Any]:
        """Return what `from_config` makes the same record of: dicts, lists, numbers and texts."""
        return {
            "numbers": {name: list(values) for name, values in self.items()},
            "higher_is_better": dict(self.higher_is_better),
            "stopped": self.stopped,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> History:
        """Return the record of which `config` has told.

        Raises
        ------
        ValueError
            If it is none.

        Examples
        --------
        >>> history = History({"accuracy": True})
        >>> history.append({"accuracy": 0.5})
        >>> twin = History.from_config(history.config())
        >>> twin == history, twin.higher_is_better
        (True, {'accuracy': True})
        """
        wanted = {"numbers", "higher_is_better", "stopped"}
        if not isinstance(config, Mapping) or not wanted <= set(config):
            raise ValueError(f"config must be what History.config returns, got {config!r}")
        made = cls(config["higher_is_better"])
        for name, values in config["numbers"].items():
            made[name] = list(values)
        made.stopped = config["stopped"]
        return made

    def append(self, logs: Mapping[str, float]) -> None:
        """Record one epoch; `logs` has a number for every name."""
        self._check(logs)
        self.extend({name: [logs[name]] for name in self})

    def extend(self, logs: Mapping[str, Sequence[float]]) -> None:
        """Record some epochs; `logs` has a sequence for every name, a number for each epoch.

        Examples
        --------
        >>> history = History({"loss": False})
        >>> history.extend({"loss": [0.5, 0.25]})
        >>> history["loss"]
        [0.5, 0.25]
        """
        self._check(logs)
        at = self.epochs
        for name in reversed(self):  # the first one last: `epochs` counts its values
            # An exception may have left part of an epoch: it is overwritten.
            self[name][at:] = map(float, logs[name])

    def _check(self, logs: object) -> None:
        """Raise unless something is told of every name."""
        if not isinstance(logs, Mapping):
            raise TypeError(f"logs must be a dict by the names, got {type(logs).__name__}")
        if missing := [name for name in self if name not in logs]:
            raise ValueError(
                f"logs must have every name of {list(self)}, not all but {missing[0]!r}"
            )

    @property
    def epochs(self) -> int:
        """How many epochs were run to their end."""
        return len(next(iter(self.values()), []))

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, with the smallest "val_loss", or "loss" without validation data.

        None before the first epoch, and where that was NaN or infinite in all of them: neither is
        ever the best.
        """
        values = np.array(self.get("val_loss", self["loss"]))
        finite = np.isfinite(values)
        return int(np.argmin(np.where(finite, values, np.inf))) + 1 if finite.any() else None

    @property
    def history(self) -> History:
        """The record itself."""
        return self

    def __missing__(self, name: str) -> list[float]:
        raise KeyError(f"no {name!r} in this history; it has {list(self)}")

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items() if values)
        plural = "" if self.epochs == 1 else "s"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"<History of {self.epochs} epoch{plural}{': ' if last else ''}{last}{stopped}>"


def _higher_is_better(name: str) -> bool:
    """Tell whether more of a quantity is better, by the metric of its name, if there is one."""
    from fastmlp import metrics

    try:
        return metrics.get(name.removeprefix("val_")).higher_is_better
    except (TypeError, ValueError):
        return False
