"""The bundled datasets, and MNIST from a file or from a stand-in for openml.org."""

from __future__ import annotations

import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest

from fastmlp import datasets

BUNDLED = [name for name in datasets.NAMES if name != "mnist"]
SIZES = {
    "digits": (1437, 360, 64, 10),
    "iris": (120, 30, 4, 3),
    "wine": (142, 36, 13, 3),
    "breast_cancer": (455, 114, 30, 2),
    "diabetes": (353, 89, 10, 1),
}


def keras_arrays(rows=14, labels=None):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    images[0] = 255
    labels = np.arange(rows, dtype=np.uint8) % 10 if labels is None else labels
    cut = rows * 6 // 7
    return {
        "x_train": images[:cut],
        "y_train": labels[:cut],
        "x_test": images[cut:],
        "y_test": labels[cut:],
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home and a data folder of our own, and a network that must not be asked."""
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()

    def unreachable(*args, **kwargs):
        raise AssertionError("openml.org was asked though a file is there")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", unreachable)
    return tmp_path


def test_every_bundled_set_has_its_size_in_the_sizes_table():
    assert set(SIZES) == set(BUNDLED)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_set_has_the_shapes_and_kinds_it_documents(name):
    data = datasets.load(name)
    train, test, features, targets = SIZES[name]
    assert data.name == name
    assert data.X_train.shape == (train, features)
    assert data.X_test.shape == (test, features)
    assert data.t_train.shape == (train,)
    assert data.t_test.shape == (test,)
    for X in (data.X_train, data.X_test):
        assert X.dtype == np.float32
        assert X.flags.c_contiguous
        assert np.isfinite(X).all()
    assert len(data.feature_names) == len(set(data.feature_names)) == features
    assert len(data.target_names) == targets
    assert all(type(text) is str for text in (*data.feature_names, *data.target_names))
    kind = np.int64 if data.task == "classification" else np.float32
    assert data.t_train.dtype == data.t_test.dtype == kind


@pytest.mark.parametrize("name", BUNDLED)
def test_two_loads_give_the_same_rows(name):
    first, second = datasets.load(name), datasets.load(name)
    np.testing.assert_array_equal(first.X_train, second.X_train)
    np.testing.assert_array_equal(first.t_test, second.t_test)


@pytest.mark.parametrize("name", [name for name in BUNDLED if name != "diabetes"])
def test_the_split_keeps_the_share_of_every_class(name):
    data = datasets.load(name)
    classes = len(data.target_names)
    share = np.bincount(data.t_train, minlength=classes) / len(data.t_train)
    expected = share * len(data.t_test)
    assert np.abs(np.bincount(data.t_test, minlength=classes) - expected).max() <= 1


def test_training_and_test_rows_together_are_all_rows():
    from sklearn.datasets import load_wine

    data = datasets.load("wine")
    both = np.concatenate([data.X_train, data.X_test])
    everything = load_wine().data.astype(np.float32)
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(everything, axis=0))


def test_digits_are_images_between_0_and_1():
    data = datasets.load("digits")
    assert data.image_shape == (8, 8)
    assert (data.X_train.min(), data.X_train.max()) == (0.0, 1.0)
    assert data.feature_names[9] == "pixel_1_1"
    assert data.target_names[3] == "3"


def test_diabetes_is_in_its_own_units():
    data = datasets.load("diabetes")
    ages = data.X_train[:, data.feature_names.index("age")]
    assert 18 < ages.min() < ages.max() < 100
    assert data.t_train.min() >= 25
    assert data.t_train.max() <= 346


def test_a_dataset_is_frozen_and_says_what_it_is():
    data = datasets.load("iris")
    with pytest.raises(AttributeError):
        data.name = "other"
    assert repr(data) == ("Dataset('iris': 120 training rows, 30 test rows, 4 features, 3 classes)")
    assert "regression on 'disease progression'" in repr(datasets.load("diabetes"))


def test_an_unknown_name_lists_the_names_and_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"digits, iris.*got 'digit'; did you mean 'digits'\?"):
        datasets.load("digit")
    with pytest.raises(TypeError, match="name must be a str, got int"):
        datasets.load(3)


@pytest.mark.parametrize("folder", ["data", "home/.keras/datasets", "home/.cache/fastmlp"])
def test_mnist_is_read_from_each_documented_place(home, folder):
    (home / folder).mkdir(parents=True, exist_ok=True)
    np.savez(home / folder / "mnist.npz", **keras_arrays())
    data = datasets.load("mnist")
    assert data.X_train.shape == (12, 784)
    assert data.X_test.shape == (2, 784)
    assert data.X_train.dtype == np.float32
    assert data.X_train[0].min() == data.X_train.max() == 1.0
    assert data.t_train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.image_shape == (28, 28)


def test_the_data_folder_comes_before_the_home_folder(home):
    (home / "home" / ".keras" / "datasets").mkdir(parents=True)
    np.savez(home / "home" / ".keras" / "datasets" / "mnist.npz", **keras_arrays(rows=21))
    np.savez(home / "data" / "mnist.npz", **keras_arrays(rows=14))
    assert len(datasets.load("mnist").X_train) == 12


def test_mnist_is_fetched_once_and_kept(home, monkeypatch):
    arrays = keras_arrays(rows=70)
    calls = []

    def stand_in(name, **options):
        calls.append((name, options["version"], options["as_frame"]))
        images = np.concatenate([arrays["x_train"], arrays["x_test"]]).reshape(-1, 784)
        labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
        # openml.org gives numbers as float or int64 and labels as texts
        return SimpleNamespace(data=images.astype(np.int64), target=labels.astype(str))

    monkeypatch.setattr("sklearn.datasets.fetch_openml", stand_in)
    first = datasets.load("mnist")
    second = datasets.load("mnist")
    assert calls == [("mnist_784", 1, False)]
    assert [path.name for path in (home / "data").iterdir()] == ["mnist.npz"]
    for data in (first, second):
        assert data.X_train.shape == (60, 784)
        np.testing.assert_array_equal(data.t_test, arrays["y_test"])
        np.testing.assert_array_equal(
            (data.X_test * 255).round().astype(np.uint8).reshape(-1, 28, 28), arrays["x_test"]
        )


def test_without_a_data_folder_mnist_is_kept_in_the_cache(home, monkeypatch):
    monkeypatch.delenv("FASTMLP_DATA")
    bunch = SimpleNamespace(data=np.zeros((7, 784)), target=np.array(list("0123456")))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *args, **kwargs: bunch)
    datasets.load("mnist")
    assert (home / "home" / ".cache" / "fastmlp" / "mnist.npz").is_file()


def test_a_failed_download_says_where_to_put_the_file(home, monkeypatch):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    with pytest.raises(FileNotFoundError, match="no route to host") as caught:
        datasets.load("mnist")
    for part in ("x_train", "FASTMLP_DATA", str(home / "data" / "mnist.npz"), ".keras"):
        assert part in str(caught.value)
    assert not list((home / "data").iterdir())


def test_a_disk_that_fills_up_leaves_no_half_file(home, monkeypatch):
    bunch = SimpleNamespace(data=np.zeros((7, 784)), target=np.array(list("0123456")))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *args, **kwargs: bunch)

    def full(file, **arrays):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("numpy.savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        datasets.load("mnist")
    assert not list((home / "data").iterdir())


def write_text(path):
    path.write_text("not a zip file")


def write_truncated(path):
    np.savez(path, **keras_arrays())
    path.write_bytes(path.read_bytes()[:-200])


def write_other_arrays(path):
    np.savez(path, images=np.zeros((3, 28, 28), np.uint8))


def write_one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def write_pickles(path):
    np.savez(path, **{**keras_arrays(), "y_test": np.array([{}, {}], dtype=object)})


def write_floats(path):
    np.savez(path, **{**keras_arrays(), "x_test": np.zeros((2, 28, 28))})


def write_flat(path):
    np.savez(path, **{**keras_arrays(), "x_test": np.zeros((2, 784), np.uint8)})


def write_a_label_11(path):
    np.savez(path, **keras_arrays(labels=np.full(14, 11, np.uint8)))


def write_too_few_labels(path):
    np.savez(path, **{**keras_arrays(), "y_train": np.zeros(5, np.uint8)})


@pytest.mark.parametrize(
    "write",
    [
        write_text, write_truncated, write_other_arrays, write_one_array, write_pickles,
        write_floats, write_flat, write_a_label_11, write_too_few_labels,
    ],
    ids=lambda write: write.__name__,
)  # fmt: skip
def test_a_file_that_is_not_mnist_is_named_in_the_error(home, write):
    path = home / "data" / "mnist.npz"
    write(path)
    with pytest.raises(ValueError, match=r"mnist\.npz is not MNIST"):
        datasets.load("mnist")
