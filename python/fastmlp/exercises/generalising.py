"""Overfitting a few noisy points, and its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.exercises.verdict import Verdict, check_model, not_yet, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.models.model import Model

    Array = NDArray[np.float64]

NOISE = 0.5
ROWS, SEED = 20, 2
NEW = (1000, 100)
# Root mean squared errors: below LEARNED the noise of the 20 points has been learned; the best
# networks of these points come to 0.53 on new ones, and a line to 0.83.
LEARNED, LOST, GOOD, STIFF = 0.15, 0.6, 0.565, 0.55


def noisy_sine(rows: int = ROWS, seed: int = SEED) -> tuple[Array, Array]:
    """Return points of a sine with noise of standard deviation 0.5.

    Parameters
    ----------
    rows : int, default 20
        How many, at equal distances from −4 to 4.
    seed : int, default 2
        Determines the noise: with others than 2, points that nothing was trained on.

    Returns
    -------
    x, t : ndarray of shape (rows, 1)

    Examples
    --------
    >>> from fastmlp import exercises
    >>> x, t = exercises.noisy_sine()
    >>> x.shape, t.shape
    ((20, 1), (20, 1))
    """
    rows = _checks.integer(rows, "rows", at_least=2)
    draw = np.random.default_rng(_checks.seed(seed))
    x = np.linspace(-4, 4, rows)[:, None]
    return x, np.sin(x) + draw.normal(0, NOISE, x.shape)


def _errors(model: Model) -> tuple[float, float] | Verdict:
    """Return the root mean squared errors on the 20 points and on new ones."""
    model = check_model(model, "fm.MLP([1, 100, 100, 1], activation='tanh')")
    columns = model.network.input_columns, model.network.output_columns
    if columns != ((1,), 1):
        return not_yet("the network must have 1 input and 1 output: t is a function of x")
    found = []
    for rows, seed in ((ROWS, SEED), NEW):
        x, t = noisy_sine(rows, seed)
        y: Any = model.predict(x)
        found.append(float(np.sqrt(np.mean((y - t) ** 2))))
    return found[0], found[1]


def overfits(model: Model) -> Verdict:
    """Look at a network that is to overfit the 20 points of `noisy_sine`.

    Parameters
    ----------
    model : Model
        Trained on ``noisy_sine()``.

    Returns
    -------
    Verdict
        Right if it follows the noise: nearly no error on these points, much on new ones.

    Raises
    ------
    TypeError
        If it is no model.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import exercises
    >>> model = fm.MLP([1, 3, 1], activation="tanh", seed=0)
    >>> history = model.fit(*exercises.noisy_sine(), epochs=3000, batch_size=None)
    >>> exercises.overfits(model).right
    False
    """
    found = _errors(model)
    if isinstance(found, Verdict):
        return found
    train, new = found
    told = f"error {number(train)} on the points it was trained on, {number(new)} on new ones"
    if train > STIFF:
        return not_yet(f"{told}: it does not even follow the sine; train longer, or more units")
    if train > LEARNED:
        return not_yet(
            f"{told}: it has not learned the noise (0.5) by heart; take more units and more "
            "layers, train longer, and with all points at each step"
        )
    if new < LOST:
        return not_yet(f"{told}: it does well on new points, too; was it trained on others?")
    return Verdict(True, f"{told}: it knows the noise by heart, which says nothing of new points")


def generalises(model: Model) -> Verdict:
    """Look at a network that is to have learned the sine from 20 points, and not their noise.

    Parameters
    ----------
    model : Model
        Trained on ``noisy_sine()``, with whatever helps: a penalty, fewer units, stopping early.

    Returns
    -------
    Verdict
        Right if its error on new points is hardly more than their noise.

    Raises
    ------
    TypeError
        If it is no model.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import exercises
    >>> line = fm.MLP([1, 1], seed=0)
    >>> J = line.solve_output_layer(*exercises.noisy_sine())
    >>> exercises.generalises(line)
    not yet: error 0.738 on the points it was trained on, 0.83 on new ones: too
             stiff to follow the sine; give it more units, or less of a penalty
    """
    found = _errors(model)
    if isinstance(found, Verdict):
        return found
    train, new = found
    told = f"error {number(train)} on the points it was trained on, {number(new)} on new ones"
    if new <= GOOD:
        return Verdict(True, f"{told}, whose noise is 0.5: it has learned the sine")
    if train > STIFF:
        return not_yet(
            f"{told}: too stiff to follow the sine; give it more units, or less of a penalty"
        )
    return not_yet(
        f"{told}: it still follows the noise; give it a larger penalty (l2=), fewer units, or an "
        "end before it does (fm.EarlyStopping and points of its own, noisy_sine(30, seed=1))"
    )
