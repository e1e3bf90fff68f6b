"""An estimator's weights: views of its model, or arrays that somebody has put in their place.

scikit-learn computes with whatever `coefs_`, `intercepts_` and `out_activation_` hold, fitted or
not: servers set them to averages, encoders are cut from autoencoders. So does this class: before
the weights are used it looks whether they are still those of the model, and makes it anew if not.
"""

from __future__ import annotations

import copy
import itertools
import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _core
from fastmlp.data import arrays
from fastmlp.estimators import network
from fastmlp.training import turns
from fastmlp.training.averages import WeightAverage
from fastmlp.training.trainer import Trainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.models.model import Model
    from fastmlp.optimizers import Update
    from fastmlp.training.trainer import OptimizerState

    Array = NDArray[Any]


class Weights:
    """The part of an estimator that keeps `coefs_`, `intercepts_` and `model_` the same."""

    # Of the estimator.
    activation: Any
    dropout: Any
    dtype: Any
    coefs_: list[Array]
    intercepts_: list[Array]
    n_layers_: int
    out_activation_: str

    _turn: turns.Turn | None = None
    _access: _core.Access | None = None  # its own, once it has a model

    def _together(self) -> list[Any]:
        return [self]  # its model has its own turns

    def _out_activation(self) -> str:
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_turn":  # which is how a turn begins
            turns.check(self, name)
        object.__setattr__(self, name, value)

    @property
    def model_(self) -> Model:
        """The network itself: `fastmlp.Model` with all it can do, with the present weights."""
        if "coefs_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} has no model_ before fit")
        turns.check(self, "model_")
        self._read_weights()
        return self._model

    @property
    def _optimizer(self) -> Update | None:
        """The solver under scikit-learn's name, with the rate that it has come to."""
        state = self._trainer.state
        return None if state is None else state.optimizer

    def _adopt(self, units: list[int], weights: dict[str, Array], dtype: np.dtype[Any]) -> None:
        """Make the network of these weights, with no state of a solver yet."""
        count = len(units) - 2
        hidden = network.hidden_activations(self.activation, count)
        dropout = network.each_layer(self.dropout, count, "dropout")
        self._model = network.build(units, hidden, self.out_activation_, dropout, weights, dtype)
        self._access = self._access or _core.Access()
        self._model._turn = self._turn  # a fit that makes it has it
        if self._turn is not None:
            self._turn.cover(self)
            self._turn.cover(self._model)
        self.n_layers_ = len(units)
        self.n_outputs_ = units[-1]
        self._best_flat: Array | None = None
        self._trainer = Trainer(self._model.network, self._model.parameters)
        self.stopped_ = False
        self._show_weights()

    def _show_weights(self) -> None:
        """Let `coefs_` and `intercepts_` be the model's own arrays."""
        self._model.parameters.pinned = (
            "they are of an estimator, whose coefs_ and intercepts_ are views of their weights; "
            "use model_.copy()"
        )
        layers = network.dense_layers(self._model)
        self.coefs_ = [layer.weights.T for layer in layers]
        self.intercepts_ = [layer.biases for layer in layers]
        self._shown = [*self.coefs_, *self.intercepts_]
        self._shown_as = self._description()

    def _description(self) -> tuple[Any, ...]:
        """Return what the model depends on beside its weights."""
        settings = (self.activation, self.dropout)
        each = [
            s if isinstance(s, str) or not hasattr(s, "__iter__") else tuple(s) for s in settings
        ]
        return (*each, self.dtype, self.out_activation_, self.n_layers_)

    def _as_shown(self) -> bool:
        """Whether `coefs_`, `intercepts_` and the settings are those of the model."""
        shown = vars(self).get("_shown")
        if shown is None or self._shown_as != self._description():
            return False
        held: tuple[Any, Any] = self.coefs_, self.intercepts_
        if not all(isinstance(each, Iterable) for each in held):
            return False
        given = [*self.coefs_, *self.intercepts_]
        return len(given) == len(shown) and all(map(operator.is_, given, shown))

    def _read_weights(self) -> None:
        """Make the model anew if somebody has changed `coefs_`, `intercepts_` or a setting.

        Raises
        ------
        TypeError, ValueError
            If the arrays are no weights of layers that follow one another; then nothing changes.
        """
        if self._as_shown():
            return
        with turns.building:  # one of several threads that predict
            if not self._as_shown():
                self._take_weights()

    def _take_weights(self) -> None:
        """Make the model of `coefs_` and `intercepts_`; its present one is no longer theirs."""
        coefs, intercepts = given_weights(self)
        units = [len(coefs[0]), *(coef.shape[1] for coef in coefs)]
        given = getattr(self, "n_layers_", len(units))
        if given != len(units):
            raise ValueError(
                f"n_layers_ is {given}, but coefs_ holds the weights of {len(coefs)} layers, which "
                f"with the input are {len(units)}: cut coefs_ and intercepts_, or set n_layers_"
            )
        if "out_activation_" not in vars(self):
            self.out_activation_ = self._out_activation()
        self._replace_model(units, coefs, intercepts)

    def _replace_model(self, units: list[int], coefs: list[Array], intercepts: list[Array]) -> None:
        """Make the model of these weights; the solver's state stays where it still fits."""
        before = vars(self).get("_model")
        shapes = [coef.shape for coef in coefs]
        dtype = np.dtype("float32" if all(c.dtype == np.float32 for c in coefs) else "float64")
        if self.dtype is not None:
            dtype = np.dtype(self.dtype)
        elif before is not None:
            dtype = before.dtype
        check_finite(coefs, intercepts, dtype)
        kept, state = {}, None
        if before is not None and before.dtype == dtype:
            layers = network.dense_layers(before)
            if shapes == [layer.weights.shape[::-1] for layer in layers]:
                kept = {name: vars(self)[name] for name in ("_best_flat", "stopped_")}
                state = self._trainer.state
        self._adopt(units, network.by_name(coefs, intercepts), dtype)
        self._trainer.state = state
        vars(self).update(kept)
        if vars(self).get("n_features_in_", units[0]) != units[0]:
            vars(self).pop("feature_names_in_", None)
        self.n_features_in_ = units[0]

    # Objects.

    @turns.reads("pickling")
    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}  # type: ignore[dict-item]
        # The weights are the model's, unless somebody has put in others; plans are made again.
        gone = ["_shown", "_trainer", "_turn", "_access"]
        if self._as_shown():
            gone += ["coefs_", "intercepts_"]
        for name in gone:
            state.pop(name, None)
        if "_trainer" in vars(self):
            optimizer = self._trainer.state
            if optimizer is not None:  # copies: a pickle is written after they may have changed
                if optimizer.average is not None:
                    state["_average_state"] = copy.deepcopy(optimizer.average.state())
                vectors = [vector.copy() for vector in optimizer.vectors]
                optimizer = replace(optimizer, vectors=vectors, average=None)
            state["_optimizer_state"] = optimizer
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if "_model" not in vars(self):
            return
        self._access = _core.Access()
        self._trainer = Trainer(self._model.network, self._model.parameters)
        optimizer: OptimizerState | None = vars(self).pop("_optimizer_state", None)
        averaged = vars(self).pop("_average_state", None)
        if optimizer is not None:  # a file mapped into memory may not be written to
            vectors = [vector.copy() for vector in optimizer.vectors]
            average = None
            if averaged is not None:
                average = WeightAverage(self._model.parameters, 0)
                average.restore(*averaged)
            self._trainer.state = replace(optimizer, vectors=vectors, average=average)
        given: dict[str, Any] = {
            name: state[name] for name in ("coefs_", "intercepts_") if name in state
        }
        described = self._shown_as
        self._show_weights()
        self._shown_as = described
        vars(self).update(given)


def given_weights(holder: Any) -> tuple[list[Array], list[Array]]:
    """Return the arrays in `coefs_` and `intercepts_` of an estimator if they fit together.

    Raises
    ------
    TypeError, ValueError
        If they do not, or are no arrays.
    """
    if "intercepts_" not in vars(holder):
        raise ValueError("coefs_ are set by hand, but no intercepts_: each layer needs both")
    coefs, intercepts = (_arrays(holder, name) for name in ("coefs_", "intercepts_"))
    if len(coefs) != len(intercepts) or not coefs:
        raise ValueError(
            f"coefs_ holds {len(coefs)} arrays and intercepts_ {len(intercepts)}: expected one "
            "of each for every layer"
        )
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        if coef.ndim != 2 or 0 in coef.shape or intercept.shape != coef.shape[1:]:
            raise ValueError(
                f"coefs_[{i}] has the shape {coef.shape} and intercepts_[{i}] "
                f"{intercept.shape}: expected (inputs, outputs) and (outputs,)"
            )
    for i, (one, next_one) in enumerate(itertools.pairwise(coefs)):
        if one.shape[1] != len(next_one):
            raise ValueError(
                f"coefs_[{i}] has the shape {one.shape} and coefs_[{i + 1}] {next_one.shape}: "
                "the outputs of a layer must be the inputs of the next one"
            )
    return coefs, intercepts


def check_finite(coefs: list[Array], intercepts: list[Array], dtype: np.dtype[Any]) -> None:
    """Raise ValueError unless all numbers are finite in this type."""
    for name, given in (("coefs_", coefs), ("intercepts_", intercepts)):
        for i, array in enumerate(given):
            arrays.check_finite(array, f"{name}[{i}]", dtype)


def _arrays(holder: Any, name: str) -> list[Array]:
    given = getattr(holder, name)
    if not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list of arrays, got {type(given).__name__}")
    return [arrays.array(one, f"{name}[{i}]") for i, one in enumerate(given)]
