"""An average of networks that predicts for a table: what a fit leaves, and what files hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config
from fastmlp.data.table import Layout
from fastmlp.estimators.tabular import weighing
from fastmlp.estimators.tabular.member import Predictor
from fastmlp.estimators.tabular.network import Bins, Shape, build, fewest_parameters, inputs_of
from fastmlp.estimators.tabular.recipe import Recipe
from fastmlp.estimators.tabular.splits import NEVER
from fastmlp.models.states import write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.models.model import Model

    Array = NDArray[Any]


@dataclass
class Fitted:
    """An average of networks; holds no training rows.

    Attributes
    ----------
    recipe : Recipe
    layout : Layout
    outputs : int
        Columns of what it predicts.
    models : list of list of Model
        The networks of each design.
    bins : list of Bins or None
        Of each design's embedding of numbers.
    weights : ndarray
        What the mean of each design counts; they sum to 1.
    temperature : float
        What the logarithms of probabilities are divided by; 1 for numbers.
    low, high : ndarray
        Between which numbers predictions stay: those of the training rows.
    holdouts : list of list of int
        Which fold each network did not learn from.
    scores, epochs : list of list of number
        Of each network: its metric on the rows it held out, made small, and its best epoch.
    folds : ndarray of int or None
        Which fold each training row is in, -1 none; not in files.
    unchosen : ndarray or None
        Predictions for the training rows, or those of `eval`, by networks that did not learn from
        them, at epochs that they did not choose (NaN where there are none); not in files.
    evidence : float
        By how many standard errors it is better than a constant on held-out rows, see `doubting`;
        NaN if they are too few; not in files.
    stopped : str
        Why it ended early, if it did.
    """

    recipe: Recipe
    layout: Layout
    outputs: int
    models: list[list[Model]]
    bins: list[Bins | None]
    weights: Array
    temperature: float
    low: Array
    high: Array
    holdouts: list[list[int]]
    scores: list[list[float]]
    epochs: list[list[int]]
    folds: NDArray[np.int64] | None = None
    unchosen: Array | None = None
    evidence: float = math.nan
    stopped: str = ""
    _predictors: dict[int, Predictor] = field(default_factory=dict, repr=False)

    @property
    def members(self) -> int:
        """How many networks there are."""
        return sum(map(len, self.models))

    @property
    def shape(self) -> Shape:
        """What each network is made for."""
        return shape_of(self.recipe, self.layout, self.outputs)

    def predict(self, X: Array, *, n_threads: int | None = None) -> Array:
        """Return predictions (rows, outputs): probabilities, or standardised numbers.

        Quantiles come target by target, rising.
        """
        with config.own_threads(n_threads):
            return self.of_inputs(inputs_of(X, self.layout))

    def by_others(self, inputs: list[Array], folds: NDArray[np.int64]) -> Array:
        """Return predictions for rows in these folds, by networks that held the row's fold out."""
        return self.joined(self.means_of_others(inputs, folds))

    def of_inputs(self, inputs: list[Array]) -> Array:
        """Return the weighed mean of all networks."""
        return self.joined(self.means(inputs))

    def means_of_others(self, inputs: list[Array], folds: NDArray[np.int64]) -> list[Array]:
        """Return the mean of each design, of the networks that held the row's fold out."""
        known = folds != NEVER
        return self.means(inputs, lambda d, m: known & (folds == self.holdouts[d][m]))

    def means(
        self, inputs: list[Array], asked: Callable[[int, int], Array] | None = None
    ) -> list[Array]:
        """Return the mean of each design, of the networks asked about each row, or of all.

        Designs of weight 0 are not asked.
        """
        means = []
        rows = len(inputs[0])
        for d, models in enumerate(self.models):
            if self.weights[d] == 0:
                means.append(np.empty((0, self.outputs)))
                continue
            predictor = self._predictor(d)
            if asked is None:
                means.append(predictor.mean(inputs, models))
                continue
            total = np.zeros((rows, self.outputs))
            count = np.zeros((rows, 1))
            for m, model in enumerate(models):
                own = np.flatnonzero(asked(d, m))
                if len(own):
                    total[own] += predictor([x[own] for x in inputs], model)
                count[own] += 1
            with np.errstate(invalid="ignore"):
                means.append(total / count)
        return means

    def _predictor(self, d: int) -> Predictor:
        """Return what predicts by the networks of a design, planned at its first use."""
        made = self._predictors.get(d)
        if made is None:
            made = Predictor(self.models[d][0], self.recipe.designs[d], self.shape)
            self._predictors[d] = made
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: without plans, which are made again."""
        return vars(self) | {"_predictors": {}}

    def joined(self, means: list[Array]) -> Array:
        """Return one prediction of the means of the designs: weighed, calibrated, in range."""
        used = [(w, mean) for w, mean in zip(self.weights, means, strict=True) if w > 0]
        P = sum((w * mean for w, mean in used[1:]), start=used[0][0] * used[0][1])
        if self.recipe.task == "classes":
            return weighing.tempered(P, self.temperature)
        return self.in_range(P)

    def in_range(self, P: Array) -> Array:
        """Return numbers between those of training, quantiles rising; probabilities as they are."""
        if self.recipe.task == "classes":
            return P
        P = np.clip(P, self.low, self.high)
        q = self.shape.quantiles
        return np.sort(P.reshape(len(P), -1, q), axis=2).reshape(P.shape) if q else P

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return all that predictions need: JSON values, and arrays by name."""
        arrays: dict[str, Array] = {}
        for d, models in enumerate(self.models):
            for m, model in enumerate(models):
                for name, value in model.network.views(model.parameters.view).items():
                    arrays[f"{d}.{m}.{name}"] = value
        values = {
            "recipe": self.recipe.config(),
            "layout": asdict(self.layout) | {"codes": list(self.layout.codes)},
            "outputs": self.outputs,
            "bins": [None if bins is None else asdict(bins) for bins in self.bins],
            "weights": self.weights.tolist(),
            "temperature": self.temperature,
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "holdouts": self.holdouts,
            "scores": self.scores,
            "epochs": self.epochs,
            "stopped": self.stopped,
        }
        return values, arrays

    @classmethod
    def from_arrays(cls, config: Any, arrays: Mapping[str, Array]) -> Fitted:
        """Return what `to_arrays` returned; anything else is a ValueError."""
        try:
            return _rebuilt(config, arrays)
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"the networks of the table do not fit: {error!r}") from None


def shape_of(recipe: Recipe, layout: Layout, outputs: int) -> Shape:
    """Return what the networks of a recipe are made for."""
    return Shape(layout, outputs, recipe.task == "classes", len(recipe.quantiles))


def _rebuilt(config: Any, arrays: Mapping[str, Array]) -> Fitted:
    recipe = Recipe.from_config(config["recipe"])
    given = config["layout"]
    layout = Layout(int(given["numbers"]), int(given["flags"]), tuple(map(int, given["codes"])))
    outputs = int(config["outputs"])
    shape = shape_of(recipe, layout, outputs)
    designs = recipe.designs
    holdouts = [[int(fold) for fold in each] for each in config["holdouts"]]
    bins = _bins_of(config)
    if len(holdouts) != len(designs) or len(bins) != len(designs):
        raise ValueError(f"the table has {len(designs)} designs, and networks of others")
    models: list[list[Model]] = []
    taken: set[str] = set()
    for d, (design, folds) in enumerate(zip(designs, holdouts, strict=True)):
        models.append([])
        for m in range(len(folds)):
            prefix = f"{d}.{m}."
            own = {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
            taken |= {prefix + name for name in own}
            held, fewest = sum(a.size for a in own.values()), fewest_parameters(design, shape)
            if held < fewest:  # before memory is taken for them
                raise ValueError(
                    f"network {prefix[:-1]} must have {fewest} numbers or more, it has {held}"
                )
            model = build(design, shape, bins[d], seed=0)
            views = model.network.views(model.parameters.view)
            if set(views) != set(own):
                raise ValueError(f"network {prefix[:-1]} must have {', '.join(views)}")
            write(model.network, model.parameters, own, f"network {prefix[:-1]}")
            models[d].append(model)
    unknown = set(arrays) - taken
    if unknown:
        raise ValueError(f"the table has no network for {min(unknown)!r}")
    weights, low, high = (_vector(config[name], name) for name in ("weights", "low", "high"))
    temperature = float(config["temperature"])
    if not (len(weights) == len(designs) and weights.min() >= 0 and 0 < temperature < math.inf):
        raise ValueError("the weights of the designs, or the temperature, are not in their range")
    if abs(weights.sum() - 1) > 1e-6 or any(
        w > 0 and not each for w, each in zip(weights, models, strict=True)
    ):
        raise ValueError("the weights of the designs do not fit their networks")
    if len(low) != outputs or len(high) != outputs:
        raise ValueError(f"low and high must be of {outputs} outputs")
    return Fitted(
        recipe,
        layout,
        outputs,
        models=models,
        bins=bins,
        weights=weights,
        temperature=temperature,
        low=low,
        high=high,
        holdouts=holdouts,
        scores=[_vector(each, "scores").tolist() for each in config["scores"]],
        epochs=[[int(e) for e in each] for each in config["epochs"]],
        stopped=str(config["stopped"]),
    )


def _vector(given: Any, name: str) -> Array:
    values = np.array([float(value) for value in given])
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite numbers")
    return values


def _bins_of(config: Mapping[str, Any]) -> list[Bins | None]:
    """Return the bins of each design, of which older files have edges only."""
    found = config.get("bins")
    if found is None:
        found = [e and {"edges": e, "hats": [False] * len(e)} for e in config["edges"]]
    return [
        Bins([list(map(float, each)) for each in of["edges"]], list(of["hats"])) if of else None
        for of in found
    ]
