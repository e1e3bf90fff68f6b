"""What every layer is: the description of one step of a network, called with symbols."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from fastmlp import _checks, activations, initializers
from fastmlp import graph as g
from fastmlp.config import readable
from fastmlp.graph.roles import ROLES, is_vector
from fastmlp.layers.arrays import HasArrays
from fastmlp.layers.habits import ARGUMENTS, ATTRIBUTES
from fastmlp.layers.settings import Setting
from fastmlp.layers.symbols import Input, Symbol, checked_name

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["LAYERS", "Input", "Layer", "ParameterSpec", "Setting", "Symbol"]

Array: TypeAlias = "npt.NDArray[Any]"
AnyLayer = TypeVar("AnyLayer", bound="Layer")

# What can be saved and loaded, by class name; the package fills it. Files can name nothing else.
LAYERS: dict[str, type[Layer]] = {}


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter that a layer needs.

    Attributes
    ----------
    symbol
        What formulas call it (``"W"``); ``name`` is what code calls it (``"weights"``).
    shape
        (rows, columns).
    initializer
        Draws its values before training: an `Initializer`, the name of one, or a number.
    l2
        λ of its penalty ½λ‖W‖²; None is the model's, 0 (the default) none.
    l1
        λ₁ of its penalty λ₁ Σ ``|w|``; None is the model's, 0 (the default) none.
    max_norm
        What a step keeps the norm of each of its rows at; None is no bound.
    role
        What it is for: ``"weight"``, ``"bias"``, ``"scale"``, ``"statistic"`` (told by a training,
        see `Layer.statistics`), ``"embedding"``. A bias, scale or statistic of one row is a vector
        to arrays, files and `get_weights`. By default what is called biases is a bias and all else
        a weight.

    Raises
    ------
    TypeError, ValueError
        If the role or the initializer is another, a bias no row, or a max_norm not more than 0.

    Examples
    --------
    >>> ParameterSpec("biases", "b", (1, 3), "zeros").role
    'bias'
    """

    name: str
    symbol: str
    shape: tuple[int, int]
    initializer: Any  # an Initializer, when it is made
    l2: float | None = 0.0
    role: str = ""
    l1: float | None = 0.0
    max_norm: float | None = None

    def __post_init__(self) -> None:
        role = self.role or ("bias" if self.name == "biases" else "weight")
        object.__setattr__(self, "role", _checks.choice(role, "role", ROLES))
        draw = initializers.get(self.initializer, f"initializer of {self.name}")
        object.__setattr__(self, "initializer", draw)
        if self.max_norm is not None:
            limit = _checks.real(self.max_norm, f"max_norm of {self.name}", above=0)
            object.__setattr__(self, "max_norm", limit)
        if role == "bias" and self.shape[0] != 1:
            raise ValueError(f"{self.name}: a bias must be one row, got the shape {self.shape}")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape that users see: (columns,) of a bias."""
        return self.shape[1:] if is_vector(self.role, self.shape[0]) else self.shape


# What the base itself keeps: where a layer belongs.
_PLACE = frozenset({"_owners", "_nodes", "_vectors", "_parameters"})


@readable
@_checks.has_not(ATTRIBUTES)
class Layer(HasArrays):
    """Base of the layers. Called with a symbol, or a list of them, it returns a new symbol.

    Called twice, it shares its weights between the places, be they of one model or of several.

    Settings (``rate``, ``l2``, ``activation``) may be assigned at any time, with the constructor's
    checks: the next `fit`, `evaluate` or `predict` of the model, its summary and its file follow.
    What the weights depend on (``units``) cannot change once there are weights, and no other
    attribute can be assigned. A class of your own may have any attributes besides; its model is
    planned anew when one of them is assigned, but cannot know of changes inside their values. Its
    parameters are attributes, too, by the names that `parameter_specs` gives them.

    Every layer has the setting ``trainable``: without it the layer is frozen, a `fit` leaves its
    parameters as they are and their gradient is not computed. Its weights stay in the penalty of J,
    where they are a constant.

    While a thread fits a model, assigning to its layers in another thread is a RuntimeError.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp.layers import Layer
    >>> class Double(Layer):
    ...     def output_columns(self, input_columns):
    ...         return input_columns[0]
    ...     def apply(self, nodes, parameters, *, training, key):
    ...         return 2 * nodes[0]
    >>> fm.Sequential([Double()], input_columns=2).predict([[1.0, 2.0]])
    array([[2., 4.]], dtype=float32)
    """

    activation: activations.Activation | None = None
    given_name: str | None = None
    trainable: bool = True
    SETTINGS: ClassVar[dict[str, Setting]] = {}
    # Where it belongs: the networks it is part of, weakly, each with what it calls the layer.
    _owners: tuple[tuple[Callable[[], Any], str], ...] = ()

    @_checks.taught(ARGUMENTS)
    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        self.given_name = name
        self.trainable = trainable

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if _checks.is_ours(cls) and "__init__" in vars(cls):
            cls.__init__ = _checks.taught(ARGUMENTS)(cls.__init__)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PLACE:
            object.__setattr__(self, name, value)
            return
        owners = self.owners
        for owner in owners:
            owner.check_write(name, self)
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        if name in self._nodes and name not in self.__dict__:
            self.assign({name: value})
            return
        setting = _OF_ALL.get(name) or self.SETTINGS.get(name)
        if setting is not None:
            value = setting.check(value)
            if owners and setting.fixed:
                said = name.removeprefix("given_")  # which `name` sets
                raise AttributeError(f"{said} of {self!r} cannot change any more: {setting.fixed}")
        elif _checks.is_ours(type(self)):
            raise _checks.refusal(self, name, self._assignable(), ATTRIBUTES)
        before = self.__dict__.get(name)
        object.__setattr__(self, name, value)
        if not owners or (setting is not None and before == value):
            return
        try:
            for owner in owners if setting is not None else ():
                owner.check()
        except (TypeError, ValueError):
            object.__setattr__(self, name, before)
            raise
        for owner in owners:
            owner.changed()

    def _assignable(self) -> list[str]:
        """Return the names of the settings and of the arrays."""
        members = [(n, value) for cls in type(self).__mro__ for n, value in vars(cls).items()]
        found = [n for n, value in members if isinstance(value, property) and value.fset]
        found.remove("name")
        free = self.owner is None
        settings = {**self.SETTINGS, "trainable": _OF_ALL["trainable"]}
        return [*found, *(n for n, setting in settings.items() if free or not setting.fixed)]

    @property
    def name(self) -> str | None:
        """What its (first) model calls it, or the name it was given; None if there is neither."""
        names = [name for owner, name in self._owners if owner() is not None]
        return names[0] if names else self.given_name

    @name.setter
    def name(self, name: str | None) -> None:
        self.given_name = name

    # What a layer must say.

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of output columns; ValueError if `input_columns` do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has to define output_columns")

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return the parameters it needs for inputs of these numbers of columns."""
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
        raise NotImplementedError(f"{type(self).__name__} has to define apply")

    def index_limits(self, input_columns: int) -> tuple[int, ...] | None:
        """Return how many categories each column of its input has, None if these are no indices."""
        return None

    def statistics(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node]
    ) -> Mapping[g.Node, g.Node]:
        """Return what its parameters of the role "statistic" become after a step of training.

        Asked of layers that are not frozen. Arguments as of `apply`; the keys are among
        `parameters`, those left out stay as they are.
        """
        return {}

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
        found = self.output_columns(tuple(s.columns for s in sources))
        title = f"output_columns of {self!r}"
        columns = _checks.integer(found, title, at_least=1, at_most=None)
        return Symbol(columns, self, tuple(sources))

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
        frozen = {} if self.trainable else {"trainable": False}  # as files of old say nothing
        return {"class": kind, "name": self.name, **self.settings(), **frozen}

    @classmethod
    def from_config(cls: type[AnyLayer], config: dict[str, Any]) -> AnyLayer:
        """Return the layer whose `config` this is, without the key ``"class"``."""
        read = {name: setting.read for name, setting in cls.SETTINGS.items() if setting.read}
        made = {n: read[n](v) if n in read and v is not None else v for n, v in config.items()}
        return cls(**made)

    def copy(self: AnyLayer) -> AnyLayer:
        """Return a layer of the same settings that belongs to no network."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles are descriptions: weights belong to the network, not to the layer.
        return {name: value for name, value in self.__dict__.items() if name not in _PLACE}

    def __repr__(self) -> str:
        arguments = [str(value) for value in self._arguments()]
        if self.given_name is not None:
            arguments.append(f"name={self.given_name!r}")
        if not self.trainable:
            arguments.append("trainable=False")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def _arguments(self) -> list[str]:
        return []

    # What the network does with it.

    @property
    def owner(self) -> Any:
        """The network it belongs to, the first of several, or None."""
        return next(iter(self.owners), None)

    @property
    def owners(self) -> list[Any]:
        """The networks it belongs to."""
        return [owner for known, _ in self._owners if (owner := known()) is not None]

    @property
    def parameter_nodes(self) -> Mapping[str, g.Node] | None:
        """Its parameters by name, None before there are any.

        They stay when its models are gone: a new one of it goes on with them if they fit there.
        """
        return None if self._parameters is None and self.owner is None else self._nodes

    def join(
        self, owner: object, name: str, nodes: Mapping[str, g.Node], vectors: frozenset[str]
    ) -> None:
        """Make it part of a network, under this name, with these parameters.

        `vectors` are the names of those that users see as vectors. A layer that has parameters and
        belongs to a network must join with them.
        """
        if nodes != self._nodes:
            self._parameters = None
        self._nodes = nodes
        self._vectors = vectors
        present = (known for known in self._owners if known[0]() is not None)
        self._owners = (*present, (weakref.ref(owner), name))

    def leave(self, owner: object) -> None:
        """Make it no part of a network any more."""
        self._owners = tuple(known for known in self._owners if known[0]() is not owner)


# The settings of every layer.
_OF_ALL = {
    "given_name": Setting(
        checked_name, "its model knows it by its name, give it to the constructor"
    ),
    "trainable": Setting(lambda value: _checks.flag(value, "trainable")),
}


def only_input(layer: Layer, input_columns: tuple[int, ...]) -> int:
    """Return the columns of a layer's one input; ValueError if there are several."""
    if len(input_columns) != 1:
        raise ValueError(
            f"{layer!r} takes one input, not {len(input_columns)}; join several with concat or add"
        )
    return input_columns[0]
