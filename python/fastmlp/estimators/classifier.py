"""The classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions

from fastmlp.data.reading import refuse_masked
from fastmlp.estimators.base import BaseMLP, is_stochastic
from fastmlp.estimators.checking import checked_weight, taught_if
from fastmlp.estimators.chosen import LossNames
from fastmlp.estimators.habits import OF_ANSWERS, OF_FIT
from fastmlp.estimators.labels import LabelledMLP, gives_probabilities, gives_scores, in_numpys_type
from fastmlp.training import turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, LabelledMLP):  # type: ignore[misc]
    """Multilayer perceptron that tells classes apart: scikit-learn's `MLPClassifier`, faster.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        The number of units in each hidden layer; one integer for one layer.
    activation : str, callable or a list of them, default="relu"
        φ of the hidden layers: "identity", "logistic", "tanh", "relu" as in scikit-learn, any other
        name in `fastmlp.activations`, a function of a graph node; a list has one for each layer.
    solver : {"lbfgs", "sgd", "adam"}, str or optimizer, default="adam"
        L-BFGS on all rows at once, or steps on batches. Also an optimizer of `fastmlp.optimizers`,
        as ``fm.AdamW(1e-3, ema=0.99)``, with a rate of its own, or the name of one, whose rate is
        `learning_rate_init`.
    alpha : float, default=0.0001
        Of the penalty ½ α ‖W‖² on the weights, divided by the rows of a batch or the sum of their
        weights: with another unit of `sample_weight` it is another penalty, as in scikit-learn.
    batch_size : int or "auto", default="auto"
        Rows of a step; "auto" is ``min(200, n_samples)``.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": the rate stays, falls as learning_rate_init / t^power_t, or is divided by 5
        whenever `n_iter_no_change` epochs brought no improvement.
    learning_rate_init : float, default=0.001
        The rate at the beginning.
    power_t : float, default=0.5
        The exponent of "invscaling".
    max_iter : int, default=200
        The most epochs, or iterations of L-BFGS.
    shuffle : bool, default=True
        Whether each epoch takes the rows in an order of its own.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, held-out rows, the order of rows and dropout. With the same one
        and float64 data they are those of scikit-learn.
    tol : float, default=1e-4
        What counts as an improvement of the loss, or of the validation score.
    verbose : bool, int or "bar", default=False
        Print a line each epoch, or show a progress bar.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before.
    momentum : float, default=0.9
        Of "sgd", in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether momentum looks ahead.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the rows (or use `X_val`), stop when their score no longer
        improves, and return to the weights of the best score. NaN is never the best, and rows of
        weight 0 are not held out.
    validation_fraction : float, default=0.1
        What share of the rows to hold out.
    beta_1 : float, default=0.9
        Decay rate of Adam's first moment, in [0, 1).
    beta_2 : float, default=0.999
        Decay rate of Adam's second moment, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of Adam's second moment.
    n_iter_no_change : int or inf, default=10
        After more than this many epochs in a row without improvement the training ends.
    max_fun : int, default=15000
        The most evaluations of the loss in L-BFGS.
    loss : str, Loss or callable, default="log_loss"
        What to minimise: "log_loss", "hinge", another name of `fastmlp.losses` ("focal") or one of
        its losses (``fm.losses.CrossEntropy(label_smoothing=0.1)``; for two classes or several
        labels ``BinaryCrossEntropy``, ``BinaryFocal``). "hinge" is max(0, 1 − (2t − 1) y) of an
        output without activation, or max(0, 1 + maxⱼ≠ₜ yⱼ − yₜ) for several classes; it gives no
        probabilities. A function of graph nodes (y, t), y the probabilities and t zeros and ones of
        the same shape, returns one number for each row.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, which multiply `sample_weight`. "balanced" is Σ w / (classes · Σ w
        of the class), so that a row of weight 2 counts as two rows.
    dropout : float or list of float, default=0.0
        Which share of the units of the hidden layers, or of each of them, is left out at random in
        each training step.
    keep_optimizer : bool, default=False
        Whether a warm `fit` goes on with the solver's moments and step count, too.
    callbacks : list or None, default=None
        `fastmlp.Callback` objects or functions (model, epoch, logs), told after each epoch with
        "loss", and "val_loss" and "val_score" where rows are held out. One that returns True ends
        the training. "lbfgs" has no epochs, and takes neither callbacks nor `X_val`.
    dtype : {"float32", "float64"} or None, default=None
        Type of the weights and of the computation; None follows X.
    n_threads : int or None, default=None
        The most threads to use; None is `fastmlp.get_num_threads()`. It changes no result.

    Attributes
    ----------
    classes_ : ndarray
        The labels.
    coefs_, intercepts_ : list of ndarray
        Weights (inputs, outputs) and biases (outputs,) of each layer; views of `model_`, writable.
        Arrays put in their place are the weights from then on, also of other shapes (with
        `n_layers_`) and in an estimator never fitted (a classifier needs `classes_`, too).
    model_ : fastmlp.Model
        The network itself: `fastmlp.Model` with all it can do.
    loss_, best_loss_ : float
        The last loss and the smallest; `best_loss_` is None with early stopping.
    loss_curve_ : list of float
        The loss of each epoch, penalty included.
    validation_scores_, validation_loss_curve_ : list of float or None
        Accuracy and loss, without penalty, of the held-out rows after each epoch.
    best_validation_score_ : float or None
        The best of them, with early stopping.
    stopped_ : bool
        Whether the rule of `tol` and `n_iter_no_change` ended the training.
    n_iter_, t_ : int
        Epochs run, and rows seen in them.
    n_layers_, n_outputs_ : int
        Layers with the input, and columns of the output.
    out_activation_ : str
        Activation of the output.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Only if X has names of columns.

    Raises
    ------
    ValueError
        From `fit`: if data or a parameter is wrong, or the loss becomes NaN or infinite; then the
        weights are the last finite ones. With `early_stopping` a loss that is no number ends the
        training with a ConvergenceWarning instead, and the weights are those of the best score.

    Notes
    -----
    Defaults, warnings and the meaning of every parameter are those of scikit-learn 1.9. Adam is
    that of Kingma and Ba (ICLR 2015), momentum that of Sutskever et al. (ICML 2013), as its solvers
    have them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(random_state=0, max_iter=400, learning_rate_init=0.01).fit(X, y)
    >>> bool(clf.score(X, y) > 0.95)
    True
    """

    _parameter_constraints = {  # noqa: RUF012  (scikit-learn's protocol)
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(LossNames(("log_loss", "hinge"), "class", "binary")), callable],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
        keep_optimizer: bool = False,
        callbacks: Any = None,
        dtype: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.keep_optimizer = keep_optimizer
        self.callbacks = callbacks
        self.dtype = dtype
        self.n_threads = n_threads

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Fit the network to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data. Of sparse rows only the elements listed are read, never a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels: numbers or strings; zeros and ones in columns for several at a time.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            Rows of your own to validate on after each epoch.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), False)
        return self

    @taught_if(is_stochastic, OF_FIT)
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Go through data once more, from the weights as they are.

        That is one epoch. With `early_stopping` the score of the held-out rows is followed over
        calls: after `n_iter_no_change` calls without improvement the best weights come back,
        `stopped_` becomes True, and further calls change nothing.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data. Of sparse rows only the elements listed are read, never a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        classes : array-like, optional
            All labels there will be; needed in the first call.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            Rows of your own to validate on after each epoch.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        validation = X_val, y_val, sample_weight_val
        self._fit(X, y, sample_weight, validation, True, lambda: self._know(y, classes))
        return self

    @turns.reads("predict")
    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels; zeros and ones in columns if there were several at a time.
        """
        X = self._checked(X)
        self._check_classes()
        return self._decoded(self._outputs(X))

    @taught_if(gives_scores, OF_ANSWERS)
    @turns.reads("decision_function")
    def decision_function(self, X: Any) -> Array:
        """Return the outputs that `loss="hinge"` judges.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With two classes above 0 for the second one, else a column for each class or label.
        """
        scores = self._outputs(self._checked(X))
        return scores.ravel() if self.n_outputs_ == 1 else scores

    @taught_if(gives_probabilities, OF_ANSWERS)
    @turns.reads("predict_proba")
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        y = self._outputs(self._checked(X))
        return np.hstack([1 - y, y]) if self.n_outputs_ == 1 else y

    @taught_if(gives_probabilities, OF_ANSWERS)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            −inf where a probability is 0.
        """
        y: Array = self.predict_proba(X)
        return np.log(y, out=y)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose labels are all right.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The right labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, in any unit.

        Returns
        -------
        float
            From 0 to 1.

        Examples
        --------
        >>> X = [[0.0], [1.0], [2.0], [3.0]]
        >>> clf = MLPClassifier(solver="lbfgs", random_state=0).fit(X, [0, 0, 1, 1])
        >>> clf.score(X, [0, 0, 1, 0], sample_weight=[1, 1, 1, 3])
        0.5
        """
        weight, _ = checked_weight(sample_weight, X)
        refuse_masked(y, "y")
        return float(super().score(X, in_numpys_type(y), weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
