"""Polars frames and series as data, checked as those of pandas are."""

import pytest
import sklearn.neural_network as peer
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm

pl = pytest.importorskip("polars", reason="polars is not installed: its frames are not tried")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
LABELS = load_iris().target_names[y].tolist()
FRAME = pl.DataFrame(X, schema=list("abcd"))


def classifier(**parameters):
    return fm.MLPClassifier((8,), max_iter=10, random_state=0, **parameters)


def test_a_frame_is_the_table_it_shows_and_gives_names_of_features():
    estimator = classifier().fit(FRAME, pl.Series(LABELS))
    assert list(estimator.feature_names_in_) == list("abcd")
    plain = classifier().fit(X, LABELS)
    assert_array_equal(estimator.predict_proba(FRAME), plain.predict_proba(X))
    assert_array_equal(estimator.predict(FRAME), plain.predict(X))


def test_columns_in_another_order_are_an_error():
    estimator = classifier().fit(FRAME, LABELS)
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(FRAME.select(list("dcba")))


@pytest.mark.parametrize("kind", ["Float32", "Int16"])
def test_the_type_of_the_weights_is_the_one_that_scikit_learn_takes(kind):
    frame = FRAME.cast(getattr(pl, kind))
    theirs = peer.MLPClassifier((8,), max_iter=1, random_state=0).fit(frame, y)
    assert classifier().fit(frame, y).coefs_[0].dtype == theirs.coefs_[0].dtype


@pytest.mark.parametrize("broken", ["words", "gaps"])
def test_columns_of_strings_and_missing_numbers_are_errors_and_change_nothing(broken):
    columns = {
        "words": FRAME.with_columns(e=pl.Series(LABELS)),
        "gaps": FRAME.with_columns(a=pl.when(pl.col("a") > 5).then(pl.col("a"))),
    }
    estimator = classifier()
    with pytest.raises(ValueError, match=r"could not convert string|contains NaN"):
        estimator.fit(columns[broken], LABELS)
    assert not hasattr(estimator, "coefs_")


def test_hidden_activations_come_as_a_frame_if_wanted():
    estimator = classifier().set_output(transform="polars").fit(FRAME, LABELS)
    features = estimator.transform(FRAME)
    assert isinstance(features, pl.DataFrame)
    assert features.columns == [f"mlpclassifier{i}" for i in range(8)]
    assert_array_equal(features.to_numpy(), classifier().fit(X, LABELS).transform(X))


def test_a_pipeline_that_hands_frames_on_and_validation_data_in_frames():
    step = classifier(early_stopping=True)
    pipeline = make_pipeline(StandardScaler(), step).set_output(transform="polars")
    scaled = pipeline[:-1].fit_transform(FRAME)
    pipeline.fit(FRAME, LABELS, mlpclassifier__X_val=scaled, mlpclassifier__y_val=LABELS)
    assert list(step.feature_names_in_) == list("abcd")
    assert pipeline.score(FRAME, pl.Series(LABELS)) == max(step.validation_scores_)


def test_a_regressor_learns_a_series_or_several_columns():
    parameters = {"hidden_layer_sizes": 5, "max_iter": 5, "random_state": 0}
    one = fm.MLPRegressor(**parameters).fit(FRAME, FRAME["a"])
    two = fm.MLPRegressor(**parameters).fit(FRAME, FRAME.select("a", "b"))
    assert_array_equal(one.predict(FRAME), fm.MLPRegressor(**parameters).fit(X, X[:, 0]).predict(X))
    assert two.predict(FRAME).shape == (150, 2)
