"""The contenders, one to a file.

A file of this package says, of one library:

- ``TITLE``, ``PACKAGES``: its name in tables, and the packages whose versions are recorded;
- ``TRAINING``: for each way to train with it a class made from a `Problem`, with ``stage(epochs)``
  (everything that may be done ahead: the order of the rows made ready, code compiled), ``run()``
  (train these epochs, going on from the present weights; this is timed) and ``weights()``
  (W₁, b₁, W₂, … as the problem has them);
- ``PREDICTION``: for each way to predict with it a function of a `Problem` and the inputs X that
  returns a statement and its names, to be timed like those of `timeit`;
- ``PRODUCT``, ``TANH``, ``STREAM``, where it has them: for each way to compute such a part (see
  bench/parts.py) a function of its arrays that returns a function of a count, which computes it so
  often.

The best of a library's ways counts, those in ``ASIDE`` excepted, which are shown but not counted.
"""

from __future__ import annotations

from importlib import import_module, util
from types import ModuleType

CONTENDERS = ("fastmlp", "jax", "pytorch", "onnxruntime", "sklearn", "numpy")


def peer(name: str) -> ModuleType:
    """Return the module of a contender."""
    if name not in CONTENDERS:
        raise ValueError(f"contender {name!r} is unknown; expected one of {', '.join(CONTENDERS)}")
    return import_module(f"bench.peers.{name}")


def missing(name: str) -> str | None:
    """Return the package that a contender lacks, or None."""
    packages = peer(name).PACKAGES
    return next((package for package in packages if util.find_spec(package) is None), None)
