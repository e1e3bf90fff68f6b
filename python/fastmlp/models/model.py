"""Models: a network with its weights, which can be trained and asked.

Training and evaluation load with the first `fit` and `evaluate`: a program that only predicts does
not wait for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastmlp import _checks
from fastmlp.layers.base import Symbol
from fastmlp.models.evaluations import Evaluated
from fastmlp.models.habits import OF_CALL, OF_FIT, OF_MODEL
from fastmlp.models.solutions import Solvable
from fastmlp.networks.network import Network
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastmlp.callbacks import Callback
    from fastmlp.history import History
    from fastmlp.layers import Input
    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.optimizers import Update
    from fastmlp.training.steps import StepTrainer

    Array = NDArray[Any]


class Model(Evaluated, Solvable):
    """A network of layers joined in any way that has no cycle, with its weights.

    Parameters
    ----------
    inputs : Input or sequence of Input
        Where the data comes in.
    outputs : Symbol, or sequence or dict of such
        What the model returns, made by calling layers. Several outputs, each with a loss of its
        own, are called as the keys of the dict, else as their layers.
    seed : int, optional
        Makes the initial weights, and the order and dropout of every `fit` that has no seed of its
        own, the same each time. None: different each time.
    dtype : "float32" or "float64", default "float32"
        Type of all weights, activations and results.

    Attributes
    ----------
    dtype : numpy.dtype
        As given.
    seed : int or None
        As given; may be assigned, for the fits to come.
    metadata : dict
        Yours to fill with JSON values, or to assign; saved, loaded, copied and pickled with the
        model.
    history : History or None
        That of the last `fit`, also after an interrupt or an exception.

    Notes
    -----
    Settings of the layers may be assigned, see `Layer`: ``model.layers[1].rate = 0.5``. No other
    attribute of a model can be.

    Models over the same layers share their weights: whichever is fitted, the others follow. A fit
    leaves alone what only other models have. They have one `dtype` and one flat vector of
    parameters, which moves when a model with further layers joins, and leaves behind those of
    models and layers that are gone; while a thread fits one of them, other threads can use none.
    Copies and files are of one model and share nothing;
    models in one pickle share what they shared.

    Raises
    ------
    TypeError, ValueError
        If the layers do not fit together, or an argument is wrong.
    RuntimeError
        If another thread fits a model of the same layers meanwhile.

    Examples
    --------
    A skip connection:

    >>> import fastmlp as fm
    >>> x = fm.Input(4)
    >>> h = fm.Dense(8, "relu")(x)
    >>> model = fm.Model(x, fm.Dense(3, "softmax")(fm.concat([h, x])), seed=0)
    >>> model.predict([[1.0, 2.0, 3.0, 4.0]]).shape
    (1, 3)

    Two outputs of one trunk:

    >>> h = fm.Dense(8, "relu")(x)
    >>> outputs = {"price": fm.Dense(1)(h), "kind": fm.Dense(3, "softmax")(h)}
    >>> model = fm.Model(x, outputs, seed=0)
    >>> t = {"price": [3.0], "kind": [2]}
    >>> history = model.fit([[1.0, 2.0, 3.0, 4.0]], t, loss_weights={"price": 0.1}, epochs=1)
    >>> list(history)
    ['loss', 'price_loss', 'kind_loss']

    An autoencoder and its encoder:

    >>> code = fm.Dense(2, "tanh")(x)
    >>> autoencoder = fm.Model(x, fm.Dense(4)(code), seed=0)
    >>> encoder = fm.Model(x, code)
    >>> X = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]
    >>> history = autoencoder.fit(X, X, epochs=5)
    >>> (encoder.predict(X) == autoencoder.activations(X)["dense_1"]).all().item()
    True
    """

    @_checks.taught(OF_MODEL)
    def __init__(
        self,
        inputs: Input | Sequence[Input],
        outputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
        *,
        seed: int | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._begin(seed, dtype)
        with turns.building:
            self._adopt(Network(inputs, outputs, seed=self.seed, dtype=self.dtype))

    def _begin(self, seed: int | None, dtype: DTypeLike) -> None:
        """Set everything but the network."""
        super()._begin(seed, dtype)
        self.history: History | None = None

    def __call__(self, X: Any, training: bool = False, **others: Any) -> Any:
        """Return `predict` of X: dropout is left out unless `training` is True.

        Of symbols, an Input or what a layer returned, one or a list, it returns those of its
        outputs, made by its own layers: models that are made of them share the weights. There are
        no other arguments: a TypeError says what to write for one.

        Examples
        --------
        How far apart two rows are, for one encoder:

        >>> import fastmlp as fm
        >>> encoder = fm.Sequential([fm.Dense(8, "relu"), fm.Dense(2)], seed=0)
        >>> a, b = fm.Input(4), fm.Input(4)
        >>> distance = fm.Lambda(lambda u, v: fm.graph.sum((u - v) ** 2, axis=1))
        >>> fm.Model([a, b], distance([encoder(a), encoder(b)])).n_parameters
        58
        """
        if others:
            raise _checks.no_argument("model", next(iter(others)), ("X", "training"), OF_CALL)
        if any(isinstance(one, Symbol) for one in (X if isinstance(X, (list, tuple)) else [X])):
            if training:
                raise ValueError("training=True is for rows: in a fit all layers drop out")
            return self._joined(X)
        return self.predict(X, training=training)

    def _joined(self, symbols: Symbol | Sequence[Symbol]) -> Any:
        """Return the symbols of the outputs for these inputs."""
        return self.network.joined(symbols)

    @_checks.taught(OF_FIT)
    def fit(
        self,
        X: Any,
        t: Any = None,
        *,
        loss: str | Loss | Any | None = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        optimizer: str | Update = "adam",
        epochs: int = 10,
        batch_size: int | Literal["auto"] | None = "auto",
        steps_per_epoch: int | None = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
        class_weight: Mapping[Any, Any] | Literal["balanced"] | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        metrics: Sequence[str | Metric | ArrayMetric | Any] | Mapping[str, Any] = (),
        callbacks: Iterable[Callback | Any] = (),
        shuffle: bool | Literal["auto"] = "auto",
        seed: int | None = None,
        verbose: bool | Literal[0, 1, 2, "auto"] = "auto",
    ) -> History:
        """Train the model: minimise ``J = mean loss + l2·½‖W‖² + l1·Σ|w|`` on batches.

        A second call goes on from the present weights, and with an optimizer of the same class also
        with its moments and step count: settings may change. A new schedule begins with its step 0.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (rows, columns), or stream
            Inputs. A list or dict of such for several inputs. float32, float64, uint8 and int64
            arrays with contiguous rows are never copied as a whole; values are taken as they are
            (bytes of an image are 0 to 255). Of SciPy's sparse matrices a first Dense layer reads
            the elements listed alone; CSR is not copied, other formats are converted to it.
            Without t a stream of batches (X, t) or (X, t, sample_weight), which need not fit in
            memory: a function that returns an iterator of them, called for each epoch; what can be
            iterated over again (a PyTorch DataLoader, a list, `fastmlp.data.Parquet`); or a
            generator, for one epoch. A thread reads ahead and copies them while the core trains.
        t : array-like, shape (rows,) or (rows, columns), optional
            Targets: class labels from 0 or one-hot rows for losses of classes, numbers otherwise.
            For several outputs a list of such in their order, or a dict by their names.
        loss : str, Loss or function, optional
            "squared_error", "cross_entropy", "mse", "huber" or another name, see `fastmlp.losses`;
            one with settings, ``Huber(2.0)``; or a function of the graph nodes (y, t).
            By default cross_entropy for a softmax output, binary_cross_entropy for a logistic one,
            else squared_error. For several outputs one for all, a list, or a dict by their names,
            where those left out have their default.
        loss_weights : float, list or dict, optional
            What the loss of each output counts in J = Σ weight · mean loss + penalty, at least 0;
            by default 1.
        optimizer : str or optimizer, default "adam"
            "adam", "adamw", "sgd", … or one of `fastmlp.optimizers` with settings of your own.
        epochs : int, default 10
            How many times to go through the data.
        batch_size : int or None, default "auto"
            Rows of a step; the last batch of an epoch may be short. None: all rows. "auto": 32, or
            those of a stream's batches, which are the steps; all rows for L-BFGS.
        steps_per_epoch : int, optional
            How many batches of a stream are an epoch; the next goes on after them, and the stream
            begins again where it ends. By default all of them.
        validation_data : tuple (X, t) or (X, t, sample_weight), or stream, optional
            Evaluated after each epoch, without dropout, its loss and metrics weighted by these
            weights. A list is such a tuple, too; of a list of batches make a stream,
            ``lambda: iter(batches)``.
        validation_split : float, default 0
            Instead: the share of the rows, from 0 to less than 1, that is held out and evaluated.
            These are the last rows as they stand, before any shuffling: shuffle sorted data first.
        sample_weight : array-like, shape (rows,), optional
            Weights of the rows, not negative, in any unit: the loss of a batch is Σ w L / Σ w, and
            loss and metrics of an epoch are these means over all its rows. A batch without weight
            counts for nothing; the penalty on the weights of the network stays. For several outputs
            also a dict of such, for some of them.
        class_weight : dict of int to float, or "balanced", optional
            Weights of classes, by which those of the training rows are multiplied; a class that is
            not named weighs 1. "balanced": rows / (classes · rows of the class), rows counted by
            their weights. Validation data are not weighted by it. For several outputs a dict of
            such, for some of them.
        l2 : float, default 0
            λ of the penalty λ·½‖W‖² on the weights, not the biases; layers with an l2 of their own
            use that.
        l1 : float, default 0
            λ₁ of the penalty λ₁ Σ ``|w|`` on the same weights (Tibshirani 1996), likewise. With l2
            it is the elastic net of Zou & Hastie (2005). `LBFGS` expects a smooth J.
        metrics : sequence of str or function, default ()
            "accuracy", "zero_one", "mean_squared_error", names of losses, or functions of the
            nodes (y, t), all of them means over the rows of an epoch; "auc", "f1", "r2" and others,
            functions of scikit-learn, or functions of arrays (y_true, y_pred), taken at the end of
            the epoch for one more forward pass over the rows. See `fastmlp.metrics`. For several
            outputs such a list is for each of them; a list of lists or a dict has each its own.
        callbacks : sequence of Callback or function, default ()
            Told after each epoch, see `fastmlp.callbacks`.
        shuffle : bool, default "auto"
            Whether each epoch has a random order of its own. "auto": True for arrays; a stream is
            taken as it comes, `fastmlp.data.shuffled` mixes it in a window.
        seed : int, optional
            Makes orders and dropout the same each time. None: drawn from the model's seed.
        verbose : bool, 0, 1, 2 or "auto", default "auto"
            Whether to show a progress bar on stderr; "auto": in terminals and notebooks. 2 prints a
            line an epoch instead.

        Returns
        -------
        History
            The loss, the metrics, and the same of the validation data for each epoch. Of several
            outputs also the loss of each: "loss", "price_loss", "kind_loss", "kind_accuracy".

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, before anything changes.
        RuntimeError
            If another thread fits the model, or it is called by a callback of the model's own fit.

        Warns
        -----
        NonFiniteLossWarning
            If the loss becomes NaN or infinite: training stops with the last finite weights kept.
        NoSignalWarning
            If no error signal reaches a layer because a hard threshold is above it.
        UserWarning
            If a generator ends before the steps asked for; what was done stands.

        Notes
        -----
        Ctrl-C ends the training within about a tenth of a second; the weights are those after the
        last whole step, `history` has every epoch before it and says in ``stopped`` what happened,
        and the next `fit` goes on from there. So does an exception that a callback raises. While
        callbacks are told of an epoch the first Ctrl-C waits until all of them have heard of it; a
        second one does not wait.

        While a model is fitted it belongs to the thread that does it. Callbacks run there and may
        predict, evaluate, save, set weights and assign settings of layers, which count from the
        next epoch on (a fit by `LBFGS` refuses both), only not `fit`; whatever another thread asks
        of the model is a RuntimeError, since the weights change meanwhile: let one thread wait for
        the other, or give each a `copy`. What other threads have begun before, as a long `predict`,
        is waited for. Different models may be fitted at once.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
        >>> X = [[0.0], [0.5], [1.0]]
        >>> history = model.fit(X, [0.0, 0.25, 1.0], optimizer=fm.Adam(0.01), epochs=200)
        >>> history["loss"][-1] < 0.01 < history["loss"][0]
        True
        """
        from fastmlp.networks import objectives, signal
        from fastmlp.training import streams
        from fastmlp.training.request import FitRequest
        from fastmlp.training.warned import warn, warn_non_finite

        turn, readers = turns.Turn("fit"), ExitStack()
        try:
            turn.take(self)
            data = readers.enter_context(streams.reading(X, t, steps_per_epoch))
            held_out = readers.enter_context(streams.reading_validation(validation_data))
            stream = data if isinstance(data, streams.Reader) else None
            with self._network_of(X if stream is None else stream.first_inputs) as network:
                objective = objectives.choose(
                    network, loss=loss, loss_weights=loss_weights, metrics=metrics, l2=l2, l1=l1
                )
                request = FitRequest.of(
                    *(network, self.dtype, objective, data, t),
                    optimizer=optimizer,
                    epochs=epochs,
                    batch_size=batch_size,
                    validation_data=held_out,
                    validation_split=validation_split,
                    sample_weight=sample_weight,
                    class_weight=class_weight,
                    callbacks=callbacks,
                    shuffle=shuffle,
                    seed=self._seed_sequence(seed),
                    verbose=verbose,
                )
                if self._network is None:
                    request.check_first_epoch(network)
            turn.wait()  # for reads of models that were built before, of the same layers
            training = self._own_trainer().begin(request, self)
            self.history = history = training.history
            self._objective = objective
            self._fits += 1
            if training.compiled_anew and (silence := signal.message(self.network)):
                warn(silence, signal.NoSignalWarning)
            training.run()
            training.end()
        finally:
            turn.live = False
            readers.close()
        if training.non_finite:
            warn_non_finite(str(history.stopped))
        return history

    @_checks.taught(OF_FIT)
    def trainer(
        self,
        *,
        loss: str | Loss | Any | None = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        optimizer: str | Update = "adam",
        l2: float = 0.0,
        l1: float = 0.0,
        seed: int | None = None,
    ) -> StepTrainer:
        """Return what trains the model one step at a time, for a loop of your own.

        Parameters
        ----------
        loss, loss_weights, optimizer, l2, l1
            As for `fit`.
        seed : int, optional
            Makes dropout the same each time. None: drawn from the model's seed.

        Returns
        -------
        StepTrainer
            ``step(X, t)`` takes a step and returns the loss before it; ``loss_and_gradient(X, t)``
            returns loss and gradient and changes nothing; ``apply_gradient(g)`` takes a step along
            a gradient of your own; ``objective(X, t)`` is for `scipy.optimize.minimize`. Each
            trainer has a state of its optimizer to itself; the weights are the model's.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, or the model is not built yet.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 8, 1], activation="tanh", output="logistic", seed=0)
        >>> trainer = model.trainer(optimizer=fm.Adam(0.1))
        >>> for step in range(100):
        ...     loss = trainer.step([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
        >>> loss < 0.1
        True
        """
        from fastmlp import optimizers
        from fastmlp.networks import objectives
        from fastmlp.training.request import noise_of
        from fastmlp.training.steps import StepTrainer

        rule = optimizers.get(optimizer)
        objective = objectives.choose(
            self.network, loss=loss, loss_weights=loss_weights, metrics=(), l2=l2, l1=l1
        )
        noise = noise_of(self._seed_sequence(seed))
        return StepTrainer(self.network, self.parameters, objective, rule, noise, self)

    def _seed_sequence(self, seed: int | None) -> np.random.SeedSequence:
        """Return the source of randomness of the next fit."""
        if seed is not None:
            return np.random.SeedSequence(_checks.seed(seed))
        return np.random.SeedSequence(self.seed, spawn_key=(self._fits,))
