"""Layers of Keras, joined: what a file says of a model, in the order that Keras has them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(eq=False)
class Part:
    """A layer: its class, its settings, its weights, and the values of each call of it."""

    kind: str
    config: dict[str, Any]
    arrays: list[Array] = field(default_factory=list)
    calls: list[list[Value]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in the model."""
        return str(self.config["name"])


@dataclass(frozen=True, eq=False)
class Value:
    """What a call of a layer returns: (rows, *shape). There is one for each call."""

    part: Part
    call: int
    shape: tuple[int, ...]


class Parts:
    """The layers of a model, under names that are unique and that Keras allows."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.used: set[str] = set()

    def input(self, columns: int, name: str) -> Value:
        """Return an input."""
        config = {
            "batch_shape": [None, columns],
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.unique(name),
            "optional": False,
        }
        return Value(Part("InputLayer", config, calls=[[]]), 0, (columns,))

    def make(
        self,
        kind: str,
        name: str,
        arrays: list[Array] | None = None,
        *,
        trainable: bool = True,
        **settings: Any,
    ) -> Part:
        """Return a layer, which is not called yet."""
        name = name.replace(".", "_")  # which no parameter of PyTorch may have, below Keras
        config = {
            "name": self.unique(name),
            "trainable": trainable,
            "dtype": self.dtype,
            **settings,
        }
        return Part(kind, config, arrays or [])

    def unique(self, name: str) -> str:
        """Return a name that no other layer has."""
        name = base = name.replace("/", "_")
        count = 1
        while name in self.used:
            count += 1
            name = f"{base}_{count}"
        self.used.add(name)
        return name


def ordered(outputs: list[Value]) -> list[Part]:
    """Return the layers as Keras orders those of a functional model.

    The farthest from the outputs come first, and of those as far away the one that a search from
    the outputs back sees first; weights are numbered in this order.
    """
    seen: dict[int, Part] = {}
    finished: dict[Value, None] = {}  # each after its sources
    for output in outputs:
        path = [(output, iter(output.part.calls[output.call]))]
        seen.setdefault(id(output.part), output.part)
        while path:  # a loop, not a recursion: networks may be thousands of layers deep
            value, sources = path[-1]
            for source in sources:
                if source not in finished:
                    seen.setdefault(id(source.part), source.part)
                    path.append((source, iter(source.part.calls[source.call])))
                    break
            else:
                path.pop()
                finished[value] = None
    depths: dict[Value, int] = {}
    of_part: dict[int, int] = {}
    for value in reversed(finished):
        depth = max(depths.setdefault(value, 0), of_part.get(id(value.part), 0))
        depths[value] = of_part[id(value.part)] = depth
        for source in value.part.calls[value.call]:
            depths[source] = max(depth + 1, depths.get(source, 0))
    order = list(seen)
    place = {key: i for i, key in enumerate(order)}
    order.sort(key=lambda key: (-of_part[key], place[key]))
    return [seen[key] for key in order]
