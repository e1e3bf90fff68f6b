"""The planner: turns nodes into a program that the core runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp import _lazy

if TYPE_CHECKING:
    from fastmlp.planner.plans import Plan, plan
    from fastmlp.planner.training_plans import TrainingPlan, plan_training

__all__ = ["Plan", "TrainingPlan", "plan", "plan_training"]

# Naming a model loads no gradient.
__getattr__, __dir__, _ = _lazy.attach(
    __name__, {"plans": "Plan plan", "training_plans": "TrainingPlan plan_training"}
)
