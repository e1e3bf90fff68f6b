"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp import _checks, _lazy, schedules
from fastmlp import graph as g
from fastmlp._checks import choice
from fastmlp.losses.base import LOSSES, Configured, Loss
from fastmlp.losses.classes import CLASSES, BinaryCrossEntropy
from fastmlp.losses.distributions import DISTRIBUTIONS
from fastmlp.losses.focal import FOCAL
from fastmlp.losses.numbers import NUMBERS

LOSSES.update({loss.name: loss for loss in (*NUMBERS, *CLASSES, *FOCAL, *DISTRIBUTIONS)})
OWN: dict[str, Any] = {loss.name: type(loss) for loss in LOSSES.values()}

# What their arguments are called elsewhere.
_ARGUMENTS = {
    "reduction": "leave it out: a loss is the mean over the rows, with their sample_weight",
    "size_average": "leave it out: a loss is the mean over the rows",
    "from_logits": "leave it out: the output has its activation, as in output='softmax'",
    "weight": "write class_weight=",
    "pos_weight": "write class_weight={1: ...}",
    "smoothing": "write label_smoothing=",
    "ignore_index": "give those rows a sample_weight of 0",
    "beta": "write delta=",
    "q": "write quantiles=",
    "quantile": "write quantiles=",
    "tau": "write quantiles=",
    "log_input": "write log_rate=",
    "eps": "leave it out, or write floor= of a variance",
}
for _class in OWN.values():
    _class.__init__ = _checks.taught(_ARGUMENTS)(_class.__init__)
    _checks.frozen(_ARGUMENTS)(_class)

# What Keras, PyTorch and scikit-learn call them: small letters, without underscores.
ALIASES: dict[str, Loss] = {
    alias: loss
    for loss, aliases in (
        (LOSSES["mean_squared_error"], "mse mseloss meansquarederror"),
        (LOSSES["absolute_error"], "mae l1 l1loss meanabsoluteerror"),
        (LOSSES["huber"], "huberloss smoothl1 smoothl1loss"),
        (LOSSES["log_cosh"], "logcosh"),
        (LOSSES["quantile"], "pinball pinballloss quantileloss"),
        (LOSSES["cosine_similarity"], "cosinesimilarity"),
        (LOSSES["cross_entropy"], "categoricalcrossentropy sparsecategoricalcrossentropy"),
        (LOSSES["cross_entropy"], "crossentropy crossentropyloss nll nllloss"),
        (BinaryCrossEntropy(columns="mean"), "bce bceloss bcewithlogits bcewithlogitsloss"),
        (BinaryCrossEntropy(columns="mean"), "binarycrossentropy"),
        (LOSSES["focal"], "categoricalfocalcrossentropy"),
        (LOSSES["binary_focal"], "binaryfocalcrossentropy"),
        (LOSSES["kl_divergence"], "kldivergence kldivloss kldiv kld kullbackleiblerdivergence"),
        (LOSSES["poisson"], "poissonnll poissonnllloss"),
        (LOSSES["gaussian_nll"], "gaussiannll gaussiannllloss"),
    )
    for alias in aliases.split()
}


def get(spec: str | Loss | Callable[[g.Node, g.Node], g.Node]) -> Loss:
    """Return the loss that `spec` names.

    Parameters
    ----------
    spec
        A name (see ``LOSSES``), one that Keras, PyTorch or scikit-learn use ("mse", "mae", "bce",
        "sparse_categorical_crossentropy", "BCEWithLogitsLoss", "log_loss", …), a `Loss`, or a
        function of the nodes (y, t). A function is given the targets as they are, whatever their
        number of columns; wrap it in a `Loss` to have them checked.

    Raises
    ------
    ValueError
        If the name is unknown, or ``"zero_one"``, which has no gradient to follow.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.get("squared_error").formula
    '½ Σₖ (yₖ − tₖ)²'
    >>> losses.get("mse").formula
    'meanₖ (yₖ − tₖ)²'
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        if spec in ("zero_one", "accuracy"):
            raise ValueError(
                f"{spec!r} cannot be a loss: its gradient is zero wherever it is defined, so "
                "training would not move; use 'cross_entropy' or 'hinge', and "
                f"metrics=[{spec!r}] to watch it"
            )
        return named(spec) or LOSSES[choice(spec, "loss", LOSSES)]
    if named(theirs := _lazy.theirs(spec)) is not None:
        raise TypeError(f"loss: another library's computes no nodes; write loss={theirs!r}")
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        if spec in OWN.values():
            raise TypeError(f"loss must be an object, got the class: write {name}()")
        return Loss(name, f"{name}(y, t)", spec)
    raise TypeError(
        f"loss must be a name, a Loss or a function of the nodes (y, t), not {type(spec).__name__}"
    )


def named(name: str) -> Loss | None:
    """Return the loss of that name or alias, None if there is none.

    Examples
    --------
    >>> named("MeanSquaredError").name, named("squid")
    ('mean_squared_error', None)
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, got {name!r}")
    return LOSSES.get(name) or ALIASES.get(name.lower().replace("_", ""))


def register(
    name: str,
    function: Loss | Callable[[g.Node, g.Node], g.Node],
    *,
    formula: str | None = None,
    target: str = "any",
) -> Loss:
    """Give a loss of your own a name, by which `fit` finds it and files of models call it.

    Register it again before a model that was saved with it is loaded.

    Parameters
    ----------
    name
        The name.
    function
        Of the nodes (y, t), see `Loss`; or a `Loss`, of which function, formula and target are
        taken.
    formula
        L of one example, for people to read.
    target
        What targets look like, see `Loss`.

    Returns
    -------
    Loss
        The loss of that name.

    Raises
    ------
    ValueError
        If the name is taken by another loss.
    TypeError
        If `name` is no text or `function` no function.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import graph as g
    >>> loss = fm.losses.register("cubed_error", lambda y, t: g.abs(y - t) ** 3, target="real")
    >>> fm.losses.get("cubed_error") is loss
    True
    """
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"name must be a text, got {name!r}")
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"function must be a function of the nodes (y, t), got {function!r}")
    if isinstance(function, Loss):
        if formula is not None or target != "any":
            raise TypeError("formula and target come with the Loss; give them to Loss(...)")
        loss = Loss(name, function.formula, function.function, function.target)
    else:
        loss = Loss(name, f"{name}(y, t)" if formula is None else formula, function, target)
    if name in ("zero_one", "accuracy") or (named(name) not in (None, loss)):
        raise ValueError(f"the name {name!r} is taken by {named(name) or 'a metric'}")
    return LOSSES.setdefault(name, loss)


def config(loss: Loss) -> str | dict[str, Any] | None:
    """Return what `from_config` makes the loss of: JSON values; None if it has no name.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.config(losses.get("mse")), losses.config(losses.Huber(2.0))
    ('mean_squared_error', {'name': 'huber', 'delta': 2.0})
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"loss must be a Loss, got {type(loss).__name__}")
    if LOSSES.get(loss.name) == loss:
        return loss.name
    if isinstance(loss, Configured) and OWN.get(loss.name) is type(loss):
        settings = loss.settings().items()
        try:
            return {"name": loss.name} | {key: schedules.config(value) for key, value in settings}
        except ValueError:  # a schedule of the user's
            return None
    reads = loss.function, loss.target  # of a function that is registered, given as itself
    return next((name for name, one in LOSSES.items() if (one.function, one.target) == reads), None)


def from_config(value: Any) -> Loss:
    """Return the loss of a `config`; ValueError if it is malformed or names an unknown one.

    Examples
    --------
    >>> from_config({"name": "huber", "delta": 2.0}).delta
    2.0
    """
    if isinstance(value, str):
        return get(value)
    if not isinstance(value, dict) or value.get("name") not in list(OWN):
        raise ValueError(f"a loss must be a name, or a name and settings, got {value!r}")
    settings = {key: setting for key, setting in value.items() if key != "name"}
    try:
        made = {key: schedules.from_config(setting) for key, setting in settings.items()}
        loss: Loss = OWN[value["name"]](**made)
    except TypeError as error:
        raise ValueError(f"the settings of loss {value['name']!r} do not fit: {error}") from None
    return loss


def default(output_activation: str) -> str:
    """Return the name of the loss that suits an output: the negative log-likelihood it stands for.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.default("softmax"), losses.default("logistic"), losses.default("identity")
    ('cross_entropy', 'binary_cross_entropy', 'squared_error')
    """
    if not isinstance(output_activation, str):
        raise TypeError(f"output_activation must be a name, got {output_activation!r}")
    return {"softmax": "cross_entropy", "logistic": "binary_cross_entropy"}.get(
        output_activation, "squared_error"
    )
