"""Models from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _checks
from fastmlp.data.files import path_of
from fastmlp.models import container, files
from fastmlp.models.habits import OF_LOAD
from fastmlp.models.model import Model

if TYPE_CHECKING:
    from os import PathLike

    from fastmlp.models.container import Contents
    from fastmlp.models.states import ModelState


@_checks.taught(OF_LOAD)
def load(path: str | PathLike[str]) -> Any:
    """Read a model from a file written by `Model.save`, members or an estimator of tables.

    Parameters
    ----------
    path : path-like
        A safetensors file.

    Returns
    -------
    Model, Members, TabularClassifier or TabularRegressor
        What was saved. A model has the weights, `metadata` and seed of the one saved, and its next
        `fit` starts the optimizer anew; an estimator predicts as the one saved, and has no rows of
        its training data.

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
    return container.read(path_of(path), _built)


def _built(contents: Contents) -> Any:
    kind = contents.header.get("kind")
    if kind == "tabular":
        from fastmlp.estimators.tabular import files as tabular

        return tabular.estimator_of(contents)
    if kind == files.MEMBERS:
        from fastmlp.models.members import Members

        return Members([_model(state) for state in files.states_of(contents)])
    if kind is not None:
        raise ValueError(f"it holds {kind[:20]!r}, which this fastmlp does not know")
    return _model(files.state_of(contents))


def _model(state: ModelState) -> Model:
    model = object.__new__(Model)
    model._restore(state)
    return model
