"""The regressor."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions

from fastmlp.estimators.base import BaseMLP, is_stochastic
from fastmlp.estimators.checking import checked_weight, naming, taught_if
from fastmlp.estimators.chosen import LossNames
from fastmlp.estimators.habits import OF_FIT
from fastmlp.estimators.numbers import NumberedMLP
from fastmlp.estimators.objectives import LOSSES
from fastmlp.training import turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class MLPRegressor(RegressorMixin, NumberedMLP):  # type: ignore[misc]
    """Multilayer perceptron that predicts numbers: scikit-learn's `MLPRegressor`, faster.

    Parameters
    ----------
    loss : str or callable, default="squared_error"
        "squared_error" ½ (y − t)² and "poisson" as in scikit-learn; "absolute_error" ``|y − t|``,
        "huber", "log_cosh", "quantile"; a loss of `fastmlp.losses` with as many targets as outputs;
        or a function of graph nodes (y, t) that returns one number for each row.
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
    quantile : float or list of float, default=0.5
        For loss="quantile": which quantiles to predict, each in a column of its own.
    delta : float, default=1.0
        For loss="huber": from which distance on the loss is a line instead of a square.
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
        Score, as of `score`, and loss, without penalty, of the held-out rows after each epoch.
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
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> reg = MLPRegressor(solver="lbfgs", activation="tanh", random_state=0, max_iter=500)
    >>> reg.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.99
    True
    """

    _parameter_constraints = {  # noqa: RUF012  (scikit-learn's protocol)
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(LossNames(set(LOSSES) - {"log_loss", "hinge"}, "real")), callable],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
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
        quantile: Any = 0.5,
        delta: float = 1.0,
        dropout: Any = 0.0,
        keep_optimizer: bool = False,
        callbacks: Any = None,
        dtype: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.loss = loss
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
        self.quantile = quantile
        self.delta = delta
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
    ) -> MLPRegressor:
        """Fit the network to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data. Of sparse rows only the elements listed are read, never a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            Rows of your own to validate on after each epoch.

        Returns
        -------
        MLPRegressor
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
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Go through data once more, from the weights as they are.

        That is one epoch. With `early_stopping` the score of the held-out rows is followed over
        calls, as in `MLPClassifier.partial_fit`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data. Of sparse rows only the elements listed are read, never a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, optional
            Rows of your own to validate on after each epoch.

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), True)
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how well the predictions fit: R², or D² of several quantiles.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The right numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            R² as of every regressor in scikit-learn, at most 1. With ``loss="quantile"`` and
            several quantiles the mean of their D² (`sklearn.metrics.d2_pinball_score`): 1 less the
            pinball loss over that of the best constant, so 0 for predicting the quantiles of y.

        Examples
        --------
        >>> import numpy as np
        >>> X = np.linspace(0, 1, 50)[:, None]
        >>> reg = MLPRegressor(loss="quantile", quantile=[0.1, 0.9], max_iter=1000, random_state=0)
        >>> bool(reg.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.5)
        True
        """
        sample_weight, _ = checked_weight(sample_weight, X)
        y = self._check_targets(y, "y")
        if not self._several_quantiles:
            return float(super().score(X, y, sample_weight))
        output = self.predict(X)
        if self.n_outputs_ != len(self._quantiles()):
            raise ValueError(
                f"quantile={self.quantile!r} is for {len(self._quantiles())} outputs, the network "
                f"has {self.n_outputs_}: fit it again"
            )
        with naming("y"):
            target = self._encode(check_array(y, ensure_2d=False, dtype="numeric", input_name="y"))
        check_consistent_length(output, target)
        return self._score_outputs(output, target, sample_weight)

    @turns.reads("predict")
    def predict(self, X: Any) -> Array:
        """Return the predicted numbers of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For loss="quantile" a column for each quantile, if there are several.
        """
        X = self._checked(X)
        y = self._outputs(X)
        return y[:, 0] if y.shape[1] == 1 else y
