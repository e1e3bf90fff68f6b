"""What every layer is: the description of one step of a network, called with symbols."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from fastmlp import _checks, activations
from fastmlp import graph as g
from fastmlp._checks import is_ours, refusal
from fastmlp.data import arrays
from fastmlp.initializers import Initializer

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["LAYERS", "Input", "Layer", "ParameterSpec", "Setting", "Symbol"]

Array: TypeAlias = "npt.NDArray[Any]"
AnyLayer = TypeVar("AnyLayer", bound="Layer")

# What can be saved and loaded, by class name; layers.py fills it. Files can name nothing else.
LAYERS: dict[str, type[Layer]] = {}

# What a parameter can be for.
ROLES = ("weight", "bias")


class Symbol:
    """What a layer returns before there are numbers: a matrix of `columns` columns; immutable.

    Attributes
    ----------
    columns
        Number of columns.
    layer
        The layer it comes from, None for an `Input`.
    sources
        The symbols that the layer was called with.
    """

    __slots__ = ("__weakref__", "columns", "layer", "sources")

    def __init__(self, columns: int, layer: Layer | None, sources: tuple[Symbol, ...]) -> None:
        self.columns = columns
        self.layer = layer
        self.sources = sources

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise AttributeError(f"{self!r} is immutable: cannot set {name!r}; make a new one")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.layer, self.sources)

    def __repr__(self) -> str:
        return f"<{self.columns} columns from {self.layer!r}>"


class Input(Symbol):
    """Where data enters a network: a matrix with a row for each example.

    Parameters
    ----------
    columns
        Number of features, at least 1.
    name
        What messages and pictures call it; by default x, or x1, x2, … where there are several.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input
    >>> x = Input(784)
    >>> Dense(10, "softmax")(x).columns
    10
    """

    __slots__ = ("name",)

    def __init__(self, columns: int, name: str | None = None) -> None:
        super().__init__(_checks.columns(columns, "columns"), None, ())
        self.name = _checked_name(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.name)

    def __repr__(self) -> str:
        return (
            f"Input({self.columns})"
            if self.name is None
            else f"Input({self.columns}, {self.name!r})"
        )


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter that a layer needs.

    Attributes
    ----------
    name, symbol
        What code calls it (``"weights"``) and what formulas call it (``"W"``).
    shape
        (rows, columns).
    initializer
        Draws its values before training.
    l2
        λ of its penalty; None is the model's, 0 (the default) none.
    role
        ``"weight"``, or ``"bias"``: a row that arrays, files and `get_weights` show as a vector. By
        default what is called biases is a bias and all else a weight.

    Raises
    ------
    ValueError
        If the role is another, or a bias is no row.
    """

    name: str
    symbol: str
    shape: tuple[int, int]
    initializer: Initializer
    l2: float | None = 0.0
    role: str = ""

    def __post_init__(self) -> None:
        role = self.role or ("bias" if self.name == "biases" else "weight")
        object.__setattr__(self, "role", _checks.choice(role, "role", ROLES))
        if role == "bias" and self.shape[0] != 1:
            raise ValueError(f"{self.name}: a bias must be one row, got the shape {self.shape}")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape that users see: (columns,) of a bias."""
        return self.shape[1:] if self.role == "bias" else self.shape


@dataclass(frozen=True)
class Setting:
    """An argument of a layer's constructor that is an attribute of the layer too.

    Attributes
    ----------
    check
        Takes what is assigned and returns what is kept, or raises.
    fixed
        Why it cannot change once the layer is part of a model; empty if it can.
    """

    check: Callable[[Any], Any]
    fixed: str = ""


# What to say of attributes of layers elsewhere.
_INSTEAD = {
    "bias": "write biases",
    "kernel": "write weights",
    "p": "write rate",
    "requires_grad": "layers cannot be frozen in this version",
    "trainable": "layers cannot be frozen in this version",
    "kernel_regularizer": "write l2",
    "weight_decay": "write l2, or give it to the optimizer",
}
# What the base itself keeps: where a layer belongs.
_PLACE = frozenset({"_owner", "_place", "_nodes", "_parameters"})


class Layer:
    """Base of the layers. Called with a symbol, or a list of them, it returns a new symbol.

    Called twice, it shares its weights between the places. It belongs to one network at a time.

    Settings (``rate``, ``l2``, ``activation``) may be assigned at any time, with the constructor's
    checks: the next `fit`, `evaluate` or `predict` of the model, its summary and its file follow.
    What the weights depend on (``units``) cannot change once there are weights, and no other
    attribute can be assigned. A class of your own may have any attributes besides; its model is
    planned anew when one of them is assigned, but cannot know of changes inside their values.
    """

    activation: activations.Activation | None = None
    SETTINGS: ClassVar[dict[str, Setting]] = {}

    def __init__(self, *, name: str | None = None) -> None:
        self._owner: Callable[[], Any] = _nobody
        self._place: str | None = None
        self._nodes: dict[str, g.Node] = {}
        self._parameters: Any = None
        self.given_name = name

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PLACE or isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        setting = _NAME if name == "given_name" else self.SETTINGS.get(name)
        owner = self.__dict__.get("_owner", _nobody)()
        if setting is not None:
            value = setting.check(value)
            if owner is not None and setting.fixed:
                raise AttributeError(f"{name} of {self!r} cannot change any more: {setting.fixed}")
        elif is_ours(type(self)):
            raise refusal(self, name, self._assignable(), _INSTEAD)
        before = self.__dict__.get(name)
        object.__setattr__(self, name, value)
        if owner is None or (setting is not None and before == value):
            return
        try:
            owner.changed(check=setting is not None)
        except (TypeError, ValueError):
            object.__setattr__(self, name, before)
            raise

    def _assignable(self) -> list[str]:
        """Return the names of the settings and of the arrays."""
        arrays = [name for name in ("weights", "biases") if hasattr(type(self), name)]
        free = self.owner is None
        return [*arrays, *(n for n, setting in self.SETTINGS.items() if free or not setting.fixed)]

    @property
    def name(self) -> str | None:
        """What the model calls it, or the name it was given; None before there is either."""
        return self._place or self.given_name

    @name.setter
    def name(self, name: str | None) -> None:
        self.given_name = name

    # What a layer must say.

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return how many columns come out for inputs of so many; ValueError if they do not fit."""
        raise NotImplementedError

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return the parameters it needs for inputs of so many columns."""
        return ()

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the layer's output as a node.

        Parameters
        ----------
        nodes
            The inputs, (b, columns) each.
        parameters
            A node for each of `parameter_specs`, in that order.
        training
            Whether the graph is for training: dropout is left out otherwise.
        key
            A number that no other call of a layer in the network has, for random numbers.
        """
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {}

    # What every layer has.

    def __call__(self, symbols: Symbol | Sequence[Symbol]) -> Symbol:
        """Return the symbol of this layer's output for these inputs."""
        sources = (symbols,) if isinstance(symbols, Symbol) else symbols
        if not isinstance(sources, Sequence) or not all(isinstance(s, Symbol) for s in sources):
            raise TypeError(
                f"{self!r} must be called with an Input, another layer's output or a list of them, "
                f"not {type(symbols).__name__}; data goes to the model's predict"
            )
        if not sources:
            raise ValueError(f"{self!r} must be called with one input at least, got none")
        return Symbol(self.output_columns(tuple(s.columns for s in sources)), self, tuple(sources))

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the layer again: JSON values only.

        Raises
        ------
        ValueError
            If a function of the user's is inside: only what fastmlp knows by name can be saved.
        """
        kind = type(self).__name__
        if LAYERS.get(kind) is not type(self):
            raise ValueError(
                f"a layer of the class {kind} cannot be saved: only those of fastmlp can "
                f"({', '.join(LAYERS)})"
            )
        return {"class": kind, "name": self.name, **self.settings()}

    @classmethod
    def from_config(cls: type[AnyLayer], config: dict[str, Any]) -> AnyLayer:
        """Return the layer whose `config` this is, without the key ``"class"``."""
        return cls(**config)

    def copy(self: AnyLayer) -> AnyLayer:
        """Return a layer of the same settings that belongs to no network."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles are descriptions: weights belong to the network, not to the layer.
        fresh: dict[str, Any] = {
            "_owner": _nobody,
            "_place": None,
            "_nodes": {},
            "_parameters": None,
        }
        return self.__dict__ | fresh

    def __repr__(self) -> str:
        arguments = [str(value) for value in self._arguments()]
        if self.given_name is not None:
            arguments.append(f"name={self.given_name!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def _arguments(self) -> list[str]:
        return []

    # What the network does with it.

    @property
    def owner(self) -> Any:
        """The network it belongs to, or None."""
        return self._owner()

    def join(self, owner: object, name: str, nodes: dict[str, g.Node]) -> None:
        """Make it part of a network, under this name, with these parameter nodes."""
        self._owner = weakref.ref(owner)
        self._place = name
        self._nodes = nodes
        self._parameters = None

    def bind(self, parameters: Any) -> None:
        """Let the layer's arrays be views of `parameters`, the owner of the flat vector."""
        self._parameters = parameters

    def _view(self, name: str) -> Array:
        if self._parameters is None:
            raise AttributeError(
                f"{self!r} has no {name} yet: they are made with the model it is part of"
            )
        if name not in self._nodes:
            raise AttributeError(f"{self!r} has no {name}")
        view: Array = self._parameters.view(self._nodes[name])
        return view

    def _assign(self, name: str, view: Array, values: npt.ArrayLike) -> None:
        view[...] = arrays.asarray_like(values, view, f"{name} of {self!r}")


def _nobody() -> None:
    return None


def _checked_name(name: str | None) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not name or ":" in name:  # "name:2" is the second call of a shared layer
        raise ValueError(f"name must not be empty or contain a colon, got {name!r}")
    return name


_NAME = Setting(_checked_name, "its model knows it by its name, give it to the constructor")


def only_input(layer: Layer, input_columns: tuple[int, ...]) -> int:
    """Return the columns of a layer's one input; ValueError if there are several."""
    if len(input_columns) != 1:
        raise ValueError(
            f"{layer!r} takes one input, not {len(input_columns)}; join several with concat or add"
        )
    return input_columns[0]
