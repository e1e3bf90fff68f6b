"""What a loss is: a function of two nodes, the output y (b, n) and the target t.

It returns a node with one number for each example, which `reduction.mean_loss` averages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from fastmlp import graph as g
from fastmlp._checks import choice, is_ours
from fastmlp.config import readable
from fastmlp.data.targets import ENCODERS, as_matrix, limits
from fastmlp.graph.called import called, check_node

if TYPE_CHECKING:
    import numpy.typing as npt


@readable
@dataclass(frozen=True)
class Loss:
    """A loss L(y, t), applied to nodes of the graph by calling it.

    Parameters
    ----------
    name
        What it is called in histories and messages.
    formula
        L of one example, for people to read.
    function
        Takes the nodes y, shape (b, n), and t, and returns a node: (b, 1), a number for each
        example; (b, k), whose columns are then summed; or (1, 1), taken as reduced already.
    target
        What targets look like. ``"real"``: n numbers. ``"binary"``: n times 0 or 1, or a
        probability. ``"class"``: a label 0 … n − 1, one-hot or class probabilities; for n = 1, 0
        and 1 or −1 and 1. ``"any"``: any number of columns, passed on as they are.

    Examples
    --------
    A loss of your own:

    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import Loss
    >>> absolute = Loss("absolute", "Σₖ|yₖ − tₖ|", lambda y, t: g.abs(y - t), target="real")
    >>> absolute(g.input(3, "y"), g.input(3, "t")).shape
    ('batch', 1)
    """

    name: str
    formula: str
    function: Callable[[g.Node, g.Node], g.Node]
    target: str = "any"

    def __post_init__(self) -> None:
        check_described(self)
        choice(self.target, "target", ENCODERS)

    def __call__(self, y: g.Node, t: g.Node) -> g.Node:
        """Return the loss of each example, (b, 1), or (1, 1) if the function reduced it already.

        Raises
        ------
        TypeError, ValueError
            If the function cannot be called with nodes, returns another shape or no node, or one
            that depends on no output.
        """
        what = f"loss {self.name!r}"
        for node, its in ((y, "y"), (t, "t")):
            check_node(node, f"{what}: {its}", "; of arrays, model.evaluate(X, t) tells it")
        result = called(self.function, y, t, what=what, nodes="(y, t)")
        result = one_number_per_row(result, y, what)
        if not is_ours(self.function) and not _can_be_learned(result, y):
            raise ValueError(
                f"{what} does not depend on the outputs y: nothing would be learned from the data"
            )
        return result

    def __reduce__(self) -> Any:
        # The function may have no name that a pickle could say, so the loss says its own.
        if LOSSES.get(self.name) == self:
            return _by_name, (self.name,)
        return super().__reduce__()

    def target_columns(self, output_columns: int) -> int:
        """Return how many columns targets usually have for a network of `output_columns`."""
        return 1 if self.target == "class" else output_columns

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check targets and return them as the matrix that the loss reads.

        Parameters
        ----------
        t
            Targets, (rows,) or (rows, columns), numbers or booleans.
        output_columns
            The number n of the network's output columns.
        name
            What messages call the argument.

        Returns
        -------
        ndarray
            (rows, columns). Labels are int64 in one column, from one-hot rows too; anything else is
            not copied. Whether ``"real"`` and ``"any"`` targets are finite is left to the caller.

        Raises
        ------
        TypeError
            If `t` does not hold numbers.
        ValueError
            If its shape does not fit, or a value is out of range: the message says how many are,
            and the first of them.

        Examples
        --------
        >>> from fastmlp import losses
        >>> losses.get("cross_entropy").encode_targets([[0, 0, 1], [1, 0, 0]], 3).tolist()
        [[2], [0]]
        >>> losses.get("cross_entropy").encode_targets([2, 3], 3)
        Traceback (most recent call last):
            ...
        ValueError: t has 1 value out of range; the first is 3 at row 1; expected labels 0 … 2
        """
        return ENCODERS[self.target](as_matrix(t, name), output_columns, name)

    def target_limits(self, output_columns: int, columns: int) -> tuple[float, float, bool] | None:
        """Return which targets of so many columns `encode_targets` leaves as they are.

        Returns
        -------
        (low, high, whole) or None
            The least and the greatest number, and whether they are whole; None if it is not known.
            Rows of probabilities must also add up to 1, and not all be one-hot.

        Examples
        --------
        >>> from fastmlp import losses
        >>> losses.get("cross_entropy").target_limits(3, 1)
        (0.0, 2.0, True)
        """
        if not is_ours(type(self)):
            return None  # a class of the user's may read targets in its own way
        probabilities = self.target == "class" and columns > 1
        return limits("binary" if probabilities else self.target, output_columns)


def check_described(described: Any) -> None:
    """Raise TypeError unless a loss or a metric has texts and a function where they belong."""
    for its in ("name", "formula"):
        if not isinstance(getattr(described, its), str):
            raise TypeError(f"{its} must be a text, got {getattr(described, its)!r}")
    if not callable(described.function):
        raise TypeError(f"function must be a function, got {described.function!r}")


def _by_name(name: str) -> Loss:
    if name not in LOSSES:
        raise ValueError(f"no loss is called {name!r} here: name it by fastmlp.losses.register")
    return LOSSES[name]


# Losses by name, filled in registry.py: a loss that has a name is pickled as its name.
LOSSES: dict[str, Loss] = {}


@readable
@dataclass(frozen=True, repr=False)
class Configured(Loss):
    """A loss of fastmlp's own: a frozen dataclass whose arguments are its settings.

    Those with equal settings are equal. A subclass says its `name`, `formula` and `target` beside
    its base, and has the method `each`, which is its `function`.
    """

    name: str = field(default="", init=False)
    formula: str = field(default="", init=False)
    function: Callable[[g.Node, g.Node], g.Node] = field(init=False, compare=False)
    target: str = field(default="any", init=False)

    def __init_subclass__(cls, name: str = "", formula: str = "", target: str = "any") -> None:
        of_all = {"name": name, "formula": formula, "target": target, "function": cls.each}
        for attribute, value in of_all.items():
            setattr(cls, attribute, value)

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example, (b, 1)."""
        raise NotImplementedError(f"{type(self).__name__} has to define each")

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make the loss again: JSON values and tuples of them."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def _set(self, **values: Any) -> None:
        """Put checked values in the place of those given."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        arguments = (f"{name}={_shown(value)!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({', '.join(arguments)})"


def _shown(value: Any) -> Any:
    """Return pairs of a class and its weight as the dict that they were given as."""
    pairs = isinstance(value, tuple) and value and isinstance(value[0], tuple)
    return dict(value) if pairs else value


def _can_be_learned(loss: g.Node, y: g.Node) -> bool:
    """Tell whether a loss depends on the outputs, or on parameters and rows of the data."""
    outputs = {y, *y.parents}
    order = g.topological_order(loss, outputs)
    weights = any(node.op == "parameter" for node in order)
    rows = any(node.shape[0] == y.shape[0] for node in order)
    return (weights and rows) or not outputs.isdisjoint(order)


def one_number_per_row(result: object, y: g.Node, what: str) -> g.Node:
    """Return `result` of a function of (y, t) as (b, 1), or as it is if it is (1, 1).

    (b, k) is summed over its columns.

    Raises
    ------
    TypeError
        If it is not a node.
    ValueError
        If it has neither as many rows as y nor the shape (1, 1).

    Examples
    --------
    >>> y, t = g.input(3, "y"), g.input(3, "t")
    >>> one_number_per_row((y - t) ** 2, y, "the loss").shape
    ('batch', 1)
    """
    if not isinstance(result, g.Node):
        raise TypeError(f"{what} must return a graph node, not {type(result).__name__}")
    check_node(y, "y")
    if result.shape == (1, 1):
        return result
    if result.shape[0] != y.shape[0]:
        raise ValueError(
            f"{what} must return ({y.shape[0]}, 1), ({y.shape[0]}, k) or (1, 1), not {result.shape}"
        )
    return sum_columns(result)


def sum_columns(a: g.Node) -> g.Node:
    """Return Σ over the columns, (b, 1)."""
    return a if a.shape[1] == 1 else g.sum(a, axis=1)


def mean_columns(a: g.Node) -> g.Node:
    """Return the mean over the columns, (b, 1)."""
    return a if a.shape[1] == 1 else g.mean(a, axis=1)


def require_same_columns(name: str, y: g.Node, t: g.Node) -> None:
    """Refuse targets of another number of columns than the outputs have."""
    # Without this, a column of labels would broadcast against the outputs and train on nonsense.
    if y.shape[1] != t.shape[1]:
        raise ValueError(
            f"{name} compares outputs and targets column by column: y has {y.shape[1]} columns "
            f"and t has {t.shape[1]}"
        )
