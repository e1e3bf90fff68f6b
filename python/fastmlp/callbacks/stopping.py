"""What looks at whether a fit still gets better: stop it, or lower its learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastmlp import _checks
from fastmlp.callbacks.base import Watching
from fastmlp.config import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from fastmlp.history import History
    from fastmlp.training.epochs import Training


def _patience(value: Any) -> int:
    return _checks.integer(value, "patience", at_least=1)


@readable
class EarlyStopping(Watching):
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

    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        **Watching.SETTINGS,
        "patience": _patience,
        "restore_best": lambda value: _checks.flag(value, "restore_best"),
    }
    best_epoch: int = 0

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.restore_best = restore_best
        self._weights: NDArray[np.floating[Any]] | None = None

    @property
    def best_value(self) -> float:
        """The best value so far."""
        return self._best.value

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Forget the last fit; check that the quantity will be recorded."""
        super().on_fit_begin(model, names)
        self.best_epoch = 0
        self._weights = None

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> bool | str | None:
        """Remember an improvement, stop after `patience` epochs without one."""
        if self._best.improved_by(logs):
            self.best_epoch = epoch
            if self.restore_best:
                # Those of the model alone: others may share its vector, and change.
                self._weights = model.parameters.part(model.network.parameter_nodes)
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
            model.parameters.put_part(model.network.parameter_nodes, self._weights)
            self._weights = None

    def state(self) -> dict[str, Any]:
        """Return the best epoch, its value and its weights."""
        kept = {} if self._weights is None else {"weights": self._weights}
        return {"best_epoch": self.best_epoch, "best_value": self.best_value, **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take these for the best until now."""
        self.best_epoch = int(state["best_epoch"])
        self._best.value = float(state["best_value"])
        if self.restore_best and "weights" in state:
            self._weights = np.array(state["weights"])

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(monitor={self.monitor!r}, patience={self.patience}, "
            f"min_delta={self.min_delta}, restore_best={self.restore_best}, "
            f"mode={self.mode!r})"
        )


@readable
class ReduceLROnPlateau(Watching):
    """Lower the learning rate when a quantity has not improved for `patience` epochs.

    The rates of the optimizer, schedules and groups included, are multiplied by `rate_factor`,
    which begins as 1 and becomes `factor` times itself at each such time. Named as in Keras and
    PyTorch.

    Parameters
    ----------
    monitor : str or None, default None
        What to watch, as in `EarlyStopping`.
    factor : float, default 0.1
        By what to multiply, in (0, 1).
    patience : int, default 10
        After how many epochs without improvement, at least 1; counted anew after each change.
    min_delta : float, default 0
        A change must be greater than this to count as an improvement.
    min_factor : float, default 0
        What `rate_factor` does not fall below.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better, as in `EarlyStopping`.

    Attributes
    ----------
    rate_factor : float
        What the learning rates are multiplied by now.
    epochs : list of int
        After which epochs it was lowered.

    Raises
    ------
    ValueError
        If a number is out of range; in `fit`, before training, if `monitor` is not recorded.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model, plateau = fm.MLP([1, 4, 1], seed=0), fm.ReduceLROnPlateau(factor=0.5, patience=1)
    >>> history = model.fit([[0.0], [1.0]], [0.0, 1.0], epochs=3, callbacks=[plateau])
    >>> plateau.rate_factor
    1.0
    """

    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        **Watching.SETTINGS,
        "factor": lambda value: _checks.real(value, "factor", above=0, below=1),
        "patience": _patience,
        "min_factor": lambda value: _checks.real(value, "min_factor", at_least=0, at_most=1),
    }
    epochs: Sequence[int] = ()

    def __init__(
        self,
        monitor: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        min_factor: float = 0.0,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = factor
        self.patience = patience
        self.min_factor = min_factor
        self._begin()

    def _begin(self) -> None:
        self.rate_factor = 1.0
        self.epochs = []
        self._since = 0  # the last improvement or change

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Forget the last fit; check that the quantity will be recorded."""
        super().on_fit_begin(model, names)
        self._begin()

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        """Lower the rate after `patience` epochs without improvement."""
        if self._best.improved_by(logs):
            self._since = epoch
        elif epoch - self._since >= self.patience:
            lower = max(self.rate_factor * self.factor, self.min_factor)
            if lower < self.rate_factor:
                self.rate_factor = lower
                self.epochs = [*self.epochs, epoch]
            self._since = epoch

    def on_training(self, training: Training) -> None:
        """Raise ValueError for a fit that has no rate."""
        if training.request.minimiser is not None:
            raise ValueError("ReduceLROnPlateau: LBFGS has no learning rate to lower: leave it out")

    def state(self) -> dict[str, Any]:
        """Return the factor and how it came about."""
        return {
            "rate_factor": self.rate_factor,
            "epochs": self.epochs,
            "since": self._since,
            "best_value": self._best.value,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with this factor."""
        self.rate_factor = float(state["rate_factor"])
        self.epochs = [int(epoch) for epoch in state["epochs"]]
        self._since = int(state["since"])
        self._best.value = float(state["best_value"])

    def __repr__(self) -> str:
        return (
            f"ReduceLROnPlateau(monitor={self.monitor!r}, factor={self.factor}, "
            f"patience={self.patience}, min_delta={self.min_delta}, "
            f"min_factor={self.min_factor}, mode={self.mode!r})"
        )
