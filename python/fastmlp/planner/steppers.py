"""Single steps as functions of arrays as they are: what the core has to know of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastmlp.graph.node import Array, Node


class FedTarget(NamedTuple):
    """The targets of one output.

    Attributes
    ----------
    node : Node
        What is fed.
    name : str
        That of the output.
    classes : int
        How many there are: labels and one-hot rows are taken where the node has one column, rows of
        probabilities where it has one for each. 0: numbers.
    limits : (low, high, whole)
        Between which numbers they are, ends included, and whether they are whole.
    """

    node: Node
    name: str
    classes: int
    limits: tuple[float, float, bool]


@dataclass(frozen=True)
class Fed:
    """What the examples of a step are fed to.

    Attributes
    ----------
    inputs : sequence of (Node, categories)
        Each input, and how many categories each of its columns has if they are indices, else None.
    targets : sequence of FedTarget
        Those of each output.
    several : bool
        Whether the targets come as a list or dict of arrays.
    weights : sequence of (Node, name)
        None, one for all outputs, or those of some outputs with their names.
    common : bool
        Whether there is one for all.
    """

    inputs: Sequence[tuple[Node, Sequence[int] | None]]
    targets: Sequence[FedTarget]
    several: bool = False
    weights: Sequence[tuple[Node, str]] = ()
    common: bool = True

    @property
    def nodes(self) -> list[Node]:
        """All that is fed, in the order of the core."""
        inputs, weights = ([node for node, _ in some] for some in (self.inputs, self.weights))
        return [*inputs, *(target.node for target in self.targets), *weights]

    def described(self) -> dict[str, Any]:
        """Return what the core is told of them."""
        return {
            "inputs": [
                (str(node.name), node.shape[1], categories) for node, categories in self.inputs
            ],
            "targets": [
                (target.name, target.node.shape[1], target.classes, *target.limits)
                for target in self.targets
            ],
            "several": self.several,
            "weights": [name for _, name in self.weights],
            "common": self.common and bool(self.weights),
        }


class FollowedAverage(NamedTuple):
    """An average of the weights, which the parameters are between steps.

    Attributes
    ----------
    vector, trained : ndarray
        The average, and the weights that are trained, both in the layout of the parameters.
    parts : float64 ndarray
        How far each step brings the average to the weights.
    """

    vector: Array
    trained: Array
    parts: Array


class Stepper(NamedTuple):
    """Steps on arrays as they are, and loss and gradient without one.

    Both return NotImplemented, and have done nothing, if the step is none of those whose numbers
    are given, if what they are given are no examples that the core can read as they are (arrays of
    finite numbers, CSR matrices of SciPy's, lists and dicts of such), or if there is so much to do
    that other threads shall run meanwhile.

    Attributes
    ----------
    step : callable
        ``(X, t, weights, alone)``: takes a step with all rows as one batch and returns the loss, or
        None if it, the parameters or the state became NaN or infinite: these then are as before.
        `alone` says that no other thread changes the parameters.
    loss_and_gradient : callable
        ``(X, t, weights)``: both of what this step would follow.
    """

    step: Callable[[Any, Any, Any, bool], Any]
    loss_and_gradient: Callable[[Any, Any, Any], Any]
