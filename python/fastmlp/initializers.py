"""Initializers: the distributions that weights are drawn from before training.

An initializer is a frozen dataclass whose docstring is its formula. Called with a random generator
and the shape (outputs, inputs) of a weight matrix, it returns a float64 array of that shape.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _lazy
from fastmlp._checks import choice, frozen, real, taught

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "ALIASES",
    "INITIALIZERS",
    "Constant",
    "Glorot",
    "He",
    "Initializer",
    "LeCun",
    "Normal",
    "Uniform",
    "Zeros",
    "from_config",
    "get",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

Matrix: TypeAlias = "npt.NDArray[np.float64]"


class Initializer:
    """Base of the initializers: a rule that makes an array of a given shape.

    Examples
    --------
    >>> class Ones(Initializer):
    ...     def __call__(self, rng, shape):
    ...         return np.ones(shape)
    >>> import fastmlp as fm
    >>> fm.Dense(3, weights_initializer=Ones()).weights_initializer(None, (1, 2))
    array([[1., 1.]])
    """

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape` (outputs, inputs), drawn from `rng`."""
        raise NotImplementedError(f"{type(self).__name__} has to define __call__")

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make it again: JSON values only."""
        if _CLASSES.get(type(self).__name__) is not type(self):
            raise ValueError(
                f"an initializer of the class {type(self).__name__} cannot be saved: "
                f"only those of fastmlp can ({', '.join(_CLASSES)})"
            )
        return {"class": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class _Scaled(Initializer):
    """Zero mean and a variance that follows from the shape."""

    distribution: str = "uniform"

    def __post_init__(self) -> None:
        choice(self.distribution, "distribution", ("uniform", "normal"))

    def variance(self, outputs: int, inputs: int) -> float:
        raise NotImplementedError

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape` (outputs, inputs), drawn from `rng`."""
        variance = self.variance(*shape)
        if self.distribution == "normal":
            return rng.normal(0.0, math.sqrt(variance), shape)
        limit = math.sqrt(3.0 * variance)  # U(−a, a) has variance a²/3
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Glorot(_Scaled):
    """Variance 2 / (inputs + outputs): keeps signals and error signals of linear units in scale.

    Uniform on ±√(6 / (inputs + outputs)), or normal. Glorot & Bengio 2010, equation 16. The default
    of every activation that He does not suit.

    Parameters
    ----------
    distribution
        ``"uniform"`` or ``"normal"``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import Glorot
    >>> W = Glorot()(np.random.default_rng(0), (4, 2))
    >>> W.shape, bool(abs(W).max() <= 1)
    ((4, 2), True)
    """

    def variance(self, outputs: int, inputs: int) -> float:
        """Return 2 / (inputs + outputs)."""
        return 2.0 / (inputs + outputs)


@dataclass(frozen=True)
class He(_Scaled):
    """Variance 2 / inputs: keeps the scale through units that are zero half of the time.

    Uniform on ±√(6 / inputs), or normal. He et al. 2015, equation 10. The default of relu,
    its kin and sin.

    Parameters
    ----------
    distribution
        ``"uniform"`` or ``"normal"``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import He
    >>> He("normal")(np.random.default_rng(0), (256, 784)).shape
    (256, 784)
    """

    def variance(self, outputs: int, inputs: int) -> float:
        """Return 2 / inputs."""
        return 2.0 / inputs


@dataclass(frozen=True)
class LeCun(_Scaled):
    """Variance 1 / inputs: a unit's net input has the variance of one input.

    Uniform on ±√(3 / inputs), or normal. LeCun et al. 1998, Efficient BackProp, section 4.6.

    Parameters
    ----------
    distribution
        ``"uniform"`` or ``"normal"``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import LeCun
    >>> bool(abs(LeCun()(np.random.default_rng(0), (5, 3))).max() <= 1)
    True
    """

    def variance(self, outputs: int, inputs: int) -> float:
        """Return 1 / inputs."""
        return 1.0 / inputs


@dataclass(frozen=True)
class Constant(Initializer):
    """Every element is `value`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import Constant
    >>> Constant(0.1)(np.random.default_rng(0), (1, 3)).tolist()
    [[0.1, 0.1, 0.1]]
    """

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", real(self.value, "value"))

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape` filled with `value`; `rng` is left alone."""
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and standard deviation `std`, whatever the shape: for embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import Normal
    >>> Normal(0.01)(np.random.default_rng(0), (100, 8)).shape
    (100, 8)
    """

    std: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "std", real(self.std, "std", at_least=0))

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape`, drawn from `rng`."""
        return rng.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on ±`limit`, whatever the shape: for embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import Uniform
    >>> bool(abs(Uniform(0.1)(np.random.default_rng(0), (100, 8))).max() <= 0.1)
    True
    """

    limit: float = 0.05

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", real(self.limit, "limit", at_least=0, at_most=1e300))

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape`, drawn from `rng`."""
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True)
class Stacked(Initializer):
    """Matrices of a rule one below the other, each drawn by its own shape: for groups.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import He, Stacked
    >>> W = Stacked(He(), 4)(np.random.default_rng(0), (8, 3))
    >>> W.shape, bool((W[:2] == He()(np.random.default_rng(0), (2, 3))).all())
    ((8, 3), True)
    """

    rule: Initializer
    matrices: int

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of `shape`, as many matrices, drawn from `rng`."""
        rows, columns = shape
        each = rows // self.matrices, columns
        return np.concatenate([self.rule(rng, each) for _ in range(self.matrices)])


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every element is 0: the default of biases.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.initializers import Zeros
    >>> Zeros()(np.random.default_rng(0), (1, 2)).tolist()
    [[0.0, 0.0]]
    """

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        """Return a float64 array of zeros; `rng` is left alone."""
        return np.zeros(shape)


_CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls for cls in (Glorot, He, LeCun, Constant, Normal, Uniform, Zeros)
}
for _class in (*_CLASSES.values(), Stacked):
    frozen()(_class)

INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": Glorot("uniform"),
    "glorot_normal": Glorot("normal"),
    "he_uniform": He("uniform"),
    "he_normal": He("normal"),
    "lecun_uniform": LeCun("uniform"),
    "lecun_normal": LeCun("normal"),
    "normal": Normal(),
    "uniform": Uniform(),
    "zeros": Zeros(),
}

# What PyTorch calls them.
ALIASES: dict[str, str] = {
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
}


def get(spec: str | Initializer | float, name: str = "initializer") -> Initializer:
    """Return the initializer that `spec` names.

    Parameters
    ----------
    spec
        A name (see ``INITIALIZERS`` and ``ALIASES``), an `Initializer`, or a number: a constant.
    name
        What errors call it.

    Raises
    ------
    ValueError
        If the name is unknown or the number is not finite.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import initializers
    >>> initializers.get("he_normal")
    He(distribution='normal')
    >>> initializers.get(0.5)
    Constant(value=0.5)
    """
    if isinstance(spec, Initializer):
        return spec
    if isinstance(spec, str):
        return INITIALIZERS[choice(ALIASES.get(spec, spec), name, INITIALIZERS)]
    given: Any = spec
    if isinstance(given, type) and issubclass(given, Initializer):
        raise TypeError(f"{name} must be an object, got the class: write {given.__name__}()")
    theirs = _lazy.theirs(spec).rstrip("_")
    if theirs in (*INITIALIZERS, *ALIASES):
        raise TypeError(f"{name}: another library's fills no array here; write {theirs!r}")
    return Constant(real(spec, f"{name}, where it is neither a name nor an Initializer,"))


def from_config(config: Any) -> Initializer:
    """Return the initializer whose `config` this is; anything else is a ValueError.

    Examples
    --------
    >>> from fastmlp import initializers
    >>> initializers.from_config({"class": "He", "distribution": "normal"})
    He(distribution='normal')
    """
    if not isinstance(config, dict):
        raise ValueError(f"initializer config must be a mapping, not {type(config).__name__}")
    arguments = dict(config)
    cls = _CLASSES.get(str(arguments.pop("class", None)))
    if cls is None:
        raise ValueError(
            f"initializer config names the class {config.get('class')!r}; "
            f"known are: {', '.join(_CLASSES)}"
        )
    try:
        return cls(**arguments)
    except TypeError as error:
        raise ValueError(f"initializer config {config!r} does not fit: {error}") from error


# What their arguments are called elsewhere.
_ARGUMENTS = {
    **dict.fromkeys(("stddev", "sigma", "scale"), "write std="),
    "mean": "leave it out: it is 0",
    **dict.fromkeys(("minval", "maxval", "low", "high"), "write limit=, of numbers from -limit on"),
    **dict.fromkeys(("val", "c"), "write value="),
    **dict.fromkeys(("mode", "nonlinearity", "gain"), "leave it out: see LeCun, He and Glorot"),
    **dict.fromkeys(("seed", "generator"), "leave it out: the model has a seed"),
}
for _class in _CLASSES.values():
    _class.__init__ = taught(_ARGUMENTS)(_class.__init__)  # type: ignore[method-assign]
