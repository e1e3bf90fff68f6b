"""The planner: turns nodes into a program that the core runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmlp.program import Plan, TrainingPlan, plan, plan_training

__all__ = ["Plan", "TrainingPlan", "plan", "plan_training"]


def __getattr__(name: str) -> Any:
    # Programs are made with this package's parts, so they cannot be imported while it is.
    if name in __all__:
        from fastmlp import program

        return getattr(program, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
