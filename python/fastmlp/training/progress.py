"""The progress bar: tqdm over epochs, on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def wanted(verbose: bool | str) -> bool:
    """Whether to show a progress bar: for "auto", where it can be seen.

    Parameters
    ----------
    verbose : bool or "auto"
        "auto" is True when stderr is a terminal or in a notebook.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> wanted(True), wanted(False)
    (True, False)
    """
    if isinstance(verbose, bool):
        return verbose
    if isinstance(verbose, str) and verbose == "auto":
        return _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())
    raise TypeError(f'verbose must be True, False or "auto", got {verbose!r}')


def _in_notebook() -> bool:
    # IPython is looked up among the loaded modules: a program that has not loaded it is no
    # notebook.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


class Progress:
    """A bar over epochs with the latest loss and metrics behind it, or nothing at all.

    Parameters
    ----------
    epochs : int
        How many there will be.
    visible : bool
        False makes every method do nothing, and does not load tqdm.

    Examples
    --------
    >>> with Progress(10, visible=False) as progress:
    ...     progress.advance(1, {"loss": 0.5})
    """

    def __init__(self, epochs: int, visible: bool) -> None:
        self.visible = visible
        self._bar: Any = None
        if visible:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=epochs, unit="epoch", desc="fit", file=sys.stderr)

    def advance(self, epochs: int, logs: Mapping[str, float]) -> None:
        """Advance the bar by `epochs` and show the numbers in `logs`."""
        if self._bar is not None:
            shown = {name: f"{value:.4g}" for name, value in logs.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(epochs)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
