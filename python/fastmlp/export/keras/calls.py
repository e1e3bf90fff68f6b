"""What the calls in a description of a model take: values of other layers, and numbers."""

from __future__ import annotations

from typing import Any

from fastmlp.export.keras.names import MODELS
from fastmlp.export.keras.operations import ARITHMETIC


def places(given: Any) -> Any:
    """Return the (layer, call) of an input or output, or a list or dict of them."""

    def place(one: Any) -> tuple[str, int]:
        if (
            not isinstance(one, (list, tuple))
            or len(one) != 3
            or not isinstance(one[0], str)
            or type(one[1]) is not int
            or one[2] != 0
        ):
            raise ValueError("an input or output of a model must be [layer, call, 0]")
        return one[0], one[1]

    if isinstance(given, dict) and given:
        return {str(name): place(one) for name, one in given.items()}
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], str):
        return [place(given)]
    if isinstance(given, (list, tuple)) and given:
        return [place(one) for one in given]
    raise ValueError("a model's inputs and outputs must be a list or a mapping")


def first_calls(items: list[Any], outputs: list[tuple[str, int]]) -> dict[str, tuple[int, int]]:
    """Return what number the first call of each inner model has: for layers, and for outputs.

    Keras counts the call that a model was made of too, in version 3 for outputs alone. Every call
    in a file is one that something takes.
    """
    inner = {item.name: item for item in items if item.kind in MODELS}
    if not inner:
        return {}
    taken = [
        place
        for item in items
        for i in range(len(item.nodes))
        for place in sources(item, i)
        if not isinstance(place, float)
    ]
    found = {}
    for name, item in inner.items():
        ways = [(0, 0)]
        if item.nodes and not isinstance(item.nodes[0], dict):  # of Keras 2
            ways.insert(0, (1, 1))
        elif item.kind != "Sequential":
            ways.insert(0, (0, 1))
        calls = set(range(len(item.nodes)))
        for before, behind in ways:
            numbers = {call - before for other, call in taken if other == name}
            numbers |= {call - behind for other, call in outputs if other == name}
            if numbers == calls:
                found[name] = before, behind
                break
    return found


def sources(item: Any, call: int) -> list[Any]:
    """Return the values that a call of a layer takes, as (layer, call), and numbers."""
    node = item.nodes[call]
    if isinstance(node, dict):
        return _tensors(item, node)
    if not isinstance(node, (list, tuple)) or not node:
        raise ValueError(f"{item.title}: a call must name what it takes")
    found = []
    for one in node:  # as Keras 2 wrote it
        if not isinstance(one, (list, tuple)) or len(one) not in (3, 4):
            raise ValueError(f"{item.title}: a call must name what it takes")
        if len(one) == 4 and one[3]:
            raise ValueError(f"{item.title}: it is called with settings, which have no counterpart")
        found += places([one[:3]])
    return found


def _tensors(item: Any, node: dict[str, Any]) -> list[Any]:
    kwargs = node.get("kwargs") or {}
    # Keras notes training=False of each layer that asks, and overrides it when the model is called.
    if isinstance(kwargs, dict) and kwargs.get("training") is False:
        kwargs = {name: value for name, value in kwargs.items() if name != "training"}
    if not isinstance(kwargs, dict) or any(value is not None for value in kwargs.values()):
        raise ValueError(f"{item.title}: it is called with settings, which have no counterpart")
    args = node.get("args")
    if isinstance(args, (list, tuple)) and len(args) == 1 and isinstance(args[0], (list, tuple)):
        (args,) = args
    if not isinstance(args, (list, tuple)) or not args:
        raise ValueError(f"{item.title}: a call must name what it takes")
    found: list[Any] = []
    for one in args:
        if item.kind in ARITHMETIC and type(one) in (int, float):
            found.append(float(one))
            continue
        inner = one.get("config") if isinstance(one, dict) else None
        if not isinstance(inner, dict) or one.get("class_name") != "__keras_tensor__":
            raise ValueError(f"{item.title}: it takes {str(one)[:60]}, which is made by no layer")
        found += places([inner.get("keras_history")])
    return found
