"""Ctrl-C that waits: until all are told of an epoch, until what belongs together is there."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


class DelayedInterrupt:
    """A context in which the first Ctrl-C waits until its end; a second one is heard at once.

    What stands in it is done wholly, then, or not at all, unless somebody insists. Signals come to
    the main thread only: in others it does nothing.

    Examples
    --------
    >>> told = []
    >>> try:
    ...     with DelayedInterrupt():
    ...         signal.raise_signal(signal.SIGINT)
    ...         told.append("all")
    ... except KeyboardInterrupt:
    ...     print(told)
    ['all']
    """

    __slots__ = ("_came", "_frame", "_handler")

    def __enter__(self) -> None:
        self._came = False
        self._frame: FrameType | None = None
        self._handler: Any = None
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._take)

    def __exit__(self, *error: object) -> None:
        # Somebody within may have set a handler to stay.
        if self._handler is not None and signal.getsignal(signal.SIGINT) == self._take:
            signal.signal(signal.SIGINT, self._handler)
        if self._came:
            self._handler(signal.SIGINT, self._frame)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            self._came = False  # where this one raises, the first is heard with it
            self._handler(number, frame)
        self._came, self._frame = True, frame
