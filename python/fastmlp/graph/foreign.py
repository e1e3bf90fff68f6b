"""What is said of nodes that are taken for arrays: they have no values yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

# By the name of a function, or method, of NumPy, SciPy or PyTorch: what it is here.
INSTEAD: Final = {
    **{
        name: f"g.{name}(…)"
        for name in (
            *("exp", "log", "sqrt", "sin", "cos", "tanh", "abs", "maximum", "negative", "power"),
            *("sum", "mean", "argmax", "concatenate", "matmul", "softmax", "log_softmax"),
            "logsumexp",
        )
    },
    "absolute": "g.abs(…)",
    "fabs": "g.abs(…)",
    "square": "a**2",
    "reciprocal": "1 / a",
    "log1p": "g.log(1 + a)",
    "expm1": "g.exp(a) - 1",
    "expit": "g.logistic(…)",
    "logaddexp": "g.softplus(b - a) + a",
    "exp2": "g.exp(a * math.log(2))",
    "log2": "g.log(a) / math.log(2)",
    "log10": "g.log(a) / math.log(10)",
    "rsqrt": "g.power(a, -0.5)",
    "tan": "g.sin(a) / g.cos(a)",
    "sinh": "(g.exp(a) - g.exp(-a)) / 2",
    "cosh": "(g.exp(a) + g.exp(-a)) / 2",
    "sign": "g.threshold(a) - g.threshold(-a)",
    "heaviside": "g.threshold(a)",
    **dict.fromkeys(("max", "amax"), "g.pick(a, g.argmax(a)) for the largest of each row"),
    **dict.fromkeys(("min", "amin"), "-g.pick(-a, g.argmax(-a)) for the smallest of each row"),
    "argmin": "g.argmax(-a)",
    "var": "g.variance(…)",
    "std": "g.sqrt(g.variance(…))",
    "average": "g.mean(…)",
    "nanmean": "g.mean(…)",
    "nansum": "g.sum(…)",
    "norm": "g.sqrt(g.sum(a**2))",
    **dict.fromkeys(("dot", "mm", "outer"), "g.matmul(…) or a @ b"),
    **dict.fromkeys(("T", "transpose"), "g.matmul(a, b, transpose_b=True) for a @ b.T"),
    "hstack": "g.concatenate(…)",
    "column_stack": "g.concatenate(…)",
    "clip": "g.maximum(…), and -g.maximum(-a, -b) for a minimum",
    "minimum": "-g.maximum(-a, -b)",
    "where": "t * a + (1 - t) * b with t = g.threshold(z), which is 1 where z > 0",
    **dict.fromkeys(("greater", "less"), "g.threshold(a - b), which is 1 where a > b"),
    "sigmoid": "g.logistic(…)",
    "relu": "g.relu(…)",
    "cat": "g.concatenate(…)",
    **dict.fromkeys(("grad", "backward"), "g.gradient(loss, node)"),
    **dict.fromkeys(("numpy", "item", "tolist"), "g.run(node, feeds)"),
}
# Python's operators between an array and a node, which NumPy is asked for first.
_OPERATORS: Final = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "power": "pow",
    "matmul": "matmul",
}


class NoArray:
    """A base of `Node`: what is found by who takes one for an array."""

    __slots__ = ()

    if not TYPE_CHECKING:  # which knows the names there are

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to write for a method of arrays."""
            more = f"; write {INSTEAD[name]}, where g is fastmlp.graph" if name in INSTEAD else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{more}")

    def _refuse_order(self, _: object) -> NoReturn:
        raise TypeError(
            "nodes have no values yet, none is the larger: write g.maximum(a, b), or "
            f"{INSTEAD['greater']}, where g is fastmlp.graph"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **how: Any) -> Any:
        """Compute array ∘ node for Python's operators; refuse the rest."""
        name = ufunc.__name__
        operator = not how or (how.keys() == {"out"} and how["out"][0] is inputs[0])  # of ∘=
        if method == "__call__" and name in _OPERATORS and operator:
            left, right = inputs
            if isinstance(left, NoArray):
                return getattr(left, f"__{_OPERATORS[name]}__")(right)
            return getattr(right, f"__r{_OPERATORS[name]}__")(left)
        if method == "__call__" and name in ("equal", "not_equal"):
            return (inputs[0] is inputs[1]) == (name == "equal")  # as nodes are compared
        _refuse(f"np.{name}" + ("" if method == "__call__" else f".{method}"), name)

    def __array_function__(self, func: Any, *_: Any) -> NoReturn:
        """Refuse a function of arrays."""
        module = func.__module__.replace("numpy", "np")
        _refuse(f"{module}.{func.__name__}", func.__name__)


def refuse_truth(operands: tuple[Any, ...]) -> NoReturn:
    """Refuse what comparing nodes gives, which is no number of any row."""
    raise TypeError(
        f"the operand is {operands[0]}: == asks of two nodes whether they are one; where their "
        "numbers are equal, 1 - g.threshold(g.abs(a - b)) is 1, where g is fastmlp.graph"
    )


def _refuse(function: str, name: str) -> NoReturn:
    instead = f": write {INSTEAD[name]}, where g is fastmlp.graph" if name in INSTEAD else ""
    raise TypeError(f"{function} computes with arrays, and was given a node of a graph{instead}")
