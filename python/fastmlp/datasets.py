"""Real data to learn on: five small sets that come with scikit-learn, and MNIST.

The small sets are split once and for all: a fifth of the rows, drawn with seed 0 and with the
same share of every class, is the test set. MNIST keeps its own 60,000 + 10,000.
"""

from __future__ import annotations

import http.client
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import BadZipFile

import numpy as np

from fastmlp import _checks, _lazy

__all__ = ["NAMES", "SPLIT_SEED", "TEST_FRACTION", "Dataset", "load"]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

TEST_FRACTION = 0.2
SPLIT_SEED = 0

Task = Literal["classification", "regression"]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training set and a test set, with the names of what is in them.

    Attributes
    ----------
    name : str
        What `load` was asked for.
    X_train, X_test : ndarray of float32, shape (rows, features)
        C-contiguous, so that `fit` and `predict` read them in place.
    t_train, t_test : ndarray, shape (rows,)
        Classification: int64 class numbers 0 … C-1. Regression: float32, in the target's own units.
    task : {"classification", "regression"}
    feature_names : tuple of str
        One name for each column of X.
    target_names : tuple of str
        The names of the classes; for regression the one name of the target.
    image_shape : tuple of int or None
        (height, width) when a row is an image, row by row; else None.
    description : str
        One line about what the rows are and the units they are in.

    Examples
    --------
    >>> import fastmlp as fm
    >>> data = fm.datasets.load("iris")
    >>> data.X_train.shape, data.target_names
    ((120, 4), ('setosa', 'versicolor', 'virginica'))
    """

    name: str
    X_train: Array
    t_train: Array
    X_test: Array
    t_test: Array
    task: Task
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    image_shape: tuple[int, int] | None
    description: str

    def __repr__(self) -> str:
        """Say the name, the sizes and the task in one line."""
        kind = (
            f"{len(self.target_names)} classes"
            if self.task == "classification"
            else f"regression on {self.target_names[0]!r}"
        )
        return (
            f"Dataset({self.name!r}: {len(self.X_train)} training rows, {len(self.X_test)} test "
            f"rows, {self.X_train.shape[1]} features, {kind})"
        )


def load(name: str) -> Dataset:
    """Load a dataset by name.

    Parameters
    ----------
    name : {"digits", "iris", "wine", "breast_cancer", "diabetes", "mnist"}
        ``digits`` (8×8 images) and ``mnist`` (28×28 images) have pixels between 0 and 1, 1 being
        full ink. The others are in the units they were measured in and want standardizing.
        ``mnist`` is read from ``$FASTMLP_DATA/mnist.npz``, ``~/.keras/datasets/mnist.npz`` or
        ``~/.cache/fastmlp/mnist.npz``, the first that exists; otherwise it is fetched once from
        openml.org and kept in ``$FASTMLP_DATA`` if that is set, else in ``~/.cache/fastmlp``.

    Returns
    -------
    Dataset
        The same rows in the same order at every call.

    Raises
    ------
    TypeError
        `name` is not a str.
    ValueError
        `name` is unknown, or a file ``mnist.npz`` is there but does not hold MNIST.
    FileNotFoundError
        MNIST is not on this machine and cannot be downloaded.

    Examples
    --------
    >>> import fastmlp as fm
    >>> fm.datasets.load("digits")
    Dataset('digits': 1437 training rows, 360 test rows, 64 features, 10 classes)
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, got {type(name).__name__}")
    if name not in _LOADERS:
        known = ", ".join(NAMES)
        raise ValueError(f"name must be one of {known}, got {name!r}{_checks.hint(name, NAMES)}")
    return _LOADERS[name]()


def _split(
    name: str,
    X: Array,
    t: Array,
    *,
    task: Task,
    feature_names: tuple[str, ...],
    target_names: tuple[str, ...],
    description: str,
    image_shape: tuple[int, int] | None = None,
) -> Dataset:
    """Cut off the test set: TEST_FRACTION of the rows, by class where there are classes."""
    from sklearn.model_selection import train_test_split

    classes = task == "classification"
    X_train, X_test, t_train, t_test = train_test_split(
        np.ascontiguousarray(X, dtype=np.float32),
        t.astype(np.int64 if classes else np.float32),
        test_size=TEST_FRACTION,
        random_state=SPLIT_SEED,
        stratify=t if classes else None,
    )
    return Dataset(
        name, X_train, t_train, X_test, t_test,
        task, feature_names, target_names, image_shape, description,
    )  # fmt: skip


def _pixel_names(height: int, width: int) -> tuple[str, ...]:
    return tuple(f"pixel_{row}_{column}" for row in range(height) for column in range(width))


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _split(
        "digits", bunch.data / 16.0, bunch.target,
        task="classification",
        feature_names=_pixel_names(8, 8),
        target_names=tuple(str(digit) for digit in bunch.target_names),
        image_shape=(8, 8),
        description="handwritten digits, 8×8 pixels between 0 (paper) and 1 (ink)",
    )  # fmt: skip


def _measurements(name: str, description: str) -> Dataset:
    """Load one of scikit-learn's tables of named measurements with classes."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    return _split(
        name, bunch.data, bunch.target,
        task="classification",
        feature_names=tuple(str(feature) for feature in bunch.feature_names),
        target_names=tuple(str(target) for target in bunch.target_names),
        description=description,
    )  # fmt: skip


def _diabetes() -> Dataset:
    from sklearn.datasets import load_diabetes

    # scaled=True divides by norms over all rows, test rows included: nothing to learn from.
    bunch = load_diabetes(scaled=False)
    return _split(
        "diabetes", bunch.data, bunch.target,
        task="regression",
        feature_names=tuple(str(feature) for feature in bunch.feature_names),
        target_names=("disease progression",),
        description="ten measurements of patients; the target is a score a year later, 25 to 346",
    )  # fmt: skip


# --- MNIST -----------------------------------------------------------------------------------

_MNIST_ARRAYS = {
    "x_train": (28, 28),
    "y_train": (),
    "x_test": (28, 28),
    "y_test": (),
}


def _mnist() -> Dataset:
    path = next((path for path in _mnist_places() if path.is_file()), None)
    if path is None:
        path = _fetch_mnist(_mnist_places()[-1] if _data_folder() is None else _mnist_places()[0])
    arrays = _read_mnist(path)
    x_train, x_test = (
        np.multiply(arrays[key].reshape(-1, 784), np.float32(1 / 255), dtype=np.float32)
        for key in ("x_train", "x_test")
    )
    return Dataset(
        "mnist",
        x_train,
        arrays["y_train"].astype(np.int64),
        x_test,
        arrays["y_test"].astype(np.int64),
        "classification",
        _pixel_names(28, 28),
        tuple("0123456789"),
        (28, 28),
        "handwritten digits, 28×28 pixels between 0 (paper) and 1 (ink)",
    )


def _data_folder() -> Path | None:
    given = os.environ.get("FASTMLP_DATA")
    return Path(given).expanduser() if given else None


def _mnist_places() -> list[Path]:
    """List where mnist.npz may be, in the order of looking; the last is our own cache."""
    folder = _data_folder()
    folders = [] if folder is None else [folder]
    folders += [Path.home() / ".keras" / "datasets", Path.home() / ".cache" / "fastmlp"]
    return [folder / "mnist.npz" for folder in folders]


def _read_mnist(path: Path) -> dict[str, Array]:
    """Read the four arrays of Keras' layout; anything else in the file's place is an error."""
    try:
        # np.load does not close a file that it finds to be broken
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in _MNIST_ARRAYS}
    except (ValueError, KeyError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        # np.load returns a bare array for a .npy file, which is no context manager.
        raise ValueError(
            f"{path} is not MNIST: expected an npz file with the arrays "
            f"{', '.join(_MNIST_ARRAYS)} ({error}); remove it or put the right file there"
        ) from None
    for key, shape in _MNIST_ARRAYS.items():
        array = arrays[key]
        if array.dtype.kind not in "ui" or array.shape[1:] != shape or not array.size:
            raise ValueError(
                f"{path} is not MNIST: {key} must be integers of shape {('rows', *shape)}, "
                f"got {array.dtype} of shape {array.shape}"
            )
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(images) != len(labels) or labels.min() < 0 or labels.max() > 9:
            raise ValueError(
                f"{path} is not MNIST: {len(images)} images in x_{part} need as many labels "
                f"0 … 9 in y_{part}, got {len(labels)} from {labels.min()} to {labels.max()}"
            )
    return arrays


def _fetch_mnist(path: Path) -> Path:
    """Download MNIST from openml.org and keep it at `path` in Keras' layout."""
    import importlib.util

    from sklearn.datasets import fetch_openml

    # scikit-learn's fast parser needs pandas, which fastmlp does not require.
    parser = "auto" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        # cache=False: what is kept is the npz below, a tenth of the time to read.
        bunch = fetch_openml(
            "mnist_784", version=1, as_frame=False, parser=parser, cache=False, n_retries=1
        )
    except (OSError, ValueError, http.client.HTTPException) as error:
        places = "".join(f"\n  {place}" for place in _mnist_places())
        raise FileNotFoundError(
            f"MNIST is not on this machine and could not be downloaded from openml.org "
            f"({type(error).__name__}: {error}). Put a file mnist.npz with the arrays "
            f"{', '.join(_MNIST_ARRAYS)} at one of:{places}\n"
            "or set FASTMLP_DATA to the folder that holds it."
        ) from error
    images = np.asarray(bunch.data).astype(np.uint8).reshape(-1, 28, 28)
    labels = np.asarray(bunch.target).astype(np.uint8)
    training_rows = len(images) * 6 // 7  # the first 60,000 of 70,000, as openml.org keeps them
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and then renamed: an interrupt leaves no half-written file.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        try:
            np.savez_compressed(
                file,
                x_train=images[:training_rows],
                y_train=labels[:training_rows],
                x_test=images[training_rows:],
                y_test=labels[training_rows:],
            )
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)
    return path


_LOADERS: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    "iris": lambda: _measurements("iris", "three kinds of iris, measured in cm"),
    "wine": lambda: _measurements("wine", "chemical analyses of wines of three cultivars"),
    "breast_cancer": lambda: _measurements(
        "breast_cancer", "cell nuclei in images of breast masses, malignant or benign"
    ),
    "diabetes": _diabetes,
    "mnist": _mnist,
}

NAMES = tuple(_LOADERS)
