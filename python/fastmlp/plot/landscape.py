"""Gradient descent in weight space: a loss as a surface over two directions, and the path on it.

A network of n weights has a loss over n dimensions. A picture shows a plane of it,

    J(θ* + α d₁ + β d₂)   over α and β,

and the path of training as it looks projected onto that plane. Li et al., "Visualizing the loss
landscape of neural nets" (2018), is the source of the two choices of directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.callbacks import Callback
from fastmlp.plot import given

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.models.model import Model

    Array = NDArray[Any]
    Direction = Sequence[Any] | Array

CHOICES = ("auto", "principal", "random")


class WeightPath(Callback):
    """A callback that remembers all weights before training and after each epoch.

    Attributes
    ----------
    weights : list of list of ndarray
        As `Model.get_weights` returns them, once for each point of the path.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model, path = fm.MLP([1, 1], seed=0), fm.plot.WeightPath()
    >>> _ = model.fit([[0.0], [1.0]], [1.0, 2.0], epochs=5, callbacks=[path])
    >>> len(path.weights)
    6
    """

    def __init__(self) -> None:
        self._weights: list[list[Array]] = []

    @property
    def weights(self) -> list[list[Array]]:
        """The points of the path."""
        return self._weights

    def on_fit_begin(self, model: Model, names: Mapping[str, bool]) -> None:
        """Remember where training begins; a second fit goes on with the same path."""
        if not self._weights:
            self._weights.append(model.get_weights())

    def on_epoch_end(self, model: Model, epoch: int, logs: Mapping[str, float]) -> None:
        """Remember where the epoch has led."""
        self._weights.append(model.get_weights())


@dataclass(frozen=True)
class Landscape:
    """A loss over a plane in weight space, and a path projected onto it.

    Attributes
    ----------
    across, up : ndarray, shape (resolution,)
        α and β of the grid.
    loss : ndarray, shape (resolution, resolution)
        J at the grid's points, a row for each β.
    path : ndarray, shape (points, 2)
        α and β of the path's points; empty without a path.
    path_loss : ndarray, shape (points,)
        J at the path's points themselves, which may lie off the plane.
    labels : (str, str)
        What α and β are.
    """

    across: Array
    up: Array
    loss: Array
    path: Array
    path_loss: Array
    labels: tuple[str, str]


def landscape(
    model: Model,
    X: Any,
    t: Any,
    path: WeightPath | Sequence[Sequence[Any]] | None = None,
    *,
    directions: str | tuple[Direction, Direction] = "auto",
    loss: Any = None,
    l2: float | None = None,
    l1: float | None = None,
    span: float | tuple[tuple[float, float], tuple[float, float]] | None = None,
    resolution: int = 41,
    seed: int = 0,
) -> Landscape:
    """Return the numbers that `fastmlp.plot.loss_surface` draws; it has the same arguments.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp.plot.landscape import landscape
    >>> model = fm.MLP([1, 1], seed=0)
    >>> landscape(model, [[1.0]], [0.0], resolution=5, span=2).loss[2].tolist()
    [2.0, 0.5, 0.0, 0.5, 2.0]
    """
    resolution = _checks.integer(resolution, "resolution", at_least=2)
    seed = _checks.seed(seed)
    given.has(model, "get_weights", "model", "a Model")
    centre = _flat(model.get_weights(), "model")
    points = _points(path, len(centre))
    plane, labels, centre = _plane(model, centre, points, directions, seed)
    # Least squares: the directions need not be orthogonal.
    placed = np.linalg.lstsq(plane, (points - centre).T, rcond=None)[0].T
    (left, right), (low, high) = _spans(span, placed)
    across, up = np.linspace(left, right, resolution), np.linspace(low, high, resolution)
    moved = model.copy()
    shapes = [array.shape for array in model.get_weights()]

    def value(theta: Array) -> float:
        moved.set_weights(_lists(theta, shapes))
        return moved.evaluate(X, t, loss=loss, l2=l2, l1=l1, metrics=())["loss"]

    grid = [[value(centre + plane @ (alpha, beta)) for alpha in across] for beta in up]
    if not np.isfinite(grid).any():
        raise ValueError("the loss is NaN or infinite on all of the surface")
    path_loss = np.array([value(theta) for theta in points])
    return Landscape(across, up, np.array(grid), placed, path_loss, labels)


def _flat(weights: Any, name: str) -> Array:
    parts = [given.numbers(array, name).ravel() for array in given.listed(weights, name)]
    return np.concatenate([*parts, np.empty(0)])


def _points(path: Any, size: int) -> Array:
    """Return the weights along a path, a row for each point."""
    recorded = path.weights if isinstance(path, WeightPath) else path
    each = [] if recorded is None else given.listed(recorded, "path")
    points = [_flat(weights, f"path[{i}]") for i, weights in enumerate(each)]
    for i, point in enumerate(points):
        if len(point) != size:
            raise ValueError(f"path[{i}] has {len(point)} numbers, the model {size}")
    return np.array(points).reshape(-1, size)


def _lists(theta: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    stops = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(theta, stops)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _plane(
    model: Model, centre: Array, points: Array, directions: Any, seed: int
) -> tuple[Array, tuple[str, str], Array]:
    """Return the directions as columns, their names, and the point where both are zero."""
    if isinstance(directions, str):
        kind = _checks.choice(directions, "directions", CHOICES)
        if kind == "auto" and len(centre) == 2:
            return np.eye(2), _two_names(model), np.zeros(2)
        if kind == "auto":
            kind = "principal" if len(points) > 2 else "random"
        if kind == "random":
            rng = np.random.default_rng(seed)
            pair = [_random(model.get_weights(), rng) for _ in range(2)]
            return np.stack(pair, axis=1), ("random direction d₁", "random direction d₂"), centre
        return (*_principal(points, centre), centre)
    if not isinstance(directions, (tuple, list)) or len(directions) != 2:
        raise ValueError(f"directions: expected {CHOICES} or a pair of weight lists")
    pair = [_flat(direction, f"directions[{i}]") for i, direction in enumerate(directions)]
    for d in pair:
        if d.shape != centre.shape:
            raise ValueError(f"directions: expected {len(centre)} numbers each, got {len(d)}")
    plane = np.stack(pair, axis=1)
    lengths = np.linalg.norm(plane, axis=0)
    if not lengths.all() or np.linalg.matrix_rank(plane / lengths) < 2:
        raise ValueError("directions: expected two that span a plane, got parallel ones or zeros")
    return plane, ("α along d₁", "β along d₂"), centre


def _two_names(model: Model) -> tuple[str, str]:
    nodes = model.network.parameter_nodes
    if len(nodes) == 2:
        return str(nodes[0].name), str(nodes[1].name)
    rows, _ = nodes[0].shape
    second = "1,0" if rows == 2 else "0,1"
    return f"{nodes[0].name}[0,0]", f"{nodes[0].name}[{second}]"


def _random(weights: Sequence[Array], rng: np.random.Generator) -> Array:
    """Return a direction whose rows have the norms of the rows of the weights; biases stay."""
    parts = []
    for array in weights:
        part = rng.standard_normal(array.shape)
        if array.ndim == 2:
            norms = np.linalg.norm(array, axis=1, keepdims=True)
            part *= norms / np.linalg.norm(part, axis=1, keepdims=True)
        else:
            part[:] = 0.0
        parts.append(part.ravel())
    return np.concatenate(parts)


def _principal(points: Array, centre: Array) -> tuple[Array, tuple[str, str]]:
    """Return the two directions in which the path's points are farthest from its end.

    In the names: their shares of the sum of squared distances.
    """
    if len(points) < 3:
        raise ValueError(
            f"path: principal directions need at least three points, got {len(points)}"
        )
    _, sizes, directions = np.linalg.svd(points - centre, full_matrices=False)
    if sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError("path: it lies on a line, which leaves the second direction open")
    shares = sizes**2 / (sizes**2).sum()
    first, second = (
        f"{which} principal direction ({share:.0%})"
        for which, share in zip(("first", "second"), shares, strict=False)
    )
    return directions[:2].T, (first, second)


def _spans(span: Any, placed: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    if span is None and len(placed):
        low, high = placed.min(axis=0), placed.max(axis=0)
        # Farther to each side than the path goes, so that the valley's walls are seen.
        margin = 0.35 * np.where(high > low, high - low, 1.0)
        margin = np.maximum(margin, 0.15 * margin.max())
        (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
        return (left, right), (bottom, top)
    if span is None or isinstance(span, Real):
        width = _checks.real(1.0 if span is None else span, "span", above=0)
        return (-width, width), (-width, width)
    array = given.numbers(span, "span")
    if array.shape != (2, 2) or not (array[:, 0] < array[:, 1]).all():
        raise ValueError(f"span: expected a number > 0 or ((low, high), (low, high)), got {span!r}")
    (left, right), (bottom, top) = array.tolist()
    return (left, right), (bottom, top)
