"""The planner: turns nodes into a program that the core runs."""

from fastmlp.program import Plan, TrainingPlan, plan, plan_training

__all__ = ["Plan", "TrainingPlan", "plan", "plan_training"]
