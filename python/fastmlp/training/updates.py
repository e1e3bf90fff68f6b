"""Which optimizer updates which parameter of a network, and with which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastmlp import _core, schedules
from fastmlp._checks import hint
from fastmlp.graph.roles import ROLES, STATISTIC
from fastmlp.optimizers.groups import Place, rules_of, selectors
from fastmlp.planner.treatments import Treatment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.graph.ops.scheduled import Starts
    from fastmlp.networks.network import Network
    from fastmlp.optimizers import Update
    from fastmlp.planner.training_plans import TrainingPlan

# The numbers of so many steps are made ahead: it takes some 20 µs.
STEPS_AHEAD = 256


@dataclass(frozen=True)
class Updates:
    """What an optimizer and its groups do to the parameters of a network.

    Attributes
    ----------
    optimizer : Update
        As it was given.
    rules : tuple of Update
        Without what is common to all parameters, each once.
    treatments : tuple of (Node, Treatment)
        How each parameter is updated.
    directions : tuple of (Node, callable)
        Of the parameters whose rule goes along a direction: what makes it.
    memory : tuple
        What each parameter's rule keeps from step to step, for whoever has to know whether a state
        is of use to it: its class, and the names of its vectors.
    """

    optimizer: Update
    rules: tuple[Update, ...]
    treatments: tuple[tuple[Node, Treatment], ...]
    directions: tuple[tuple[Node, Any], ...]
    memory: tuple[Any, ...]

    @classmethod
    def of(cls, network: Network, optimizer: Update) -> Updates:
        """Return what an optimizer does to a network.

        Raises
        ------
        ValueError
            If its groups name something that the network has not, or do not go together with it.
        """
        roles, names = network.parameter_roles, network.parameter_names
        _check_selectors(optimizer, names)
        format = _core.format.optimizers
        rules: list[Update] = []
        columns = [0]  # where the numbers of each rule begin
        treatments, directions, memory = [], [], []
        given = [optimizer, *(v for v in (optimizer.groups or {}).values() if hasattr(v, "parts"))]
        parted = any(len(each.parts()) > 1 for each in given)
        last = _last_weights(network) if parted else set()
        nodes = network.parameter_nodes
        places = (
            Place(roles[node], _layer(name), name, _is_matrix(node, roles[node]), node in last)
            for node, name in zip(nodes, names, strict=True)
        )
        for node, (rule, decays) in zip(nodes, rules_of(optimizer, places), strict=True):
            if rule not in rules:  # by ==: a schedule of the user's may have no hash
                rules.append(rule)
                columns.append(columns[-1] + len(format[rule.kernel].numbers))
            treatments.append((node, Treatment(rule.kernel, columns[rules.index(rule)], decays)))
            if rule.direction is not None:
                directions.append((node, rule.direction))
            memory.append((type(rule), format[rule.kernel].state))
        if directions and (optimizer.clip_norm is not None or optimizer.clip_value is not None):
            raise ValueError(
                "clip_norm and clip_value have no effect on the steps of Muon, which groups give "
                "to some parameters: leave them out"
            )
        return cls(optimizer, tuple(rules), tuple(treatments), tuple(directions), tuple(memory))

    @property
    def plan(self) -> tuple[Any, ...]:
        """What a plan depends on."""
        return self.treatments, self.directions

    @property
    def vectors(self) -> int:
        """How many vectors the rules keep from step to step."""
        return max((len(names) for _, names in self.memory), default=0)

    @property
    def rates(self) -> list[Any]:
        """The learning rates: numbers or schedules."""
        return [rule.learning_rate for rule in self.rules]

    def step_values(
        self, first_step: int, count: int, began: int, rate_factor: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the numbers of all rules for `count` steps: a row for each step.

        Schedules count from the step `began`; learning rates are multiplied by `rate_factor`.
        """
        values = [
            rule.step_values(
                first_step,
                count,
                rate_factor * rule.rates(first_step - began, count),
                rule.decays(first_step - began, count),
            )
            for rule in self.rules
        ]
        return values[0] if len(values) == 1 else np.concatenate(values, axis=1)

    @cached_property
    def is_scheduled(self) -> bool:
        """Whether some of the numbers are functions of the step."""
        return any(callable(value) for rule in self.rules for value in vars(rule).values())

    @property
    def lasting(self) -> bool:
        """Whether the numbers of a step are the same each time that they are asked for."""
        settings = (value for rule in self.rules for value in vars(rule).values())
        return all(lasts(value) for value in settings if callable(value))


def lasts(schedule: Any) -> bool:
    """Tell whether a schedule always gives the same numbers; a function of the user's may not."""
    try:
        schedules.config(schedule)
    except ValueError:
        return False
    return True


class _Made(NamedTuple):
    """Numbers of steps from `first` on, and what they hold for."""

    updates: Updates
    began: int
    rate_factor: float
    first: int
    values: NDArray[np.float64]

    def hold(self, updates: Updates, began: int, rate_factor: float) -> bool:
        """Tell whether they are those of the same rules and rates."""
        same = updates is self.updates and began == self.began
        return same and rate_factor == self.rate_factor


class NumbersAhead:
    """Numbers of the steps of a fit, made for several calls of the core at once.

    A function of the user's is asked for each step once.
    """

    def __init__(self) -> None:
        self._made: _Made | None = None
        self._of_graph: tuple[tuple[Any, ...], list[NDArray[Any]]] = (), []

    def __call__(
        self, updates: Updates, first: int, count: int, began: int, rate_factor: float
    ) -> NDArray[np.float64]:
        """Return what `Updates.step_values` would; from the second call on, with those to come."""
        made, more, known = self._made, count, 0
        if made is not None and made.hold(updates, began, rate_factor):
            at = first - made.first
            known = len(made.values) - at if 0 <= at <= len(made.values) else 0
            if known >= count:
                return made.values[at : at + count]
            more = max(count, STEPS_AHEAD) if updates.lasting else count
        values = updates.step_values(first + known, more - known, began, rate_factor)
        if made is not None and known > 0:
            values = np.concatenate([made.values[-known:], values])
        self._made = _Made(updates, began, rate_factor, first, values)
        return values[:count]

    def of_graph(
        self, plan: TrainingPlan, first: int, count: int, starts: Starts
    ) -> list[NDArray[Any]]:
        """Return what `TrainingPlan.scheduled` would, in the next call with these, too."""
        if not starts:
            return []
        what, values = self._of_graph
        known = len(values[0]) if what == (plan, first, starts) else 0
        if known < count:
            more = plan.scheduled(first + known, count - known, starts)
            values = (
                more if known == 0 else list(map(np.concatenate, zip(values, more, strict=True)))
            )
        self._of_graph = (plan, first, starts), values
        return [each[:count] for each in values]


def _layer(parameter: str) -> str:
    """Return the layer of a parameter, by their names."""
    return parameter.rpartition(".")[0]


def _is_matrix(parameter: Node, role: str) -> bool:
    """Tell whether it is a weight of several rows and columns."""
    return role == "weight" and min(map(int, parameter.shape)) > 1


def _last_weights(network: Network) -> set[Node]:
    """Return the weights that outputs are made of, without another weight between."""
    weights = {node for node, role in network.parameter_roles.items() if role == "weight"}
    found: set[Node] = set()
    seen: set[Node] = set()
    waiting = list(network.forward_pass().outputs)
    while waiting:
        node = waiting.pop()
        own = weights.intersection(node.parents)
        found |= own
        if not own:
            waiting += [parent for parent in node.parents if parent not in seen]
            seen.update(node.parents)
    return found


def _check_selectors(optimizer: Update, names: tuple[str, ...]) -> None:
    layers = list(dict.fromkeys(map(_layer, names)))
    roles = [role for role in ROLES if role != STATISTIC]
    known = [*roles, *layers, *names]
    for key in optimizer.groups or {}:
        for selector in selectors(key):
            if selector not in known:
                raise ValueError(
                    f"groups: no role, layer or parameter is called {selector!r}; there are: "
                    f"{', '.join(known)}{hint(selector, known)}"
                )
            if selector in roles and selector in layers:
                raise ValueError(f"groups: {selector!r} is a role and the name of a layer")
