"""What a model is, apart from what it does: a network, its weights, and their copies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, _core
from fastmlp._checks import is_ours
from fastmlp.config import readable
from fastmlp.data import arrays
from fastmlp.history import History
from fastmlp.models import sharing, states
from fastmlp.models.habits import ASSIGNED, ATTRIBUTES, OF_SAVE, OF_SET_WEIGHTS, OF_SUMMARY
from fastmlp.models.listing import Listing
from fastmlp.models.states import NOT_BUILT, ModelState
from fastmlp.networks import summaries
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from numpy.typing import ArrayLike, DTypeLike, NDArray
    from typing_extensions import Self

    from fastmlp.layers import Input, Layer
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.planner.parameters import Parameters

    Array = NDArray[Any]


_ASSIGNABLE = ("seed", "metadata", "history")


@readable
@_checks.has_not(ATTRIBUTES)
class Owner:
    """Owns a network and one flat vector with all its parameters; the base of `Model`.

    Attributes
    ----------
    parameters : Parameters
        The flat vector and the views into it, once there is a network. Models that share layers
        have one vector, of the parameters of all of them.
    """

    _turn: turns.Turn | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        found = getattr(type(self), name, None)
        settable = found.fset is not None if isinstance(found, property) else not callable(found)
        known = name.startswith("_") or name in _ASSIGNABLE
        if is_ours(type(self)) and not (known and settable):
            raise _checks.refusal(self, name, _ASSIGNABLE, ASSIGNED)
        if name in _ASSIGNABLE:
            turns.check(self, name)
        object.__setattr__(self, name, value)

    def _begin(self, seed: int | None, dtype: DTypeLike) -> None:
        """Set everything but the network."""
        self.seed = seed
        self._dtype = arrays.real_dtype(dtype)
        self.metadata = {}
        self._network: Network | None = None
        self._waiting: list[Layer | Input] = []
        self._fits = 0
        self._draws = 0  # of predictions with dropout
        self._objective: MeanObjective | None = None

    def _adopt(self, network: Network) -> None:
        """Take a network, once, and own its parameters; those of shared layers with others."""
        if self._network is not None:
            return
        try:
            with sharing.one_vector(self, network) as parameters:
                network.bind(parameters)
                network.belong_to(self)
                self._network = network  # last: other threads may be looking
        except BaseException:
            network.leave()
            raise
        if self._turn is not None:
            self._turn.cover(self)

    @property
    def _access(self) -> _core.Access | None:
        """Who reads the vector of parameters; None before there is one."""
        network = self._network  # once: another thread may be building it
        return None if network is None else network.parameters.access

    def _together(self) -> Sequence[Any]:
        """Return the models that share the vector of parameters, itself included."""
        network = self._network
        if network is None or not network.parameters.shared:  # as nearly always
            return (self,)
        return sharing.models_of(network.parameters)

    def _check_turn(self, what: str) -> None:
        """Raise RuntimeError if it is the turn of another thread."""
        turns.check(self, what)

    def _forget_plans(self) -> None:
        """Drop what was compiled of the network as it was."""

    def _network_for(self, X: Any) -> Network:
        """Return the network, or the one that this data would build."""
        return self.network

    @contextmanager
    def _network_of(self, X: Any) -> Iterator[Network]:
        """Give the network to a call that checks its data, and adopt it if they are right.

        Where it is built first, other threads wait for it.
        """
        if self._network is not None:
            yield self._network
            return
        with turns.building:
            network = self._network_for(X)
            try:
                yield network
            except BaseException:
                network.leave()
                raise
            self._adopt(network)

    @property
    def seed(self) -> int | None:
        """What initial weights and fits are drawn from; a new one holds for the fits to come."""
        return self._seed

    @seed.setter
    def seed(self, seed: int | None) -> None:
        self._seed = None if seed is None else _checks.seed(seed)

    @property
    def metadata(self) -> dict[str, Any]:
        """The user's own JSON values, saved, loaded, copied and pickled with the model."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        if not isinstance(metadata, dict):
            raise TypeError(f"metadata must be a dict, got {type(metadata).__name__}")
        self._metadata = metadata

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of weights, activations and results."""
        return self._dtype

    @property
    def parameters(self) -> Parameters:
        """The flat vector and the views into it; AttributeError before there is a network.

        Models that share layers have one vector, of the parameters of all of them. A new model of
        layers of old ones and of others lets them have a new vector: take `flat` again then.
        """
        if self._network is None:
            raise AttributeError("the model has no parameters yet: they are made when it is built")
        found: Parameters = self._network.parameters
        return found

    @property
    def network(self) -> Network:
        """The layers and how they are joined; ValueError for a `Sequential` not built yet."""
        if self._network is None:
            raise ValueError(NOT_BUILT)
        return self._network

    @property
    def layers(self) -> list[Layer]:
        """The layers, each after those it takes its input from: a list to read."""
        return Listing(self.network.layers)

    @property
    def graph(self) -> Any:
        """The node of the output, as `predict` computes it: to draw, differentiate, build upon.

        A list or dict of nodes where there are several outputs.
        """
        return self.network.outputs.arrange(self.network.forward_pass().outputs)

    @property
    def n_parameters(self) -> int:
        """How many numbers the model has, frozen ones and statistics included."""
        return self.network.parameter_count

    @turns.reads("get_weights")
    def get_weights(self) -> list[Array]:
        """Return copies of all parameters: of each layer weights (units, inputs), biases (units,).

        Examples
        --------
        >>> import fastmlp as fm
        >>> [w.shape for w in fm.MLP([4, 8, 3], seed=0).get_weights()]
        [(8, 4), (8,), (3, 8), (3,)]
        """
        return [view.copy() for view in self.network.views(self.parameters.view).values()]

    @_checks.taught(OF_SET_WEIGHTS)
    def set_weights(self, weights: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> None:
        """Copy in all parameters, in the shapes of `get_weights` and its order or by their names.

        Other threads may predict meanwhile, as those of a server do: each answer is of the old
        weights or of the new ones.

        Raises
        ------
        TypeError, ValueError
            If their number, a name, a shape or a value is wrong; then none has changed.
        RuntimeError
            If another thread trains the model meanwhile.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model, other = fm.MLP([4, 3], seed=0), fm.MLP([4, 3], seed=1)
        >>> other.set_weights(model.get_weights())
        >>> other.set_weights(dict(zip(model.network.parameter_names, model.get_weights())))
        """
        turns.check(self, "set_weights")
        states.set_weights(self.network, self.parameters, weights)

    @turns.reads("copy")
    def copy(self) -> Self:
        """Return a model with the same layers and copies of the weights.

        The state of the optimizer is not copied: the next `fit` of the copy starts it anew.

        A layer that stands in several places of a model does so in its copies, pickles and files.
        Layers that several models share, as an encoder and its autoencoder do, stay shared where
        these are copied or pickled together, by one call of `copy.deepcopy` or of `pickle.dumps`
        for a list or an object that holds all of them. They are not where each is copied, pickled
        or saved by itself, nor in files of skops.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([4, 3], seed=0)
        >>> model.copy().layers[0] is model.layers[0]
        False
        """
        twin = object.__new__(type(self))
        twin._restore(self._state().copied())
        return twin

    __copy__ = copy

    @turns.reads("copy")
    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = memo[id(self)] = object.__new__(type(self))
        twin._restore(self._state().copied(memo))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        turns.check(self, "pickling")
        return self._state().pickled()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._restore(ModelState(**state))

    def _state(self) -> ModelState:
        """Return everything the model is made of: the weights are the values of its nodes."""
        network = self._network  # once: another thread may be building it
        return ModelState(
            seed=self.seed,
            dtype=str(self.dtype),
            metadata=self.metadata,
            fits=self._fits,
            objective=self._objective,
            waiting=self._waiting if network is None else [],
            network=network,
            history=self.history.config() if isinstance(self.history, History) else None,
        )

    def _restore(self, state: ModelState) -> None:
        """Make an empty object the model of this state, and owner of the network in it."""
        self._begin(state.seed, state.dtype)
        self.metadata = state.metadata
        self._fits = state.fits
        self._objective = state.objective
        self._waiting = state.waiting
        self.history = None if state.history is None else History.from_config(state.history)
        if state.network is not None:
            self._adopt(state.network)

    @turns.reads("save")
    @_checks.taught(OF_SAVE)
    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a safetensors file: weights, architecture, `metadata`.

        The state of the optimizer and the history are not written. What `evaluate` takes by
        default, the loss, penalty and metrics of the last fit, is, but for metrics that are
        functions; where a loss is a function of your own, the model is as if it was never fitted.

        Parameters
        ----------
        path : path-like
            Where to. The name ends in ".safetensors", or as you like; endings of other formats
            (".keras", ".h5", ".pt", ".pth", ".onnx", ".pkl", ".joblib", ".npz" and their kin) are
            refused. A file that is there is replaced, whole or not at all; where a symbolic link
            leads to one, the link stays.

        Raises
        ------
        ValueError
            If the model has functions of your own in it, which a file cannot hold, its weights
            are not finite, `metadata` is not JSON, or the name promises another format.
        OSError
            If the file cannot be written.

        Notes
        -----
        The file is written beside its place and renamed when the disk has all of it, so that
        neither a crash nor a full disk leaves half of one. A draft that a killed process left
        behind is removed by the next `save` to that folder.

        See Also
        --------
        fastmlp.load
        """
        from fastmlp.models import files

        files.save(self._state(), path)

    def export(self, path: str | PathLike[str], **settings: Any) -> Any:
        """Write what `predict` computes as a file that other programs run.

        Parameters
        ----------
        path : path-like
            Where to; its ending says the format. A file that is there is replaced, whole or not at
            all.

            ==========  ========================================================================
            ``.onnx``   ONNX of operator set 17, for any number of rows, in the model's type, with
                        the names of inputs and outputs; one output alone is ``y``. It needs the
                        package onnx, ``pip install 'fastmlp[onnx]'``.
            ``.keras``  A file that Keras 3 loads, Sequential or Functional. It needs the package
                        h5py, ``pip install 'fastmlp[keras]'``.
            ``.h``      One header of C99, also C++, with a function of one row,
                        ``<name>_predict(x, y)``: no memory is allocated, libm is all it needs.
            ``.js``     One ES module with ``predict(x, rows)`` on typed arrays; also ``.mjs``.
            ``.py``     One module of Python with ``predict(x)`` that needs NumPy alone, to read
                        too.
            ==========  ========================================================================
        **settings
            Those of the format. Of ``.h``: `name` begins the names in the header, by default that
            of the file; with ``quantize="int8"`` weights are int8 with a scale for each output, and
            the error that this makes on the rows `data` is returned and stands in the header.

        Raises
        ------
        ValueError
            If the ending is of no format, the model is not built yet, or the format has no way to
            say one of its operations, which is named.
        TypeError
            If the format has no such setting.
        ImportError
            If a package is missing that the format needs.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import fastmlp as fm
        >>> fm.MLP([4, 8, 3], output="softmax", seed=0).export("classes.pt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: path='classes.pt': its ending says the format, one of '.onnx' (ONNX), ...
        """
        from fastmlp.export import formats

        with turns.reading("export", self):
            return formats.export(self, path, **settings)

    @_checks.taught(OF_SUMMARY)
    def summary(self) -> summaries.Summary:
        """Return the table of the layers; print it, or end a notebook's cell with it.

        Examples
        --------
        >>> import fastmlp as fm
        >>> print(fm.MLP([4, 3], output="softmax", seed=0).summary())
        layer    kind   columns  activation  parameters  from
        x        Input        4                       0
        dense_1  Dense        3  softmax             15  x
        15 parameters, float32
        """
        network = self.network
        return summaries.Summary(network.summary(), network.parameter_count, str(self.dtype))

    def __repr__(self) -> str:
        kind = type(self).__name__
        if self._network is None:
            return f"<{kind}, not built yet, {self.dtype}>"
        count = f"{self.n_parameters:,} parameter{'' if self.n_parameters == 1 else 's'}"
        return f"<{kind} {summaries.chain(self._network)}; {count}, {self.dtype}>"
