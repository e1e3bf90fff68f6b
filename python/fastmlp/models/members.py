"""Members: many models of one network that are trained and asked together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from fastmlp import _checks
from fastmlp.models.alike import Alike, checked_seeds, seeds_of, twin_of
from fastmlp.models.habits import OF_FIT, OF_MEMBERS
from fastmlp.models.model import Model
from fastmlp.networks.exported import mean_of
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from fastmlp.history import History
    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.networks.exported import ExportedNodes
    from fastmlp.optimizers import Update
    from fastmlp.training.members import Course

    Array = NDArray[Any]


class Members(Alike):
    """Models of one network, each with weights of its own, trained together on all cores.

    What each becomes is what `Model.fit` alone would make of it, to the last bit. Small networks
    are dealt out to the cores whole, so that k of them take k / cores times as long as one; their
    mean predicts better than any of them (deep ensembles: Lakshminarayanan et al., NIPS 2017), and
    their spread says how sure it is. With weights of the rows for each member they are the folds of
    a cross-validation or a bagging, with optimizers for each a search over learning rates.

    Parameters
    ----------
    model : Model, function or sequence of Model
        A model, of which each member has the layers, with initial weights drawn anew; the model
        itself stays apart. A function of a seed that returns a model. Or the models themselves.
    k : int, optional
        How many, at least 1; by default as many as there are seeds.
    seeds : sequence of int, optional
        The seed of each member: what its initial weights, its orders of the rows and its dropout
        are drawn from. By default ``model.seed``, ``model.seed + 1``, …, so that the first is as
        the model is; other ones each time if that is None, or if there is a function.

    Raises
    ------
    TypeError, ValueError
        If they are no models, differ in more than their weights, or one is there twice.

    Notes
    -----
    It is a sequence: ``members[0]`` is a `Model` like any other, which may be fitted, asked and
    saved on its own; ``members[:3]`` are `Members` of the same models.

    Examples
    --------
    >>> import numpy as np
    >>> import fastmlp as fm
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> members = fm.Members(fm.MLP([1, 16, 1], activation="tanh", seed=0), 5)
    >>> histories = members.fit(X, X[:, 0] ** 2, optimizer=fm.Adam(0.01), epochs=100)
    >>> members.predict(X).shape, members.predict(X, each=True).shape
    ((60, 1), (5, 60, 1))
    >>> alone = fm.MLP([1, 16, 1], activation="tanh", seed=3)
    >>> history = alone.fit(X, X[:, 0] ** 2, optimizer=fm.Adam(0.01), epochs=100)
    >>> history == histories[3], (alone.predict(X) == members[3].predict(X)).all().item()
    (True, True)

    Cross-validation, each member without a fifth of the rows:

    >>> fold = np.arange(60) % 5
    >>> left_out = (fold == np.arange(5)[:, None]).astype(float)  # (members, rows)
    >>> members = fm.Members(fm.MLP([1, 16, 1], activation="tanh", seed=0), 5)
    >>> histories = members.fit(
    ...     X, X[:, 0] ** 2, sample_weight=1 - left_out,
    ...     validation_data=(X, X[:, 0] ** 2, left_out), epochs=5,
    ... )
    >>> len([history["val_loss"][-1] for history in histories])
    5
    """

    @_checks.taught(OF_MEMBERS)
    def __init__(
        self,
        model: Model | Callable[[int], Model] | Sequence[Model],
        k: int | None = None,
        *,
        seeds: Sequence[int] | None = None,
    ) -> None:
        if isinstance(model, (list, tuple, Alike)):
            if k is not None or seeds is not None:
                raise ValueError("k and seeds are for one model; these are the members themselves")
            models = list(model)
        elif isinstance(model, Model) or (callable(model) and not isinstance(model, type)):
            chosen = seeds_of(model, k, seeds)
            make: Any = twin_of if isinstance(model, Model) else lambda build, seed: build(seed)
            models = [make(model, seed) for seed in chosen]
        else:
            raise TypeError(
                f"model must be a model, a function of a seed that returns one, or a list of "
                f"models, got {model!r}"
            )
        super().__init__(models)

    @_checks.taught(OF_FIT)
    def fit(
        self,
        X: Any,
        t: Any,
        *,
        loss: str | Loss | Any | None = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        optimizer: str | Update | Sequence[str | Update] = "adam",
        epochs: int = 10,
        batch_size: int | Literal["auto"] | None = "auto",
        validation_data: Any = None,
        validation_split: float = 0.0,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
        class_weight: Mapping[Any, Any] | Literal["balanced"] | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        metrics: Sequence[str | Metric | ArrayMetric | Any] | Mapping[str, Any] = (),
        callbacks: Any = (),
        shuffle: bool = True,
        seeds: Sequence[int] | None = None,
        verbose: bool | Literal[0, 1, 2, "auto"] = "auto",
    ) -> list[History]:
        """Train all members, each as `Model.fit` would: the same bits, on all cores.

        Parameters
        ----------
        X, t : array-like
            As for `Model.fit`, arrays only. All members read the same rows, each in orders of its
            own.
        optimizer : str or optimizer, or a list of such for each member
            The optimizers of members may differ in their numbers (learning rate, weight decay,
            schedules, clipping), and are of one class.
        sample_weight : array-like, shape (rows,) or (members, rows), optional
            Weights of the rows, or those of each member: 0 leaves a row out. Of several outputs
            also a dict of weights (rows,) by their names, the same for all members.
        validation_data : tuple (X, t) or (X, t, sample_weight), optional
            As for `Model.fit`; weights may be those of each member, (members, rows).
        callbacks : sequence of Callback or function, or a function of a member's number
            As for `Model.fit`. Each member has copies of the callbacks, which hear of it alone, and
            stops alone. What writes files needs a file for each:
            ``callbacks=lambda i: [fm.ModelCheckpoint(f"best{i}.safetensors")]``.
        seeds : sequence of int, optional
            Those of the orders and the dropout of each member; by default drawn from its own seed.
        loss, loss_weights, epochs, batch_size, validation_split, class_weight, l2, l1, metrics, \
shuffle, verbose
            As for `Model.fit`, for all members. What is shown are means over the members.

        Returns
        -------
        list of History
            One for each member. A member whose loss becomes NaN or infinite stops there with its
            last finite weights, and its ``stopped`` says so; the others go on.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, before anything changes.
        RuntimeError
            If another thread fits one of the models.

        Warns
        -----
        NonFiniteLossWarning
            For each member whose loss becomes NaN or infinite.
        NoSignalWarning
            As `Model.fit`.

        Notes
        -----
        Ctrl-C ends all trainings within about a tenth of a second, each after a whole step.

        Examples
        --------
        Learning rates side by side:

        >>> import fastmlp as fm
        >>> X, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
        >>> members = fm.Members(fm.MLP([1, 8, 1], activation="tanh", seed=0), seeds=[0, 0, 0])
        >>> rates = [0.001, 0.01, 0.1]
        >>> histories = members.fit(X, t, optimizer=[fm.Adam(rate) for rate in rates], epochs=50)
        >>> best = min(range(3), key=lambda i: histories[i]["loss"][-1])
        >>> rates[best]
        0.1
        """
        how = dict(locals())
        for name in ("self", "X", "t"):
            del how[name]
        with self.course(X, t, **how) as course:
            course.run()
        return [training.history for training in course.trainings]

    @contextmanager
    def course(self, X: Any, t: Any, **how: Any) -> Iterator[Course]:
        """Give a `fit` to a loop of your own, which has a say after each epoch.

        Parameters
        ----------
        X, t, **how
            As for `fit`.

        Yields
        ------
        Course
            Iterate over it: each turn trains the members that go on for an epoch, in one call.
            Between two turns the loop may predict, evaluate, keep and set weights, and `stop` one.

        Examples
        --------
        Each member keeps the weights of its best epoch:

        >>> import numpy as np
        >>> import fastmlp as fm
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> t = X[:, 0] ** 2
        >>> members = fm.Members(fm.MLP([1, 8, 1], activation="tanh", seed=0), 3)
        >>> best, weights = [np.inf] * 3, [None] * 3
        >>> with members.course(X[::2], t[::2], epochs=20) as course:
        ...     for epoch in course:
        ...         y = members.predict(X[1::2], each=True)[:, :, 0]
        ...         errors = ((y - t[1::2]) ** 2).mean(axis=1)
        ...         for i in range(3):
        ...             if errors[i] < best[i]:
        ...                 best[i], weights[i] = errors[i], members[i].get_weights()
        >>> for member, kept in zip(members, weights):
        ...     member.set_weights(kept)
        """
        from fastmlp.networks import signal
        from fastmlp.training.warned import warn, warn_non_finite

        models, turn = self._models, turns.Turn("fit")
        try:
            for one in models:
                turn.take(one)
            course = self._begin(turn, X, t, how)
            if course.trainings[0].compiled_anew and (silence := signal.message(models[0].network)):
                warn(silence, signal.NoSignalWarning)
            try:
                yield course
                course.end()
            except BaseException as error:
                course.give_up(error)
                raise
        finally:
            turn.live = False
        for i, training in enumerate(course.trainings):
            if training.non_finite:
                warn_non_finite(f"member {i}: {training.history.stopped}")

    def _begin(self, turn: turns.Turn, X: Any, t: Any, how: dict[str, Any]) -> Course:
        """Check what `fit` was asked and return its course; the models' turns are taken."""
        from fastmlp.networks import objectives
        from fastmlp.training.members import Course, MembersRequest

        for name in how:
            if name not in _DEFAULTS:
                raise _checks.no_argument("course", name, ["X", "t", *_DEFAULTS], OF_FIT)
        how = _DEFAULTS | how
        models = self._models
        seeds = how.pop("seeds")
        seeds = None if seeds is None else checked_seeds(seeds)
        if seeds is not None and len(seeds) != len(models):
            raise ValueError(
                f"seeds: expected one for each of {len(models)} members, got {len(seeds)}"
            )
        wanted = {n: how.pop(n) for n in ("loss", "loss_weights", "metrics", "l2", "l1")}
        with ExitStack() as building:
            networks = [building.enter_context(one._network_of(X)) for one in models]
            self.check_alike(networks)
            objective = objectives.choose(networks[0], **wanted)
            request = MembersRequest.of(
                *(networks, self.dtype, objective, X, t),
                seeds=[
                    one._seed_sequence(None if seeds is None else seeds[i])
                    for i, one in enumerate(models)
                ],
                **how,
            )
            if models[0]._network is None:  # raises what the loss cannot take
                request.requests[0].graph(networks[0])
        turn.wait()  # for reads of models that were built before, of the same layers
        course = Course(request, [one._own_trainer() for one in models], models)
        for one, training in zip(models, course.trainings, strict=True):
            one.history = training.history
            one._objective = objective
            one._fits += 1
        return course

    def save(self, path: str | PathLike[str]) -> None:
        """Write all members to one safetensors file, which `fastmlp.load` reads.

        Parameters
        ----------
        path : path-like
            As for `Model.save`.

        Raises
        ------
        ValueError
            As `Model.save`, and if the members differ in more than their weights.
        OSError
            If the file cannot be written.

        See Also
        --------
        fastmlp.load
        """
        from fastmlp.models import files

        with turns.reading("save", *self._models):
            if self._models[0]._network is not None:
                self._stay_alike()
            files.save_members([one._state() for one in self._models], path)

    def export(self, path: str | PathLike[str], **settings: Any) -> Any:
        """Write the mean of the members, what `predict` computes, for other programs.

        Parameters
        ----------
        path : path-like
            Where to; its name ends in ".onnx", ".h" (C and C++), ".js" or ".mjs" (JavaScript) or
            ".py" (NumPy), see `Model.export`. Other formats hold one member, ``members[0].export``.
        **settings
            Those of the format.

        Raises
        ------
        ValueError, TypeError, OSError
            As `Model.export`.
        """
        from fastmlp.export import formats

        formats.check_graph(path, "the mean of members")
        with turns.reading("export", *self._models):
            return formats.export(self, path, **settings)

    def _export_nodes(self) -> ExportedNodes:
        networks = [one.network for one in self._models]
        self.check_alike(networks)
        return mean_of(networks, self.dtype, repr(self).strip("<>"))


# What `fit` and `course` are given where nobody says.
_DEFAULTS = {
    name: one.default
    for name, one in inspect.signature(Members.fit).parameters.items()
    if one.kind is one.KEYWORD_ONLY
}
