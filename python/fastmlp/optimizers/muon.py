"""Muon, steps along orthogonal matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastmlp import _checks
from fastmlp import graph as g
from fastmlp.optimizers.adamw import AdamW
from fastmlp.optimizers.base import Update

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Array
    from fastmlp.schedules import Schedule

SCALES = ("original", "match_rms_adamw")
_REST = AdamW(3e-4)
# Of Jordan's polynomial a X + b (X Xᵀ) X + c (X Xᵀ)² X, whose slope at 0 is large.
_A, _B, _C = 3.4445, -4.7750, 2.0315


@dataclass(frozen=True)
class Orthogonal:
    """The direction of Muon, as a node.

    Attributes
    ----------
    momentum, nesterov, ns_steps, scale
        As in `Muon`.
    """

    momentum: float
    nesterov: bool
    ns_steps: int
    scale: str

    def __call__(self, mean: g.Node, gradient: g.Node) -> g.Node:
        """Return the direction of a matrix of the mean until now, and its gradient."""
        rows, columns = int(gradient.shape[0]), gradient.shape[1]
        X = self.momentum * mean + (1 - self.momentum) * gradient
        if self.nesterov:
            X = self.momentum * X + (1 - self.momentum) * gradient
        X = X / g.maximum(g.sqrt(g.sum(X**2)), 1e-7)
        wide = rows <= columns
        for _ in range(self.ns_steps):
            gram = g.matmul(X, X, transpose_a=not wide, transpose_b=wide)
            polynomial = _B * gram + _C * g.matmul(gram, gram)
            X = _A * X + (g.matmul(polynomial, X) if wide else g.matmul(X, polynomial))
        if self.scale == "original":
            factor = max(1.0, rows / columns) ** 0.5
        else:
            factor = 0.2 * max(rows, columns) ** 0.5
        scaled: g.Node = factor * X
        return scaled


@dataclass(frozen=True, repr=False)
class Muon(Update):
    """Muon (Jordan et al., kellerjordan.github.io/posts/muon, 2024) for hidden matrices.

    m ← μ m + (1−μ) w̄,  U = orthogonal(μ m + (1−μ) w̄),  W ← W − α s U − α·weight_decay·W.

    U is m + … divided by its Frobenius norm and brought near the nearest orthogonal matrix by
    `ns_steps` Newton-Schulz iterations X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X with Jordan's a = 3.4445,
    b = −4.7750, c = 2.0315, after which its singular values are within about 0.7 and 1.2. s is
    √max(1, rows/columns), or 0.2 √max(rows, columns).

    This is how weights with several rows and columns are trained, but not those of output layers,
    as Jordan advises; all other parameters are trained by `rest`. `groups` may give a Muon to the
    weights of an output layer: ``groups={"dense_3.weights": Muon()}``; settings given for a role or
    layer are those of whatever trains the parameter.

    PyTorch's `Muon` has the same formulas, computed in bfloat16 where here it is the model's
    precision; it leaves it to its user which parameters it trains. The size of the gradient does
    not matter, so there is no `clip_norm` and `clip_value`: clip nothing, or give these to another
    optimizer.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.02
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    momentum : float, default 0.95
        μ in [0, 1).
    nesterov : bool, default True
        Look ahead, as above; else U is that of m.
    ns_steps : int, default 5
        Newton-Schulz iterations, from 1 to 99.
    weight_decay : float or schedule, default 0
        Decoupled decay of the matrices, at least 0.
    scale : "original" or "match_rms_adamw", default "original"
        s: Jordan's, or that of Liu et al. ("Muon is scalable for LLM training", 2025), with which
        α and weight_decay are as those of AdamW.
    rest : optimizer, default AdamW(0.0003)
        What trains the other parameters; any but a Muon.
    groups, ema
        As for `Update`.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong type or outside its range.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([2, 16, 16, 1], activation="tanh", output="logistic", seed=0)
    >>> X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = model.fit(X, t, optimizer=fm.Muon(rest=fm.AdamW(0.02)), epochs=100)
    >>> (model.predict(X) > 0.5).ravel().tolist()
    [False, True, True, False]
    """

    learning_rate: float | Schedule = 0.02
    momentum: float = 0.95
    nesterov: bool = True
    ns_steps: int = 5
    weight_decay: float | Schedule = 0.0
    scale: str = "original"
    rest: Update = _REST

    def __post_init__(self) -> None:
        _checks.real(self.momentum, "momentum", at_least=0, below=1)
        _checks.flag(self.nesterov, "nesterov")
        _checks.integer(self.ns_steps, "ns_steps", at_least=1, at_most=99)
        _checks.choice(self.scale, "scale", SCALES)
        if not isinstance(self.rest, Update) or isinstance(self.rest, Muon):
            raise TypeError(f"rest must be an optimizer other than Muon, got {self.rest!r}")
        for name in self.common:
            if getattr(self.rest, name) is not None:
                raise ValueError(f"rest: {name} is for all parameters: give it to Muon")
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} has no effect on the steps of Muon: leave it out")
        super().__post_init__()

    @property
    def kernel(self) -> str:
        """The rule of the core: "muon"."""
        return "muon"

    @property
    def direction(self) -> Orthogonal:
        """What makes the direction that a step goes along."""
        return Orthogonal(self.momentum, self.nesterov, self.ns_steps, self.scale)

    def parts(self) -> tuple[Update, ...]:
        """Return itself and what trains the other parameters."""
        return (self, self.rest)

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, μ and α·weight_decay; s is in the direction."""
        return {
            "rate": rates,
            "momentum": self.momentum,
            "decay": rates * decays,
        }
