"""Packages around scikit-learn, each against the real one; what is not installed is skipped."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm

X, Y = load_iris(return_X_y=True)
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Of these packages themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def classifier(**settings):
    return fm.MLPClassifier(hidden_layer_sizes=(8,), max_iter=30, random_state=0, **settings)


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), classifier()).fit(X, Y)


def test_joblib_writes_and_reads_what_was_fitted(fitted, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(fitted, tmp_path / "m.joblib")
    again = joblib.load(tmp_path / "m.joblib")
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()


def test_skops_writes_and_reads_what_was_fitted_and_names_what_is_to_be_trusted(fitted):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(fitted)
    unknown = skops.get_untrusted_types(data=data)
    assert all(name.startswith(("fastmlp.", "numpy.")) for name in unknown), unknown
    again = skops.loads(data, trusted=unknown)
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of its own types, when it is imported
def test_mlflow_saves_a_pipeline_as_it_does_by_default(fitted, tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn")
    skops = pytest.importorskip("skops.io")
    trusted = skops.get_untrusted_types(data=skops.dumps(fitted))
    settings = {"pip_requirements": ["fastmlp"], "skops_trusted_types": trusted}
    mlflow.save_model(fitted, tmp_path / "m", **settings)
    again = mlflow.load_model(str(tmp_path / "m"))
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()


def trained(seed):
    """Return the weights of a model trained on a worker."""
    model = fm.MLP([4, 8, 3], output="softmax", seed=seed)
    model.fit(X, Y, loss="cross_entropy", epochs=3, verbose=False)
    return model.get_weights()


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.Client(
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
        ) as client:
            yield client


def test_dask_searches_as_a_backend_of_joblib(client):
    joblib = pytest.importorskip("joblib")
    search = GridSearchCV(classifier(), {"alpha": [1e-4, 1e-2]}, cv=3, refit=False)
    alone = search.fit(X, Y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask", n_jobs=2):
        found = search.fit(X, Y).cv_results_["mean_test_score"]
    assert (found == alone).all()


def test_dask_trains_models_on_its_workers(client):
    futures = [client.submit(trained, seed) for seed in (0, 1)]
    for seed, weights in enumerate(client.gather(futures)):
        assert all((a == b).all() for a, b in zip(weights, trained(seed), strict=True))


def test_optuna_prunes_by_a_callback():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        rate = trial.suggest_float("rate", 1e-6, 1e-1, log=True)

        def report(model, epoch, logs):
            trial.report(logs["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        model = fm.MLP([4, 8, 3], output="softmax", seed=0)
        history = model.fit(
            *(X[::2], Y[::2]),
            loss="cross_entropy",
            optimizer=fm.Adam(rate),
            epochs=10,
            validation_data=(X[1::2], Y[1::2]),
            callbacks=[report],
            verbose=False,
        )
        return history["val_loss"][-1]

    sampler = optuna.samplers.RandomSampler(seed=0)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=15)
    states = [trial.state.name for trial in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"}
    assert study.best_value < 1.0


def test_shap_explains_by_differences_and_the_gradient_agrees():
    shap = pytest.importorskip("shap")
    model = fm.MLP([4, 6, 1], activation="identity", seed=0, dtype="float64")
    background = X[:20]
    explainer = shap.KernelExplainer(lambda x: model.predict(x)[:, 0], background)
    found = explainer.shap_values(X[100:103], silent=True)
    total = found.sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, model.predict(X[100:103])[:, 0], atol=1e-6)
    # Of a linear function the values are its gradient times the way from the mean.
    wanted = model.gradient(X[100:103]) * (X[100:103] - background.mean(axis=0))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
