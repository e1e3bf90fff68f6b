import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import losses, metrics
from fastmlp.losses import LOSSES, Loss, l2_penalty, mean_loss

RNG = np.random.default_rng(5)


def per_example(spec, z, t, output="identity"):
    """The loss of each row of an output φ(z), in NumPy."""
    z, t = np.asarray(z, float), np.asarray(t, float)
    z_node, t_node = g.input(z.shape[1], "z"), g.input(t.shape[1], "t")
    y = getattr(g, output)(z_node)
    return g.reference.evaluate(losses.get(spec)(y, t_node), {z_node: z, t_node: t})[:, 0]


def crammer_singer(y, labels):
    """The formula, word for word."""
    rows = []
    for row, label in zip(y, labels, strict=True):
        rival = max(row[j] for j in range(len(row)) if j != label)
        rows.append(max(0, 1 + rival - row[label]))
    return rows


# ----------------------------------------------------------------------------- pencil and paper


def test_squared_error_is_half_the_sum_of_squares():
    assert per_example("squared_error", [[1, 2], [0, 0]], [[0, 4], [0, 0]]).tolist() == [2.5, 0]


def test_cross_entropy_of_equal_outputs_is_the_log_of_their_number():
    loss = per_example("cross_entropy", np.zeros((1, 5)), [[3]], "softmax")
    np.testing.assert_allclose(loss, np.log(5))


def test_binary_cross_entropy_is_minus_log_of_the_probability_of_the_target():
    z, t = np.array([[0.7], [0.7], [-2.0]]), np.array([[1], [0], [0.25]])
    y = 1 / (1 + np.exp(-z))
    expected = -(t * np.log(y) + (1 - t) * np.log(1 - y))
    np.testing.assert_allclose(
        per_example("binary_cross_entropy", z, t, "logistic"), expected[:, 0], rtol=1e-14
    )


CROSS_ENTROPIES = {
    "name": lambda z, t: losses.get("binary_cross_entropy")(g.logistic(z), t),
    "written out": lambda z, t: g.softplus(z) - t * z,
    "with t as a number": lambda z, t: g.softplus(z) - 1.0 * z,
    "without t": lambda z, t: g.softplus(z) - z,
    "t last": lambda z, t: g.softplus(z) - z * t,
    "the product first": lambda z, t: -(t * z) + g.softplus(z),
    "a negative factor": lambda z, t: g.softplus(z) + (-t) * z,
    "a negative z": lambda z, t: g.softplus(z) + t * -z,
    "the likelihood": lambda z, t: -(t * z - g.softplus(z)),
    "the likelihood summed": lambda z, t: -g.sum(z * t - g.softplus(z), axis=1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", CROSS_ENTROPIES)
def test_the_cross_entropy_of_a_sure_and_right_answer_keeps_its_digits(form, dtype):
    z, t = g.input(1, "z"), g.input(1, "t")
    each = CROSS_ENTROPIES[form](z, t)
    Z = np.array([2, 8, 12, 16, 20, 30, 50, 80.0])
    feeds = {z: Z, t: np.ones(8)} if t in g.topological_order(each) else {z: Z}
    for values in (g.reference.evaluate(each, feeds, dtype), g.run(each, feeds, dtype)):
        np.testing.assert_allclose(values[:, 0], np.log1p(np.exp(-Z)), 5 * np.finfo(dtype).eps)


def test_the_cross_entropy_of_a_sure_no_keeps_its_digits_too():
    z, t, Z = g.input(1, "z"), g.input(1, "t"), np.array([-2, -12, -20, -50.0])
    each, feeds = g.softplus(-z) + (1 - t) * z, {z: Z, t: np.zeros(4)}
    for run in (g.reference.evaluate, g.run):
        values = run(each, feeds, np.float64)[:, 0]
        np.testing.assert_allclose(values, np.log1p(np.exp(Z)), 1e-15)


@pytest.mark.parametrize("form", CROSS_ENTROPIES)
def test_every_form_of_the_cross_entropy_is_the_same_function(form):
    z, t = g.input(1, "z"), g.input(1, "t")
    each = CROSS_ENTROPIES[form](z, t)
    feeds = {z: [-3, -0.1, 0.2, 9], t: [1.0, 1.0, 1.0, 1.0]}
    feeds = {node: value for node, value in feeds.items() if node in g.topological_order(each)}
    values = g.run(each, feeds, np.float64)[:, 0]
    np.testing.assert_allclose(values, np.logaddexp(0, -np.array(feeds[z])), 1e-14)
    g.check_gradients(g.sum(each), feeds, [*feeds])


CLASS_CROSS_ENTROPIES = {
    "name": lambda z, t: losses.get("cross_entropy")(g.softmax(z), t),
    "by the log of the softmax": lambda z, t: -g.pick(g.log_softmax(z), t),
    "one-hot": lambda z, t: -g.sum(one_hot(t) * g.log_softmax(z), axis=1),
    "one-hot by name": lambda z, t: losses.get("cross_entropy")(g.softmax(z), one_hot(t)),
}


def one_hot(t):
    return g.scatter(g.spread(1.0, t.shape), t, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", CLASS_CROSS_ENTROPIES)
def test_the_cross_entropy_of_a_sure_and_right_class_keeps_its_digits(form, dtype):
    z, t = g.input(3, "z"), g.input(1, "t")
    each = CLASS_CROSS_ENTROPIES[form](z, t)
    gaps = np.array([0, 2, 8, 12, 16, 20, 30, 50, 80.0])
    Z, labels = np.zeros((9, 3)), np.arange(9) % 3
    Z[np.arange(9), labels] = gaps
    for values in (
        g.reference.evaluate(each, {z: Z, t: labels}, dtype),
        g.run(each, {z: Z, t: labels}, dtype),
    ):
        np.testing.assert_allclose(
            values[:, 0], np.log1p(2 * np.exp(-gaps)), 5 * np.finfo(dtype).eps
        )


def test_the_gradient_of_a_sure_and_right_class_keeps_its_digits():
    z, t = g.input(3, "z"), g.input(1, "t")
    z_bar = g.gradient(losses.get("cross_entropy")(g.softmax(z), t), z)
    rest = np.exp(-30)
    expected = [[-2 * rest, rest, rest], [1, rest - 1, rest]]
    feeds = {z: [[30, 0, 0], [30, 0, 0]], t: [0, 1]}
    np.testing.assert_allclose(g.run(z_bar, feeds), expected, 1e-6)
    np.testing.assert_allclose(g.reference.evaluate(z_bar, feeds), expected, 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("targets", ["labels", "one-hot"])
def test_models_and_estimators_tell_the_loss_of_sure_and_right_classes(dtype, targets):
    model = fm.MLP([3, 3], output="softmax", seed=0, dtype=dtype)
    model.layers[0].weights, model.layers[0].biases = 20 * np.eye(3), np.zeros(3)
    X, labels = np.eye(3), np.arange(3)
    t = np.eye(3) if targets == "one-hot" else labels
    expected = pytest.approx(np.log1p(2 * np.exp(-20)), rel=1e-5)
    assert model.evaluate(X, t)["loss"] == expected
    history = model.copy().fit(X, t, epochs=1, optimizer=fm.SGD(1e-6), verbose=False)
    assert history.history["loss"] == [expected]
    estimator = fm.MLPClassifier(
        (), alpha=0, max_iter=1, solver="sgd", dtype=dtype, warm_start=True, batch_size=3
    )
    estimator.coefs_, estimator.intercepts_ = [20 * np.eye(3)], [np.zeros(3)]
    estimator.classes_ = labels
    with pytest.warns(UserWarning, match="Maximum iterations"):
        estimator.fit(X, labels)
    assert estimator.loss_curve_ == [expected]


def test_sums_that_only_look_like_a_cross_entropy_are_computed_as_written():
    z, t = g.input(1, "z"), g.input(1, "t")
    Z, T = np.array([-3, 0.2, 9.0]), np.array([0.5, 1, 0.25])
    plus = np.logaddexp(0, Z)
    for node, expected in (
        (g.softplus(z) + t * z, plus + T * Z),
        (g.softplus(z) - t * t, plus - T * T),
        (-g.softplus(z) - t * z, -plus - T * Z),
        (g.softplus(-z) - t * z, np.logaddexp(0, -Z) - T * Z),
        (g.softplus(z) - g.softplus(t), plus - np.logaddexp(0, T)),
    ):
        for run in (g.reference.evaluate, g.run):
            values = run(node, {z: Z, t: T}, np.float64)[:, 0]
            np.testing.assert_allclose(values, expected, 1e-15)


def test_the_gradient_of_a_sure_and_right_answer_keeps_its_digits():
    z, t = g.input(1, "z"), g.input(1, "t")
    z_bar = g.gradient(losses.get("binary_cross_entropy")(g.logistic(z), t), z)
    Z = np.array([30, 30, -30, -30.0])
    found = g.run(z_bar, {z: Z, t: [1, 0, 0, 1]})[:, 0]
    np.testing.assert_allclose(found, np.array([-1, 1, 1, -1]) * [np.exp(-30), 1, np.exp(-30), 1])
    g.check_gradients(g.sum(z_bar * z), {z: [-3, -0.1, 0.2, 9], t: [1, 0.3, 0, 0.9]}, [z, t])


def test_parts_of_a_written_out_cross_entropy_can_be_fed_and_differentiated():
    z, t = g.input(1, "z"), g.input(1, "t")
    plus, product = g.softplus(z), t * z
    loss = plus - product
    for run in (g.reference.evaluate, g.run):
        assert run(loss, {plus: 5.0, z: 1.0, t: 1.0}).item() == 4
        assert run(loss, {product: 0.0, z: 0.0, t: 1.0}).item() == pytest.approx(np.log(2))
        assert run(g.gradient(loss, product), {z: 1.0, t: 1.0}).item() == -1


def test_binary_hinge_is_zero_beyond_the_margin_and_linear_within():
    y = [[2.0], [0.25], [0.25], [-3.0]]
    assert per_example("hinge", y, [[1], [1], [0], [0]]).tolist() == [0, 0.75, 1.25, 0]


def test_multiclass_hinge_compares_with_the_best_of_the_other_classes():
    y = [[3.0, 1.0, 0.5], [3.0, 2.5, 0.0], [0.0, 0.0, 0.0]]
    assert per_example("hinge", y, [[0], [1], [2]]).tolist() == [0, 1.5, 1]


# ------------------------------------------------------------------------------------ properties


@pytest.mark.parametrize("columns", [2, 3, 17])
def test_multiclass_hinge_is_crammer_and_singers_formula(columns):
    y, labels = RNG.normal(size=(31, columns)), RNG.integers(columns, size=31)
    np.testing.assert_allclose(
        per_example("hinge", y, labels[:, None]), crammer_singer(y, labels), atol=1e-15
    )


@pytest.mark.parametrize("spec", ["cross_entropy", "hinge"])
def test_one_hot_targets_and_labels_are_the_same(spec):
    output = "softmax" if spec == "cross_entropy" else "identity"
    z, labels = RNG.normal(size=(7, 4)), RNG.integers(4, size=7)
    np.testing.assert_allclose(
        per_example(spec, z, labels[:, None], output),
        per_example(spec, z, np.eye(4)[labels], output),
        rtol=1e-14,
    )


@pytest.mark.parametrize("spec", ["cross_entropy", "hinge"])
def test_an_offset_shared_by_all_outputs_changes_nothing(spec):
    output = "softmax" if spec == "cross_entropy" else "identity"
    z, labels = RNG.normal(size=(5, 3)), RNG.integers(3, size=(5, 1))
    np.testing.assert_allclose(
        per_example(spec, z + 1e6, labels, output), per_example(spec, z, labels, output), atol=1e-9
    )


def test_cross_entropy_is_minus_log_of_the_softmax_at_the_label():
    z, labels = RNG.normal(size=(6, 4)), RNG.integers(4, size=6)
    y = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        per_example("cross_entropy", z, labels[:, None], "softmax"), -np.log(y[range(6), labels])
    )


def test_two_class_cross_entropy_is_the_binary_one_of_the_difference():
    z, t = RNG.normal(size=(9, 2)), RNG.integers(2, size=(9, 1))
    np.testing.assert_allclose(
        per_example("cross_entropy", z, t, "softmax"),
        per_example("binary_cross_entropy", z[:, 1:] - z[:, :1], t, "logistic"),
    )


def test_losses_of_probabilities_stay_finite_when_an_output_saturates():
    assert per_example("cross_entropy", [[1000, -1000]], [[1]], "softmax").tolist() == [2000]
    assert per_example("binary_cross_entropy", [[-1000]], [[1]], "logistic").tolist() == [1000]


def test_binary_cross_entropy_of_several_columns_is_the_sum_over_them():
    z, t = RNG.normal(size=(4, 3)), RNG.integers(2, size=(4, 3))
    columns = [
        per_example("binary_cross_entropy", z[:, k : k + 1], t[:, k : k + 1], "logistic")
        for k in range(3)
    ]
    np.testing.assert_allclose(
        per_example("binary_cross_entropy", z, t, "logistic"), sum(columns), rtol=1e-14
    )


CASES = {
    "squared_error": [("identity", 3, "real"), ("tanh", 1, "real")],
    "cross_entropy": [("softmax", 5, "label"), ("softmax", 2, "one-hot")],
    "binary_cross_entropy": [("logistic", 1, "binary"), ("logistic", 4, "binary")],
    "hinge": [("identity", 1, "binary"), ("identity", 4, "label")],
    "mean_squared_error": [("identity", 3, "real"), ("tanh", 1, "real")],
    "absolute_error": [("identity", 3, "real"), ("tanh", 1, "real")],
    "huber": [("identity", 3, "real"), ("identity", 1, "real")],
    "log_cosh": [("identity", 3, "real"), ("identity", 1, "real")],
    "quantile": [("identity", 3, "real"), ("identity", 1, "real")],
    "cosine_similarity": [("identity", 2, "real"), ("tanh", 5, "real")],
    "poisson": [("exp", 3, "counts"), ("identity", 1, "counts")],
    "kl_divergence": [("softmax", 5, "probabilities"), ("softmax", 2, "label")],
    "gaussian_nll": [("identity", 6, "half"), ("identity", 2, "half")],
    "log_loss": [("softmax", 3, "label"), ("logistic", 1, "binary")],
    "focal": [("softmax", 5, "label"), ("softmax", 2, "one-hot")],
    "binary_focal": [("logistic", 1, "binary"), ("logistic", 4, "binary")],
}


def example(output, columns, kind, rows):
    """Return nodes z, y, t and feeds for them, with targets of a kind."""
    labels = RNG.integers(columns, size=rows)
    t = {
        "real": RNG.normal(size=(rows, columns)),
        "binary": RNG.integers(2, size=(rows, columns)),
        "label": labels[:, None],
        "one-hot": np.eye(columns)[labels],
        "counts": RNG.poisson(2.0, size=(rows, columns)),
        "probabilities": RNG.dirichlet(np.ones(columns), size=rows),
        "half": RNG.normal(size=(rows, columns // 2 or 1)),
    }[kind]
    z_node, t_node = g.input(columns, "z"), g.input(t.shape[1], "t")
    feeds = {z_node: RNG.normal(size=(rows, columns)), t_node: t}
    return z_node, getattr(g, output)(z_node), t_node, feeds


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_every_loss_is_its_derivative(name):
    for case in CASES[name]:
        z, y, t, feeds = example(*case, rows=7)
        bar = g.input(1, "bar")
        feeds[bar] = RNG.normal(size=(7, 1))
        report = g.check_gradients(g.sum(losses.get(name)(y, t) * bar), feeds, wrt=[z])
        assert set(report.errors) == {z}


@pytest.mark.parametrize("rows", [1, 7, 33])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_and_metric_runs_in_the_core_as_in_the_reference(name, rows):
    for case in CASES[name]:
        z, y, t, feeds = example(*case, rows=rows)
        weights = g.input(1, "weights")
        feeds[weights] = RNG.random(size=(rows, 1))
        loss = losses.get(name)
        J = mean_loss(loss(y, t), weights)
        outputs = [J, g.gradient(J, z), mean_loss(loss(y, t))]
        if name != "gaussian_nll":  # whose outputs are no classes
            outputs += [metrics.get(m)(y, t, loss) for m in ("accuracy", "zero_one")]
        expected = g.reference.evaluate(outputs, feeds)
        found = g.run(outputs, feeds, dtype="float64")
        for value, reference in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, reference, rtol=1e-12, atol=1e-14)


def test_cross_entropy_is_one_operation_on_the_logits():
    z, t = g.input(3, "z"), g.input(1, "t")
    loss = losses.get("cross_entropy")(g.softmax(z), t)
    assert loss.op == "softmax_cross_entropy"
    assert loss.parents[0] is z


def test_multiclass_hinge_needs_no_more_nodes_for_more_classes():
    def nodes(columns):
        y, t = g.input(columns, "y"), g.input(1, "t")
        return len(g.topological_order(losses.get("hinge")(y, t)))

    assert nodes(2) == nodes(1000)


# ------------------------------------------------------------------------- outputs and targets


@pytest.mark.parametrize(
    ("spec", "output", "columns", "message"),
    [
        ("cross_entropy", "identity", 3, "an output of 'softmax', not 'input'"),
        ("cross_entropy", "logistic", 3, "set output='softmax'"),
        ("cross_entropy", "softmax", 1, "output='logistic' and loss='binary_cross_entropy'"),
        ("binary_cross_entropy", "softmax", 3, "an output of 'logistic', not 'softmax'"),
        ("binary_cross_entropy", "identity", 1, "set output='logistic'"),
        ("squared_error", "identity", 3, "y has 3 columns and t has 1"),
        ("binary_cross_entropy", "logistic", 3, "y has 3 columns and t has 1"),
    ],
)
def test_an_output_that_does_not_suit_the_loss_is_an_error(spec, output, columns, message):
    with pytest.raises(ValueError, match=message):
        losses.get(spec)(getattr(g, output)(g.input(columns)), g.input(1))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_refuses_targets_of_another_width_than_its_outputs(name):
    loss, y = losses.get(name), getattr(g, CASES[name][0][0])(g.input(4, "z"))
    fitting = {1, 4} if loss.target == "class" else {loss.target_columns(4)}
    for width in {1, 2, 3, 4, 5} - fitting:
        with pytest.raises(ValueError, match=rf"^{name} .* (t has|not with) {width}\b"):
            loss(y, g.input(width, "t"))


def test_log_loss_is_called_by_its_name_where_it_does_what_others_do():
    for output, columns, width in (("softmax", 1, 1), ("softmax", 3, 2), ("logistic", 1, 2)):
        with pytest.raises(ValueError, match=r"^log_loss"):
            losses.get("log_loss")(getattr(g, output)(g.input(columns)), g.input(width))


def test_labels_in_any_form_become_one_column_of_int64():
    encode = losses.get("cross_entropy").encode_targets
    for t in (
        [2, 0],
        [[2], [0]],
        np.array([2.0, 0.0], np.float32),
        np.array([2, 0], np.uint8),
        [[0, 0, 1], [1, 0, 0]],
        np.array([[0, 0, 1], [1, 0, 0]], np.float32),
    ):
        encoded = encode(t, 3)
        assert encoded.dtype == np.int64
        assert encoded.tolist() == [[2], [0]]


def test_rows_of_probabilities_stay_rows_for_cross_entropy():
    t = np.array([[0.25, 0.75], [1, 0]], np.float32)
    assert np.shares_memory(losses.get("cross_entropy").encode_targets(t, 2), t)


def test_two_classes_of_the_hinge_are_zero_and_one_or_minus_and_plus_one():
    encode = losses.get("hinge").encode_targets
    assert encode([0, 1, 1], 1).tolist() == [[0], [1], [1]]
    assert encode([-1, 1.0, 1], 1).tolist() == [[0], [1], [1]]
    assert encode([True, False], 1).tolist() == [[1], [0]]


@pytest.mark.parametrize("name", ["squared_error", "binary_cross_entropy"])
def test_targets_that_fit_are_not_copied(name):
    for t in (np.ones((3, 2), np.float32), np.zeros((3, 2), np.uint8)):
        assert losses.get(name).encode_targets(t, 2) is t
    column = np.ones(4)
    assert np.shares_memory(losses.get(name).encode_targets(column, 1), column)


@pytest.mark.parametrize(
    ("name", "t", "columns", "error", "message"),
    [
        (
            "cross_entropy",
            [0, 3, 5],
            3,
            ValueError,
            "2 values out of range; the first is 3 at row 1; expected labels 0 … 2",
        ),
        ("cross_entropy", [0, -1], 3, ValueError, "1 value out of range; the first is -1 at row 1"),
        ("cross_entropy", [0, 0.5], 3, ValueError, "no class labels; the first is 0.5 at row 1"),
        ("cross_entropy", [0, np.nan], 3, ValueError, "the first is nan at row 1; expected"),
        (
            "cross_entropy",
            [[0, 1]],
            3,
            ValueError,
            r"has 2 columns.*needs the shape \(1, 3\) \(or labels 0 … 2",
        ),
        (
            "cross_entropy",
            [[1, 0], [1, 1]],
            2,
            ValueError,
            "1 of 2 are neither, the first is row 1",
        ),
        ("cross_entropy", [[1.5, -0.5]], 2, ValueError, "one-hot rows or rows of probabilities"),
        ("cross_entropy", [[np.nan, 1]], 2, ValueError, "one-hot rows or rows of probabilities"),
        ("cross_entropy", ["cat", "dog"], 2, TypeError, "must hold numbers, not <U3; text labels"),
        ("cross_entropy", np.array([0, None]), 2, TypeError, "t must hold numbers, not object"),
        ("cross_entropy", [], 2, ValueError, r"t is empty: its shape is \(0,\)"),
        ("cross_entropy", 1, 2, ValueError, r"1 or 2 dimensions, not the shape \(\)"),
        ("cross_entropy", np.zeros((2, 2, 2)), 2, ValueError, r"not the shape \(2, 2, 2\)"),
        (
            "binary_cross_entropy",
            [0, 2, -1],
            1,
            ValueError,
            "2 values outside 0 … 1; the first is 2 at row 1",
        ),
        ("binary_cross_entropy", [[0, np.nan]], 2, ValueError, "first is nan at row 0, column 1"),
        ("binary_cross_entropy", [0, 1], 3, ValueError, r"\(2, 3\); .*use output='softmax'"),
        (
            "squared_error",
            [0, 1],
            3,
            ValueError,
            r"needs the shape \(2, 3\); class labels .* np.eye\(3\)",
        ),
        ("squared_error", [0.5, 1], 2, ValueError, r"needs the shape \(2, 2\)$"),  # no labels
        (
            "squared_error",
            [[0, 1]],
            1,
            ValueError,
            r"t has 2 columns; a network of 1 output column needs the shape \(1, 1\)",
        ),
        ("squared_error", [1j], 1, TypeError, "not complex128"),
        (
            "hinge",
            [0, 1, 2],
            1,
            ValueError,
            "the first is 2 at row 2; expected 0 and 1, or −1 and 1",
        ),
        ("hinge", [-1, 1, -1, 0], 1, ValueError, "1 value out of range; the first is 0 at row 3"),
    ],
)
def test_targets_that_do_not_fit_are_errors_that_say_how_many_and_where(
    name, t, columns, error, message
):
    with pytest.raises(error, match=message):
        losses.get(name).encode_targets(t, columns)


def test_the_error_calls_the_argument_by_its_name():
    with pytest.raises(ValueError, match=r"validation_data\[1\] has 1 value out of range"):
        losses.get("cross_entropy").encode_targets([7], 3, name="validation_data[1]")


@pytest.mark.parametrize("name", LOSSES)
def test_encoded_targets_usually_have_the_columns_promised(name):
    loss = losses.get(name)
    for columns in (2, 4) if name == "gaussian_nll" else (1, 2, 7):
        labels = np.zeros((3, loss.target_columns(columns)))
        assert loss.encode_targets(labels, columns).shape == labels.shape


# --------------------------------------------------------------------------------- custom losses


def test_a_custom_loss_with_a_number_for_each_example_is_taken_as_it_is():
    y, t = g.input(2, "y"), g.input(2, "t")
    loss = losses.get(lambda y, t: g.sum(g.abs(y - t), axis=1))(y, t)
    value = g.reference.evaluate(loss, {y: [[1, 2], [3, 4]], t: np.zeros((2, 2))})
    assert value.tolist() == [[3], [7]]


def test_the_columns_of_a_custom_loss_are_summed():
    y, t = g.input(2, "y"), g.input(2, "t")
    loss = losses.get(lambda y, t: g.abs(y - t))(y, t)
    value = g.reference.evaluate(loss, {y: [[1, 2], [3, 4]], t: np.zeros((2, 2))})
    assert value.tolist() == [[3], [7]]


def test_a_custom_loss_that_is_one_number_is_reduced_already():
    y, t = g.input(2, "y"), g.input(2, "t")
    loss = losses.get(lambda y, t: g.mean((y - t) ** 2))(y, t)
    assert loss.shape == (1, 1)
    assert mean_loss(loss) is loss


def test_the_targets_of_a_custom_function_are_left_alone_whatever_their_width():
    custom = losses.get(lambda y, t: y - t[:, 0])
    assert custom.encode_targets([[5.0, -1], [2, 7]], 1).tolist() == [[5, -1], [2, 7]]
    assert custom.encode_targets([5, 2], 3).tolist() == [[5], [2]]


def test_a_custom_loss_may_have_its_targets_checked():
    custom = Loss("mine", "−y_t", lambda y, t: -g.pick(y, t), target="class")
    assert losses.get(custom) is custom
    with pytest.raises(ValueError, match="the first is 3 at row 0"):
        custom.encode_targets([3], 3)


def test_a_function_that_returns_no_node_is_a_type_error():
    with pytest.raises(TypeError, match="loss 'constant' must return a graph node, not float"):
        Loss("constant", "1", lambda y, t: 1.0)(g.input(1), g.input(1))


def test_a_function_of_arrays_is_told_whose_it_is_and_what_it_was_given():
    with pytest.raises(TypeError, match=r"loss 'theirs' is called with graph nodes \(y, t\), and"):
        Loss("theirs", "", lambda y, t: y.size())(g.input(1), g.input(1))


@pytest.mark.parametrize(
    "constant",
    [
        lambda y, t: g.constant(1.0),
        lambda y, t: (t - 1.0) ** 2,
        lambda y, t: g.mean(t),
        lambda y, t: g.sum(g.parameter([[1.0]], "W") ** 2),
    ],
)
def test_a_function_that_looks_at_no_output_is_a_value_error(constant):
    with pytest.raises(ValueError, match="loss '<lambda>' does not depend on the outputs y"):
        losses.get(constant)(g.input(2, "y"), g.input(2, "t"))
    model = fm.MLP([1, 2, 1], seed=0)
    with pytest.raises(ValueError, match="nothing would be learned from the data"):
        model.fit([[0.0], [1.0]], [0.0, 1.0], loss=constant, epochs=1)
    assert model.history is None


def test_a_loss_of_what_the_outputs_are_made_of_can_be_learned():
    functions = [
        lambda y, t: (y.parents[0] - t) ** 2,  # the logits
        lambda y, t: (y.parents[0].parents[0] - t) ** 2,  # the layer before
    ]
    for function in functions:
        model = fm.MLP([1, 2, 1], output="logistic", seed=0)
        assert len(model.fit([[0.0], [1.0]], [0, 1], loss=function, epochs=1)["loss"]) == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda y: y, r"fails: .*takes 1 positional argument but 2 were given"),
        (lambda y, t: y.mean(), r"fails: .*no attribute 'mean'; write g.mean"),
        (lambda y, t: np.abs(y - t), r"fails: np.absolute computes with arrays.*write g.abs"),
    ],
)
def test_a_function_that_fails_with_nodes_is_said_to_be_the_loss(function, message):
    with pytest.raises(TypeError, match=f"^loss '<lambda>' is called with graph nodes.*{message}"):
        fm.MLP([1, 2, 1], seed=0).fit([[0.0], [1.0]], [0.0, 1.0], loss=function, epochs=1)


def test_functions_that_exec_made_belong_to_no_module():
    made = {}
    exec("def half(y, t): return 0.5 * (y - t) ** 2\ndef odd(y, t): return y.mean()", made)
    assert made["half"].__module__ is None
    model = fm.MLP([1, 2, 1], seed=0)
    data = [[0.0], [1.0]], [0.0, 1.0]
    assert len(model.fit(*data, loss=made["half"], epochs=1)["loss"]) == 1
    for how in ({"loss": made["odd"]}, {"metrics": [made["odd"]]}):
        with pytest.raises(TypeError, match="'odd' is called with graph nodes"):
            model.fit(*data, epochs=1, **how)


def test_a_function_that_sums_over_examples_but_not_columns_is_a_value_error():
    custom = losses.get(lambda y, t: g.sum(y - t, axis=0))
    with pytest.raises(ValueError, match=r"must return \(batch, 1\).*not \(1, 2\)"):
        custom(g.input(2), g.input(2))


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("zero_one", ValueError, "cannot be a loss: its gradient is zero"),
        ("accuracy", ValueError, "metrics=.'accuracy'"),
        ("squared_eror", ValueError, "did you mean 'squared_error'"),
        (3, TypeError, "loss must be a name, a Loss or a function.*not int"),
    ],
)
def test_what_is_no_loss_is_an_error(spec, error, message):
    with pytest.raises(error, match=message):
        losses.get(spec)


def test_an_unknown_kind_of_target_is_an_error():
    with pytest.raises(ValueError, match="target must be one of"):
        Loss("mine", "", lambda y, t: y, target="label")


@pytest.mark.parametrize(
    ("activation", "columns"), [("softmax", 3), ("logistic", 2), ("identity", 2), ("tanh", 1)]
)
def test_the_default_loss_accepts_the_output_it_is_the_default_for(activation, columns):
    loss = losses.get(losses.default(activation))
    t = g.input(loss.target_columns(columns))
    assert loss(getattr(g, activation)(g.input(columns)), t).shape == (g.BATCH, 1)


# ------------------------------------------------------------------------------------- reduction


def test_the_mean_over_examples_counts_each_once():
    L = g.input(1, "L")
    assert g.reference.evaluate(mean_loss(L), {L: [1, 2, 6]}).tolist() == [[3]]


def test_a_weight_of_two_is_the_example_given_twice():
    L, w = g.input(1, "L"), g.input(1, "w")
    weighted = g.reference.evaluate(mean_loss(L, w), {L: [1, 2, 6], w: [1, 2, 0]})
    twice = g.reference.evaluate(mean_loss(L), {L: [1, 2, 2]})
    np.testing.assert_allclose(weighted, twice, rtol=1e-15)


def test_the_scale_of_the_weights_does_not_matter():
    L, w = g.input(1, "L"), g.input(1, "w")
    mean = mean_loss(L, w)
    weights = np.array([0.5, 3, 1])
    np.testing.assert_allclose(
        g.reference.evaluate(mean, {L: [1, 2, 6], w: weights * 1e-12}),
        g.reference.evaluate(mean, {L: [1, 2, 6], w: weights}),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_whose_weights_are_all_zero_has_the_mean_and_the_gradient_zero(dtype):
    L, w = g.input(1, "L"), g.input(1, "w")
    mean = mean_loss(L, w)
    found = g.reference.evaluate([mean, *g.gradient(mean, [L])], {L: [1, 2], w: [0, 0]}, dtype)
    assert all((value == 0).all() for value in found)


def test_weights_need_a_number_for_each_example():
    y, w = g.input(1, "y"), g.input(1, "w")
    with pytest.raises(ValueError, match="reduced already"):
        mean_loss(g.mean(y), w)
    with pytest.raises(ValueError, match="weights must have the shape"):
        mean_loss(y, g.input(2))
    with pytest.raises(ValueError, match="per_example must have one column"):
        mean_loss(g.input(2))


# ------------------------------------------------------------------------------------------- L2


def penalty(*arguments):
    node = l2_penalty(*arguments)
    return g.reference.evaluate(node, {}).item()


def test_the_penalty_is_half_lambda_times_the_sum_of_squares():
    W = [g.parameter([[1.0, 2.0], [3.0, 0.0]]), g.parameter([[2.0]])]
    assert penalty(W, 0.5) == pytest.approx(0.5 * 0.5 * (1 + 4 + 9 + 4))
    assert penalty(W, [0.5, 2.0]) == pytest.approx(0.5 * (0.5 * 14 + 2 * 4))
    assert penalty(W, [0, 2.0]) == pytest.approx(0.5 * 2 * 4)


def test_the_gradient_of_the_penalty_is_lambda_w():
    W = g.parameter([[1.0, -2.0, 0.0]])
    (W_bar,) = g.gradient(l2_penalty([W], 0.25), [W])
    np.testing.assert_allclose(g.reference.evaluate(W_bar, {}), [[0.25, -0.5, 0.0]])


def test_there_is_no_penalty_without_weights_or_lambda():
    W = g.parameter([[1.0]])
    assert l2_penalty([], 0.5) is None
    assert l2_penalty([W], 0) is None
    assert l2_penalty([W, W], [0, 0.0]) is None


@pytest.mark.parametrize(
    ("l2", "error", "message"),
    [
        (-1.0, ValueError, "l2 must be a finite number and at least 0, got -1"),
        (float("inf"), ValueError, "finite"),
        (True, TypeError, "l2 must be a number"),
        ([0.1, 0.2], ValueError, "l2 has 2 values for 1 weight matrices"),
        (["0.1"], TypeError, "l2 must be a number"),
    ],
)
def test_a_lambda_that_makes_no_sense_is_an_error(l2, error, message):
    with pytest.raises(error, match=message):
        l2_penalty([g.parameter([[1.0]])], l2)


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("wrong", [None, 3, "y", [0.5], np.ones((2, 3)), np.array(3.0)])
def test_a_loss_is_called_with_nodes(name, wrong):
    y, t = g.softmax(g.input(3, "y")), g.input(3, "t")
    with pytest.raises(TypeError, match=": y must be a graph node, got"):
        losses.get(name)(wrong, t)
    with pytest.raises(TypeError, match=": t must be a graph node, got"):
        losses.get(name)(y, wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: losses.mean_loss(3), "per_example must be a graph node, got int"),
        (lambda: losses.mean_loss(g.input(1), [1.0]), "weights must be a graph node, got list"),
        (lambda: losses.mean_loss(g.input(1), g.input(1), 2.0), "total must be a graph node"),
        (lambda: l2_penalty(g.parameter([[1.0]]), 0.1), "must be a list of graph nodes, got one"),
        (lambda: losses.l1_penalty(None, 0.1), "must be a list of graph nodes, got one NoneType"),
        (lambda: losses.elastic_penalty([[1.0]], 0.1, 0.1), "each of weight_nodes must be a graph"),
        (lambda: losses.named(3), "name must be a text, got 3"),
        (lambda: losses.config("mse"), "loss must be a Loss, got str"),
        (lambda: losses.default(["softmax"]), "output_activation must be a name"),
        (lambda: losses.Loss(None, "", len), "name must be a text, got None"),
        (lambda: losses.Loss("mine", 3, len), "formula must be a text, got 3"),
        (lambda: losses.Loss("mine", "", 3), "function must be a function, got 3"),
        (lambda: losses.CrossEntropy(class_weight={1.0, 2.0}), "class_weight"),
    ],
)
def test_what_losses_are_made_of_is_checked(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong()
