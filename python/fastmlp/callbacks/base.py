"""What every callback is, and what the better of two epochs is."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastmlp import _checks
from fastmlp.graph.called import takes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fastmlp.history import History
    from fastmlp.training.epochs import Training

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
    "cooldown": "leave it out: after each change patience counts anew",
    "filename": "write path=",
    "log_dir": "write folder=",
    "min_lr": "write min_factor=, of the rates there were",
    "append": "leave it out: a second fit replaces the file, give it another",
}
# What each method is called with.
_CALLS = {
    "on_fit_begin": "(self, model, names)",
    "on_epoch_end": "(self, model, epoch, logs)",
    "on_fit_end": "(self, model, history)",
}
# Methods elsewhere, which nobody would call, and what to write.
_METHODS = {
    **dict.fromkeys(("on_train_begin", "on_train_start", "on_fit_start"), "on_fit_begin"),
    **dict.fromkeys(("on_epoch_begin", "on_epoch_start", "on_train_epoch_end"), "on_epoch_end"),
    **dict.fromkeys(
        ("on_validation_end", "on_validation_epoch_end", "on_test_end"), "on_epoch_end"
    ),
    "on_train_end": "on_fit_end",
}
_OF_BATCHES = {
    f"on_{of}batch_{when}" for of in ("", "train_", "test_") for when in ("begin", "start", "end")
}


class Callback:
    """Base class: override what you need.

    An exception raised in a method ends `fit`; the weights stay as they were after the last epoch.
    A class is a TypeError where a method takes something else, or has the name that Keras or
    Lightning give it, by which nobody would call it.

    What the constructor of one of fastmlp's own was given may be assigned too, with its checks, and
    holds from the next `fit` on; no other attribute can. A class of your own may have any.

    Attributes
    ----------
    rate_factor : float
        What the learning rates of the next epoch are multiplied by.

    Examples
    --------
    >>> class Print(Callback):
    ...     def on_epoch_end(self, model, epoch, logs):
    ...         print(epoch, logs["loss"])
    """

    #: Arguments of the constructor that are attributes: a check returns what is kept of a value.
    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {}
    #: Whether it writes to a place that is its own, which no two fits at a time can have.
    WRITES: ClassVar[bool] = False
    rate_factor: float = 1.0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if _checks.is_ours(cls) and "__init__" in vars(cls):
            cls.__init__ = _checks.taught(_ARGUMENTS)(cls.__init__)  # type: ignore[method-assign]
        for name, method in vars(cls).items():
            if inspect.isfunction(method):
                _check_method(f"{cls.__name__}.{name}", name, method)

    def __setattr__(self, name: str, value: Any) -> None:
        cls = type(self)
        if name in self.SETTINGS:
            value = self.SETTINGS[name](value)
        elif _checks.is_ours(cls) and not name.startswith("_") and not hasattr(cls, name):
            raise _checks.refusal(self, name, self.SETTINGS, _ARGUMENTS)
        object.__setattr__(self, name, value)

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

    # For those that save a fit on its way, and for those that are saved with it.

    def resumes(self) -> bool:
        """Return whether `on_training` lets the fit go on from another step than its first."""
        return False

    def on_training(self, training: Training) -> None:
        """Before the first epoch, when every callback has heard of the fit."""

    def after_epoch(self, training: Training) -> None:
        """After each epoch, when every callback has heard of it."""

    def state(self) -> dict[str, Any]:
        """Return what `Checkpoint` keeps of the callback: JSON values and arrays by name."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` described, after `on_fit_begin`."""


def _check_method(title: str, name: str, method: Callable[..., Any]) -> None:
    """Raise for a method that nobody would call, or that cannot be called as it will be."""
    if name in _OF_BATCHES:
        raise TypeError(
            f"{title} is never called: callbacks hear of epochs; for batches write a loop over "
            "step of model.trainer(...)"
        )
    if name in _METHODS:
        instead = _METHODS[name]
        raise TypeError(f"{title} is never called: write {instead}{_CALLS[instead]}")
    if name in _CALLS and not takes(method, _CALLS[name].count(",") + 1):
        raise TypeError(
            f"{title}{inspect.signature(method)} cannot be called: it has to take {_CALLS[name]}"
        )


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
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
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


def _monitored(monitor: Any) -> str | None:
    if monitor is not None and not isinstance(monitor, str):
        raise TypeError(f"monitor must be a name such as 'val_loss' or None, got {monitor!r}")
    return monitor


class Watching(Callback):
    """Base of those that look for the best value of a quantity, whose settings they have."""

    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "monitor": _monitored,
        "mode": lambda value: _checks.choice(value, "mode", MODES),
        "min_delta": lambda value: _checks.real(value, "min_delta", at_least=0),
    }

    def __init__(self, monitor: str | None, mode: str, min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self._best = Best(self.monitor, self.mode, self.min_delta)

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Forget the last fit; check that the quantity will be recorded."""
        self._best = Best(self.monitor, self.mode, self.min_delta)
        self._best.begin(names)


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


def as_callbacks(callbacks: Iterable[Any] | None) -> list[Callback]:
    """Check a list of callbacks; functions of (model, epoch, logs) become `Callback` objects.

    Raises
    ------
    TypeError
        If it is no list, or something in it is neither a `Callback` nor callable.
    ValueError
        If one `Callback` is in it twice.

    Examples
    --------
    >>> len(as_callbacks([lambda model, epoch, logs: logs["loss"] < 0.1]))
    1
    """
    if callbacks is None:
        return []
    given = None if isinstance(callbacks, Callback) else _checks.listed(callbacks)
    if given is None:
        raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r}: write [...]")
    result: list[Callback] = []
    for callback in given:
        if isinstance(callback, Callback):
            if any(callback is other for other in result):
                kind = type(callback).__name__
                raise ValueError(f"callbacks has one {kind} twice: it would count each epoch twice")
            result.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            if not takes(callback, 3):
                raise TypeError(
                    f"callbacks: {callback!r} has to take (model, epoch, logs), and cannot be "
                    "called so"
                )
            result.append(_Function(callback))
        else:
            is_class = isinstance(callback, type) and issubclass(callback, Callback)
            got = f"the class: write {callback.__name__}()" if is_class else repr(callback)
            raise TypeError(
                f"callbacks must hold Callback objects or functions (model, epoch, logs), got {got}"
            )
    return result
