"""Ctrl-C wherever a call can hear it, for tests: at every place, none left to chance."""

from __future__ import annotations

import inspect
import signal
import sys
from pathlib import Path

import fastmlp as fm

ROOT = str(Path(fm.__file__).parent)


def interrupts(make, every=1, within=""):
    """Interrupt a call at each place of the package, the first and the last time it comes there.

    Python hears signals when a function begins and when one of C returns: those are the places.

    Parameters
    ----------
    make : callable
        ``() -> (call, things)``: the call, which is the same each time, and what it works on.
    every : int
        Of so many places one is taken.
    within : str
        Only places in files whose path in the package begins so.

    Yields
    ------
    place, things
        Where it was interrupted, and what it worked on.
    """
    places = _run(make()[0])
    first = {place: i for i, place in reversed([*enumerate(places)])}
    last = {place: i for i, place in enumerate(places)}
    taken = (i for i in {*first.values(), *last.values()} if places[i][1].startswith(within))
    for i in sorted(taken)[::every]:
        call, things = make()
        _run(call, at=i)
        yield places[i], things


def _run(call, at=-1):
    """Return the places that a call comes to; None if it is interrupted at that of this number."""
    places = []

    def watch(frame, event, arg):
        code = frame.f_code
        if not code.co_filename.startswith(ROOT):
            return
        # A generator is called, too, when it is given up, where no signal is heard.
        begins = event == "call" and not code.co_flags & inspect.CO_GENERATOR
        if begins or event == "c_return":
            file = code.co_filename[len(ROOT) + 1 :]
            places.append((event, file, code.co_name, frame.f_lineno, getattr(arg, "__name__", "")))
            if len(places) == at + 1:
                signal.raise_signal(signal.SIGINT)

    sys.setprofile(watch)
    try:
        call()
    except KeyboardInterrupt:
        return None
    finally:
        sys.setprofile(None)
    return places
