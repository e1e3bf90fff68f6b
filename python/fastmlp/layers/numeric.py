"""Embeddings of numbers: each column by itself becomes several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastmlp import activations
from fastmlp import graph as g
from fastmlp._checks import choice, flag, integer, listed, real
from fastmlp.data import arrays
from fastmlp.graph.shapes import multiple
from fastmlp.initializers import Normal, Uniform, Zeros
from fastmlp.layers.activation import saved_name
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.dense import activated
from fastmlp.layers.settings import MAX_NORM, Setting
from fastmlp.layers.views import array_of

if TYPE_CHECKING:
    import numpy.typing as npt

_SHAPE = "the shape of its parameters depends on it, make a new model"
_KINDS = ("periodic", "piecewise")
_FREQUENCIES, _SCALE = 48, 0.01


class NumericEmbedding(Layer):
    """Several numbers for each number: columns of x become groups of columns.

    Each column xⱼ is first encoded by itself, then multiplied by a matrix of its own:
    eⱼ = φ(Wⱼ encoding(xⱼ) + bⱼ).

    ``"periodic"``: the encoding is cos(2π cⱼₗ xⱼ) for all l, then sin(2π cⱼₗ xⱼ), with learned
    frequencies cⱼₗ; with `phases` it is cos(2π cⱼₗ xⱼ + pⱼₗ) alone, with learned shifts p.

    ``"piecewise"``: the encoding of a number between edges e₀ < e₁ < … < e_B is B numbers,
    (x − eᵢ₋₁)/(eᵢ − eᵢ₋₁) clipped to 0 … 1, the first open below and the last open above. With
    `linear`, eⱼ = aⱼ xⱼ + bⱼ + φ(Wⱼ encoding(xⱼ)), where W begins with zeros. With `hats`, number i
    of the encoding is 1 at edge eᵢ and falls to 0 at the edges beside it: the difference of numbers
    i and i + 1. That can express the same, and learns sooner what jumps from edge to edge, as what
    goes along with the numbers of shops.

    Parameters
    ----------
    columns
        Columns of each eⱼ. None, for ``"piecewise"``, gives the encodings themselves.
    kind
        ``"periodic"`` or ``"piecewise"``.
    activation
        φ: a name, an `Activation`, or a function of a node.
    frequencies
        Of ``"periodic"``: how many there are for each column; 48 if not given.
    scale
        Of ``"periodic"``: the standard deviation σ of the initial frequencies; 0.01 if not given.
        What is best differs from table to table, between 0.01 and 100.
    phases
        Of ``"periodic"``: whether there are phases instead of sines.
    edges
        Of ``"piecewise"``: a sequence of edges for each column of x, see `bins`.
    linear
        Of ``"piecewise"``: whether there is a linear part.
    hats
        Of ``"piecewise"``: whether encodings are hats, for all columns or for each.
    keep
        Whether x stands in front of the result.
    l2
        λ of ½λ‖W‖² for this layer. None takes that of the fit, whose l1 holds for W too.
    max_norm
        c, the largest norm of the weights into each number of an eⱼ, see `Dense`. None is no bound.
    name
        What summaries and files call it; numericembedding_1, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not what it must be, or belongs to the other kind.

    Notes
    -----
    For n columns of x, d of each eⱼ, and m of an encoding, the parameters are ``weights`` (n·d, m),
    those of the columns one below the other, uniform on ±1/√m; ``biases`` (n·d,), also;
    ``coefficients`` c (n·l,), normal; ``shifts`` p (n·l,), uniform on ±π; ``slopes`` a (n·d,), and
    with them ``biases``, uniform on ±1/√d.

    PLR embeddings are ``NumericEmbedding(24, activation="relu")``; those of RealMLP (PBLD) are
    ``NumericEmbedding(3, frequencies=16, scale=0.1, phases=True, keep=True)``; those of TabM are
    ``NumericEmbedding(16, "piecewise", edges=NumericEmbedding.bins(X, 48), linear=True)``.

    References
    ----------
    Gorishniy, Rubachev, Babenko (2022), On Embeddings for Numerical Features in Tabular Deep
    Learning, NeurIPS. Holzmüller, Grinsztajn, Steinwart (2024), Better by Default, NeurIPS. Hats
    are B-splines of degree 1: de Boor (1978), A Practical Guide to Splines.

    Examples
    --------
    >>> from fastmlp.layers import Input, NumericEmbedding
    >>> NumericEmbedding(24, activation="relu")(Input(5)).columns
    120
    >>> edges = NumericEmbedding.bins([[0.0], [1.0], [2.0], [3.0]], 3)
    >>> edges
    [[0.0, 1.0, 2.0, 3.0]]
    >>> NumericEmbedding(None, "piecewise", edges=edges)(Input(1)).columns
    3
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {
        "columns": Setting(
            lambda v: None if v is None else integer(v, "columns", at_least=1, at_most=None), _SHAPE
        ),
        "kind": Setting(lambda v: choice(v, "kind", _KINDS), _SHAPE),
        "activation": Setting(activations.get),
        "frequencies": Setting(
            lambda v: None if v is None else integer(v, "frequencies", at_least=1, at_most=None),
            _SHAPE,
        ),
        "scale": Setting(
            lambda v: None if v is None else real(v, "scale", above=0),
            "its frequencies have been drawn, assign coefficients",
        ),
        "phases": Setting(lambda v: flag(v, "phases"), _SHAPE),
        "edges": Setting(lambda v: None if v is None else _checked_edges(v), _SHAPE),
        "linear": Setting(lambda v: flag(v, "linear"), _SHAPE),
        "hats": Setting(
            lambda v: _checked_hats(v), "its weights are of the other encodings, make a new model"
        ),
        "keep": Setting(lambda v: flag(v, "keep"), _SHAPE),
        "l2": Setting(lambda v: None if v is None else real(v, "l2", at_least=0)),
        "max_norm": MAX_NORM,
    }

    weights = array_of("weights", "W, (n·d, m)")
    biases = array_of("biases", "b, (n·d,)")
    slopes = array_of("slopes", "Those of the linear part, (n·d,)")
    coefficients = array_of("coefficients", "The frequencies, (n·l,)")
    shifts = array_of("shifts", "The phases, (n·l,)")

    def __init__(
        self,
        columns: int | None,
        kind: str = "periodic",
        *,
        activation: str | activations.Activation | Callable[[g.Node], g.Node] = "identity",
        frequencies: int | None = None,
        scale: float | None = None,
        phases: bool = False,
        edges: Sequence[Sequence[float]] | None = None,
        linear: bool = False,
        hats: bool | Sequence[bool] = False,
        keep: bool = False,
        l2: float | None = None,
        max_norm: float | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.columns = columns
        self.kind = kind
        self.activation = activation  # type: ignore[assignment]
        self.frequencies = frequencies
        self.scale = scale
        self.phases = phases
        self.edges: tuple[tuple[float, ...], ...] | None = edges  # type: ignore[assignment]
        self.linear = linear
        self.hats: tuple[bool, ...] | bool = hats  # type: ignore[assignment]
        self.keep = keep
        self.l2 = l2
        self.max_norm = max_norm
        self._check_kind()

    def _check_kind(self) -> None:
        other = (
            {"edges": self.edges is not None, "linear": self.linear, "hats": self.hats is not False}
            if self.kind == "periodic"
            else {
                "frequencies": self.frequencies is not None,
                "scale": self.scale is not None,
                "phases": self.phases,
            }
        )
        for name, given in other.items():
            if given:
                raise ValueError(f"{name} does not belong to the kind {self.kind!r}")
        if self.kind == "piecewise" and self.edges is None:
            raise ValueError(
                "edges must be given for the kind 'piecewise', as NumericEmbedding.bins(X)"
            )
        if self.edges and isinstance(self.hats, tuple) and len(self.hats) != len(self.edges):
            raise ValueError(
                f"hats must be one for each of the {len(self.edges)} columns of edges, got "
                f"{len(self.hats)}"
            )
        if self.columns is None:
            if self.kind == "periodic":
                raise ValueError("columns must be given for the kind 'periodic'")
            idle = {
                "activation": self.activation.name != "identity",
                "linear": self.linear,
                "l2": self.l2 is not None,
                "max_norm": self.max_norm is not None,
            }
            for name, given in idle.items():
                if given:
                    raise ValueError(f"{name} needs columns: without them there are no weights")

    @staticmethod
    def bins(X: npt.ArrayLike, n: int = 48) -> list[list[float]]:
        """Return edges of n bins for each column of X: its quantiles, equal ones once.

        Raises
        ------
        TypeError, ValueError
            If X is no matrix of finite numbers, or a column has only one value.

        Examples
        --------
        >>> from fastmlp.layers import NumericEmbedding
        >>> NumericEmbedding.bins([[0.0, 1.0], [0.0, 3.0], [4.0, 5.0]], 2)
        [[0.0, 4.0], [1.0, 3.0, 5.0]]
        """
        matrix = arrays.matrix(X, "X", np.float64)
        share = np.linspace(0.0, 1.0, integer(n, "n", at_least=1, at_most=None) + 1)
        found = []
        for j in range(matrix.shape[1]):
            edges = np.unique(np.quantile(matrix[:, j].astype(np.float64), share))
            if len(edges) < 2:
                raise ValueError(
                    f"X must have two values at least in each column, column {j} has only "
                    f"{edges[0]:g}: leave it out"
                )
            found.append(edges.tolist())
        return found

    def _encoded(self) -> int:
        """Return the columns of an encoding, as the weights have them."""
        if self.kind == "periodic":
            return (1 if self.phases else 2) * (self.frequencies or _FREQUENCIES)
        assert self.edges is not None
        return max(len(edges) - 1 for edges in self.edges)

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the columns of all encodings or embeddings, and of x if it is kept."""
        n = only_input(self, input_columns)
        if self.edges is not None and len(self.edges) != n:
            raise ValueError(
                f"{self!r} has edges for {len(self.edges)} columns and is called with {n}"
            )
        return sum(self.spans(n)) + (n if self.keep else 0)

    def spans(self, input_columns: int) -> list[int]:
        """Return how many columns of the result come of each column of the input."""
        if self.columns is not None:
            return [self.columns] * input_columns
        return [len(edges) - 1 for edges in self.edges or ()]

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of frequencies and phases, of W, of slopes and b; see the class."""
        if self.columns is None:
            return ()
        n, m, d = only_input(self, input_columns), self._encoded(), self.columns
        specs = []
        if self.kind == "periodic":
            row = (1, n * (self.frequencies or _FREQUENCIES))
            draw = Normal(self.scale or _SCALE)
            specs.append(ParameterSpec("coefficients", "c", row, draw, role="scale"))
            if self.phases:
                specs.append(ParameterSpec("shifts", "p", row, Uniform(math.pi), role="bias"))
        within = Uniform(1 / math.sqrt(d if self.linear else m))
        weights = Zeros() if self.linear else within
        W = ParameterSpec(
            "weights", "W", (n * d, m), weights, self.l2, l1=None, max_norm=self.max_norm
        )
        specs.append(W)
        if self.linear:
            specs.append(ParameterSpec("slopes", "a", (1, n * d), within, role="scale"))
        specs.append(ParameterSpec("biases", "b", (1, n * d), within, role="bias"))
        return tuple(specs)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the embeddings side by side, after x if it is kept."""
        (x,) = nodes
        n = x.shape[1]
        given = list(parameters)
        encoded = self._waves(x, given) if self.kind == "periodic" else self._pieces(x)
        if self.columns is None:
            result = self._without_padding(encoded)
        elif self.linear:
            W, a, b = given
            e = g.group_matmul(encoded, W, n, transpose_b=True)
            result = _repeated(x, self.columns) * a + b + activated(self.activation, e, n)
        else:
            W, b = given
            result = activated(self.activation, g.affine(encoded, W, b, groups=n), n)
        return g.concatenate(x, result) if self.keep else result

    def _waves(self, x: g.Node, given: list[g.Node]) -> g.Node:
        """Return cosines and sines of x; take what they need from the parameters given."""
        n, count = x.shape[1], self.frequencies or _FREQUENCIES
        z = _repeated(x, count) * (2 * math.pi * given.pop(0))
        if self.phases:
            return g.cos(z + given.pop(0))
        waves = g.concatenate(g.group_rows(g.cos(z), n), g.group_rows(g.sin(z), n))
        return g.ungroup_rows(waves, n)

    def _pieces(self, x: g.Node) -> g.Node:
        """Return how far x is through each bin; short columns have 0 in bins they have not."""
        assert self.edges is not None
        width = self._encoded()
        upper, factor, whole = (np.zeros((len(self.edges), width)) for _ in range(3))
        least, least_left = np.zeros_like(upper), np.zeros_like(upper)
        for j, edges in enumerate(self.edges):
            count = len(edges) - 1
            upper[j, :count] = edges[1:]
            factor[j, :count] = 1 / np.diff(edges)
            whole[j, :count] = 1
            least[j, 0] = -np.inf
            least_left[j, count - 1] = -np.inf
        rows = [value.reshape(1, -1) for value in (upper, factor, least_left, whole, least)]
        # What is left of a bin first: 1 − max(left, 0) is at most 1.
        left = g.maximum((rows[0] - _repeated(x, width)) * rows[1], rows[2])
        pieces = g.maximum(rows[3] - left, rows[4])
        # A hat is what a bin has more than the next of its column, if there is one.
        less = np.zeros_like(whole)
        less[:, :-1] = whole[:, 1:] * np.broadcast_to(self.hats, len(whole))[:, None]
        less = less.reshape(1, -1)
        if not less.any():
            return pieces
        return pieces - g.concatenate(pieces[:, 1:], pieces[:, :1]) * less

    def _without_padding(self, encoded: g.Node) -> g.Node:
        assert self.edges is not None
        width = self._encoded()
        if all(len(edges) - 1 == width for edges in self.edges):
            return encoded
        starts = range(0, len(self.edges) * width, width)
        return g.concatenate(
            [
                encoded[:, start : start + len(edges) - 1]
                for start, edges in zip(starts, self.edges, strict=True)
            ]
        )

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {
            "columns": self.columns,
            "kind": self.kind,
            "activation": saved_name(self.activation),
            "frequencies": self.frequencies,
            "scale": self.scale,
            "phases": self.phases,
            "edges": None if self.edges is None else [list(edges) for edges in self.edges],
            "linear": self.linear,
            "keep": self.keep,
            "l2": self.l2,
            # Files without these are read by older versions.
            **({} if not np.any(self.hats) else {"hats": np.asarray(self.hats).tolist()}),
            **({} if self.max_norm is None else {"max_norm": self.max_norm}),
        }

    def _arguments(self) -> list[str]:
        said = [str(self.columns), repr(self.kind)]
        if self.activation.name != "identity":
            said.append(f"activation={self.activation.name!r}")
        for name in ("frequencies", "scale", "l2", "max_norm"):
            value = getattr(self, name)
            if value is not None:
                said.append(f"{name}={value:g}")
        said += [f"{name}=True" for name in ("phases", "linear", "keep") if getattr(self, name)]
        return [*said, f"hats={self.hats}"] if np.any(self.hats) else said


def _repeated(x: g.Node, times: int) -> g.Node:
    """Return each column as often side by side: (b, n) → (b, n·times)."""
    n = x.shape[1]
    rows = g.group_rows(x, n)
    return g.ungroup_rows(g.spread(rows, (multiple(x.shape[0], n), times)), n)


def _checked_hats(value: Any) -> bool | tuple[bool, ...]:
    several = listed(value.tolist() if isinstance(value, np.ndarray) else value)
    if several is None:
        return flag(value, "hats")
    return tuple(flag(each, f"hats[{j}]") for j, each in enumerate(several))


def _checked_edges(value: Any) -> tuple[tuple[float, ...], ...]:
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) == 0:
        raise TypeError(
            f"edges must be a sequence of edges for each column, got {type(value).__name__}"
        )
    result = []
    for j, edges in enumerate(value):
        edges = edges.tolist() if isinstance(edges, np.ndarray) else edges
        if isinstance(edges, str | bytes) or not isinstance(edges, Sequence):
            raise TypeError(f"edges[{j}] must be a sequence of numbers, got {edges!r}")
        numbers = tuple(real(edge, f"edges[{j}][{i}]") for i, edge in enumerate(edges))
        if len(numbers) < 2:
            raise ValueError(f"edges[{j}] must be two numbers at least, got {len(numbers)}")
        for i, (low, high) in enumerate(pairwise(numbers), start=1):
            if high <= low:
                raise ValueError(
                    f"edges[{j}] must grow from number to number, got {high:g} after {low:g} at {i}"
                )
        result.append(numbers)
    return tuple(result)
