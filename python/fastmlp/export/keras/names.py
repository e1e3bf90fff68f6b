"""What Keras calls things."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

try:
    import h5py as h5py
except ImportError as error:
    raise ImportError("files of Keras need h5py: pip install 'fastmlp[keras]'") from error

# Activations by our names.
ACTIVATIONS: Final = {
    "identity": "linear",
    "relu": "relu",
    "softplus": "softplus",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "exp": "exponential",
    "softmax": "softmax",
    "softsign": "softsign",
    "hard_tanh": "hard_tanh",
    "hard_sigmoid": "hard_sigmoid",
    "hard_silu": "hard_silu",
    "log_softmax": "log_softmax",
    "silu": "silu",
    "gelu": "gelu",
    "mish": "mish",
    "selu": "selu",
    "elu": "elu",
}
MODELS: Final = ("Sequential", "Functional", "Model")  # classes, not of the user's
CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"


class Groups:
    """The groups of layers in a file of weights: by class, numbered in their order.

    Examples
    --------
    >>> groups = Groups()
    >>> [groups.next(kind) for kind in ("Dense", "PReLU", "Dense")]
    ['dense', 'p_re_lu', 'dense_1']
    """

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    def next(self, kind: str) -> str:
        """Return the group of the next layer of a class."""
        name = re.sub(r"\W+", "", kind)
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        count = self._used[name]
        self._used[name] += 1
        return f"{name}_{count}" if count else name
