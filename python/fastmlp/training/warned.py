"""The warnings of a training, which name the user's line however deep in fastmlp they are given."""

from __future__ import annotations

import sys
import warnings

# Packages whose frames are passed over: estimators are called through scikit-learn, too.
_PASSED_OVER = frozenset({"fastmlp", "sklearn", "contextlib"})
# What helps against a loss that is no number.
REMEDY = "a smaller learning rate or scaled inputs may help"


class NonFiniteLossWarning(UserWarning):
    """The loss became NaN or infinite; training stopped with the last finite weights kept.

    Examples
    --------
    >>> import warnings
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 1], seed=0)
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     history = model.fit([[1e3]], [0.0], optimizer=fm.SGD(1e9), epochs=20)
    >>> said[0].category.__name__, bool(abs(model.get_weights()[0]) < float("inf"))
    ('NonFiniteLossWarning', True)
    """


def warn(text: str, category: type[Warning]) -> None:
    """Warn at the line that called fastmlp.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     warn("this is no number", UserWarning)
    >>> str(said[0].message)
    'this is no number'
    """
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _is_passed_over(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def warn_non_finite(ended: str) -> None:
    """Warn of a training that ended, as `History.stopped` says, because its loss is no number."""
    text = f"{ended}; training stopped with the last finite weights kept: {REMEDY}"
    warn(text, NonFiniteLossWarning)


def _is_passed_over(module: str) -> bool:
    return module.partition(".")[0] in _PASSED_OVER
