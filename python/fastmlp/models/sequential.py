"""Models of layers in a row: `Sequential`, and `MLP` made from a list of widths."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from fastmlp import _checks, _lazy
from fastmlp.activations import NAMES, Activation
from fastmlp.data import arrays
from fastmlp.layers import Input, Layer, Symbol
from fastmlp.models.habits import OF_BUILD, OF_MLP, OF_SEQUENTIAL
from fastmlp.models.listing import Listing
from fastmlp.models.model import Model
from fastmlp.networks.network import Network
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike

P = ParamSpec("P")


def _layers_in_one_list(init: Callable[P, None]) -> Callable[P, None]:
    """Let a constructor refuse layers one by one, as PyTorch takes them."""

    @wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        given = args[1:]
        if any(isinstance(one, Layer | Input) for one in given):
            name = type(args[0]).__name__
            raise TypeError(
                f"{name} takes its layers as one list: write {name}([...]) around "
                f"the {len(given)} that were given"
            )
        init(*args, **kwargs)

    return checked


class Sequential(Model):
    """Layers in a row.

    Parameters
    ----------
    layers : sequence of Layer, optional
        From first to last; an `Input` may stand first. Without it `add` adds them one by one.
    input_columns : int, optional
        Number of input columns. Without it and without an `Input` the model is built, and its
        initial weights are drawn, when it first sees data.
    seed, dtype
        As for `Model`.

    Raises
    ------
    TypeError, ValueError
        If something in `layers` is no layer, or an argument is wrong.

    Examples
    --------
    >>> import fastmlp as fm
    >>> layers = [fm.Dense(8, "relu"), fm.Dropout(0.2), fm.Dense(3, "softmax")]
    >>> fm.Sequential(layers, input_columns=4)
    <Sequential 4 → 8 relu → Dropout → 3 softmax; 67 parameters, float32>
    """

    @_layers_in_one_list
    @_checks.taught(OF_SEQUENTIAL)
    def __init__(
        self,
        layers: Sequence[Layer | Input] | None = None,
        *,
        input_columns: int | None = None,
        seed: int | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._begin(seed, dtype)
        if layers is None:
            if input_columns is not None:
                self.add(Input(input_columns))
            return
        self._waiting = _checked_layers(layers)
        if input_columns is not None or isinstance(self._waiting[0], Input):
            with turns.building:
                self._adopt(self._drawn(input_columns))

    def add(self, layer: Layer | Input) -> None:
        """Add a layer behind the others. The model is built when it first sees data.

        Parameters
        ----------
        layer : Layer or Input
            An `Input` may be the first.

        Raises
        ------
        TypeError
            If it is no layer.
        ValueError
            If the model has been built: its weights are there.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.Sequential(seed=0)
        >>> model.add(fm.Dense(8, "relu"))
        >>> model.add(fm.Dense(1))
        >>> model.predict([[0.0, 1.0]]).shape
        (1, 1)
        """
        turns.check(self, "add")
        with turns.building:
            if self._network is not None:
                raise ValueError(
                    "the model is built, its layers cannot change: make a new one of all layers"
                )
            self._waiting = [*self._waiting, _checked_layer(layer, len(self._waiting))]

    @_checks.taught(OF_BUILD)
    def build(self, columns: int) -> None:
        """Draw the initial weights for data of `columns` columns.

        Parameters
        ----------
        columns : int
            At least 1.

        Raises
        ------
        ValueError
            If the model is built already, for another number of columns.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.Sequential([fm.Dense(3)], seed=0)
        >>> model.build(4)
        >>> model.layers[0].weights.shape
        (3, 4)
        """
        columns = _checks.columns(columns, "columns")
        with turns.building:
            if self._network is None:
                self._adopt(self._drawn(columns))
        built = self.network.input_columns[0]
        if built != columns:
            raise ValueError(f"columns={columns}: the model is built for {built} input columns")

    def _joined(self, symbols: Symbol | Sequence[Symbol]) -> Symbol:
        first = symbols if isinstance(symbols, Symbol) else symbols[0]
        if self._network is None and isinstance(first, Symbol):
            self.build(first.columns)
        joined: Symbol = super()._joined(symbols)
        return joined

    def _network_for(self, X: Any) -> Network:
        if self._network is not None:
            return self._network
        if self._waiting and isinstance(self._waiting[0], Input):
            return Network.sequential(self._waiting, seed=self.seed)
        alone = next(iter(X.values())) if arrays.is_named(X) and len(X) == 1 else X
        columns = arrays.input_rows(alone, "X", self.dtype, finite=False).shape[1]
        return self._drawn(columns)

    def _drawn(self, columns: int | None) -> Network:
        """Return the network of the waiting layers, with initial weights."""
        return Network.sequential(self._waiting, columns, seed=self.seed, dtype=self.dtype)

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last: a list to read."""
        network = self._network
        given = self._waiting if network is None else network.layers
        return Listing(layer for layer in given if isinstance(layer, Layer))


class MLP(Sequential):
    """A multilayer perceptron: dense layers in a row.

    Parameters
    ----------
    columns : sequence of int
        Number of inputs, units of each hidden layer, number of outputs.
    activation : str or Activation, default "relu"
        φ of the hidden layers.
    output : str or Activation, default "identity"
        φ of the last layer: "softmax" for classes, "logistic" for yes and no, "identity" for
        numbers.
    seed, dtype
        As for `Model`.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer or less than 1, or an activation is unknown.

    Examples
    --------
    >>> import fastmlp as fm
    >>> fm.MLP([784, 256, 128, 10], activation="relu", output="softmax", seed=0)
    <MLP 784 → 256 relu → 128 relu → 10 softmax; 235,146 parameters, float32>
    """

    @_layers_in_one_list
    @_checks.taught(OF_MLP)
    def __init__(
        self,
        columns: Sequence[int],
        activation: Any = "relu",
        output: Any = "identity",
        *,
        seed: int | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._begin(seed, dtype)
        self._adopt(Network.mlp(columns, activation, output, seed=self.seed, dtype=self.dtype))


def _checked_layers(layers: Any) -> list[Layer | Input]:
    result: list[Any] | None = None if isinstance(layers, Layer) else _checks.listed(layers)
    if result is None:
        raise TypeError(
            f"layers must be a list of layers, got {type(layers).__name__}: write [...]"
        )
    if not result:
        raise ValueError("layers must hold at least one layer, got an empty list")
    return [_checked_layer(layer, i) for i, layer in enumerate(result)]


def _checked_layer(layer: Any, i: int) -> Layer | Input:
    if not isinstance(layer, Layer) and not (i == 0 and isinstance(layer, Input)):
        raise TypeError(f"layers[{i}] must be a layer such as Dense(10), got {_instead(layer)}")
    return layer


def _instead(given: Any) -> str:
    """Return what stands where a layer should, with what to write for what people put there."""
    if isinstance(given, type) and issubclass(given, Layer):
        return f"the class: write {given.__name__}(...)"
    if isinstance(given, Activation) or (isinstance(given, str) and given in NAMES):
        name = getattr(given, "name", given)
        return f"the activation {name!r}: write Activation({name!r}), a layer"
    if isinstance(given, Model):
        return f"{given!r}: write *model.layers, which are shared then, or *model.copy().layers"
    if isinstance(given, (list, tuple)):
        return f"a {type(given).__name__}: write its layers one by one, as in *layers"
    advice = _lazy.ELSEWHERE.get(_lazy.theirs(given), "")
    if callable(given) and not advice and not isinstance(given, type):
        advice = "write Lambda(function) for a function of nodes"
    return f"{given!r}{'; ' if advice else ''}{advice}"
