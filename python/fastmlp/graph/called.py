"""Functions of the user's that are called with nodes: a loss, a metric, an activation, a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastmlp._checks import is_ours
from fastmlp.graph.node import Node


def check_node(value: object, name: str, advice: str = "") -> None:
    """Raise a TypeError unless it is a node.

    Examples
    --------
    >>> check_node([0.5], "y")
    Traceback (most recent call last):
        ...
    TypeError: y must be a graph node, got list
    """
    if not isinstance(value, Node):
        raise TypeError(f"{name} must be a graph node, got {type(value).__name__}{advice}")


def takes(function: Any, count: int) -> bool:
    """Tell whether a function can be called with so many arguments, as far as it says.

    Examples
    --------
    >>> takes(lambda v_bar, z: v_bar, 2), takes(lambda z: z, 2)
    (True, False)
    """
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some of those written in C do not say
        return True
    return True


def called(
    function: Callable[..., Any], *given: Any, what: str, nodes: str, advice: str = ""
) -> Node:
    """Return the node that a function returns, whose errors say whose function it is.

    Those of functions that want arrays or tensors ("'Node' object has no attribute 'size'") tell
    nobody which of them was given nodes.

    Parameters
    ----------
    function
        What is called.
    *given
        With what.
    what
        What messages call the function.
    nodes
        What they call its arguments.
    advice : str
        What they say at their end.

    Raises
    ------
    TypeError
        If it cannot take nodes, or returns something else.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> called(len, g.input(1, "z"), what="'len'", nodes="z")
    Traceback (most recent call last):
        ...
    TypeError: 'len' is called with graph nodes z, and fails: object of type 'Node' has no len()
    """
    try:
        result = function(*given)
    except (AttributeError, TypeError) as error:
        if is_ours(function):
            raise
        raise TypeError(
            f"{what} is called with graph nodes {nodes}, and fails: {error}{advice}"
        ) from error
    if not isinstance(result, Node):
        raise TypeError(f"{what} must return a graph node, not {type(result).__name__}{advice}")
    return result
