"""How parts of the flat vector are updated, as the core takes it."""

from __future__ import annotations

from typing import NamedTuple


class Treatment(NamedTuple):
    """How a parameter is updated: by which rule of `_core.format.optimizers`, with which numbers.

    Attributes
    ----------
    rule : str
    column : int
        Where the rule's numbers begin in those of a step.
    decays : bool
        Whether the rule's decay, if it has one, applies.
    """

    rule: str
    column: int = 0
    decays: bool = True


class Group(NamedTuple):
    """Neighbours in the flat vector that are updated alike, as the core takes them."""

    begin: int
    end: int
    rule: str
    column: int
    decays: bool


class Bound(NamedTuple):
    """A matrix whose rows a step keeps at a norm of at most a limit, as the core takes it."""

    offset: int
    inputs: int
    units: int
    limit: float
    by_rows: bool
