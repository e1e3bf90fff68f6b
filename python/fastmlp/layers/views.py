"""Properties of layers that are their arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastmlp.layers.base import Array, Layer


class _LayersArray(property):
    """A property of a layer that is one of its arrays; only type checkers need the class."""

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: type | None = None, /) -> Array: ...  # type: ignore[override]
        def __set__(self, instance: Any, value: npt.ArrayLike, /) -> None: ...


def array_of(name: str, what: str) -> _LayersArray:
    """Return the property of a layer that is one of its arrays: a writable view, or assigned."""

    def get(self: Layer) -> Array:
        return self._view(name)

    def put(self: Layer, values: npt.ArrayLike) -> None:
        self.assign({name: values})

    doc = f"{what}: a writable view; AttributeError before there is a model, or if it has none."
    return _LayersArray(get, put, doc=doc)
