"""AdamW: Adam with weight decay that is decoupled and shrinks the weights alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fastmlp.optimizers.adam import Adam

if TYPE_CHECKING:
    from fastmlp.schedules import Schedule


@dataclass(frozen=True, repr=False)
class AdamW(Adam):
    """Adam whose decay shrinks weights and embeddings alone (Loshchilov and Hutter, ICLR 2019).

    As `Adam`, with −α·weight_decay·w only for parameters with the role "weight" or "embedding":
    biases, scales and the like do not decay. In PyTorch, whose formula is the same, one makes two
    groups of parameters for that; `Adam(weight_decay=…)` here is its `AdamW` with one group.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon, amsgrad
        As in `Adam`.
    weight_decay : float or schedule, default 0.01
        Decoupled decay of weights and embeddings, at least 0.
    clip_norm, clip_value, groups, ema
        As for `Update`.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong type or outside its range.

    Examples
    --------
    >>> AdamW(1e-3).weight_decay
    0.01
    """

    weight_decay: float | Schedule = 0.01
    decaying: ClassVar[frozenset[str] | None] = frozenset({"weight", "embedding"})
