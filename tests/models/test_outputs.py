"""Models of several outputs: what they answer, how they are told apart, kept and drawn."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.networks.network import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4))
PRICE, KIND = X[:, :1] * 2, X[:, 1:].argmax(axis=1)


def symbols(form):
    x = fm.Input(4)
    h = fm.Dense(5, "tanh")(x)
    price, kind = fm.Dense(1)(h), fm.Dense(3, "softmax")(h)
    outputs = {"dict": {"price": price, "kind": kind}, "list": [price, kind]}
    return x, outputs.get(form, (price, kind))


def two(form="dict", dtype="float64", seed=0):
    return fm.Model(*symbols(form), seed=seed, dtype=dtype)


def by_hand(model, X):
    first, price, kind = model.layers
    h = np.tanh(X @ first.weights.T + first.biases)
    z = np.exp(h @ kind.weights.T + kind.biases)
    return h @ price.weights.T + price.biases, z / z.sum(axis=1, keepdims=True)


def parts(answer):
    return list(answer.values() if isinstance(answer, dict) else answer)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["dict", "list", "tuple"])
def test_predict_answers_in_the_form_of_the_outputs(form, dtype):
    model = two(form, dtype)
    answer = model.predict(X)
    assert type(answer) is (dict if form == "dict" else list)
    assert form != "dict" or list(answer) == ["price", "kind"]
    for got, expected in zip(parts(answer), by_hand(model, X), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_rows_are_answered_as_many_are(dtype):
    model = two("dict", dtype)
    many = model.predict(np.tile(X, (10, 1)).astype(dtype))
    with pytest.raises(ValueError, match="X must have shape"):
        model.predict(np.array(3.0))
    for x in (X.astype(dtype), np.asfortranarray(X), X.tolist(), X[:1]):
        for name, got in model.predict(x).items():
            assert got.flags.c_contiguous
            assert got.flags.owndata
            np.testing.assert_allclose(got, many[name][: len(x)], rtol=1e-6)
    model.set_weights([0 * w for w in model.get_weights()])
    assert not model.predict(X[:1])["price"].any()
    with pytest.raises(ValueError, match="the model takes 4 columns, not 3"):
        model.predict(X[:, :3])
    assert np.isnan(model.predict(X[:2] * np.nan)["kind"]).all()


def test_outputs_are_called_by_their_keys_or_their_layers():
    assert two("dict").network.outputs.names == ("price", "kind")
    assert two("list").network.outputs.names == ("dense_2", "dense_3")
    x, shared = fm.Input(2), fm.Dense(2, name="again")
    h = shared(x)
    assert fm.Model(x, [h, shared(h)]).network.outputs.names == ("again", "again:2")


@pytest.mark.parametrize("form", ["dict", "list"])
def test_results_are_written_where_out_says(form):
    model = two(form, "float32")
    arrays = [np.empty((23, 1), np.float32), np.empty((23, 3), np.float32)]
    out = {"kind": arrays[1], "price": arrays[0]} if form == "dict" else arrays
    answer = model.predict(X, out=out)
    for got, array, expected in zip(parts(answer), arrays, parts(model.predict(X)), strict=True):
        assert got is array
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("first", [True, False])
def test_an_output_may_be_what_another_is_made_of(first):
    x = fm.Input(4)
    h = fm.Dense(5, "tanh")(x)
    outputs = [h, fm.Dense(2)(h)]
    model = fm.Model(x, outputs if first else outputs[::-1], seed=0, dtype="float64")
    by_layer = model.activations(X)
    assert model.network.outputs.names == tuple(by_layer if first else reversed(by_layer))
    for name, got in zip(model.network.outputs.names, model.predict(X), strict=True):
        np.testing.assert_allclose(got, by_layer[name], rtol=1e-12)
    assert model.copy().network.outputs == model.network.outputs


def test_outputs_that_only_dropout_tells_apart_are_both_answered():
    x = fm.Input(4)
    h = fm.Dense(5, "tanh")(x)
    model = fm.Model(x, {"h": h, "noisy": fm.Dropout(0.5)(h)}, seed=0)
    answer = model.predict(X)
    assert answer["h"] is not answer["noisy"]
    np.testing.assert_array_equal(answer["h"], answer["noisy"])
    targets = {"h": np.zeros((23, 5)), "noisy": np.zeros((23, 5))}
    history = model.fit(X, targets, epochs=2, metrics=["mae"])
    assert history["h_loss"] != history["noisy_loss"]
    assert history["h_mae"] == history["noisy_mae"]


@pytest.mark.parametrize("form", ["dict", "list"])
def test_one_output_in_a_list_or_dict_has_the_bits_of_one_alone(form):
    def made(wrap):
        x = fm.Input(4)
        return fm.Model(x, wrap(fm.Dense(3, "softmax")(fm.Dense(5, "tanh")(x))), seed=0)

    alone, wrapped = made(lambda y: y), made(lambda y: {"kind": y} if form == "dict" else [y])
    t = {"kind": KIND} if form == "dict" else [KIND]
    arguments = {"epochs": 3, "seed": 1, "metrics": ["accuracy", "auc"], "l2": 0.1}
    a = alone.fit(X, KIND, validation_data=(X, KIND), **arguments)
    b = wrapped.fit(X, t, validation_data=(X, t), **arguments)
    assert a.history == b.history
    assert alone.parameters.flat.tobytes() == wrapped.parameters.flat.tobytes()
    np.testing.assert_array_equal(parts(wrapped.predict(X))[0], alone.predict(X))
    assert alone.evaluate(X, KIND) == wrapped.evaluate(X, KIND) == wrapped.evaluate(X, t)


# --- derivatives


@pytest.mark.parametrize("form", ["dict", "list"])
def test_output_says_of_which_output_derivatives_are(form):
    model = two(form)
    price, kind = model.network.outputs.names
    J = model.jacobian(X, output=kind)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        up, down = (parts(model.predict(X + sign * step)) for sign in (1, -1))
        np.testing.assert_allclose(J[:, :, i], (up[1] - down[1]) / 2e-6, atol=1e-8)
        slope = (up[0] - down[0])[:, 0] / 2e-6
        np.testing.assert_allclose(model.gradient(X, price)[:, i], slope, atol=1e-8)
    v = RNG.normal(size=3)
    for k in (0, 2, -1):
        np.testing.assert_allclose(model.gradient(X, (kind, k)), J[:, k])
    np.testing.assert_allclose(
        model.gradient(X, (kind, v)), np.einsum("k,rki->ri", v, J), atol=1e-12
    )
    rows = RNG.normal(size=(23, 3))
    np.testing.assert_allclose(
        model.gradient(X, (kind, rows)), np.einsum("rk,rki->ri", rows, J), atol=1e-12
    )
    np.testing.assert_allclose(model.jacobian(X, output=price)[:, 0], model.gradient(X, price))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.gradient(X), r"output must name one of the outputs \['price', 'kind'\]"),
        (lambda m: m.gradient(X, 1), "output must name one of the outputs .* got 1"),
        (lambda m: m.gradient(X, {"kind": X}), "output must name one of the outputs .* got dict"),
        (lambda m: m.gradient(X, "knd"), "output names the output 'knd'.*did you mean 'kind'"),
        (lambda m: m.gradient(X, "kind"), "which of the 3 outputs, columns of output 'kind'"),
        (lambda m: m.gradient(X, ("kind", 3)), "output must be less than 3"),
        (lambda m: m.gradient(X, ("kind", [1.0, 2.0])), r"weights of shape \(3,\)"),
    ],
)
def test_derivatives_of_no_output_are_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(two())


@pytest.mark.parametrize("form", ["dict", "list"])
def test_the_jacobian_of_all_outputs_has_their_form(form):
    model = two(form)
    found, names = model.jacobian(X), model.network.outputs.names
    assert isinstance(found, {"dict": dict, "list": list}[form])
    for name, J in zip(names, parts(found), strict=True):
        np.testing.assert_array_equal(J, model.jacobian(X, output=name))
    out = [np.empty_like(J) for J in parts(found)]
    given = dict(zip(names, out, strict=True)) if form == "dict" else out
    again = model.jacobian(X, out=given)
    for J, place, expected in zip(parts(again), out, parts(found), strict=True):
        assert J is place
        np.testing.assert_array_equal(J, expected)
    with pytest.raises(ValueError, match="out"):
        model.jacobian(X, out=out[:1])


def test_the_jacobian_takes_a_name_alone():
    with pytest.raises(TypeError, match="output must be the name of an output"):
        two().jacobian(X, output=("kind", 1))


def test_the_graph_has_the_form_of_the_outputs():
    model = two()
    assert list(model.graph) == ["price", "kind"]
    assert all(isinstance(node, g.Node) for node in two("list").graph)
    (x,) = model.network.input_nodes
    np.testing.assert_allclose(
        g.run(model.graph["kind"], {x: X}, dtype="float64"), model.predict(X)["kind"], rtol=1e-12
    )


# --- kept


@pytest.mark.parametrize("form", ["dict", "list"])
@pytest.mark.parametrize("how", ["file", "copy", "deepcopy", "pickle", "skops"])
def test_copies_of_every_kind_have_the_same_outputs(form, how, tmp_path):
    model = two(form, "float32")
    model.fit(X, [PRICE, KIND], epochs=1, loss_weights=[0.5, 1], metrics=[["mae"], ["accuracy"]])
    if how == "file":
        model.save(tmp_path / "m.safetensors")
        again = fm.load(tmp_path / "m.safetensors")
    elif how == "skops":
        skops = pytest.importorskip("skops.io", reason="skops is not installed")
        data = skops.dumps(model)
        again = skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    else:
        copies = {"copy": copy.copy, "deepcopy": copy.deepcopy}
        again = copies.get(how, lambda m: pickle.loads(pickle.dumps(m)))(model)
    assert again.network.outputs == model.network.outputs
    assert again.evaluate(X, [PRICE, KIND]) == model.evaluate(X, [PRICE, KIND])
    assert list(again.evaluate(X, [PRICE, KIND]).keys())[1:] == [
        f"{name}_{what}"
        for what, names in (("loss", (0, 1)), ("mae", (0,)), ("accuracy", (1,)))
        for name in (model.network.outputs.names[k] for k in names)
    ]
    for a, b in zip(parts(again.predict(X)), parts(model.predict(X)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_config_of_one_output_says_nothing_of_outputs():
    assert set(Network.mlp([2, 1]).config()) == {"inputs", "layers", "calls"}
    assert two().network.config()["outputs"] == {"price": 2, "kind": 3}
    assert two("list").network.config()["outputs"] == [2, 3]


@pytest.mark.parametrize(
    "outputs",
    [[], {}, 3, "3", [9], [-1], [True], [0, 3], [2, 2], [2], {"": 3, "a": 2}, {"a": None}],
)
def test_a_malformed_list_of_outputs_is_a_value_error(outputs):
    config = two().network.config() | {"outputs": outputs}
    with pytest.raises(ValueError, match="output"):
        Network.from_config(config)


# --- what is told and drawn


def test_summary_repr_and_diagram_tell_the_outputs():
    pytest.importorskip("matplotlib")
    model = two()
    assert repr(model) == "<Model 4 → 3 layers → 1 and 3; 49 parameters, float64>"
    lines = str(model.summary()).splitlines()
    assert lines[0].split()[-1] == "output"
    assert [line.split()[-1] for line in lines[3:5]] == ["price", "kind"]
    assert "output" not in str(fm.MLP([2, 1]).summary()).splitlines()[0]
    names = ["p", "a", "b", "c"]
    ax = fm.plot.network(model, class_names=names)
    assert set(names) <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.solve_output_layer(X, PRICE),
        lambda m: m.collapse_linear(),
        lambda m: m.network.forward(),
        lambda m: m.network.output_columns,
        lambda m: m.network.output_activation,
    ],
)
def test_what_is_of_one_output_refuses_several(call):
    with pytest.raises(ValueError, match=r"of one output, the network has \['price', 'kind'\]"):
        call(two())


def test_regions_are_of_one_output():
    pytest.importorskip("matplotlib")
    x = fm.Input(2)
    model = fm.Model(x, [fm.Dense(1)(x), fm.Dense(1)(x)], seed=0)
    with pytest.raises(ValueError, match="regions are of one output"):
        fm.plot.decision_boundary(model, X[:, :2], KIND > 0)


# --- wrong outputs


@pytest.mark.parametrize(
    ("outputs", "error", "message"),
    [
        (lambda x, y: [], ValueError, "outputs must hold one symbol at least"),
        (lambda x, y: {}, ValueError, "outputs must hold one symbol at least"),
        (lambda x, y: [y, y], ValueError, "one of them is there twice"),
        (lambda x, y: [y, x], ValueError, r"outputs\[1\] must come from a layer"),
        (lambda x, y: {"a": y, "b": 3}, TypeError, r"outputs\['b'\] must be one symbol"),
        (lambda x, y: {1: y}, TypeError, "keys of outputs must be names"),
        (lambda x, y: {"": y}, ValueError, "names of outputs must not be empty"),
        (lambda x, y: {"\ud800": y}, ValueError, "outputs: .* cannot be written as UTF-8"),
        (lambda x, y: 3, TypeError, "output must be one symbol.*or a list or dict"),
    ],
)
def test_wrong_outputs_are_errors(outputs, error, message):
    x = fm.Input(2)
    with pytest.raises(error, match=message):
        fm.Model(x, outputs(x, fm.Dense(1)(x)))


def test_every_input_has_to_lead_to_an_output():
    x, z, idle = fm.Input(2), fm.Input(3), fm.Input(1)
    outputs = [fm.Dense(1)(x), fm.Dense(1)(z)]
    assert len(fm.Model([x, z], outputs).predict([np.ones((2, 2)), np.ones((2, 3))])) == 2
    with pytest.raises(ValueError, match="no output depends on the input"):
        fm.Model([x, z, idle], [fm.Dense(1)(x), fm.Dense(1)(z)])


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((23, 1)), TypeError, "out must be a list or dict of 2 arrays"),
        ([np.empty((23, 1))], ValueError, "out must hold 2 arrays"),
        ({"price": np.empty((23, 1))}, ValueError, r"lacks \['kind'\]"),
        ({"price": 1, "sort": 2}, ValueError, "out names the output 'sort'"),
        (
            [np.empty((23, 1)), np.empty((23, 2))],
            ValueError,
            r"out\['kind'\] must have shape \(23, 3\)",
        ),
        ([np.empty((23, 1)), np.empty((23, 3), "f4")], TypeError, r"out\['kind'\] must have dtype"),
    ],
)
def test_a_wrong_out_is_an_error_that_names_the_output(out, error, message):
    with pytest.raises(error, match=message):
        two().predict(X, out=out)


def test_sparse_rows_and_several_inputs_have_several_outputs():
    x, z = fm.Input(2, name="x"), fm.Input(2, name="z")
    h = fm.Dense(3, "tanh")(fm.concat([x, z]))
    model = fm.Model([x, z], {"a": fm.Dense(1)(h), "b": fm.Dense(2)(x)}, seed=0, dtype="float64")
    dense = {"x": X[:, :2], "z": X[:, 2:]}
    answer = model.predict(dense)
    np.testing.assert_allclose(answer["b"], X[:, :2] @ model.layers[-1].weights.T, rtol=1e-12)
    single = two(dtype="float64")
    again = single.predict(scipy.sparse.csr_array(X))
    for name, expected in single.predict(X).items():
        np.testing.assert_allclose(again[name], expected, rtol=1e-12)
    J = model.jacobian(dense, output="b")
    np.testing.assert_allclose(J["x"], np.broadcast_to(model.layers[-1].weights, (23, 2, 2)))
    assert not J["z"].any()
