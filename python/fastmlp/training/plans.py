"""What was compiled of a network, kept for the next call of the same kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from fastmlp.networks.network import Network

    Made = TypeVar("Made")


class Plans:
    """One compiled thing of each kind, made anew when what it depends on or a layer changes.

    Parameters
    ----------
    network : Network
        Whose layers may change.

    Examples
    --------
    >>> from fastmlp.networks.network import Network
    >>> plans = Plans(Network.mlp([2, 1], seed=0))
    >>> [plans.get("sum", key, lambda: [1, 2]) is plans.get("sum", 1, list) for key in (1, 2)]
    [True, False]
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._kept: dict[Hashable, tuple[tuple[int, Any], Any]] = {}

    def get(self, kind: Hashable, key: Any, make: Callable[[], Made]) -> Made:
        """Return what was made last for this kind, if it was for an equal key, else make it.

        Several threads may ask at once: each gets what fits.
        """
        now = self._network.version, key
        kept = self._kept.get(kind)
        if kept is None or kept[0] != now:
            kept = now, make()
            self._kept[kind] = kept
        made: Made = kept[1]
        return made

    def has(self, kind: Hashable, key: Any) -> bool:
        """Whether `get` would make nothing."""
        kept = self._kept.get(kind)
        return kept is not None and kept[0] == (self._network.version, key)
