"""Optimizers: frozen dataclasses whose docstring is their formula.

An optimizer says by which rule of the core the flat parameter vector is updated and which numbers
each step needs; it holds no state. The state (`state_vectors` flat vectors of the parameters'
layout) belongs to the model.

Notation: w the parameters, w̄ the gradient of the objective J, t = 1, 2, … the number of the step,
α its learning rate. `weight_decay` shrinks all parameters, the biases too, except in `AdamW`, where
it is for weights and embeddings; the penalty on the weights alone is `fit(..., l2=)`, part of J.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _checks, _lazy
from fastmlp.optimizers.adagrad import Adagrad
from fastmlp.optimizers.adam import Adam
from fastmlp.optimizers.adamax import Adamax
from fastmlp.optimizers.adamw import AdamW
from fastmlp.optimizers.base import Update
from fastmlp.optimizers.lbfgs import LBFGS
from fastmlp.optimizers.lion import Lion
from fastmlp.optimizers.muon import Muon
from fastmlp.optimizers.nadam import Nadam
from fastmlp.optimizers.rmsprop import RMSprop
from fastmlp.optimizers.sgd import SGD

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
    "Update",
    "get",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

# The rules of steps, each with defaults for all of its settings.
OPTIMIZERS: dict[str, Callable[[], Update]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamax": Adamax,
    "adamw": AdamW,
    "lion": Lion,
    "muon": Muon,
    "nadam": Nadam,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
# What their arguments are called elsewhere.
_ARGUMENTS = {
    "lr": "write learning_rate=",
    "betas": "write beta1= and beta2=",
    "beta_1": "write beta1=",
    "beta_2": "write beta2=",
    "eps": "write epsilon=",
    "clipnorm": "write clip_norm=",
    "global_clipnorm": "write clip_norm=",
    "clipvalue": "write clip_value=",
    "use_ema": "write ema=0.99",
    "ema_momentum": "write ema=",
    "decay": "give a schedule as learning_rate=",
    "params": "leave it out: fit and trainer know whose they are",
    "dampening": "leave it out: momentum is not dampened",
    "name": "leave it out",
    "jit_compile": "leave it out",
    "max_iter": "write epochs= of fit",
    "max_fun": "write epochs= of fit",
    "history": "write history_size=",
    "tolerance_grad": "write gradient_tolerance=",
    "tolerance_change": "write loss_tolerance=",
}
_ATTRIBUTES = {
    "zero_grad": "leave it out: a step begins with a gradient of zero",
    "step": "write trainer = model.trainer(optimizer=...) once, then trainer.step(X, t)",
    "minimize": "write model.trainer(optimizer=...).step(X, t), or fit",
    "apply_gradients": "write model.trainer(optimizer=...).step(X, t), or fit",
    "state_dict": "what it remembers is the state of a trainer; see Checkpoint for fit",
    "load_state_dict": "what it remembers is the state of a trainer; see Checkpoint for fit",
    "param_groups": "write groups=",
    "lr": "write learning_rate",
}
# What to say when a rate is assigned between two fits, or while one is under way.
_ASSIGNED = {
    "learning_rate": "a fit with it keeps the moments; within a fit the rate follows a schedule",
}
for _class in (*OPTIMIZERS.values(), LBFGS):
    _class.__init__ = _checks.taught(_ARGUMENTS)(_class.__init__)  # type: ignore[misc]
    _checks.has_not(_ATTRIBUTES)(_class)  # type: ignore[arg-type]
    _checks.frozen(_ARGUMENTS | _ATTRIBUTES | _ASSIGNED)(_class)  # type: ignore[arg-type]


def get(spec: Any, name: str = "optimizer") -> Update:
    """Return the optimizer of a name (see `OPTIMIZERS`, with its defaults) or the optimizer itself.

    Parameters
    ----------
    spec
        The name or the optimizer.
    name
        What errors call it.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones. For `LBFGS`, which takes no steps.
    TypeError
        For anything that is neither a name nor an optimizer.

    Examples
    --------
    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    if isinstance(spec, Update):
        return spec
    if minimiser(spec) is not None:
        raise ValueError(
            "LBFGS does not train step by step: give it to fit; or give the objective of a trainer "
            "of any other optimizer to scipy.optimize.minimize"
        )
    if isinstance(spec, str):
        return OPTIMIZERS[_checks.choice(spec, name, [*OPTIMIZERS, "lbfgs"])]()
    if isinstance(spec, type) and issubclass(spec, Update | LBFGS):
        raise TypeError(f"{name} must be an object, got the class: write {spec.__name__}()")
    if (ours := OPTIMIZERS.get(_lazy.theirs(spec).lower())) is not None:
        raise TypeError(
            f"{name}: another library's knows nothing of this model; write fastmlp."
            f"{ours.__name__}(learning_rate)"
        )
    raise TypeError(
        f"{name} must be a name in {[*OPTIMIZERS, 'lbfgs']} or an optimizer such as Adam(1e-3), "
        f"got {spec!r} ({type(spec).__name__})"
    )


def minimiser(spec: Any) -> LBFGS | None:
    """Return the `LBFGS` that is meant by itself or by "lbfgs", None for everything else.

    Examples
    --------
    >>> minimiser("lbfgs") == LBFGS(), minimiser("adam")
    (True, None)
    """
    if isinstance(spec, str) and spec == "lbfgs":
        return LBFGS()
    return spec if isinstance(spec, LBFGS) else None
