"""The arrays of a layer: its parameters as users see them, in the vector of its model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from fastmlp.data import arrays

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastmlp import graph as g

Array: TypeAlias = "npt.NDArray[Any]"


class HasArrays:
    """A base of `Layer`: parameters by name, which are there when a model is."""

    _nodes: Mapping[str, g.Node] = MappingProxyType({})
    _vectors: frozenset[str] = frozenset()
    _parameters: Any = None

    if not TYPE_CHECKING:  # which takes every name then

        def __getattr__(self, name: str) -> Any:
            # Asked for what has no property, as in classes of the user's.
            return self._view(name) if name in self._nodes else object.__getattribute__(self, name)

    def bind(self, parameters: Any) -> None:
        """Let the layer's arrays be views of `parameters`, the owner of the flat vector."""
        self._parameters = parameters

    def _view(self, name: str) -> Array:
        """Return one of its arrays as users see it; AttributeError if it is not there (yet)."""
        if self._parameters is None:
            raise AttributeError(
                f"{self!r} has no {name} yet: they are made with the model it is part of"
            )
        if name not in self._nodes:
            raise AttributeError(f"{self!r} has no {name}")
        view: Array = self._parameters.view(self._nodes[name])
        return view[0] if name in self._vectors else view

    def assign(self, values: Mapping[str, npt.ArrayLike]) -> None:
        """Assign several of its arrays in one go: nobody finds some of them old and some new.

        Parameters
        ----------
        values : dict of str to array
            By their names, in the shapes they have.

        Raises
        ------
        AttributeError
            If it has no such array, or is part of no model yet.
        ValueError
            If a shape is another, or a number is not finite; then nothing changes.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 1], seed=0)
        >>> model.layers[-1].assign({"weights": [[1.0, -1.0]], "biases": [0.5]})
        >>> model.predict([[3.0, 1.0]])
        array([[2.5]], dtype=float32)
        """
        views, nodes = {name: self._view(name) for name in values}, self._nodes
        given = {n: arrays.asarray_like(values[n], v, f"{n} of {self!r}") for n, v in views.items()}
        self._parameters.assign({nodes[name]: array for name, array in given.items()})
