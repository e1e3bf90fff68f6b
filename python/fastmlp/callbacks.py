"""What may listen between epochs: stop early, keep the best weights, write them to a file.

A callback is an object with the methods of `Callback`, or just a function of (model, epoch, logs).
Without callbacks and validation data nobody listens, and many epochs run in one call of the C++
core.
"""

from __future__ import annotations

import math
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from fastmlp.history import History

MODES = ("auto", "min", "max")

# What to say of arguments elsewhere.
_ARGUMENTS = {
    "restore_best_weights": "write restore_best=, which is True by default",
    "verbose": "leave it out: history.stopped says why a fit ended",
    "baseline": "write a function (model, epoch, logs) that returns True to stop",
    "start_from_epoch": "write a function (model, epoch, logs) that returns True to stop",
    "filepath": "write path=",
    "save_weights_only": "leave it out: a file holds weights and architecture",
    "save_freq": "write save_best_only=False to save after every epoch",
}


class Callback:
    """Base class: override what you need.

    An exception raised in a method ends `fit`; the weights stay as they were after the last epoch.

    Examples
    --------
    >>> class Print(Callback):
    ...     def on_epoch_end(self, model, epoch, logs):
    ...         print(epoch, logs["loss"])
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if _checks.is_ours(cls) and "__init__" in vars(cls):
            cls.__init__ = _checks.taught(_ARGUMENTS)(cls.__init__)  # type: ignore[method-assign]

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Before the first epoch.

        `names` are the keys that `logs` will have, each with whether more of it is better.
        """

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> bool | str | None:
        """After each epoch, counted from 1.

        Returns
        -------
        bool or str or None
            True, or the reason in words, ends the training after this epoch; anything else does
            not.
        """
        return None

    def on_fit_end(self, model: Any, history: History) -> None:
        """After the last epoch; not called when an exception ends the training."""


class _Function(Callback):
    """A function of (model, epoch, logs) as a callback."""

    def __init__(self, function: Callable[[Any, int, Mapping[str, float]], Any]) -> None:
        self._function = function

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> Any:
        """Call the function."""
        return self._function(model, epoch, logs)


class Best:
    """The best value so far of one of the quantities in `logs`.

    Parameters
    ----------
    monitor : str or None
        Its name; None is "val_loss" where there is validation data, else "loss".
    mode : {"auto", "min", "max"}
        Which direction is better; "auto" goes by the metric: "max" for accuracy, "min" for losses.
    min_delta : float
        A change must be greater than this to count.

    Examples
    --------
    >>> best = Best("val_accuracy", "auto", 0.0)
    >>> best.begin({"loss": False, "val_loss": False, "val_accuracy": True})
    >>> best.improved_by({"val_accuracy": 0.9}), best.improved_by({"val_accuracy": 0.8})
    (True, False)
    """

    def __init__(self, monitor: str | None, mode: str, min_delta: float) -> None:
        if monitor is not None and not isinstance(monitor, str):
            raise TypeError(f"monitor must be a name such as 'val_loss' or None, got {monitor!r}")
        self.monitor = monitor
        self.mode = _checks.choice(mode, "mode", MODES)
        self.min_delta = _checks.real(min_delta, "min_delta", at_least=0)
        self.name = ""
        self.value = math.nan
        self._sign = 1.0

    def begin(self, names: Mapping[str, bool]) -> None:
        """Forget everything; look up the quantity among the `names` of `Callback.on_fit_begin`."""
        name = self.monitor or ("val_loss" if "val_loss" in names else "loss")
        if name not in names:
            missing = " (it needs validation_data)" if name.startswith("val_") else ""
            raise ValueError(
                f"monitor={name!r} is not recorded{missing}; this fit records {list(names)}"
            )
        larger = self.mode == "max" or (self.mode == "auto" and names[name])
        self.name = name
        self._sign = -1.0 if larger else 1.0
        self.value = self._sign * math.inf

    def improved_by(self, logs: Mapping[str, float]) -> bool:
        """Whether this epoch is better than all before; remembers its value if so.

        NaN and infinity never are.
        """
        value = logs[self.name]
        limit = self._sign * self.value - self.min_delta
        better = math.isfinite(value) and self._sign * value < limit
        if better:
            self.value = value
        return better


class EarlyStopping(Callback):
    """Stop when a quantity has not improved for `patience` epochs; go back to the best weights.

    Parameters
    ----------
    monitor : str or None, default None
        What to watch, a key of `History`. None: "val_loss" if there is validation data, else
        "loss".
    patience : int, default 10
        After how many epochs without improvement to stop, at least 1.
    min_delta : float, default 0
        A change must be greater than this to count as an improvement.
    restore_best : bool, default True
        Give the model the weights of its best epoch at the end of the fit, stopped early or not.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better; "auto" goes by the metric: "max" for accuracy, "min" for losses.

    Attributes
    ----------
    best_epoch : int
        The epoch, from 1, with the best value; 0 before the first, and while every value was NaN:
        a NaN is never an improvement.
    best_value : float
        That value.

    Raises
    ------
    ValueError
        In `fit`, before training: if `monitor` is not recorded, for example "val_loss" without
        validation data.

    Notes
    -----
    Stopping early as a regularizer: Prechelt, "Early Stopping - But When?" (1998); this is its
    third class of criteria with strips of one epoch.

    Examples
    --------
    >>> EarlyStopping(patience=5)
    EarlyStopping(monitor=None, patience=5, min_delta=0.0, restore_best=True, mode='auto')
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        self._best = Best(monitor, mode, min_delta)
        self.patience = _checks.integer(patience, "patience", at_least=1)
        self.restore_best = _checks.flag(restore_best, "restore_best")
        self.best_epoch = 0
        self._weights: NDArray[np.floating[Any]] | None = None

    @property
    def best_value(self) -> float:
        """The best value so far."""
        return self._best.value

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Forget the last fit; check that the quantity will be recorded."""
        self._best.begin(names)
        self.best_epoch = 0
        self._weights = None

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> bool | str | None:
        """Remember an improvement, stop after `patience` epochs without one."""
        if self._best.improved_by(logs):
            self.best_epoch = epoch
            if self.restore_best:
                self._weights = model.parameters.flat.copy()
        elif epoch - self.best_epoch >= self.patience:
            found = "better" if self.best_epoch else "finite"
            return f"no {found} {self._best.name} for {self.patience} epochs"
        return None

    def on_fit_end(self, model: Any, history: History) -> None:
        """Give the model its best weights."""
        if self.best_epoch == 0 and history.epochs:
            from fastmlp.training.warned import NonFiniteLossWarning, warn

            warn(
                f"{self._best.name} was NaN or infinite after every epoch: no epoch is the best, "
                "the weights are the last ones",
                NonFiniteLossWarning,
            )
        if self._weights is not None:
            model.parameters.flat[:] = self._weights
            self._weights = None

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(monitor={self._best.monitor!r}, patience={self.patience}, "
            f"min_delta={self._best.min_delta}, restore_best={self.restore_best}, "
            f"mode={self._best.mode!r})"
        )


class ModelCheckpoint(Callback):
    """Save the model after epochs, by default only when it is the best so far.

    Parameters
    ----------
    path : path-like
        Where to. In the file's name "{epoch}" becomes the number of the epoch and any other key of
        `History` its value, as in "model-{epoch:03d}-{val_loss:.2f}.safetensors"; names of folders
        are taken as they are. For the ending see `Model.save`.
    monitor : str or None, default None
        What to watch, as in `EarlyStopping`.
    save_best_only : bool, default True
        Save only after an improvement; otherwise after every epoch.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better, as in `EarlyStopping`.

    Raises
    ------
    ValueError
        If the name promises another format than safetensors; in `fit`, before training, if
        `monitor` is not recorded, or the name has a placeholder that cannot be filled.
    OSError
        In `fit`, before training, if there is no such folder or the place is no file's.

    Notes
    -----
    A file is written beside its final name and then renamed, so that a crash cannot leave half of
    one.

    Examples
    --------
    >>> ModelCheckpoint("best.safetensors")
    ModelCheckpoint('best.safetensors', monitor=None, save_best_only=True, mode='auto')
    """

    def __init__(
        self,
        path: str | PathLike[str],
        monitor: str | None = None,
        save_best_only: bool = True,
        mode: str = "auto",
    ) -> None:
        self.path = files.check_model_name(path)
        self._best = Best(monitor, mode, 0.0)
        self.save_best_only = _checks.flag(save_best_only, "save_best_only")

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Check that the quantity will be recorded and that there is a place to write to."""
        self._best.begin(names)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"path={str(self.path)!r}: no directory {self.path.parent}")
        files.check_place(self._place(1, dict.fromkeys(names, 0.5)))

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        """Save if this epoch is to be kept."""
        if self._best.improved_by(logs) or not self.save_best_only:
            model.save(self._place(epoch, logs))

    def _place(self, epoch: int, logs: Mapping[str, float]) -> Path:
        """Return the path for an epoch; ValueError if a placeholder cannot be filled."""
        values = {**logs, "epoch": epoch}
        try:
            fields = [field for _, field, _, _ in Formatter().parse(self.path.name)]
            if unknown := [f for f in fields if f is not None and f not in values]:
                raise ValueError(f"there is no {unknown[0]!r}")
            name = self.path.name.format(**values)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(
                f"path={str(self.path)!r}: its placeholders cannot be filled: {error}; there are "
                f"{', '.join(f'{{{name}}}' for name in values)}, and {{{{ and }}}} for braces"
            ) from None
        return files.check_model_name(self.path.with_name(name))

    def __repr__(self) -> str:
        return (
            f"ModelCheckpoint({str(self.path)!r}, monitor={self._best.monitor!r}, "
            f"save_best_only={self.save_best_only}, mode={self._best.mode!r})"
        )


def stop_reason(result: object) -> str | None:
    """Return in words what a callback's answer means: why to stop, or None to go on.

    Examples
    --------
    >>> stop_reason(True), stop_reason("good enough"), stop_reason(None)
    ('a callback asked for it', 'good enough', None)
    """
    if isinstance(result, str):
        return result
    return "a callback asked for it" if isinstance(result, (bool, np.bool_)) and result else None


def as_callbacks(callbacks: Iterable[Any]) -> list[Callback]:
    """Check a list of callbacks; functions of (model, epoch, logs) become `Callback` objects.

    Raises
    ------
    TypeError
        If it is no list, or something in it is neither a `Callback` nor callable.

    Examples
    --------
    >>> len(as_callbacks([EarlyStopping(), lambda model, epoch, logs: logs["loss"] < 0.1]))
    2
    """
    given = None if isinstance(callbacks, Callback) else _checks.listed(callbacks)
    if given is None:
        raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r}: write [...]")
    result: list[Callback] = []
    for callback in given:
        if isinstance(callback, Callback):
            result.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            result.append(_Function(callback))
        else:
            raise TypeError(
                f"callbacks must hold Callback objects or functions (model, epoch, logs), got "
                f"{callback!r}"
            )
    return result
