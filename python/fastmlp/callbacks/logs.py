"""What writes the numbers of each epoch elsewhere: a table, TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO, cast

from fastmlp.callbacks.base import Callback
from fastmlp.config import readable
from fastmlp.data import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from fastmlp.history import History


@readable
class CSVLogger(Callback):
    """Write a row of numbers after each epoch: its number, loss, metrics, those of validation.

    Parameters
    ----------
    path : path-like
        Where to; a file that is there is replaced when the first epoch is over, or cut to what was
        kept where a `Checkpoint` goes on from there.

    Raises
    ------
    OSError
        In `fit`, before training, if there is no such folder or the place is no file's.

    Examples
    --------
    >>> CSVLogger("log.csv")
    CSVLogger('log.csv')
    """

    WRITES = True
    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {"path": files.path_of}
    path: Path

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path  # type: ignore[assignment]  # which becomes a Path
        self._names: list[str] = []
        self._rows = 0  # in the file that belong to this fit

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Check that there is a place to write to."""
        files.check_place(self.path)
        self._names, self._rows = ["epoch", *names], 0

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        """Add a row, below names: also where the file was taken away or emptied meanwhile."""
        row = [epoch, *(repr(float(logs[name])) for name in self._names[1:])]
        with self._open("a" if self._rows else "w") as file:
            if file.tell() == 0:
                csv.writer(file).writerow(self._names)
                self._rows = 0
            csv.writer(file).writerow(row)
        self._rows += 1

    def state(self) -> dict[str, Any]:
        """Return how many rows there are."""
        return {"rows": self._rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Keep these rows; what came after them is done again."""
        rows: list[list[str]] = []
        if self.path.exists():
            with self._open("r") as file:
                rows = list(csv.reader(file))[: 1 + int(state["rows"])]
        if rows and rows[0] == self._names:
            with self._open("w") as file:
                csv.writer(file).writerows(rows)
            self._rows = len(rows) - 1

    def _open(self, mode: str) -> TextIO:
        return cast("TextIO", self.path.open(mode, newline="", encoding="utf-8"))

    def __repr__(self) -> str:
        return f"CSVLogger({str(self.path)!r})"


@readable
class TensorBoard(Callback):
    """Write the numbers of each epoch for TensorBoard, ``tensorboard --logdir folder``.

    Needs tensorboardX (``pip install tensorboardX``).

    Parameters
    ----------
    folder : path-like
        Where to; made if it is missing. TensorBoard shows a curve for each folder below --logdir.

    Raises
    ------
    ImportError, OSError
        In `fit`, before training, if tensorboardX is missing or the folder cannot be made.

    Examples
    --------
    >>> TensorBoard("runs/first")
    TensorBoard('runs/first')
    """

    WRITES = True
    SETTINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "folder": lambda value: files.path_of(value, "folder")
    }
    folder: Path

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = folder  # type: ignore[assignment]  # which becomes a Path
        self._writer: Any = None
        self._last = 0  # epoch that was written

    def on_fit_begin(self, model: Any, names: Mapping[str, bool]) -> None:
        """Check that tensorboardX is there, and that there is or can be such a folder."""
        _writer_class()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._close()
        self._last = 0

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        """Write the numbers."""
        if self._writer is None:
            later = {"purge_step": self._last + 1} if self._last else {}
            self._writer = _writer_class()(str(self.folder), **later)
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()
        self._last = epoch

    def on_fit_end(self, model: Any, history: History) -> None:
        """Close the file."""
        self._close()

    def state(self) -> dict[str, Any]:
        """Return the last epoch."""
        return {"epoch": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on in a file of its own; TensorBoard leaves out what is done again."""
        self._last = int(state["epoch"])

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.folder)!r})"


def _writer_class() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError("TensorBoard needs tensorboardX: pip install tensorboardX") from None
    return SummaryWriter
