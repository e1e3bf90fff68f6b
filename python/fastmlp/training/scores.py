"""What `Model.evaluate` returns: numbers by name, which unpack in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scores(dict[str, float]):
    """The loss and the metrics of some data: a dict that unpacks into its numbers.

    It is a dict by its names (``["loss"]``, ``keys()``, ``items()``, ``in``, ``==``, ``dict(…)``,
    ``**``, JSON) and a sequence by its numbers: iterating gives the values, loss first, and so does
    an index. What is a loss alone is a number to `float`.

    Raises
    ------
    KeyError, IndexError
        For a name or a place that is not there; the message lists those that are.
    TypeError
        For `float` of more than one number.

    Examples
    --------
    >>> scores = Scores(loss=0.25, accuracy=0.9)
    >>> loss, accuracy = scores
    >>> loss == scores["loss"] == scores[0]
    True
    >>> scores
    {'loss': 0.25, 'accuracy': 0.9}
    >>> float(Scores(loss=0.25))
    0.25
    """

    def __iter__(self) -> Iterator[float]:  # type: ignore[override]
        return iter(self.values())

    def __reversed__(self) -> Iterator[float]:  # type: ignore[override]
        return reversed(self.values())

    def __missing__(self, key: Any) -> float:
        if isinstance(key, int):
            values = list(self.values())
            if -len(values) <= key < len(values):
                return values[key]
            raise IndexError(f"there are {len(values)} numbers, {list(self.keys())}, got {key}")
        raise KeyError(f"{key!r} is not among {list(self.keys())}")

    def __float__(self) -> float:
        if len(self) != 1:
            raise TypeError(
                f"there are {len(self)} numbers, {list(self.keys())}: take one by its name, as in "
                'scores["loss"]'
            )
        (value,) = self.values()
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return Scores, (dict(self),)
