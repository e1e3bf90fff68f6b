"""Labels the estimators do not know, missing ones, and weights of classes that a chunk may lack."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import SGDClassifier

import fastmlp as fm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(100, 3))
POSITIVE = X[:, 0] > 0
TEXTS = np.where(POSITIVE, "yes", "no")
SEVERAL = (X[:, :2] > 0).astype(int)

each_way = pytest.mark.parametrize("how", ["fit", "partial_fit"])


def classifier(**parameters):
    return fm.MLPClassifier(4, **{"max_iter": 3, "random_state": 0, **parameters})


def train(estimator, how, y, **validation):
    more = {"classes": np.unique(y)} if how == "partial_fit" else {}
    return getattr(estimator, how)(X, y, **more, **validation)


@each_way
@pytest.mark.parametrize("loss", ["log_loss", "hinge", lambda y, t: (y - t) ** 2])
@pytest.mark.parametrize(
    ("y", "wrong", "named"),
    [
        (np.digitize(X[:, 0], [-0.5, 0.5]), [0, 1, 9], r"\[9\]"),
        (POSITIVE.astype(int), [0, 1, 9], r"\[9\]"),
        (POSITIVE.astype(float), [0.0, 1.0, 0.5], r"\[0.5\]"),
        (TEXTS, ["no", "yes", "maybe"], r"\['maybe'\]"),
        (TEXTS, ["Yes", "Yes", "Yes"], r"\['Yes'\]"),
        (TEXTS.astype(object), ["no", "yes", "yess"], r"\['yess'\]"),
        (TEXTS, [True, False, True], r"\[False, True\]"),
        (np.where(POSITIVE, "True", "False"), [True, False, True], r"\[False, True\]"),
        (POSITIVE, ["True", "False", "True"], r"\['False', 'True'\]"),
        (POSITIVE, [True, False, 3], r"\[3\]"),
    ],
)
def test_a_label_of_the_validation_data_that_is_no_class_is_an_error(y, wrong, named, loss, how):
    estimator = classifier(loss=loss)
    with pytest.raises(ValueError, match=f"y_val has labels that are no classes: {named}"):
        train(estimator, how, y, X_val=X[:3], y_val=wrong)
    assert not hasattr(estimator, "coefs_")


@each_way
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_labels_are_an_error_wherever_they_are(missing, how):
    some = np.array([*TEXTS[:-1], missing], dtype=object)
    estimator = classifier()
    with pytest.raises(ValueError, match="y has 1 missing labels, the first in row 99"):
        getattr(estimator, how)(X, some, **({"classes": ["no", "yes"]} if how != "fit" else {}))
    with pytest.raises(ValueError, match="y_val has 1 missing labels, the first in row 99"):
        train(classifier(), how, TEXTS, X_val=X, y_val=some)


def test_classes_that_are_none_are_called_by_their_name():
    with pytest.raises(ValueError, match="classes: Expected array-like"):
        classifier().partial_fit(X, TEXTS, classes=3)


@pytest.mark.parametrize("unit", ["M8[D]", "m8[s]"])
def test_a_date_or_duration_that_is_missing_is_no_class(unit):
    some = np.arange(100).astype(unit)[POSITIVE.astype(int)]
    assert_array_equal(classifier().fit(X, some).classes_, np.unique(some))
    some[3] = "NaT"
    for y in (some, pd.Series(some), some.astype(object)):
        with pytest.raises(ValueError, match=r"y has 1 missing labels, the first in row 3"):
            classifier().fit(X, y)
        # Rows of tables are counted from 1, as a spreadsheet counts them.
        with pytest.raises(ValueError, match=r"y has 1 missing labels, the first in row 4"):
            fm.TabularClassifier().fit(X, y)
    with pytest.raises(ValueError, match="classes has 1 missing labels"):
        classifier().partial_fit(X, some[4:6].repeat(50), classes=np.unique(some))


def test_durations_are_no_labels_of_a_table():
    with pytest.raises(TypeError, match="'y' must hold labels, got durations; make them texts"):
        fm.TabularClassifier().fit(X, np.arange(100).astype("m8[s]")[POSITIVE.astype(int)])


@each_way
@pytest.mark.filterwarnings("ignore:the model is no better")
@pytest.mark.parametrize("kind", ["Int64", "int64[pyarrow]"])
def test_large_integers_of_pandas_types_stay_apart(how, kind):
    """scikit-learn makes floats of them, of which 2^53 and 2^53 + 1 are one."""
    pytest.importorskip("pyarrow")
    labels = np.where(POSITIVE, 2**53, 2**53 + 1)
    y = pd.Series(labels, dtype=kind)
    estimator = classifier()
    for _ in range(2):
        train(estimator, how, y, X_val=X, y_val=y)
    assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.classes_.dtype.kind == "i"
    assert estimator.score(X, y) == np.mean(estimator.predict(X) == labels)
    frame = y.to_frame()
    with pytest.warns(DataConversionWarning):
        table = fm.TabularClassifier(epochs=1, n_members=1, quality="fast").fit(X, frame)
    assert_array_equal(table.classes_, np.unique(labels))


def test_true_and_false_of_pandas_type_stay_what_they_are():
    estimator = classifier().fit(X, pd.Series(POSITIVE, dtype="boolean"))
    assert estimator.classes_.tolist() == [False, True]
    assert estimator.predict(X).dtype == bool


@each_way
@pytest.mark.parametrize("labels", [POSITIVE, POSITIVE + 2**53, np.where(POSITIVE, 2, -2)])
@pytest.mark.parametrize("form", [np.asarray, pd.Series])
def test_whole_numbers_and_true_and_false_may_be_objects(how, labels, form):
    """As the columns of a table of several kinds are, once it is an array."""
    objects = form(labels.astype(object))
    estimator = train(classifier(), how, objects, X_val=X, y_val=objects)
    assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.classes_.dtype == labels.dtype
    assert estimator.score(X, objects) == np.mean(estimator.predict(X) == labels)


def test_true_among_numbers_is_no_label():
    with pytest.raises(ValueError, match="y: Unknown label type"):
        classifier().fit(X, np.array([True, *range(99)], dtype=object))


def test_texts_and_numbers_in_one_y_are_an_error():
    with pytest.raises(TypeError, match=r"y mixes texts \(99\) with other labels \(1, such as 3\)"):
        classifier().fit(X, np.array([*TEXTS[:-1], 3], dtype=object))


@each_way
@pytest.mark.parametrize(
    "wrong",
    [
        [[0, 2]] * 3,
        [[0, 1, 1]] * 3,
        [[0.5, 1]] * 3,
        [["a", "b"]] * 3,
        [0, 1, 0],
        scipy.sparse.csr_array([[0, 2]] * 3),
    ],
)
def test_several_labels_at_a_time_are_zeros_and_ones_in_as_many_columns(wrong, how):
    with pytest.raises(ValueError, match="y_val must hold zeros and ones in 2 columns"):
        train(classifier(), how, SEVERAL, X_val=X[:3], y_val=wrong)


@each_way
@pytest.mark.parametrize("right", [SEVERAL, SEVERAL.astype(bool), scipy.sparse.csr_array(SEVERAL)])
def test_several_labels_at_a_time_may_be_sparse_or_booleans(right, how):
    estimator = train(classifier(), how, SEVERAL, X_val=X, y_val=right)
    assert_allclose(estimator.validation_scores_[-1], estimator.score(X, SEVERAL))


@each_way
def test_labels_equal_by_value_are_the_same_class(how):
    booleans = train(classifier(), how, POSITIVE, X_val=X, y_val=POSITIVE)
    numbers = train(classifier(), how, POSITIVE, X_val=X, y_val=POSITIVE.astype(float))
    assert booleans.validation_scores_ == numbers.validation_scores_
    assert booleans.validation_scores_[-1] == booleans.score(X, POSITIVE)


def test_validation_targets_have_as_many_columns_as_targets():
    with pytest.raises(ValueError, match="y_val has 2 columns, y has 1"):
        fm.MLPRegressor().fit(X, X[:, 0], X_val=X, y_val=X[:, :2])
    with pytest.raises(ValueError, match="y_val must hold one label for each row"):
        classifier().fit(X, TEXTS, X_val=X[:2], y_val=[["no", "yes"]] * 2)


def test_an_argument_that_is_wrong_leaves_a_fitted_estimator_as_it_was():
    estimator = classifier().fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    before = estimator.predict(X)
    with pytest.raises(ValueError, match="y_val has labels"):
        estimator.fit(X[:, :2], TEXTS, X_val=X[:, :2], y_val=["never"] * 100)
    assert_array_equal(estimator.predict(X), before)
    assert estimator.n_features_in_ == 3


# Weights of classes.


def test_balanced_weights_are_refused_chunk_by_chunk_with_what_to_write():
    y = POSITIVE.astype(int)
    with pytest.raises(ValueError, match=r"'balanced' is not supported for partial_fit.*dict\(zip"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        classifier(class_weight="balanced").fit(X, y).partial_fit(X, y)
    named_so = np.where(POSITIVE, "balanced", "not")
    weights = {"balanced": 2.0, "not": 1.0}
    classifier(class_weight=weights).partial_fit(X, named_so, classes=["balanced", "not"])


@pytest.mark.parametrize(
    ("classes", "chunk", "weights"),
    [
        ([0, 1, 2], [0, 1], {2: 5.0}),
        ([0, 1, 2], [0, 1], {0: 1.0, 1: 3.0, 2: 5.0}),
        ([0, 1, 2], [1, 1], {0: 4.0}),
        (["a", "rare"], ["a", "a"], {"rare": 9}),
        (["a", "rare"], ["rare", "rare"], {"rare": 9}),
        ([0, 1], [0, 0], {1: 9}),
    ],
)
def test_weights_of_classes_count_in_chunks_that_lack_some(classes, chunk, weights):
    y = np.array(chunk * 50)
    weighted = classifier(class_weight=weights).partial_fit(X, y, classes=classes)
    by_row = [float(weights.get(label, 1.0)) for label in chunk * 50]
    plain = classifier().partial_fit(X, y, by_row, classes=classes)
    assert_array_equal(weighted.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("weights", [{7: 2.0}, {0: 1.0, 7: 2.0}])
def test_weights_of_unknown_classes_are_refused_as_in_sgd_classifier(weights):
    y = POSITIVE.astype(int)
    messages = []
    for estimator in (SGDClassifier(class_weight=weights), classifier(class_weight=weights)):
        with pytest.raises(ValueError, match="are not in class_weight") as error:
            estimator.partial_fit(X, y, classes=[0, 1, 2])
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_weights_of_several_labels_count_in_chunks_that_lack_some():
    y = np.zeros((100, 2), dtype=int)
    y[:, 1] = POSITIVE
    first = classifier(class_weight=[{1: 5.0}, {0: 1.0, 1: 3.0}])
    first.partial_fit(X, y, classes=[0, 1])
    plain = classifier().partial_fit(X, y, np.where(POSITIVE, 3.0, 1.0), classes=[0, 1])
    assert_array_equal(first.coefs_[0], plain.coefs_[0])
    with pytest.raises(ValueError, match="class_weight has 1 dicts, y has 2 columns"):
        classifier(class_weight=[{1: 5.0}]).fit(X, SEVERAL)


def test_unknown_labels_are_wrong_answers_to_score():
    estimator = classifier().fit(X, TEXTS)
    assert estimator.score(X, np.full(100, "maybe")) == 0
    half = np.where(np.arange(100) < 50, estimator.predict(X), "maybe")
    assert estimator.score(X, half) == 0.5


def test_columns_without_names_take_the_place_of_those_of_an_earlier_fit():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    again = classifier().fit(frame, TEXTS).fit(X[:, :2], POSITIVE.astype(int))
    assert again.n_features_in_ == 2
    assert not hasattr(again, "feature_names_in_")
    assert_array_equal(again.classes_, [0, 1])
