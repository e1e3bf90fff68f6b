"""A network with its weights: training it, asking it, saving it."""

from typing import TYPE_CHECKING

from fastmlp import _lazy

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, ())
