"""Directions of steps: computed by the program, of the gradient and of what the optimizer keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from fastmlp.graph.node import Array, Node, parameter
from fastmlp.planner.parameters import Parameters

# Of the mean until now and the gradient.
Direction: TypeAlias = Callable[[Node, Node], Node]


class Directions:
    """The nodes of directions, and the memory that they read and write.

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
    nodes : dict of Node to Node
        From the node that stands for the mean to that of the direction.
    """

    def __init__(
        self, how: Mapping[Node, Direction], gradients: Mapping[Node, Node], parameters: Parameters
    ) -> None:
        self._parameters = parameters
        self._of = [node for node in how if node in gradients]
        means = [parameter(np.zeros(node.shape), "mean") for node in self._of]
        pairs = zip(self._of, means, strict=True)
        self.nodes = {mean: how[node](mean, gradients[node]) for node, mean in pairs}

    def arrays(self, state: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """Return what is fed and what is written, of the vectors of a state."""
        if not self._of:
            return [], []
        means, directions = (
            [self._parameters.view(node, vector).T for node in self._of] for vector in state[:2]
        )
        return means, directions
