"""The planner: turns nodes into a program that the core runs.

`plan` is for values, `plan_training` for a loss and its gradient: what `Model.fit` and
`Model.predict` do, for graphs of your own. A plan is made once, in milliseconds, and run often.

>>> from fastmlp import graph as g
>>> from fastmlp.planner import plan
>>> x = g.input(2, "x")
>>> length = plan([g.sqrt(g.sum(x**2, axis=1))])
>>> length.run({x: [[3.0, 4.0]]})
[array([[5.]], dtype=float32)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp import _lazy

if TYPE_CHECKING:
    from fastmlp.planner.parameters import Parameters
    from fastmlp.planner.plans import Plan, plan
    from fastmlp.planner.training_plans import TrainingPlan, plan_training

__all__ = ["Parameters", "Plan", "TrainingPlan", "plan", "plan_training"]

# Naming a model loads no gradient.
__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    {
        "parameters": "Parameters",
        "plans": "Plan plan",
        "training_plans": "TrainingPlan plan_training",
    },
)
