"""From scikit-learn's fitted estimators to those of fastmlp, and back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import activations, layers
from fastmlp.estimators.chosen import OWN_SOLVERS
from fastmlp.estimators.classifier import MLPClassifier
from fastmlp.estimators.network import by_name
from fastmlp.estimators.regressor import MLPRegressor
from fastmlp.estimators.weights import check_finite, given_weights
from fastmlp.models.base import Owner
from fastmlp.training import turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.network import Network

    Array = NDArray[Any]

# What scikit-learn records under the same name and with the same meaning.
_RECORDS = (
    *("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"),
    *("feature_names_in_", "classes_", "_label_binarizer", "_random_state"),
    *("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    "_no_improvement_count",
)


def from_sklearn(fitted: Any) -> MLPClassifier | MLPRegressor:
    """Return the estimator of fastmlp that predicts what a fitted one of scikit-learn predicts.

    Parameters
    ----------
    fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
        It is copied, not changed.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Fitted, with the same parameters and weights; its `model_` is an `fm.Model`. Training can go
        on with `partial_fit` or a warm `fit`, from a new state of the solver.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If its `coefs_` and `intercepts_` do not fit together, or are not finite.
    sklearn.exceptions.NotFittedError
        If it has not been fitted.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier(solver="lbfgs", hidden_layer_sizes=4, random_state=0).fit(X, y)
    >>> ours = fm.from_sklearn(theirs)
    >>> bool((ours.predict(X) == theirs.predict(X)).all())
    True
    """
    from sklearn.neural_network import MLPClassifier as PeerClassifier
    from sklearn.neural_network import MLPRegressor as PeerRegressor
    from sklearn.utils.validation import check_is_fitted

    estimator: Any
    if isinstance(fitted, PeerClassifier):
        estimator = MLPClassifier(**fitted.get_params(deep=False))
    elif isinstance(fitted, PeerRegressor):
        estimator = MLPRegressor(**fitted.get_params(deep=False))
    else:
        raise TypeError(
            "fitted must be an MLPClassifier or MLPRegressor of sklearn.neural_network, got "
            f"{type(fitted).__name__}"
        )
    check_is_fitted(fitted, "coefs_")
    coefs, intercepts = given_weights(fitted)
    dtype = np.dtype("float32") if coefs[0].dtype == np.float32 else np.dtype("float64")
    check_finite(coefs, intercepts, dtype)
    for name in _RECORDS:
        if hasattr(fitted, name):
            setattr(estimator, name, copy.deepcopy(getattr(fitted, name)))
    units = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
    estimator._adopt(units, by_name(coefs, intercepts), dtype)
    return estimator  # type: ignore[no-any-return]


def to_sklearn(model: Any) -> Any:
    """Return the estimator of scikit-learn that predicts what a model or an estimator predicts.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        Of dense layers in a row whose hidden activations are all "identity", "logistic", "tanh" or
        "relu". It is copied, not changed.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted, with `coefs_` and `intercepts_` in the type of the weights. A model is a classifier
        if its output is "softmax", with the classes 0, 1, …, or "logistic", with 0 and 1 or several
        labels; else a regressor. A softmax of two classes becomes one logistic output. An estimator
        gives its parameters, as far as scikit-learn has them: how it goes on training may differ,
        what it predicts does not.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If scikit-learn has no such layer or activation, which is named.
    sklearn.exceptions.NotFittedError
        If it is an estimator that has not been fitted.

    See Also
    --------
    from_sklearn

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([4, 8, 3], activation="tanh", output="softmax", seed=0)
    >>> theirs = fm.to_sklearn(model)
    >>> theirs.predict_proba([[1.0, 2.0, 3.0, 4.0]]).shape
    (1, 3)
    """
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, (MLPClassifier, MLPRegressor)):
        check_is_fitted(model, "coefs_")
        with turns.reading("to_sklearn", model, model.model_):
            return _of_estimator(model)
    if isinstance(model, Owner):
        with turns.reading("to_sklearn", model):
            return _of_model(model)
    raise TypeError(
        "model must be a Model, MLPClassifier or MLPRegressor of fastmlp, got "
        f"{type(model).__name__}"
    )


def _of_estimator(estimator: Any) -> Any:
    network, output = estimator.model_.network, estimator.out_activation_
    hidden, arrays = _checked(network, output, estimator)
    peer = _peer(estimator, _common(estimator))
    for name in _RECORDS:
        if hasattr(estimator, name):
            setattr(peer, name, copy.deepcopy(getattr(estimator, name)))
    return _with_weights(peer, hidden, arrays)


def _of_model(model: Owner) -> Any:
    network: Network = model.network
    network.outputs.the_only("to_sklearn")
    output = network.output_activation
    hidden, arrays = _checked(network, output, model)
    peer = _peer(model, {})
    if output == "softmax" and network.output_columns == 2:
        output, last = "logistic", arrays[-1]
        arrays[-1] = (last[0][1:] - last[0][:1], last[1][1:] - last[1][:1])
    _record(peer, output, arrays)
    return _with_weights(peer, hidden, arrays)


def _with_weights(peer: Any, hidden: str, arrays: list[tuple[Array, Array]]) -> Any:
    """Let an estimator of scikit-learn have copies of these."""
    sizes = tuple(weights.shape[0] for weights, _ in arrays[:-1])
    peer.set_params(hidden_layer_sizes=sizes, activation=hidden)
    peer.coefs_ = [weights.T.copy() for weights, _ in arrays]
    peer.intercepts_ = [biases.copy() for _, biases in arrays]
    return peer


# Activations of scikit-learn's hidden layers, and of its outputs.
_HIDDEN = ("identity", "logistic", "tanh", "relu")
_OUTPUTS = ("identity", "logistic", "softmax", "exp")


def _checked(network: Network, output: str, model: Any) -> tuple[str, list[tuple[Array, Array]]]:
    """Return the hidden activation, and weights and biases of each layer."""
    found: list[tuple[Array, Array]] = []
    phis: list[str] = []
    rows = [row for row in network.summary() if row.kind != "Input"]
    in_a_row = len(rows) == len(network.layers) and len(network.inputs) == 1
    if not in_a_row or any(len(row.connections) != 1 for row in rows):
        raise ValueError(f"scikit-learn has no networks but layers in a row: {model!r}")
    for row, layer in zip(rows, network.layers, strict=True):
        what = f"scikit-learn has nothing for layer {row.name!r}, {layer!r}"
        if type(layer) is layers.Dense and layer.groups == 1:
            biases = layer.biases if layer.use_bias else np.zeros(layer.units, layer.weights.dtype)
            found.append((layer.weights, biases))
            phis.append("identity")
        elif type(layer) is layers.Activation:
            if not phis or phis[-1] != "identity":
                raise ValueError(f"{what}: it must follow a dense layer without activation")
        elif type(layer) not in (layers.Dropout, layers.GaussianNoise):
            raise ValueError(f"{what}: only for dense layers, activations, dropout and noise")
        if row.activation:
            phi = layer.activation
            assert phi is not None
            if phi.name not in {*_HIDDEN, *_OUTPUTS} or activations.ACTIVATIONS[phi.name] != phi:
                raise ValueError(f"{what}: its activations are {', '.join(_HIDDEN)}")
            phis[-1] = phi.name
    if output not in _OUTPUTS or phis[-1:] != [output]:
        raise ValueError(
            f"scikit-learn's outputs are {', '.join(_OUTPUTS)}; this one is {output!r}"
        )
    hidden = dict.fromkeys(phis[:-1])
    if len(hidden) > 1 or not set(hidden) <= set(_HIDDEN):
        raise ValueError(
            f"scikit-learn has one activation for all hidden layers, of {', '.join(_HIDDEN)}; "
            f"these have {', '.join(hidden)}"
        )
    return next(iter(hidden), "relu"), found


def _common(estimator: Any) -> dict[str, Any]:
    """Return the parameters that scikit-learn has too."""
    if estimator.out_activation_ == "identity" and isinstance(estimator, MLPClassifier):
        raise ValueError("scikit-learn has no classifier with loss='hinge'")
    theirs = _peer(estimator, {}).get_params(deep=False)
    given = estimator.get_params(deep=False)
    if not (isinstance(given["solver"], str) and given["solver"] in OWN_SOLVERS):
        del given["solver"]
    return {name: given[name] for name in theirs if name in given and name != "loss"}


def _peer(model: Any, settings: dict[str, Any]) -> Any:
    """Return the estimator of the kind that a model is."""
    from sklearn.neural_network import MLPClassifier as PeerClassifier
    from sklearn.neural_network import MLPRegressor as PeerRegressor

    estimator = isinstance(model, (MLPClassifier, MLPRegressor))
    output = model.out_activation_ if estimator else model.network.output_activation
    if output in ("softmax", "logistic"):
        return PeerClassifier(**settings)
    if output == "exp":
        settings = settings | {"loss": "poisson"}
    return PeerRegressor(**settings)


def _record(peer: Any, output: str, arrays: list[tuple[Array, Array]]) -> None:
    """Let an estimator have what a fit would leave, of none."""
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils import check_random_state

    columns = len(arrays[-1][0])
    peer.n_features_in_ = arrays[0][0].shape[1]
    peer.n_outputs_ = columns
    peer.n_layers_ = 1 + len(arrays)
    peer.out_activation_ = output
    peer.n_iter_ = peer.t_ = peer._no_improvement_count = 0
    peer.loss_curve_ = []
    peer.best_loss_ = np.inf
    peer._random_state = check_random_state(None)
    if output in ("softmax", "logistic"):
        # Several logistic outputs are as many labels: rows of zeros and ones.
        several = output == "logistic" and columns > 1
        labels = np.eye(columns, dtype=int) if several else np.arange(max(columns, 2))
        peer._label_binarizer = LabelBinarizer().fit(labels)
        peer.classes_ = peer._label_binarizer.classes_
