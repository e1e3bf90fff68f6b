"""Public names whose module is loaded when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

# What to say of names that people bring from elsewhere.
ELSEWHERE: dict[str, str] = {
    "nn": "its layers are here: write fastmlp.Dense and its like",
    "optim": "write fastmlp.Adam and its like",
    "Linear": "write Dense(units)",
    "ReLU": "write Activation('relu'), or Dense(units, 'relu')",
    "Tanh": "write Activation('tanh'), or Dense(units, 'tanh')",
    "Sigmoid": "write Activation('logistic'), or Dense(units, 'logistic')",
    "GELU": "write Activation('gelu'), or Dense(units, 'gelu')",
    "SiLU": "write Activation('silu'), or Dense(units, 'silu')",
    "Softmax": "write Dense(units, 'softmax') as the last layer",
    "BatchNormalization": "write BatchNorm()",
    "BatchNorm1d": "write BatchNorm()",
    "LayerNormalization": "write LayerNorm()",
    "Flatten": "leave it out: data are matrices, X.reshape(len(X), -1)",
    "CrossEntropyLoss": "write loss='cross_entropy'",
    "BCELoss": "write loss='bce' and output='logistic'",
    "BCEWithLogitsLoss": "write loss='bce' and output='logistic'",
    "MSELoss": "write loss='mse'",
    "DataLoader": "fit takes arrays and batch_size=, or PyTorch's DataLoader",
    "train_test_split": "write validation_split= of fit, or take scikit-learn's",
    "Tensor": "leave it out: data are NumPy arrays",
    "tensor": "leave it out: data are NumPy arrays",
    "from_numpy": "leave it out: data are NumPy arrays",
    "no_grad": "leave it out: predict computes no gradient",
    "manual_seed": "give each model its seed=",
    "load_model": "write load(path)",
    "models": "models are here: write fastmlp.Sequential and its like",
    "Functional": "write Model(inputs, outputs)",
    **dict.fromkeys(
        ("XGBClassifier", "LGBMClassifier", "CatBoostClassifier"), "write TabularClassifier()"
    ),
    **dict.fromkeys(
        ("XGBRegressor", "LGBMRegressor", "CatBoostRegressor"), "write TabularRegressor()"
    ),
    **dict.fromkeys(("DMatrix", "Pool"), "leave it out: tables are taken as they are"),
    "L1Loss": "write loss='mae'",
    "NLLLoss": "write loss='cross_entropy' and output='softmax'",
    "SmoothL1Loss": "write loss='huber'",
    "AUC": "write metrics=['auc']",
    "Identity": "write Activation('identity')",
    "LeakyReLU": "write Activation('leaky_relu')",
    "ELU": "write Activation('elu')",
    "cuda": "leave it out: fastmlp computes on the CPU",
    "device": "leave it out: fastmlp computes on the CPU",
    "save": "write model.save(path)",
    "keras": "its layers are here: write fastmlp.Dense and its like",
    "set_seed": "give each model its seed=",
    "random": "give each model its seed=",
    "clear_session": "leave it out: there is no session",
    "backend": "leave it out: there is no session, and fastmlp.graph has operations",
    "regularizers": "write Dense(units, l2=...) or l1=",
    "utils": "leave it out: class numbers are targets as they are; np.eye(n)[labels] is one-hot",
    "init": "write Dense(units, weights_initializer='he_normal') and its like",
    "lr_scheduler": "its like is in fastmlp.schedules: write Adam(fastmlp.CosineDecay(...))",
    "mnist": "write fastmlp.datasets.load('mnist')",
    "load_state_dict": "write model.set_weights(weights)",
    "clip_grad_norm_": "write Adam(clip_norm=...)",
    "TensorDataset": "fit takes arrays and batch_size=, or PyTorch's DataLoader",
    "Normalization": "scale the data before, or write BatchNorm()",
    "concatenate": "write concat(symbols)",
    **dict.fromkeys(
        ("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "cross_entropy"),
        "write loss='cross_entropy', or fastmlp.losses.CrossEntropy() with settings",
    ),
    **dict.fromkeys(
        ("BinaryCrossentropy", "binary_cross_entropy"),
        "write loss='binary_cross_entropy', or fastmlp.losses.BinaryCrossEntropy() with settings",
    ),
    **dict.fromkeys(("mse_loss", "mse", "mean_squared_error"), "write loss='mse'"),
    **dict.fromkeys(("l1_loss", "mae", "MeanAbsoluteError"), "write loss='mae'"),
    **dict.fromkeys(
        ("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"),
        "write metrics=['accuracy']",
    ),
    **dict.fromkeys(("Precision", "Recall"), "write metrics=['precision', 'recall']"),
    **dict.fromkeys(
        ("LearningRateScheduler", "ExponentialLR"),
        "write the schedule in the place of the rate: Adam(fastmlp.ExponentialDecay(...))",
    ),
    **dict.fromkeys(("StepLR", "MultiStepLR"), "write StepDecay(initial, factor, every)"),
    "CosineAnnealingLR": "write CosineDecay(initial, steps)",
    "CosineAnnealingWarmRestarts": "write CosineRestarts(initial, period)",
    "OneCycleLR": "write OneCycle(peak, steps)",
    "LinearLR": "write Warmup(steps, after)",
    "TerminateOnNaN": "leave it out: fit ends where the loss is no number",
    "LambdaCallback": "write a function (model, epoch, logs) in callbacks=",
    "BackupAndRestore": "write Checkpoint(folder)",
    "ProgbarLogger": "write verbose=1",
    **dict.fromkeys(
        ("GlorotUniform", "XavierUniform", "xavier_uniform_", "xavier_uniform"),
        "write fastmlp.initializers.Glorot('uniform')",
    ),
    **dict.fromkeys(
        ("GlorotNormal", "XavierNormal", "xavier_normal_", "xavier_normal"),
        "write fastmlp.initializers.Glorot('normal')",
    ),
    **dict.fromkeys(
        ("HeUniform", "KaimingUniform", "kaiming_uniform_", "kaiming_uniform"),
        "write fastmlp.initializers.He('uniform')",
    ),
    **dict.fromkeys(
        ("HeNormal", "KaimingNormal", "kaiming_normal_", "kaiming_normal"),
        "write fastmlp.initializers.He('normal')",
    ),
    "RandomNormal": "write fastmlp.initializers.Normal(std)",
    "RandomUniform": "write fastmlp.initializers.Uniform(limit)",
    "Ones": "write fastmlp.initializers.Constant(1.0)",
    **{
        name: f"write '{name}' where an activation is asked for, or fastmlp.graph.{name} of nodes"
        for name in ("relu", "tanh", "softmax", "gelu", "silu", "elu", "selu", "softplus", "mish")
    },
    **dict.fromkeys(
        ("sigmoid", "swish"), "write its name where an activation is asked for, as 'sigmoid'"
    ),
    **dict.fromkeys(
        ("Sequential", "Model", "Input", "Dense"), "it is in fastmlp itself: write fastmlp."
    ),
    "InputLayer": "write Input(columns)",
    **dict.fromkeys(
        ("Conv1d", "Conv1D", "Conv2d", "Conv2D", "LSTM", "GRU", "RNN", "MaxPool2d", "MaxPooling2D"),
        "there are networks of dense layers alone here",
    ),
    **dict.fromkeys(
        ("MultiheadAttention", "MultiHeadAttention", "Transformer", "TransformerEncoder"),
        "there are networks of dense layers alone here",
    ),
}


def attach(
    package: str, table: Mapping[str, str], instead: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], dict[str, str]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, and where each of its names is.

    Parameters
    ----------
    package
        Its ``__name__``.
    table
        Module, as a path below `package`, to the names it gives, separated by blanks. A name that
        is the module's own means the module.
    instead
        What to say of names that people bring from elsewhere.
    """
    home = {name: module for module, names in table.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home:
            raise _missing(package, name, list(home), instead or {})
        module = import_module(f"{package}.{home[name]}")
        value = module if home[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names, home


def elsewhere(module: str, names: Sequence[str]) -> Callable[[str], Any]:
    """Return ``__getattr__`` of a module of these names, which says what to write for others."""

    def get(name: str) -> Any:
        raise _missing(module, name, names, ELSEWHERE)

    return get


def _missing(
    module: str, name: str, names: Sequence[str], instead: Mapping[str, str]
) -> AttributeError:
    """Return the error for a name that a module has not, with what to write instead."""
    advice = instead.get(name, "")
    if advice.endswith("."):  # of what is there under the same name
        advice += name
    if not advice and not name.startswith("_"):
        from fastmlp._checks import hint

        advice = hint(name, names).removeprefix("; ")
    return AttributeError(
        f"module {module!r} has no attribute {name!r}{'; ' if advice else ''}{advice}"
    )


# Packages whose objects people give where one of ours is asked for.
_LIBRARIES = frozenset(
    {"flax", "jax", "keras", "numpy", "optax", "sklearn", "tensorflow", "tf_keras", "torch"}
)


def theirs(value: Any) -> str:
    """Return what another library calls a class, a function or an object of a class of its own.

    Nothing for whatever else, as functions of the user's.

    Examples
    --------
    >>> import numpy as np
    >>> theirs(np.tanh), theirs(np.ndarray), theirs(len)
    ('tanh', 'ndarray', '')
    """
    named = value if hasattr(value, "__name__") else type(value)
    module = getattr(named, "__module__", None)
    known = isinstance(module, str) and module.partition(".")[0] in _LIBRARIES
    return str(named.__name__) if known else ""


def load(module: str) -> Any:
    """Return the module of this whole name, which a table has, loading it if it is not."""
    return import_module(module)


class _Awaited:
    """Stands first among the finders of modules until the one it waits for is imported."""

    def __init__(self, module: str, then: Callable[[], None]) -> None:
        self.module = module
        self.then = then
        self.found = False

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.module or self.found:
            return None
        from importlib.util import find_spec

        # The other finders know where it is. This one stays where it is: if it left the list, an
        # import of another thread, on its way along it, would miss one of them.
        self.found = True
        spec = find_spec(name)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            run = loader.exec_module

            def run_then(module: Any) -> None:
                run(module)
                self.then()

            loader.exec_module = run_then
        return spec


def after_import(module: str, then: Callable[[], None]) -> None:
    """Call a function as soon as a module is imported: now, if it is; it is not imported here."""
    if sys.modules.get(module) is not None:  # None keeps it from being imported
        then()
    else:
        sys.meta_path.insert(0, _Awaited(module, then))
