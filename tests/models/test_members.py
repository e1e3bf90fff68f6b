"""Members: each is what `Model.fit` alone would make of it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from safetensors import safe_open
from safetensors.numpy import save_file

import fastmlp as fm
from fastmlp import _core
from fastmlp.training import turns

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6)).astype(np.float32)
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
WEIGHTS = RNG.random(90)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Any:
    before = _core.get_num_threads()
    _core.set_num_threads(2)
    yield
    _core.set_num_threads(before)


def classifier(seed: int | None = 0, dtype: str = "float32") -> fm.Sequential:
    layers = [fm.Dense(12, "relu"), fm.Dropout(0.3), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=6, seed=seed, dtype=dtype)


def joined(seed: int | None = 0, dtype: str = "float32") -> fm.Model:
    x = fm.Input(6)
    h = fm.BatchNorm()(fm.Dense(10, "silu")(x))
    outputs = {"real": fm.Dense(2)(h), "kind": fm.Dense(3, "softmax")(fm.concat([h, x]))}
    return fm.Model(x, outputs, seed=seed, dtype=dtype)


def same_bits(one: fm.Model, other: fm.Model) -> bool:
    return one.parameters.flat.tobytes() == other.parameters.flat.tobytes()


CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "plain": (classifier, LABELS, {}),
    "sgd on all rows": (classifier, LABELS, {"optimizer": "sgd", "batch_size": None}),
    "averages, clipped": (
        classifier,
        LABELS,
        {"optimizer": fm.Adam(0.01, ema=0.9, clip_norm=0.1), "l2": 1e-3, "l1": 1e-4},
    ),
    "schedules and groups": (
        classifier,
        LABELS,
        {"optimizer": fm.AdamW(fm.CosineDecay(0.01, 40), groups={"bias": {"weight_decay": 0}})},
    ),
    "muon": (classifier, LABELS, {"optimizer": fm.Muon(0.02)}),
    "weights and classes": (
        classifier,
        LABELS,
        {"sample_weight": WEIGHTS, "class_weight": "balanced", "metrics": ["accuracy"]},
    ),
    "validation": (
        classifier,
        LABELS,
        {"validation_data": (X[:30], LABELS[:30], WEIGHTS[:30]), "metrics": ["accuracy", "f1"]},
    ),
    "weights in a column": (classifier, LABELS, {"sample_weight": WEIGHTS[:, None]}),
    "a split": (classifier, LABELS, {"validation_split": 0.2, "sample_weight": WEIGHTS}),
    "in order": (classifier, LABELS, {"shuffle": False}),
    "two outputs, normalized": (
        joined,
        {"real": Y, "kind": LABELS},
        {"loss_weights": {"real": 0.5}, "metrics": {"kind": ["accuracy"]}, "l2": 1e-3},
    ),
    "two outputs, weights of one": (
        joined,
        {"real": Y, "kind": LABELS},
        {"sample_weight": {"real": WEIGHTS}, "validation_split": 0.3},
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_each_member_is_what_a_fit_alone_makes_of_it(name, dtype):
    build, t, how = CASES[name]
    members = fm.Members(build(7, dtype), 3)
    histories = members.fit(X, t, epochs=4, **how)
    again = members.fit(X, t, epochs=2, **how)
    for i, member in enumerate(members):
        alone = build(7 + i, dtype)
        assert alone.fit(X, t, epochs=4, **how) == histories[i]
        assert alone.fit(X, t, epochs=2, **how) == again[i] == member.history
        assert same_bits(alone, member)
        assert alone.evaluate(X, t) == members.evaluate(X, t)[i] == member.evaluate(X, t)
    assert len({member.parameters.flat.tobytes() for member in members}) == 3


def test_a_fit_of_one_member_goes_on_where_that_of_all_ended():
    members = fm.Members(classifier(), 2)
    members.fit(X, LABELS, epochs=3)
    members[1].fit(X, LABELS, epochs=2)
    alone = classifier(1)
    alone.fit(X, LABELS, epochs=3)
    alone.fit(X, LABELS, epochs=2)
    assert same_bits(alone, members[1])


def test_members_may_have_optimizers_weights_and_seeds_of_their_own():
    optimizers = [
        fm.Adam(0.003),
        fm.Adam(fm.ExponentialDecay(0.01, 0.9, 3)),
        fm.Adam(0.03, ema=0.9),
    ]
    weights = RNG.random((3, 90)) * (RNG.random((3, 90)) > 0.3)
    held_out = RNG.random((3, 30))
    members = fm.Members(classifier(), seeds=[5, 5, 5])
    histories = members.fit(
        X,
        LABELS,
        epochs=4,
        optimizer=optimizers,
        sample_weight=weights,
        validation_data=(X[:30], LABELS[:30], held_out),
        seeds=[3, 4, 4],
    )
    for i, member in enumerate(members):
        alone = classifier(5)
        history = alone.fit(
            X,
            LABELS,
            epochs=4,
            optimizer=optimizers[i],
            sample_weight=weights[i],
            validation_data=(X[:30], LABELS[:30], held_out[i]),
            seed=[3, 4, 4][i],
        )
        assert history == histories[i]
        assert same_bits(alone, member)


def test_each_member_stops_early_alone_with_its_best_weights():
    how: dict[str, Any] = {"epochs": 60, "optimizer": fm.Adam(0.03), "validation_split": 0.3}
    members = fm.Members(classifier(), 4)
    stopping = fm.EarlyStopping(patience=3)
    histories = members.fit(X, LABELS, callbacks=[stopping], **how)
    assert len({history.epochs for history in histories}) > 1
    assert stopping.best_epoch == 0  # the members have copies
    for i, member in enumerate(members):
        alone = classifier(i)
        history = alone.fit(X, LABELS, callbacks=[fm.EarlyStopping(patience=3)], **how)
        assert history == histories[i]
        assert history.stopped == histories[i].stopped
        assert same_bits(alone, member)


def test_callbacks_may_be_a_function_of_the_number_and_are_told_of_their_member(tmp_path):
    heard: list[tuple[int, int]] = []
    members = fm.Members(classifier(), 2)

    def callbacks(i: int) -> list[Any]:
        def hear(model: fm.Model, epoch: int, logs: Any) -> None:
            assert model is members[i]
            heard.append((i, epoch))

        return [hear, fm.ModelCheckpoint(tmp_path / f"{i}.safetensors")]

    members.fit(X, LABELS, epochs=2, callbacks=callbacks)
    assert sorted(heard) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert {path.name for path in tmp_path.iterdir()} == {"0.safetensors", "1.safetensors"}


def test_a_member_alone_may_write_to_the_place_of_one(tmp_path):
    members = fm.Members(classifier(), 1)
    members.fit(X, LABELS, epochs=1, callbacks=[fm.ModelCheckpoint(tmp_path / "one.safetensors")])
    assert same_bits(fm.load(tmp_path / "one.safetensors"), members[0])


def test_what_writes_to_one_place_is_refused_for_several_members(tmp_path):
    class Own(fm.Callback):
        WRITES = True

    members = fm.Members(classifier(), 2)
    for writes in (
        fm.ModelCheckpoint(tmp_path / "one.safetensors"),
        fm.Checkpoint(tmp_path / "fit"),
        fm.CSVLogger(tmp_path / "one.csv"),
        fm.TensorBoard(tmp_path / "logs"),
        Own(),
    ):
        name = type(writes).__name__
        with pytest.raises(ValueError, match=f"2 members would write to the place of one {name};"):
            members.fit(X, LABELS, callbacks=[writes])
    assert not list(tmp_path.iterdir())


def test_a_member_whose_loss_is_not_finite_ends_alone_and_says_so():
    optimizers = [fm.SGD(0.01), fm.SGD(1e30), fm.SGD(0.02)]
    layers = [fm.Dense(8, "relu"), fm.Dense(2)]
    members = fm.Members(fm.Sequential(layers, input_columns=6, seed=0), 3)
    with pytest.warns(fm.NonFiniteLossWarning, match="member 1: the loss became NaN or infinite"):
        histories = members.fit(X, Y, epochs=5, optimizer=optimizers)
    assert [history.epochs for history in histories] == [5, 0, 5]
    assert "became NaN" in str(histories[1].stopped)
    assert histories[0].stopped is histories[2].stopped is None
    assert all(np.isfinite(member.parameters.flat).all() for member in members)
    alone = fm.Sequential([fm.Dense(8, "relu"), fm.Dense(2)], input_columns=6, seed=2)
    alone.fit(X, Y, epochs=5, optimizer=fm.SGD(0.02))
    assert same_bits(alone, members[2])


def test_what_is_shown_are_means_over_the_members_that_have_the_epoch(capsys):
    layers = [fm.Dense(8, "relu"), fm.Dense(2)]
    members = fm.Members(fm.Sequential(layers, input_columns=6, seed=0), 3)
    optimizers = [fm.SGD(0.01), fm.SGD(1e30), fm.SGD(0.02)]
    with pytest.warns(fm.NonFiniteLossWarning):
        first, _, last = members.fit(X, Y, epochs=2, optimizer=optimizers, verbose=2)
    means = [(a + b) / 2 for a, b in zip(first["loss"], last["loss"], strict=True)]
    said = [f"epoch {i}/2: loss {mean:.4g}" for i, mean in enumerate(means, 1)]
    assert capsys.readouterr().out.splitlines() == said
    for verbose in (True, 2):  # all of them end at once
        with pytest.warns(fm.NonFiniteLossWarning):
            members.fit(X, Y, epochs=2, optimizer=fm.SGD(1e30), verbose=verbose)


def test_a_sequential_is_built_with_the_data():
    layers = [fm.Dense(8, "relu"), fm.Dense(3, "softmax")]
    members = fm.Members(fm.Sequential(layers, seed=4), 2)
    with pytest.raises(ValueError, match="t has"):
        members.fit(X, LABELS[:-1])
    assert all(member._network is None for member in members)
    members.fit(X, LABELS, epochs=2)
    alone = fm.Sequential([fm.Dense(8, "relu"), fm.Dense(3, "softmax")], seed=5)
    alone.fit(X, LABELS, epochs=2)
    assert same_bits(alone, members[1])


@pytest.mark.parametrize("seed", [None, 3])
def test_the_seeds_are_those_of_the_model_and_the_next_ones(seed):
    template = classifier(seed)
    before = template.parameters.flat.copy()
    members = fm.Members(template, 3)
    if seed is not None:
        assert [member.seed for member in members] == [3, 4, 5]
        assert same_bits(members[0], template)
    assert len({member.seed for member in members}) == 3
    members.fit(X, LABELS, epochs=1)
    assert (template.parameters.flat == before).all()


def test_members_may_be_made_by_a_function_or_be_models_that_are_there():
    made = fm.Members(classifier, seeds=range(2, 5))
    assert [member.seed for member in made] == [2, 3, 4]
    models = [classifier(8), classifier(9)]
    members = fm.Members(models)
    members.fit(X, LABELS, epochs=1)
    assert members[1] is models[1]
    alone = classifier(9)
    alone.fit(X, LABELS, epochs=1)
    assert same_bits(models[1], alone)
    assert [*members[:1]] == models[:1]
    assert len(fm.Members(classifier, 2)) == 2


@pytest.mark.parametrize("rows", [1, 90])
@pytest.mark.parametrize("build", [classifier, joined])
def test_predictions_are_those_of_each_and_their_mean(build, rows):
    members = fm.Members(build(), 4)
    for _ in range(2):
        each = members.predict(X[:rows], each=True)
        mean = members.predict(X[:rows])
        for name in each if isinstance(each, dict) else [None]:
            found, own = (y if name is None else y[name] for y in (each, mean))
            alone = [member.predict(X[:rows]) for member in members]
            alone = [y if name is None else y[name] for y in alone]
            assert found.tobytes() == np.stack(alone).tobytes()
            np.testing.assert_allclose(own, np.mean(alone, axis=0), rtol=1e-6)
            assert own.dtype == np.float32


def test_sparse_rows_and_several_inputs_are_shared_by_all_members():
    sparse = scipy.sparse.csr_array(np.where(np.abs(X) > 1, X, 0))
    members = fm.Members(classifier(), 3)
    histories = members.fit(sparse, LABELS, epochs=2, validation_data=(sparse, LABELS))
    for i, member in enumerate(members):
        alone = classifier(i)
        assert alone.fit(sparse, LABELS, epochs=2, validation_data=(sparse, LABELS)) == histories[i]
        assert same_bits(alone, member)
        assert (members.predict(sparse, each=True)[i] == alone.predict(sparse)).all()

    def build(seed: int) -> fm.Model:
        a, b = fm.Input(6, "a"), fm.Input(1, "b")
        h = fm.concat([fm.Dense(4, "tanh")(a), fm.Embedding([3], 2)(b)])
        return fm.Model([a, b], fm.Dense(2)(h), seed=seed)

    inputs = {"a": X, "b": LABELS[:, None]}
    two = fm.Members(build, seeds=[4, 9])
    two.fit(inputs, Y, epochs=2)
    alone = build(9)
    alone.fit(inputs, Y, epochs=2)
    assert same_bits(alone, two[1])
    assert (two.predict(inputs, each=True)[1] == alone.predict(inputs)).all()


def test_a_fit_of_members_goes_on_from_checkpoints_of_each(tmp_path):
    whole = fm.Members(classifier(), 2)
    expected = whole.fit(X, LABELS, epochs=5)
    for epochs in (3, 5):
        members = fm.Members(classifier(), 2)
        histories = members.fit(
            X, LABELS, epochs=epochs, callbacks=lambda i: [fm.Checkpoint(tmp_path / str(i))]
        )
    assert histories == expected
    assert all(same_bits(a, b) for a, b in zip(members, whole, strict=True))


def test_copies_and_pickles_are_apart():
    members = fm.Members(classifier(), 2)
    members.fit(X, LABELS, epochs=1)
    for other in (members.copy(), pickle.loads(pickle.dumps(members))):
        assert isinstance(other, fm.Members)
        assert (other.predict(X) == members.predict(X)).all()
        other.fit(X, LABELS, epochs=1)
        assert not (other.predict(X) == members.predict(X)).all()


# -------------------------------------------------------------------------------- files


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("build", [classifier, joined])
def test_members_come_back_from_their_file(build, dtype, tmp_path):
    members = fm.Members(build(0, dtype), 3)
    t = LABELS if build is classifier else {"real": Y, "kind": LABELS}
    members.fit(X, t, epochs=2, l2=1e-3)
    members[2].fit(X, t, epochs=1)
    members[1].metadata["note"] = ["ü", None]
    path = tmp_path / "m.safetensors"
    members.save(path)
    loaded = fm.load(path)
    assert isinstance(loaded, fm.Members)
    assert [same_bits(a, b) for a, b in zip(members, loaded, strict=True)] == [True] * 3
    assert [one.metadata for one in loaded] == [{}, {"note": ["ü", None]}, {}]
    assert [one.seed for one in loaded] == [0, 1, 2]
    assert loaded.evaluate(X, t) == members.evaluate(X, t)
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    copied, histories = members.copy(), loaded.fit(X, t, epochs=1)
    assert copied.fit(X, t, epochs=1) == histories  # the third member has an order of its own


def test_what_is_no_file_of_members_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    members = fm.Members(classifier(), 2)
    members.save(path)
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        header = file.metadata()
    assert tensors["dense_1.weights"].shape == (2, 12, 6)
    for changes, said in (
        ({"fits": "[0]"}, "lists with an element for each member"),
        ({"fits": "0"}, "lists with an element for each member"),
        (dict.fromkeys(("seed", "fits", "objective", "metadata"), "[]"), "lists with an"),
        ({"seed": "[0, -1]"}, "seed"),
        ({"metadata": "[{}, 3]"}, "metadata must be a JSON object"),
        (
            {
                "seed": "[0, 1, 2]",
                "fits": "[0, 0, 0]",
                "objective": "[null, null, null]",
                "metadata": "[{}, {}, {}]",
            },
            r"must have shape \(3, ",
        ),
        ({"kind": "crowd"}, "holds 'crowd'"),
        ({"dtype": "int8"}, "dtype must be in"),
    ):
        save_file(tensors, path, header | changes)
        with pytest.raises(ValueError, match=said):
            fm.load(path)
    save_file(tensors, path, {name: text for name, text in header.items() if name != "kind"})
    with pytest.raises(ValueError, match="must have shape"):
        fm.load(path)


def test_members_that_cannot_be_written_are_refused(tmp_path):
    members = fm.Members(classifier(), 2)
    with pytest.raises(ValueError, match="onnx"):
        members.save(tmp_path / "m.onnx")
    members[1].metadata["f"] = members
    with pytest.raises(ValueError, match="metadata must hold JSON"):
        members.save(tmp_path / "m.safetensors")
    unbuilt = fm.Members(fm.Sequential([fm.Dense(2)]), 2)
    with pytest.raises(ValueError, match="does not know its number of input columns"):
        unbuilt.save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------- a loop's say


def test_a_loop_may_predict_keep_weights_and_stop_members():
    members = fm.Members(classifier(), 3)
    seen = []
    with members.course(X, LABELS, epochs=6) as course:
        for epoch in course:
            seen.append((epoch, tuple(course.live)))
            assert members.predict(X, each=True).shape == (3, 90, 3)
            if epoch == 2:
                course.stop(1, "enough")
                kept = members[1].get_weights()
    assert seen == [(i, (0, 1, 2) if i < 3 else (0, 2)) for i in range(1, 6)] + [(6, ())]
    assert [history.epochs for history in members.histories] == [6, 2, 6]
    assert members[1].history.stopped == "enough"
    assert all((a == b).all() for a, b in zip(kept, members[1].get_weights(), strict=True))
    alone = classifier(2)
    alone.fit(X, LABELS, epochs=6)
    assert same_bits(alone, members[2])


def test_a_loop_may_be_left():
    members = fm.Members(classifier(), 2)
    with members.course(X, LABELS, epochs=6) as course:
        for epoch in course:
            if epoch == 2:
                break
    assert [h.stopped for h in members.histories] == ["the loop was left after epoch 2"] * 2
    members.fit(X, LABELS, epochs=1)


def test_an_exception_of_the_loop_goes_on_and_the_histories_say_so():
    members = fm.Members(classifier(), 2)

    def loop() -> None:
        with members.course(X, LABELS, epochs=6) as course:
            for _ in course:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert [h.epochs for h in members.histories] == [1, 1]
    assert all("ended by ZeroDivisionError" in str(h.stopped) for h in members.histories)
    members.fit(X, LABELS, epochs=1)


def test_an_exception_of_one_members_callback_ends_all_and_loses_no_epoch():
    members = fm.Members(classifier(), 3)

    def callbacks(i: int) -> list[Any]:
        def fail(model: Any, epoch: int, logs: Any) -> None:
            if i == 1 and epoch == 2:
                raise ZeroDivisionError

        return [fail]

    with pytest.raises(ZeroDivisionError):
        members.fit(X, LABELS, epochs=6, callbacks=callbacks)
    assert [h.epochs for h in members.histories] == [2, 2, 2]
    for i, member in enumerate(members):
        alone = classifier(i)
        alone.fit(X, LABELS, epochs=2)
        assert same_bits(alone, member)


def test_an_interrupt_ends_all_with_their_histories():
    def interrupt(model: Any, epoch: int, logs: Any) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    members = fm.Members(classifier(), 3)
    with pytest.raises(KeyboardInterrupt):
        members.fit(X, LABELS, epochs=10, verbose=False, callbacks=[interrupt])
    for member in members:
        history = member.history
        assert history is not None
        assert str(history.stopped).startswith("interrupted")
        assert len(history["loss"]) == history.epochs == 3
    members.fit(X, LABELS, epochs=1)
    assert [h and h.epochs for h in members.histories] == [1, 1, 1]


# ------------------------------------------------------------------------------------ turns


def test_a_fit_of_members_is_a_turn_of_each():
    members = fm.Members(classifier(), 2)
    turn = turns.Turn("fit")
    turn.take(members[1])
    with pytest.raises(RuntimeError, match="inside fit of the same model"):
        members.fit(X, LABELS, epochs=1)
    turn.live = False
    members.fit(X, LABELS, epochs=1)  # the turn of the first was given back

    def nested(model: Any, epoch: int, logs: Any) -> None:
        members.fit(X, LABELS, epochs=1)

    with pytest.raises(RuntimeError, match="by a callback"):
        members.fit(X, LABELS, epochs=1, callbacks=[nested])


# ----------------------------------------------------------------------------------- errors


def test_what_are_no_members_is_refused():
    with pytest.raises(TypeError, match="k is missing"):
        fm.Members(classifier())
    with pytest.raises(ValueError, match="k must be at least 1"):
        fm.Members(classifier(), 0)
    with pytest.raises(ValueError, match="expected 3 of them"):
        fm.Members(classifier(), 3, seeds=[1, 2])
    with pytest.raises(TypeError, match="model must be a model"):
        fm.Members("classifier", 3)
    with pytest.raises(TypeError, match="seeds must be a list"):
        fm.Members(classifier(), seeds=3)
    with pytest.raises(TypeError, match="seeds must be a list"):
        fm.Members(classifier(), seeds=np.array(3))
    with pytest.raises(ValueError, match="at least one model"):
        fm.Members([])
    with pytest.raises(ValueError, match="these are the members"):
        fm.Members([classifier()], 1)
    with pytest.raises(TypeError, match=r"members\[1\] must be a model"):
        fm.Members([classifier(), 3])
    with pytest.raises(TypeError, match=r"members\[0\] must be a model"):
        fm.Members(lambda seed: seed, 2)
    one = classifier()
    with pytest.raises(ValueError, match="there twice"):
        fm.Members([one, one])
    with pytest.raises(ValueError, match="is of float64"):
        fm.Members([one, classifier(1, "float64")])


def test_members_that_differ_in_more_than_weights_are_refused():
    other = classifier(1)
    members = fm.Members([classifier(0), other])
    other.layers[1].rate = 0.5
    for call in (members.predict, lambda X: members.fit(X, LABELS)):
        with pytest.raises(ValueError, match=r"rate of layer 'dropout_1' is 0\.5, not 0\.3"):
            call(X)
    with pytest.raises(ValueError, match="has the layers"):
        fm.Members([classifier(), fm.MLP([6, 8, 3], output="softmax", seed=0)])
    wide = fm.MLP([6, 9, 3], seed=0)
    with pytest.raises(ValueError, match="units of layer 'dense_1' is 9, not 8"):
        fm.Members([fm.MLP([6, 8, 3], seed=0), wide])
    with pytest.raises(ValueError, match="inputs have"):
        fm.Members([fm.MLP([6, 8, 3], seed=0), fm.MLP([5, 8, 3], seed=0)])
    x = fm.Input(6)
    h = fm.Dense(8)(x)
    first = fm.Model(x, fm.Dense(3)(h), seed=0)
    second = fm.Model(x, fm.Dense(3)(h), seed=0)
    with pytest.raises(ValueError, match=r"members\[1\] shares layers with another model"):
        fm.Members([first, second])


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "optimizers of another number": ({"optimizer": ["adam"] * 3}, "one for all or a list of 2"),
    "optimizers of two kinds": ({"optimizer": ["adam", "sgd"]}, "updates by other rules"),
    "L-BFGS": ({"optimizer": "lbfgs"}, "L-BFGS minimises one function"),
    "weights of other members": ({"sample_weight": np.ones((3, 90))}, r"\(2, 90\)"),
    "weights of other rows": ({"sample_weight": np.ones((2, 80))}, r"\(2, 90\)"),
    "negative weights": ({"sample_weight": [np.ones(90), -np.ones(90)]}, r"sample_weight\[1\]"),
    "no weights in one": ({"sample_weight": [np.ones(90), np.zeros(90)]}, r"sample_weight\[1\]"),
    "seeds of another number": ({"seeds": [1, 2, 3]}, "seeds: expected"),
    "one seed for all": ({"seeds": 3}, "seeds must be a list of integers, got 3"),
    "a seed that is none": ({"seeds": [1, 2.5]}, r"seeds\[1\] must be an integer"),
    "both validations": (
        {"validation_data": (X, LABELS), "validation_split": 0.1},
        "are both given",
    ),
    "validation data that are none": ({"validation_data": 3}, "validation_data must be"),
    "callbacks that are none": ({"callbacks": 3}, "callbacks must be a list"),
    "an unknown argument": ({"lr": 3}, "give it to the optimizer"),
    "no epochs": ({"epochs": 0}, "epochs must be"),
    "a loss that is none": ({"loss": "nothing"}, "nothing"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_argument_raises_before_anything_changes(what):
    members = fm.Members(classifier(), 2)
    before = [member.parameters.flat.tobytes() for member in members]
    how, said = BAD[what]
    with pytest.raises((ValueError, TypeError), match=said):
        members.fit(X, LABELS, **how)
    with pytest.raises((ValueError, TypeError), match=said), members.course(X, LABELS, **how):
        pass
    assert [member.parameters.flat.tobytes() for member in members] == before
    assert members.histories == [None, None]
    members.fit(X, LABELS, epochs=1)


def test_streams_are_for_single_models():
    members = fm.Members(classifier(), 2)
    with pytest.raises(TypeError, match="members are trained on arrays"):
        members.fit(iter([(X, LABELS)]), None)
    with pytest.raises(TypeError, match="members are trained on arrays"):
        members.fit(X, LABELS, validation_data=(iter([X]), LABELS))


def test_a_member_that_is_not_there_is_told():
    members = fm.Members(classifier(), 2)
    assert members[-1] is members[np.int64(1)]
    for wrong in (2, -3, 10**30):
        with pytest.raises(IndexError, match=r"there is no member .*: there are 2"):
            members[wrong]
    for wrong in (None, "0", 0.0, True, np.array(0.5)):
        with pytest.raises(TypeError, match="members have numbers from 0, or slices; got"):
            members[wrong]


def test_callbacks_of_members_are_checked_as_those_of_one_model():
    members, stopping = fm.Members(classifier(), 2), fm.EarlyStopping()
    members.fit(X, LABELS, epochs=1, callbacks=None)
    with pytest.raises(ValueError, match="callbacks has one EarlyStopping twice"):
        members.fit(X, LABELS, epochs=1, callbacks=[stopping, stopping])
    for wrong in (stopping, {stopping}, lambda model, epoch, logs: None, 3):
        with pytest.raises(TypeError, match="a list of callbacks or a function of a member's numb"):
            members.fit(X, LABELS, epochs=1, callbacks=wrong)
    members.fit(X, LABELS, epochs=1, callbacks=lambda i: [fm.EarlyStopping(patience=i + 1)])
