"""The mathematics: computation graphs, their gradients, values and pictures.

>>> from fastmlp import graph as g
>>> x, t = g.input(1, "x"), g.input(1, "t")
>>> w, b = g.parameter(0.5, "w"), g.parameter(0.1, "b")
>>> z = w * x + b
>>> y = g.logistic(z)
>>> L = 0.5 * (y - t) ** 2
>>> w_bar, b_bar, z_bar = g.gradient(L, [w, b, z])
>>> [round(v.item(), 4) for v in g.reference.evaluate([L, w_bar], {x: 1.5, t: 1.0})]
[0.0448, -0.0942]

Everything is a matrix (rows, columns); rows is a number, the batch or a multiple of it; a scalar is
(1, 1); (1, n), (b, 1) and (1, 1) broadcast. Names and arguments are NumPy's where it has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from fastmlp import _lazy
from fastmlp.graph import ops
from fastmlp.graph.feeds import NO_FEEDS, listed
from fastmlp.graph.foreign import INSTEAD
from fastmlp.graph.node import (
    BATCH,
    Array,
    Node,
    Shape,
    constant,
    input,
    parameter,
    topological_order,
)
from fastmlp.graph.ops.activations import *  # noqa: F403 - what it declares, by its __all__
from fastmlp.graph.ops.columns import concatenate, pad, pick, scatter, slice
from fastmlp.graph.ops.cross_entropy import logistic_cross_entropy
from fastmlp.graph.ops.elementwise import (
    abs,
    add,
    cos,
    divide,
    exp,
    identity,
    log,
    log_cosh,
    maximum,
    multiply,
    negative,
    power,
    ratio,
    sin,
    sqrt,
    subtract,
)
from fastmlp.graph.ops.groups import group_matmul, group_rows, ungroup_rows
from fastmlp.graph.ops.norms import normalize, standardize, variance
from fastmlp.graph.ops.products import affine, matmul
from fastmlp.graph.ops.reductions import mean, spread, sum
from fastmlp.graph.ops.rows import (
    argmax,
    dropout,
    gaussian_noise,
    log_softmax,
    logsumexp,
    softmax,
    softmax_cross_entropy,
)
from fastmlp.graph.ops.scheduled import scheduled
from fastmlp.graph.ops.tables import take_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, DTypeLike

    from fastmlp.graph import reference
    from fastmlp.graph.check import GradientError, GradientReport, check_gradients
    from fastmlp.graph.drawing import Drawing, draw
    from fastmlp.graph.gradients import gradient
    from fastmlp.graph.tracing import Trace, trace

# What a network does not need to be made is loaded when first used.
__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    {
        "check": "GradientError GradientReport check_gradients",
        "drawing": "Drawing draw",
        "gradients": "gradient",
        "reference": "reference",
        "tracing": "Trace trace",
    },
    instead={name: f"write {here}" for name, here in INSTEAD.items()},
)

__all__ = [
    "BATCH",
    "Drawing",
    "GradientError",
    "GradientReport",
    "Node",
    "Shape",
    "Trace",
    "abs",
    "add",
    "affine",
    "argmax",
    "check_gradients",
    "concatenate",
    "constant",
    "cos",
    "divide",
    "draw",
    "dropout",
    "exp",
    "gaussian_noise",
    "gradient",
    "group_matmul",
    "group_rows",
    "identity",
    "input",
    "log",
    "log_cosh",
    "log_softmax",
    "logistic_cross_entropy",
    "logsumexp",
    "matmul",
    "maximum",
    "mean",
    "multiply",
    "negative",
    "normalize",
    "ops",
    "pad",
    "parameter",
    "pick",
    "power",
    "ratio",
    "reference",
    "run",
    "scatter",
    "scheduled",
    "sin",
    "slice",
    "softmax",
    "softmax_cross_entropy",
    "spread",
    "sqrt",
    "standardize",
    "subtract",
    "sum",
    "take_rows",
    "topological_order",
    "trace",
    "ungroup_rows",
    "variance",
]
__all__ += ops.activations.__all__


@overload
def run(
    outputs: Node,
    feeds: Mapping[Node, ArrayLike] = ...,
    dtype: DTypeLike = ...,
    seed: int = ...,
    step: int = ...,
) -> Array: ...
@overload
def run(
    outputs: Iterable[Node],
    feeds: Mapping[Node, ArrayLike] = ...,
    dtype: DTypeLike = ...,
    seed: int = ...,
    step: int = ...,
) -> list[Array]: ...
def run(
    outputs: Node | Iterable[Node],
    feeds: Mapping[Node, ArrayLike] = NO_FEEDS,
    dtype: DTypeLike = "float32",
    seed: int = 0,
    step: int = 0,
) -> Array | list[Array]:
    """Return the values of the outputs, computed by the C++ core.

    Plans the graph anew at each call; `fastmlp.planner.plan` makes a plan to run many times.

    Parameters
    ----------
    outputs : Node or iterable of Node
    feeds : mapping of Node to array
        A value for each input, of which there is none by default; a number is (1, 1), n numbers are
        n rows of a one-column input. The parameters of a model have its present weights, others
        their initial values, unless fed.
    dtype : "float32" (default) or "float64"
    seed, step : int
        Which random numbers dropout takes; `step` also where schedules are.

    Returns
    -------
    ndarray or list of ndarray
        (rows, columns) each.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, w = g.input(1, "x"), g.parameter(2.0, "w")
    >>> g.run(w * x, {x: 3.0})
    array([[6.]], dtype=float32)
    """
    from fastmlp import planner

    wanted = listed(outputs, "outputs")
    result: list[Array] = planner.plan(wanted, dtype=dtype).run(feeds, seed=seed, step=step)
    return result[0] if isinstance(outputs, Node) else result
