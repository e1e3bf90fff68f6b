"""Models to and from other libraries: the doors, which load a library when they are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastmlp import _checks
from fastmlp.data.files import path_of
from fastmlp.models import habits
from fastmlp.models.base import Owner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from fastmlp.models.model import Model


@_checks.taught(habits.OF_TO_TORCH)
def to_torch(model: Any) -> Any:
    """Return a module of PyTorch that computes what a model computes, in `eval` and in `train`.

    Parameters
    ----------
    model : Model
        Of any layers and activations, your own functions and classes of layers included.

    Returns
    -------
    torch.nn.Module
        A `torch.nn.Sequential` where the layers stand in a row, else a module called with a tensor
        (rows, columns) for each input, which returns the output, or a list or dict of several. It
        has the model's type and copies of its weights, and is in `train` as modules are when they
        are made. Parts are called as the layers: ``dense_1``, and ``dense_1_activation``. Layers
        that are not trainable have parameters without `requires_grad`.

    Raises
    ------
    TypeError
        If it is no model.
    ValueError
        If it is not built yet, or a rate of dropout or std of noise follows the step of a training.
    ImportError
        If PyTorch is not installed.

    Notes
    -----
    What PyTorch has is a module of `torch.nn`; all else is a small module of fastmlp's, which must
    be installed where the module is unpickled. In training, dropout and noise draw from PyTorch's
    generator, and BatchNorm tells its statistics as PyTorch does. Penalties and bounds of norms are
    of the training, and not in the module.

    See Also
    --------
    from_torch

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([4, 8, 3], output="softmax", seed=0)
    >>> fm.to_torch(model)  # doctest: +SKIP
    Sequential(
      (dense_1): Linear(in_features=4, out_features=8, bias=True)
      (dense_1_activation): ReLU()
      (dense_2): Linear(in_features=8, out_features=3, bias=True)
      (dense_2_activation): Softmax(dim=1)
    )
    """
    if not isinstance(model, Owner):
        raise TypeError(f"model must be a Model, got {type(model).__name__}{_hint(model)}")
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch") from error
    from fastmlp.export.torch import writing

    return writing.to_torch(model)


@_checks.taught(habits.OF_FROM_TORCH)
def from_torch(module: Any, input_columns: int | Sequence[int] | None = None) -> Model:
    """Return the model that computes what a module of PyTorch computes.

    Parameters
    ----------
    module : torch.nn.Module
        A `torch.nn.Sequential`, nested or not, or a class of your own whose `forward` joins such
        modules; it is traced by `torch.fx`. It is not changed.
    input_columns : int or sequence of int, optional
        How many columns the input has, or each of several, where no layer that reads it tells.

    Returns
    -------
    Model
        In the module's type, float32 or float64, with copies of its weights; a `Sequential` where
        all stands in a row. Modules with a name are layers of that name, and modules whose
        parameters have no `requires_grad` are layers that are not trainable.

    Raises
    ------
    TypeError
        If it is no module.
    ValueError
        If something in it has no counterpart, which is named by its path; if it cannot be traced,
        since its `forward` asks for the values of tensors; if its parameters are of another type or
        more than one.

    Notes
    -----
    It takes Linear, BatchNorm1d, LayerNorm, RMSNorm, Embedding (of several columns made flat next,
    or of each column, ``x[:, i]``, where all that they look up is joined in order), Dropout,
    Identity, Flatten, activations and PReLU, as modules, functions and methods, sums, differences
    and products, also of a tensor and a number, bounds as of `clamp`, `clone`, and `cat`.
    What writes into a tensor (``inplace=True``, ``x += y``) is read as PyTorch runs it; a parameter
    that two modules share is refused. A BatchNorm1d without `requires_grad` becomes one that is
    frozen, which uses its running statistics in training, too.

    See Also
    --------
    to_torch

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> linear, last = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)  # doctest: +SKIP
    >>> fm.from_torch(torch.nn.Sequential(linear, torch.nn.ReLU(), last))  # doctest: +SKIP
    <Sequential 4 → 8 relu → 3; 67 parameters, float32>
    """
    if not any(cls.__module__.startswith("torch.nn.") for cls in type(module).__mro__):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    from fastmlp.export.torch import reading

    model: Model = reading.from_torch(module, input_columns)
    return model


@_checks.taught(habits.OF_FROM_KERAS)
def from_keras(source: Any) -> Model:
    """Return the model that computes what a model of Keras computes.

    Parameters
    ----------
    source : path-like or keras.Model
        A file ``.keras`` of Keras 3, or ``.h5`` with a whole model of Keras 3 or 2; Keras need not
        be installed, but h5py must: ``pip install 'fastmlp[keras]'``. Or a Sequential or Functional
        model in memory, which is not changed.

    Returns
    -------
    Model
        With copies of the weights, float32 or float64; a `Sequential` where all stands in a row.
        Layers have the names they had, and those that are not trainable are not.

    Raises
    ------
    ValueError
        If something in it has no counterpart, which is named by its layer; if a file is none of
        Keras's, claims other sizes than it has, or has arrays that do not fit. No code of a file is
        ever run, nothing outside of it is read.
    FileNotFoundError, OSError
        If there is no such file, or it cannot be read.
    TypeError
        If it is neither.
    ImportError
        If h5py is missing.

    Notes
    -----
    It takes InputLayer, Dense, Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax, Dropout,
    GaussianNoise, BatchNormalization, LayerNormalization, RMSNormalization, Embedding (of several
    columns made flat next), Add, Subtract, Multiply, Maximum, Minimum, Average, Concatenate,
    Flatten, Rescaling, Normalization, and models within models; activations also as layers or
    functions of `keras.ops`, and sums and products of a value and a number. Embeddings of several
    tables are those that `Model.export` writes. The hard_sigmoid of Keras 2 was another function
    than today's, and is refused. In training a BatchNormalization of Keras divides the variance
    that it keeps by n, ours as PyTorch by n − 1.

    Examples
    --------
    >>> import fastmlp as fm
    >>> fm.MLP([4, 8, 3], output="softmax", seed=0).export("m.keras")  # doctest: +SKIP
    >>> fm.from_keras("m.keras")  # doctest: +SKIP
    <Sequential 4 → 8 relu → 3 softmax; 67 parameters, float32>
    """
    is_path = isinstance(source, (str, os.PathLike))
    if not is_path and not (hasattr(source, "get_config") and hasattr(source, "layers")):
        raise TypeError(f"source must be a path or a model of Keras, got {type(source).__name__}")
    from fastmlp.export.keras import reading

    model: Model = (
        reading.from_file(path_of(source, "source")) if is_path else reading.from_live(source)
    )
    return model


def from_onnx(path: str | PathLike[str]) -> Model:
    """Read a multilayer perceptron from an ONNX file, as a model that can be trained on.

    Parameters
    ----------
    path : path-like
        What `Model.export` and the estimators' `export` write, or what torch.onnx.export and
        skl2onnx write for such networks: products with constant weights (Gemm, MatMul and Add),
        activations, also those written with several operators, BatchNormalization,
        LayerNormalization, PRelu, Dropout, sums, products and concatenations of values, factors
        and offsets of columns.

    Returns
    -------
    Model
        With the file's weights and names of inputs, in float64 if any of its numbers are. Several
        outputs are a dict by their names. Labels are left out: what remains of a classifier are
        the numbers that its labels come from, a column for each class.

        What fastmlp has written has the same layers again. Of other files the same function is
        computed, by layers that may be others: a step of BatchNormalization written as arithmetic,
        for instance, is a factor and an offset for each column.

    Raises
    ------
    FileNotFoundError, OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no ONNX file, contradicts itself, has numbers that are not finite or in other
        files, or operators that no layer computes; the message names what. No code of a file is
        ever run, and no other file is opened.
    ImportError
        If the package onnx is missing.

    Examples
    --------
    >>> import fastmlp as fm
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.onnx"
    >>> fm.MLP([4, 8, 3], output="softmax", seed=0).export(path)
    >>> fm.from_onnx(path)
    <Model 4 → 8 relu → 3 softmax; 67 parameters, float32>
    """
    from fastmlp.export.onnx import reading

    return reading.from_onnx(path)


def _hint(model: Any) -> str:
    found = getattr(type(model), "model_", None)
    return ": give its model_" if found is not None else ""
