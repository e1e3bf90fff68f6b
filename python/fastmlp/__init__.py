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
from typing import Any

# Public name -> the module that has it; a name of None is the module itself. Everything comes from
# here on first use (PEP 562), so that the cost of an import is paid by who needs it.
_LOCATION = {
    "Model": "model",
    **dict.fromkeys(("MLP", "Sequential"), "sequential"),
    **dict.fromkeys(
        ("Activation", "Add", "Concatenate", "Dense", "Dropout", "Input", "add", "concat"), "layers"
    ),
    **dict.fromkeys(("SGD", "Adam"), "optimizers"),
    **dict.fromkeys(
        ("CosineDecay", "ExponentialDecay", "InverseScaling", "StepDecay", "Warmup"), "schedules"
    ),
    **dict.fromkeys(("Callback", "EarlyStopping", "ModelCheckpoint"), "callbacks"),
    "History": "history",
    "NonFiniteLossWarning": "_fit",
    "load": "io",
    "check_gradients": "gradient",
    **dict.fromkeys(("get_num_threads", "set_num_threads", "show_versions"), "config"),
}
_MODULES = ("activations", "datasets", "graph", "initializers", "losses", "metrics", "plot")

__all__ = sorted([*_LOCATION, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _LOCATION:
        value = getattr(import_module(f"{__name__}.{_LOCATION[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
