"""The recipe of the estimators of tables: every number of networks and training, and why it is so.

A `Recipe` is data: what `choose` makes of the number of rows, the task, the metric and the quality.
The numbers were chosen on rows that no test saw; docs/tables_recipe.md has what each of them
brings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from fastmlp import _checks, activations

METRICS: dict[str, tuple[str, ...]] = {
    "classes": ("accuracy", "log_loss", "auc"),
    "numbers": ("rmse", "mae", "quantile"),
}
QUALITIES = ("fast", "best")
EMBEDDINGS = ("none", "periodic", "piecewise")
SCHEDULES = ("coslog4", "constant")

#: Steps that a network is trained for at most: 64 epochs of 20,000 rows.
MOST_STEPS = 10_000
FEWEST_EPOCHS = 12
#: Below so many rows a step takes half as many of them, where numbers are predicted.
FEW_ROWS = 1_500
#: An epoch has so many steps at least, as long as each takes so many rows, and a training so many
#: steps: 60 rows in batches of 64 would be 32 to 64 steps in all, which learn next to nothing.
STEPS_OF_EPOCH, LEAST_BATCH, FEWEST_STEPS = 8, 16, 500
#: Parts of the rows, of which each network holds one out: fewer would leave less to learn from.
#: With "fast" that part is all there is to judge and to measure intervals by, and few rows say
#: little.
FOLDS = {"fast": 5, "best": 8}


@dataclass(frozen=True)
class Design:
    """One kind of network and how it is trained.

    Attributes
    ----------
    embedding : str
        Of numbers: "periodic", "piecewise" or "none".
    embedded, encoding : int
        Numbers that become of each, and frequencies or bins they are made of.
    copies : int
        Members of a TabM, which share all weights but those of their first scale and their output;
        1 is an ordinary network.
    width, depth : int
        Units of a hidden layer, and how many of these there are; none is a linear model.
    activation : str
        Of the hidden layers.
    parametric : bool
        Whether each unit learns how bent its activation is.
    dropout : float
        After each hidden layer.
    schedule : str
        Of the rate: "coslog4" or "constant".
    rate : float
        The learning rate: of "coslog4" in the NTK parametrisation, where a weight of a layer of n
        inputs has rate / √n.
    beta2 : float
        Of Adam.
    decay : float
        Of weights, as the share of a step of the rate.
    clip : float
        What the norm of the gradient is bounded by; 0 is no bound.
    smoothing : float
        Share of a target that all classes share.
    batch, epochs, patience : int
        Rows of a step, epochs, and after how many of these without a better validation it ends.
    chosen : float
        Of numbers and flags only those are read that tell of the target by themselves, of which so
        large a share may be there by chance; 0 reads all.
    """

    embedding: str
    embedded: int
    encoding: int
    copies: int
    width: int
    depth: int
    activation: str
    parametric: bool
    dropout: float
    schedule: str
    rate: float
    beta2: float
    decay: float
    clip: float
    smoothing: float
    batch: int
    epochs: int
    patience: int
    chosen: float = 0.0

    def __post_init__(self) -> None:
        _checks.choice(self.embedding, "embedding", EMBEDDINGS)
        _checks.choice(self.activation, "activation", activations.NAMES)
        _checks.choice(self.schedule, "schedule", SCHEDULES)
        _checks.flag(self.parametric, "parametric")
        for name in (
            *("embedded", "encoding", "copies", "width", "depth"),
            *("batch", "epochs", "patience"),
        ):
            least = 0 if name == "depth" else 1
            _checks.integer(getattr(self, name), name, at_least=least, at_most=1 << 20)
        for name in ("dropout", "smoothing", "beta2", "chosen"):
            _checks.real(getattr(self, name), name, at_least=0, below=1)
        for name in ("decay", "clip"):
            _checks.real(getattr(self, name), name, at_least=0)
        _checks.real(self.rate, "rate", above=0)


@dataclass(frozen=True)
class Recipe:
    """What `fit_tables` does.

    Attributes
    ----------
    task : str
        "classes" or "numbers".
    metric : str
        What the best epoch is chosen by: one of `METRICS` of the task.
    quantiles : tuple of float
        Of the metric "quantile", rising; else none.
    designs : tuple of Design
        The kinds of networks, whose predictions are weighed by what they say of held-out rows.
    members : int
        How many networks of each design there are.
    folds : int
        Parts of the rows, of which each member holds another out to find its best epoch.
    """

    task: str
    metric: str
    quantiles: tuple[float, ...]
    designs: tuple[Design, ...]
    members: int
    folds: int

    def __post_init__(self) -> None:
        _checks.choice(self.task, "task", METRICS)
        _checks.choice(self.metric, "metric", METRICS[self.task])
        _checks.integer(self.members, "members", at_least=1, at_most=1 << 16)
        _checks.integer(self.folds, "folds", at_least=2, at_most=1 << 16)
        if (self.metric == "quantile") != bool(self.quantiles):
            raise ValueError(
                f"quantiles go with the metric 'quantile', got {list(self.quantiles)} with "
                f"{self.metric!r}"
            )
        for i, q in enumerate(self.quantiles):
            _checks.real(q, f"quantiles[{i}]", above=0, below=1)
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles must rise, got {list(self.quantiles)}")
        if not self.designs:
            raise ValueError("designs must hold one design at least")

    def config(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        return asdict(self) | {
            "quantiles": list(self.quantiles),
            "designs": [asdict(design) for design in self.designs],
        }

    @classmethod
    def from_config(cls, config: Any) -> Recipe:
        """Return the recipe whose `config` this is; anything else is a ValueError.

        Examples
        --------
        >>> recipe = choose(1000, "classes", metric="accuracy")
        >>> Recipe.from_config(recipe.config()) == recipe
        True
        """
        values = _known(config, cls, "recipe")
        if not isinstance(values["designs"], list) or not isinstance(values["quantiles"], list):
            raise ValueError("designs and quantiles of a recipe must be lists")
        try:
            designs = tuple(Design(**_known(d, Design, "design")) for d in values["designs"])
            return cls(**values | {"designs": designs, "quantiles": tuple(values["quantiles"])})
        except TypeError as error:
            raise ValueError(f"a recipe does not fit: {error}") from None


def _known(config: Any, kind: Any, what: str) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    later = {field.name for field in fields(kind) if field.default is not MISSING}
    if (
        not isinstance(config, Mapping)
        or set(names) - later - set(config)
        or set(config) - set(names)
    ):
        raise ValueError(f"a {what} must hold {', '.join(names)}, got {config!r:.200}")
    return dict(config)


#: RealMLP-TD of half the width, and of as many steps of half the rows as half its epochs have: a
#: tenth of its time, and as good in an average of several. Best where the target is smooth in the
#: numbers, or noisy.
_SMOOTH = Design(
    embedding="periodic",
    embedded=3,
    encoding=16,
    copies=1,
    width=128,
    depth=3,
    activation="selu",
    parametric=True,
    dropout=0.15,
    schedule="coslog4",
    rate=0.04,
    beta2=0.95,
    decay=0.02,
    clip=0.0,
    smoothing=0.0,
    batch=128,
    epochs=64,
    patience=64,
)
#: The same with piecewise-linear embeddings: best where trees are, on targets with steps.
_STEPPED = replace(_SMOOTH, embedding="piecewise", embedded=16, encoding=48, rate=0.05)
#: A linear model, which costs next to nothing: best where rows are few, or columns many.
_STRAIGHT = replace(_SMOOTH, embedding="none", depth=0, rate=0.2)
#: One of each is trained in this order.
DESIGNS = (_SMOOTH, _STEPPED, _STRAIGHT)
#: Where columns are so many, and have so few rows each, some networks read some of them only.
MANY_COLUMNS, ROWS_OF_A_COLUMN = 20, 5
CHOSEN = (replace(_SMOOTH, chosen=0.1), replace(_STRAIGHT, chosen=0.1))


def choose(
    rows: int,
    task: str,
    *,
    metric: str,
    quality: str = "best",
    n_members: int | None = None,
    epochs: int | None = None,
    quantiles: Sequence[float] = (),
    validation_fraction: float | None = None,
    classes: int = 0,
    columns: int = 1,
) -> Recipe:
    """Return the recipe for a table.

    Parameters
    ----------
    rows : int
        Training rows, those held out included.
    task, metric : str
        See `METRICS`.
    quality : "fast" or "best"
        One network of each design or several.
    n_members : int, optional
        How many networks of each design there are, instead.
    epochs : int, optional
        How long each is trained at most, instead of what goes by the rows.
    quantiles : sequence of float
        Of the metric "quantile".
    validation_fraction : float, optional
        Share of the rows that each network holds out, one part of round(1 / share) and at most
        half of them; by default an eighth (a fifth with "fast"), or one of as many parts as there
        are members if these are more, at least a tenth.
    classes : int
        How many there are, of the task "classes".
    columns : int
        Numbers and flags that networks read.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> choose(1000, "numbers", metric="rmse").members
    6
    >>> choose(1000, "numbers", metric="rmse", quality="fast").members
    1
    """
    _checks.integer(rows, "rows", at_least=1)
    _checks.choice(task, "task", METRICS)
    _checks.choice(quality, "quality", QUALITIES)
    members = 1 if quality == "fast" else _members_of(rows)
    if n_members is not None:
        members = _checks.integer(n_members, "n_members", at_least=1, at_most=1 << 10)
    folds = max(FOLDS[quality], min(members, 10))
    if validation_fraction is not None:
        share = _checks.real(validation_fraction, "validation_fraction", above=0, below=1)
        folds = min(max(2, round(1 / share)), 1 << 16)
    smoothed = metric == "accuracy" and classes > 2
    wide = columns >= MANY_COLUMNS and rows < ROWS_OF_A_COLUMN * columns
    kinds = DESIGNS + CHOSEN if wide else DESIGNS
    designs = tuple(_fitting(design, rows, task, smoothed) for design in kinds)
    if epochs is not None:
        epochs = _checks.integer(epochs, "epochs", at_least=1, at_most=1 << 20)
        designs = tuple(replace(design, epochs=epochs) for design in designs)
    return Recipe(task, metric, tuple(map(float, quantiles)), designs, members, folds)


def _members_of(rows: int) -> int:
    """Return how many networks of each design are averaged: fewer where each is sure and slow."""
    return 6 if rows <= 5_000 else 4 if rows <= 100_000 else 2


def _fitting(design: Design, rows: int, task: str, smoothed: bool) -> Design:
    """Return a design with the steps that fit the rows, and what fits task and metric."""
    steps = -(-rows // design.batch)
    epochs = max(FEWEST_EPOCHS, min(design.epochs, MOST_STEPS // steps))
    if task == "numbers":
        # RealMLP's own choice; with bins a quarter of its rate was better, and of few rows steps
        # of fewer.
        rate = 0.2 if design.embedding == "periodic" else design.rate
        batch = design.batch if rows >= FEW_ROWS else design.batch // 2
        design = replace(design, epochs=epochs, rate=rate, activation="mish", batch=batch)
        return _long_enough(design, rows)
    # As many steps of half the rows again: the log loss was lower by 1 %.
    design = replace(design, batch=design.batch // 2, epochs=max(FEWEST_EPOCHS, epochs // 2))
    # RealMLP's, where there are more classes than two; calibration then undoes what it does to the
    # probabilities: digits and wine had a lower log loss so, bank and higgs7k had not.
    return _long_enough(replace(design, smoothing=0.1 if smoothed else 0.0), rows)


def _long_enough(design: Design, rows: int) -> Design:
    """Return a design that learns from few rows in smaller batches, and takes its steps."""
    batch = design.batch
    while batch > LEAST_BATCH and rows < STEPS_OF_EPOCH * batch:
        batch //= 2
    epochs = -(-FEWEST_STEPS // -(-rows // batch))
    return replace(design, batch=batch, epochs=max(epochs, design.epochs))
