"""Multilayer perceptrons on a CPU: a C++ core, a familiar API, the mathematics in view.

>>> import fastmlp as fm
>>> model = fm.MLP([2, 8, 1], activation="tanh", output="logistic", seed=0)
>>> X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
>>> history = model.fit(X, t, optimizer=fm.Adam(0.05), epochs=500, batch_size=4, verbose=False)
>>> (model.predict(X) > 0.5).ravel().tolist()
[False, True, True, False]

Importing it loads NumPy and the extension; scikit-learn, matplotlib and tqdm load when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The kernels for this processor are chosen here, and a wrong FASTMLP_ISA is an error here.
from fastmlp import _core as _core

if TYPE_CHECKING:
    from fastmlp import (
        activations,
        datasets,
        graph,
        initializers,
        losses,
        metrics,
        optimizers,
        plot,
        schedules,
    )
    from fastmlp._fit import NonFiniteLossWarning
    from fastmlp._signal import NoSignalWarning
    from fastmlp.callbacks import Callback, EarlyStopping, ModelCheckpoint
    from fastmlp.config import get_num_threads, set_num_threads, show_versions
    from fastmlp.direct import least_squares
    from fastmlp.estimators import MLPClassifier, MLPRegressor, from_sklearn
    from fastmlp.gradient import check_gradients
    from fastmlp.history import History
    from fastmlp.io import load
    from fastmlp.layers import (
        Activation,
        Add,
        Concatenate,
        Dense,
        Dropout,
        Input,
        add,
        concat,
    )
    from fastmlp.model import Model
    from fastmlp.optimizers import SGD, Adam
    from fastmlp.schedules import (
        CosineDecay,
        ExponentialDecay,
        InverseScaling,
        StepDecay,
        Warmup,
    )
    from fastmlp.sequential import MLP, Sequential

    __version__: str

# Name -> its module, the same as above for when the program runs: everything is loaded when first
# used (PEP 562), so that an import costs what it is used for.
_LOCATION = {
    "Activation": "layers",
    "Adam": "optimizers",
    "Add": "layers",
    "Callback": "callbacks",
    "Concatenate": "layers",
    "CosineDecay": "schedules",
    "Dense": "layers",
    "Dropout": "layers",
    "EarlyStopping": "callbacks",
    "ExponentialDecay": "schedules",
    "History": "history",
    "Input": "layers",
    "InverseScaling": "schedules",
    "MLP": "sequential",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "Model": "model",
    "ModelCheckpoint": "callbacks",
    "NoSignalWarning": "_signal",
    "NonFiniteLossWarning": "_fit",
    "SGD": "optimizers",
    "Sequential": "sequential",
    "StepDecay": "schedules",
    "Warmup": "schedules",
    "add": "layers",
    "check_gradients": "gradient",
    "concat": "layers",
    "from_sklearn": "estimators",
    "get_num_threads": "config",
    "least_squares": "direct",
    "load": "io",
    "set_num_threads": "config",
    "show_versions": "config",
}

__all__ = [
    "MLP",
    "SGD",
    "Activation",
    "Adam",
    "Add",
    "Callback",
    "Concatenate",
    "CosineDecay",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "ExponentialDecay",
    "History",
    "Input",
    "InverseScaling",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "ModelCheckpoint",
    "NoSignalWarning",
    "NonFiniteLossWarning",
    "Sequential",
    "StepDecay",
    "Warmup",
    "__version__",
    "activations",
    "add",
    "check_gradients",
    "concat",
    "datasets",
    "from_sklearn",
    "get_num_threads",
    "graph",
    "initializers",
    "least_squares",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "plot",
    "schedules",
    "set_num_threads",
    "show_versions",
]


def __getattr__(name: str) -> Any:
    value: Any
    if name in _LOCATION:
        value = getattr(import_module(f"{__name__}.{_LOCATION[name]}"), name)
    elif name == "__version__":
        value = import_module(f"{__name__}.config").version()
    elif name in __all__:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
