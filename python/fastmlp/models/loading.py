"""Models from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.models import files
from fastmlp.models.model import Model

if TYPE_CHECKING:
    from os import PathLike


def load(path: str | PathLike[str]) -> Model:
    """Read a model from a file written by `Model.save`.

    Parameters
    ----------
    path : path-like
        A safetensors file.

    Returns
    -------
    Model
        With the weights, `metadata` and seed of the one saved; its next `fit` starts the optimizer
        anew.

    Raises
    ------
    FileNotFoundError, OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is not a whole file of fastmlp's, or contradicts itself; the message says where. No
        code of a file is ever run.

    Examples
    --------
    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.safetensors'
    """
    model = object.__new__(Model)
    model._restore(files.read(Path(path)))
    return model
