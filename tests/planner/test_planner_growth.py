"""How the planner's work grows: four times the steps take about four times the calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph import Node
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters

x, t = g.input(3, "x"), g.input(3, "t")


def square() -> Node:
    return g.parameter(np.full((3, 3), 0.5))


def layer(h: Node) -> Node:
    return g.relu(g.affine(h, square(), g.parameter(np.zeros((1, 3)))))


def deep(n: int) -> Node:
    """n layers, one after another, with a penalty on all of them."""
    h = x
    for _ in range(n):
        h = layer(h)
    loss = g.mean((h - t) ** 2)
    for W in [v for v in g.topological_order(h) if v.shape == (3, 3)]:
        loss = loss + 0.01 * g.sum(W**2)
    return loss


def heads(n: int) -> Node:
    """n outputs of one hidden layer, each with a loss."""
    h = layer(x)
    loss: Node = g.constant(0.0)
    for _ in range(n):
        loss = loss + g.mean((layer(h) - t) ** 2)
    return loss


def chain(n: int) -> Node:
    """A weight that is computed in n steps, and a loss that is scaled n times."""
    W = square()
    for _ in range(n):
        W = g.sin(W)
    loss = g.mean((g.matmul(x, W) - t) ** 2)
    for _ in range(n):
        loss = 0.5 * loss
    return loss


def calls(loss: Node) -> int:
    """The calls of functions, of Python and of C, that planning takes."""
    count = 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    parameters = Parameters([v for v in g.topological_order(loss) if v.op == "parameter"])
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        plan_training(loss, parameters, fm.Adam())
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("graph", [deep, heads, chain])
def test_four_times_the_steps_take_at_most_five_times_the_calls(graph: Callable[[int], Node]):
    few, many = calls(graph(16)), calls(graph(64))
    assert 16 * 20 < few < many <= 5 * few
