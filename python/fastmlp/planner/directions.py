"""What a step is fed of whole vectors: gradients of the user's, and means for its directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from fastmlp.graph.node import Array, Node, parameter
from fastmlp.planner.layout import is_turned_parameter
from fastmlp.planner.parameters import Parameters

# Of the mean until now and the gradient.
Direction: TypeAlias = Callable[[Node, Node], Node]


class Matrices:
    """Nodes that stand for parts of a vector in the layout of the parameters, which is fed.

    Parameters
    ----------
    of : iterable of parameter
        Whose parts they are.
    parameters : Parameters
        In whose layout the vector is.
    name : str
        What the nodes are called.

    Attributes
    ----------
    nodes : dict of parameter to Node
        What stands for its part.
    """

    def __init__(self, of: Iterable[Node], parameters: Parameters, name: str) -> None:
        self._parameters = parameters
        self.nodes = {
            node: parameter(
                np.zeros(node.shape), name, by_rows=bool(node.attrs.get("by_rows", False))
            )
            for node in of
        }

    def arrays(self, vector: Array) -> list[Array]:
        """Return the parts of a vector as the core reads and writes them."""
        parts = ((node, self._parameters.view(node, vector)) for node in self.nodes)
        return [part.T if is_turned_parameter(node) else part for node, part in parts]


class Directions:
    """Directions of steps: computed by the program, of the gradient and of what is remembered.

    A rule that goes along a direction keeps the mean of gradients in its first vector. The core
    reads it where it is, as what is fed, and writes the direction to the second vector.

    Parameters
    ----------
    how : mapping of parameter to Direction
        What makes them.
    gradients : mapping of parameter to Node
        What is followed; parameters that follow nothing have no direction.
    parameters : Parameters
        In whose layout the vectors are.

    Attributes
    ----------
    means : Matrices
        What is fed.
    nodes : list of Node
        The direction of each.
    """

    def __init__(
        self, how: Mapping[Node, Direction], gradients: Mapping[Node, Node], parameters: Parameters
    ) -> None:
        self.means = Matrices((node for node in how if node in gradients), parameters, "mean")
        of = self.means.nodes.items()
        self.nodes = [how[node](mean, gradients[node]) for node, mean in of]

    def arrays(self, state: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """Return what is fed and what is written, of the vectors of a state."""
        if not self.nodes:
            return [], []
        means, directions = map(self.means.arrays, state[:2])
        return means, directions
