"""Answers of one fit, while another thread may fit the same estimator again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def of_one_fit(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Let a method answer by the fit that there is now, whatever another thread fits meanwhile."""

    @wraps(method)
    def asked(estimator: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        present = object.__new__(type(estimator))
        present.__dict__ = vars(estimator).copy()
        return method(present, *args, **kwargs)

    return asked
