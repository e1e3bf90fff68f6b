"""How an estimator trains by the trainer of models: what it warns of, and what it records."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

import fastmlp as fm
from fastmlp.data.sparse import CompressedRows

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(60, 4)), np.arange(60) % 3


def classes(kind):
    return {"classes": [0, 1, 2]} if kind is fm.MLPClassifier else {}


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warning_names_the_line_that_called(call, early_stopping):
    settings = {"max_iter": 2, "batch_size": 100, "early_stopping": early_stopping}
    estimator = fm.MLPClassifier(**settings, random_state=0)
    arguments = (X, y) if call == "fit" else (X, y, None, [0, 1, 2])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        getattr(estimator, call)(*arguments)
    assert {warning.filename for warning in said} == {__file__}
    kinds = {warning.category for warning in said}
    assert kinds == ({UserWarning, ConvergenceWarning} if call == "fit" else {UserWarning})


def test_epochs_before_a_loss_that_diverges_are_recorded():
    estimator = fm.MLPRegressor(
        solver="sgd", learning_rate_init=0.5, max_iter=500, random_state=0, activation="identity"
    )
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        estimator.fit(100 * X, 100.0 * y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) > 1
    assert np.isfinite(estimator.loss_curve_).all()
    assert np.isfinite(estimator.coefs_[0]).all()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_estimators_and_models_share_the_state_of_optimizers_but_not_its_numbers(solver):
    estimator = fm.MLPClassifier(solver=solver, max_iter=3, random_state=0, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    steps = None if solver == "lbfgs" else 3
    assert getattr(estimator._trainer.state, "steps", None) == steps
    estimator.model_.fit(X, y, epochs=1)
    assert getattr(estimator._trainer.state, "steps", None) == steps


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_second_fit_records_what_the_first_did(solver, early_stopping):
    estimator = fm.MLPClassifier(
        (3,), solver=solver, max_iter=4, random_state=0, early_stopping=early_stopping
    )

    def recorded():
        names = [name for name in vars(estimator.fit(X, y)) if name.endswith("_")]
        numbers = (int, float, list, type(None))
        return {n: v for n in names if isinstance(v := getattr(estimator, n), numbers)}

    first, second = recorded(), recorded()
    assert {"n_iter_", "loss_", "coefs_"} <= set(first)
    assert len(first.get("loss_curve_", range(4))) == 4
    np.testing.assert_equal(second, first)


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "val_score"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_callbacks_know_which_way_each_number_of_an_estimator_is_up(monitor):
    numbers = []
    listen, stopping = lambda *told: numbers.append(told[2][monitor]), fm.EarlyStopping(monitor, 30)
    estimator = fm.MLPClassifier(
        (3,),
        max_iter=30,
        random_state=0,
        tol=0,
        callbacks=[listen, stopping],
        learning_rate_init=0.1,
    )
    estimator.fit(X, y, X_val=X, y_val=y)
    best = max if monitor == "val_score" else min
    assert len(set(numbers)) > 1
    assert stopping.best_value == best(numbers)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.ma.masked_greater(X, 1), "has masked values"),
        (np.zeros(X.shape, "datetime64[s]"), "datetime64"),
        (np.zeros(X.shape, "timedelta64[D]"), "timedelta64"),
    ],
)
def test_what_numpy_would_take_for_numbers_is_refused_wherever_rows_are_given(wrong, words):
    estimator = fm.MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0)
    fitted = fm.MLPClassifier((3,), solver="lbfgs", tol=1e9).fit(X, y)
    calls = {
        "fit": lambda: estimator.fit(wrong, y),
        "partial_fit": lambda: estimator.partial_fit(wrong, y),
        "X_val": lambda: estimator.fit(X, y, X_val=wrong, y_val=y),
        "predict": lambda: fitted.predict(wrong),
        "predict_proba": lambda: fitted.predict_proba(wrong),
        "transform": lambda: fitted.transform(wrong),
        "score": lambda: fitted.score(wrong, y),
    }
    for name, call in calls.items():
        with pytest.raises(
            (TypeError, ValueError), match=f"{'X_val' if name == 'X_val' else 'X'} .*{words}"
        ):
            call()
    assert not hasattr(estimator, "coefs_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_numbers_beyond_the_type_that_is_computed_in_are_refused_as_infinite_ones(
    kind, follows, form
):
    settings = {"hidden_layer_sizes": (3,), "max_iter": 1, "tol": 1e9, "random_state": 0}
    make = lambda: kind(**settings, dtype=None if follows else "float32")  # noqa: E731
    fitted, large = make().partial_fit(X.astype("f4"), y, **classes(kind)), form(X * 1e300)
    calls = {
        "X_val": lambda: make().fit(X.astype("f4"), y, X_val=large, y_val=y),
        "predict": lambda: fitted.predict(large),
        "transform": lambda: fitted.transform(large),
        "score": lambda: fitted.score(large, y),
        "partial_fit": lambda: fitted.partial_fit(large, y),
    }
    if not follows:
        calls["fit"] = lambda: make().fit(large, y)
    if kind is fm.MLPRegressor:
        calls["y_val"] = lambda: make().fit(X.astype("f4"), y, X_val=X, y_val=y * 1e300)
        calls["y"] = lambda: fitted.partial_fit(X, y * 1e300)
    before = fitted.model_.parameters.flat.copy()
    for name, call in calls.items():
        argument = name if name[0] in "Xy" else "X"
        with pytest.raises(ValueError, match=f"^{argument} must hold finite .* float32, got .*38"):
            call()
    np.testing.assert_array_equal(fitted.model_.parameters.flat, before)
    if follows:
        make().fit(large / 1e298, y)  # float64, as X is


@pytest.mark.parametrize("index", ["int32", "int64"])
def test_rows_taken_of_a_sparse_matrix_are_those_of_scipy(index):
    matrix = scipy.sparse.random_array((9, 5), density=0.4, rng=RNG, format="csr")
    matrix.indices, matrix.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    for rows in ([], [3], [8, 0, 0, 5], range(9)):
        rows = np.array(rows, dtype=np.int64)
        got = CompressedRows.of(matrix).take(rows)
        again = scipy.sparse.csr_array((got.data, got.indices, got.indptr), shape=got.shape)
        np.testing.assert_array_equal(again.toarray(), matrix.toarray()[rows])
        assert got.indptr.dtype == got.indices.dtype == index
