"""Models and fits written to files between epochs."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp import _checks
from fastmlp.callbacks.base import Callback, Watching
from fastmlp.config import readable
from fastmlp.data import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from fastmlp.training.epochs import Training


@readable
class ModelCheckpoint(Watching):
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
        `monitor` is not recorded, the name has a placeholder that cannot be filled, or the model
        has functions of your own in it, which a file cannot hold.
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

    WRITES = True
    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        **Watching.SETTINGS,
        "path": files.check_model_name,
        "save_best_only": lambda value: _checks.flag(value, "save_best_only"),
    }
    path: Path

    def __init__(
        self,
        path: str | PathLike[str],
        monitor: str | None = None,
        save_best_only: bool = True,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        self.path = path  # type: ignore[assignment]  # which becomes a Path
        self.save_best_only = save_best_only

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Check that the quantity will be recorded, and the model and its place can be written."""
        super().on_fit_begin(model, names)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"path={str(self.path)!r}: no directory {self.path.parent}")
        files.check_place(self._place(1, dict.fromkeys(names, 0.5)))
        model.network.config()  # raises what a file cannot hold

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        """Save if this epoch is to be kept."""
        if self._best.improved_by(logs) or not self.save_best_only:
            model.save(self._place(epoch, logs))

    def state(self) -> dict[str, Any]:
        """Return the best value."""
        return {"best_value": self._best.value}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take this for the best until now."""
        self._best.value = float(state["best_value"])

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
            f"ModelCheckpoint({str(self.path)!r}, monitor={self.monitor!r}, "
            f"save_best_only={self.save_best_only}, mode={self.mode!r})"
        )


@readable
class Checkpoint(Callback):
    """Keep a fit on its way in a folder, so that it goes on from there after it was killed.

    Give the same call of `fit` the same folder again: weights, the optimizer's state, history,
    orders of the rows, random numbers, settings of layers that callbacks have assigned (numbers,
    schedules and activations with names) and other callbacks are then as they were after the last
    epoch that was kept, and the run ends with the same bits as one that was never stopped.
    `epochs` is the number of all epochs: a run that is complete returns its history at once, and
    goes on if it is asked for more.

    Parameters
    ----------
    folder : path-like
        Where to; made if it is missing. One folder is for one run.
    every : int, default 1
        After how many epochs each.
    resume : bool, default True
        Whether to go on from what is there. False begins anew and replaces it.

    Raises
    ------
    ValueError
        In `fit`, before training: if what is there is of another network, optimizer, loss, batch
        size, of other targets or weights, or of a fit by L-BFGS, whose state is SciPy's.
    OSError
        In `fit`: if the folder cannot be written to.

    Notes
    -----
    Data and architecture are not kept: give the same ones. Layers, targets and weights that differ
    are noticed, inputs are not. Callbacks of your own go on from there
    too if they have `state` and `restore`. A file is written whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> import fastmlp as fm
    >>> X, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epochs in (3, 8):  # the second begins where the first ended
    ...         model = fm.MLP([1, 4, 1], seed=0)
    ...         history = model.fit(X, t, epochs=epochs, callbacks=[fm.Checkpoint(folder)])
    >>> whole = fm.MLP([1, 4, 1], seed=0).fit(X, t, epochs=8)
    >>> history == whole
    True
    """

    WRITES = True
    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "folder": lambda value: files.path_of(value, "folder"),
        "every": lambda value: _checks.integer(value, "every", at_least=1),
        "resume": lambda value: _checks.flag(value, "resume"),
    }
    folder: Path

    def __init__(self, folder: str | PathLike[str], every: int = 1, resume: bool = True) -> None:
        self.folder = folder  # type: ignore[assignment]  # which becomes a Path
        self.every = every
        self.resume = resume
        self._described: dict[str, Any] = {}  # the fit, in terms that stay the same
        self._begun: list[dict[str, Any]] = []  # the settings of its layers at the beginning

    @property
    def path(self) -> Path:
        """The file in the folder."""
        return self.folder / "checkpoint.safetensors"

    def resumes(self) -> bool:
        """Return whether there is something to go on from."""
        return self.resume and self.path.exists()

    def on_training(self, training: Training) -> None:
        """Make the folder, and go on from what is in it."""
        from fastmlp.training import snapshots

        self.folder.mkdir(parents=True, exist_ok=True)
        files.check_place(self.path)
        self._described = snapshots.describe(training)
        self._begun = snapshots.settings(training)
        if self.resumes():
            snapshots.restore(training, self._described, self._begun, self.path)

    def after_epoch(self, training: Training) -> None:
        """Keep the fit, if it is time."""
        from fastmlp.training import snapshots

        history = training.history
        if history.epochs % self.every == 0 or training.is_over:
            snapshots.save(training, self._described, self._begun, self.path)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.folder)!r}, every={self.every}, resume={self.resume})"
