"""The layers of a model, as a list that says how to change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from fastmlp.layers import Layer

    Layers = list[Layer]
else:
    Layers = list


class Listing(Layers):
    """Layers in a row. To change the list would change no network, so it cannot be.

    Slices and sums are plain lists, to build another model of: ``model.layers[:-1] + [layer]``.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([2, 3, 1], seed=0)
    >>> model.layers.append(fm.Dense(1))
    Traceback (most recent call last):
        ...
    TypeError: layers of a model cannot be changed by append; make a new model, of model.layers + \
[layer] or as you like
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def _refusing(name: str) -> Any:
    called = {"__setitem__": "assignment", "__delitem__": "del", "__iadd__": "+=", "__imul__": "*="}

    def refuse(self: Listing, *given: Any, **settings: Any) -> NoReturn:
        raise TypeError(
            f"layers of a model cannot be changed by {called.get(name, name)}; make a new model, "
            "of model.layers + [layer] or as you like"
        )

    return refuse


for _name in (
    *("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"),
    *("__setitem__", "__delitem__", "__iadd__", "__imul__"),
):
    setattr(Listing, _name, _refusing(_name))
