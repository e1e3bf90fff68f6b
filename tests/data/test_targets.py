"""Targets become numbers and come back in the type they had; errors name the row."""

from __future__ import annotations

import copy
import datetime
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmlp.data.columns.targets import ClassTarget, RealTarget, RealTargets

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["no", "yes", "no"], np.array(["no", "yes"])),
        (np.array(["no", "yes"], dtype=object), np.array(["no", "yes"], dtype=object)),
        (np.array([2, 1], dtype="i2"), np.array([1, 2], dtype="i2")),
        (np.array([2.5, 1], dtype="f4"), np.array([1, 2.5], dtype="f4")),
        ([True, False], np.array([False, True])),
        (np.array([2**62, 2**62 + 1]), np.array([2**62, 2**62 + 1])),
        (np.array([[1], [0]]), np.array([0, 1])),
        (pd.Series(["b", "a"]), np.array(["a", "b"], dtype=object)),
        (pd.Series(["b", "a"], dtype="category"), np.array(["a", "b"], dtype=object)),
        (pd.Series([7, 3], dtype="category"), np.array([3, 7])),
        (pd.Series([7, 3], dtype="Int64"), np.array([3, 7])),
        (pd.Series([True, False], dtype="boolean"), np.array([False, True])),
        (pa.chunked_array([["b"], ["a"]]), np.array(["a", "b"], dtype=object)),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'dtype', '')}",
)
def test_classes_are_sorted_labels_in_the_type_they_had(labels, classes):
    target = ClassTarget.learn(labels)
    assert_array_equal(target.classes, classes)
    assert target.classes.dtype == classes.dtype
    t = target.encode(labels)
    assert t.dtype == np.int64
    given = np.asarray(labels).ravel()
    assert target.decode(np.eye(len(classes))[t]).tolist() == given.tolist()
    assert pickle.loads(pickle.dumps(target)) == copy.deepcopy(target) == target


def test_wide_integers_among_objects_are_labels_of_their_own_type():
    for wide, dtype in (([2**60, 2**60 + 1], "<i8"), ([2**63, 2**63 + 1], "<u8")):
        target = ClassTarget.learn(np.array(wide * 3, dtype=object))
        assert (target.labels, target.dtype) == (tuple(wide), dtype)
        assert target.encode(wide).tolist() == [0, 1]
        assert target.decode(np.eye(2)).tolist() == wide


def test_labels_are_found_whatever_type_they_come_in():
    target = ClassTarget.learn([1, 2, 3])
    for labels in (["3", "1"], [3.0, 1.0], pd.Series([3, 1], dtype="category"), pa.array([3, 1])):
        assert_array_equal(target.encode(labels), [2, 0])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([1, 1], ValueError, "the target 'y' is 1 in every row"),
        ([], ValueError, "the target 'y' is empty"),
        (
            ["a", None, "b"],
            ValueError,
            "the target 'y' lacks 1 value, the first in row 2 .*; leave",
        ),
        ([1.0, math.nan], ValueError, "the target 'y' lacks 1 value, the first in row 2"),
        ([datetime.date(2026, 1, 1)], TypeError, "the target 'y' must hold labels, got dates"),
        (np.array([1, "a"], dtype=object), TypeError, r"labels of one kind.* got 1 \(int\) among"),
        (np.array([b"a", b"b"]), TypeError, r"labels of one kind.* got b'a' \(bytes\) among them"),
    ],
)
def test_labels_that_are_none_are_errors(labels, error, message):
    with pytest.raises(error, match=message):
        ClassTarget.learn(labels)


def test_labels_that_are_equal_numbers_are_one_label():
    for learned in ([True, False], [1, 0], np.array([1.0, 0.0], "f4")):
        target = ClassTarget.learn(learned)
        for given in ([True, False], [1, 0], [1.0, 0.0], np.array([1, 0], "f2")):
            assert_array_equal(target.encode(given), [1, 0])
        with pytest.raises(ValueError, match="holds '3' in row 2"):
            target.encode([1, 3])
    with pytest.raises(ValueError, match="holds 'true' in row 1"):
        ClassTarget.learn([1, 0]).encode(["true", "false"])


def test_a_label_never_seen_is_an_error_that_names_the_row():
    with pytest.raises(
        ValueError, match=r"'y' holds 'c' in row 2 .*, which is none of the 2 classes: '"
    ):
        ClassTarget.learn(["a", "b"]).encode(["a", "c"])


def test_numbers_are_standardized_and_come_back_within_their_range():
    target = RealTarget.learn([10.0, 20.0, 60.0])
    t = target.encode([10.0, 20.0, 60.0])
    assert t.dtype == np.float64
    assert t.mean() == pytest.approx(0)
    assert t.std() == pytest.approx(1)
    assert_allclose(target.decode(t), [10, 20, 60])
    assert_array_equal(target.decode(np.array([[-9.0], [9.0]])), [[10], [60]])
    older = RealTarget("y", target.mean, target.scale)
    assert_allclose(older.decode(np.array([9.0])), [30 + 9 * target.scale])


def test_numbers_of_any_scale_are_standardized():
    x = np.array([1.0, 2.0, 6.0])
    expected = RealTarget.learn(x).encode(x)
    for scale in (1e300, 1e-300, 2.5e307):
        target = RealTarget.learn(x * scale)
        assert_allclose(target.encode(x * scale), expected)
        assert_allclose(target.decode(expected), x * scale)


def test_several_targets_are_standardized_each():
    y = np.array([[1.0, 10.0], [3.0, 50.0]])
    for given in (
        y,
        y.tolist(),
        pd.DataFrame(y, columns=["u", "v"]),
        pa.table({"u": y[:, 0], "v": y[:, 1]}),
    ):
        target = RealTargets.learn(given)
        assert_array_equal(target.encode(given), [[-1, -1], [1, 1]])
        assert_array_equal(target.decode(target.encode(given)), y)
    assert [each.name for each in target.targets] == ["u", "v"]
    with pytest.raises(ValueError, match="y must have 2 targets, as in training, got 1"):
        target.encode([1.0])


@pytest.mark.parametrize(
    "given",
    [[1.0, 3.0], (1, 3), np.array([1, 3]), pd.Series([1, 3]), pa.array([1, 3])],
    ids=lambda given: type(given).__name__,
)
def test_a_vector_of_targets_comes_back_as_one(given):
    target = RealTargets.learn(given)
    assert_array_equal(target.encode(given), [[-1], [1]])
    assert_array_equal(target.decode(np.array([[-1.0], [1.0]])), [1, 3])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            [1.0, math.nan],
            "the target 'y' lacks 1 value, the first in row 2 .*; leave such rows out",
        ),
        ([1.0, math.inf], "column 'y' holds 1 infinite value, the first in row 2"),
        (
            ["1", "two"],
            "column 'y' must hold numbers, but 1 of its 2 values do not: 'two', .* row 2",
        ),
        (["1", "NA"], "the target 'y' lacks 1 value, the first in row 2"),
        ([2, 2], "the target 'y' is 2 in every row"),
        ([], "the target 'y' is empty"),
    ],
)
def test_numbers_that_are_none_are_errors_that_name_the_row(numbers, message):
    with pytest.raises(ValueError, match=message):
        RealTargets.learn(numbers)


def test_whole_numbers_that_float64_does_not_tell_apart_say_how_they_become_numbers():
    wide = np.arange(50) + 2**60
    with pytest.raises(ValueError, match=rf"all 1\.15292e\+18 in float64: subtract {2**60} from"):
        RealTarget.learn(wide)
    with pytest.raises(ValueError, match=r"is 1\.15292e\+18 in every row"):
        RealTarget.learn([2**60] * 5)
