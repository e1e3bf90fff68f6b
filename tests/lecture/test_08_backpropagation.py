"""Item 8: every derivative of the slides against its formula and the core's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g

# What a comparison of the core with NumPy allows, relative to the largest number.
EXACT = {"float32": 2e-6, "float64": 1e-14}
# φ and φ′ in terms of h = φ(z), as the lecture gives them.
ACTIVATIONS = {
    "identity": (lambda z: z, lambda h: np.ones_like(h)),
    "relu": (lambda z: np.maximum(z, 0), lambda h: (h > 0).astype(float)),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda h: 1 - np.exp(-h)),
    "threshold": (lambda z: (z > 0).astype(float), lambda h: np.zeros_like(h)),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h**2),
}


def close(actual: np.ndarray, expected: np.ndarray, dtype: str, what: str = "") -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT[dtype] * scale, err_msg=what)


# ---------------------------------------------------------- univariate logistic least squares


@pytest.mark.parametrize("lam", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("values", [(0.5, 0.1, 1.5, 1.0), (-2.0, 0.7, 0.3, 0.0), (0, 0, -1, 0.5)])
def test_every_derivative_of_the_univariate_model_is_its_formula(values, lam):
    w0, b0, x0, t0 = values
    x, t = g.input(1, "x", rows=1), g.input(1, "t", rows=1)
    w, b = g.parameter(w0, "w"), g.parameter(b0, "b")
    z = w * x + b
    y = g.logistic(z)
    L = 0.5 * (y - t) ** 2
    R = 0.5 * w**2
    J = L + lam * R
    asked = [J, L, R, *g.gradient(J, [J, L, R, y, z, w, b, x, t])]
    got = [v.item() for v in g.run(asked, {x: x0, t: t0}, dtype="float64")]

    z0 = w0 * x0 + b0
    y0 = 1 / (1 + np.exp(-z0))
    L0, R0 = 0.5 * (y0 - t0) ** 2, 0.5 * w0**2
    J_bar = 1.0
    L_bar, R_bar = J_bar, J_bar * lam
    y_bar = L_bar * (y0 - t0)
    z_bar = y_bar * y0 * (1 - y0)
    w_bar, b_bar = z_bar * x0 + R_bar * w0, z_bar
    x_bar, t_bar = z_bar * w0, -y_bar
    expected = [L0 + lam * R0, L0, R0]
    expected += [J_bar, L_bar, R_bar, y_bar, z_bar, w_bar, b_bar, x_bar, t_bar]
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_the_model_that_trains_has_the_gradient_of_the_slides_averaged_over_examples(lam):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=11), rng.integers(0, 2, size=11)
    model = fm.MLP([1, 1], output="logistic", seed=0, dtype="float64")
    w, b = model.layers[0].weights.item(), model.layers[0].biases.item()
    y = 1 / (1 + np.exp(-(w * x + b)))
    z_bar = (y - t) * y * (1 - y)
    step = fm.SGD(0.25)
    model.fit(
        x[:, None], t, loss="squared_error", l2=lam, optimizer=step, epochs=1, batch_size=None
    )
    assert model.layers[0].weights.item() == pytest.approx(
        w - 0.25 * ((z_bar * x).mean() + lam * w), rel=1e-14
    )
    assert model.layers[0].biases.item() == pytest.approx(b - 0.25 * z_bar.mean(), rel=1e-14)


# ------------------------------------------------------------------------------- two paths


@pytest.mark.parametrize("t0", [0.7, 0.0, -1.3, 2.0])
def test_two_paths_add_up_to_the_formula_and_to_the_complex_step(t0):
    t = g.parameter(t0, "t")
    x, y = g.cos(t), t**2
    f = y + g.exp(x * y)
    x_bar, y_bar, t_bar = g.run(g.gradient(f, [x, y, t]), {}, dtype="float64")
    a, b = np.cos(t0), t0**2
    assert x_bar.item() == pytest.approx(b * np.exp(a * b), rel=1e-14)
    assert y_bar.item() == pytest.approx(1 + a * np.exp(a * b), rel=1e-14)
    formula = b * np.exp(a * b) * -np.sin(t0) + (1 + a * np.exp(a * b)) * 2 * t0
    assert t_bar.item() == pytest.approx(formula, rel=1e-14, abs=1e-15)
    h = 1e-30
    step = g.reference.evaluate(f, {t: t0 + 1j * h}, dtype=np.complex128).item().imag / h
    assert t_bar.item() == pytest.approx(step, rel=1e-14, abs=1e-15)
    assert max(fm.check_gradients(f, {}).errors.values()) < 1e-12


# --------------------------------------------------- the multilayer perceptron, eight equations


def perceptron(phi: str, sizes: tuple[int, int, int], rows: int):
    """The slides' network, its loss summed over outputs and examples, and data for it."""
    inputs, hidden, outputs = sizes
    rng = np.random.default_rng(sum(sizes) + rows)
    x, t = g.input(inputs, "x"), g.input(outputs, "t")
    W1 = g.parameter(rng.normal(size=(hidden, inputs)), "W1")
    b1 = g.parameter(rng.normal(size=hidden), "b1")
    W2 = g.parameter(rng.normal(size=(outputs, hidden)), "W2")
    b2 = g.parameter(rng.normal(size=outputs), "b2")
    z = g.affine(x, W1, b1)
    h = fm.activations.get(phi)(z)
    y = g.affine(h, W2, b2)
    L = 0.5 * g.sum((y - t) ** 2)
    feeds = {x: rng.normal(size=(rows, inputs)), t: rng.normal(size=(rows, outputs))}
    nodes = {"x": x, "t": t, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "z": z, "h": h, "y": y, "L": L}
    return nodes, feeds


def eight_equations(v: dict[str, np.ndarray], derivative) -> dict[str, np.ndarray]:
    """The slides' equations, unit by unit and example by example, with nothing vectorised."""
    rows, inputs = v["x"].shape
    outputs, hidden = v["W2"].shape
    shapes = {"W1": (hidden, inputs), "b1": (1, hidden), "W2": (outputs, hidden)}
    shapes |= {"b2": (1, outputs), "y": (rows, outputs), "h": (rows, hidden), "z": (rows, hidden)}
    bar = {name: np.zeros(shape) for name, shape in shapes.items()}
    bar["L"] = np.ones((1, 1))  # 1. L̄ = 1
    for n in range(rows):
        for k in range(outputs):
            bar["y"][n, k] = bar["L"][0, 0] * (v["y"][n, k] - v["t"][n, k])  # 2. ȳ_k = ∂L/∂y_k
            for i in range(hidden):
                bar["W2"][k, i] += bar["y"][n, k] * v["h"][n, i]  # 3. w̄⁽²⁾_ki = ȳ_k h_i
                bar["h"][n, i] += bar["y"][n, k] * v["W2"][k, i]  # 5. h̄_i = Σ_k ȳ_k w⁽²⁾_ki
            bar["b2"][0, k] += bar["y"][n, k]  # 4. b̄⁽²⁾_k = ȳ_k
        for i in range(hidden):
            slope = derivative(v["h"][n, i])
            bar["z"][n, i] = bar["h"][n, i] * slope  # 6. z̄_i = h̄_i φ′(z_i)
            for j in range(inputs):
                bar["W1"][i, j] += bar["z"][n, i] * v["x"][n, j]  # 7. w̄⁽¹⁾_ij = z̄_i x_j
            bar["b1"][0, i] += bar["z"][n, i]  # 8. b̄⁽¹⁾_i = z̄_i
    return bar


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 4, 2), (5, 17, 3)])
@pytest.mark.parametrize("phi", ACTIVATIONS)
def test_each_of_the_eight_backward_equations_is_what_the_core_computes(phi, sizes, rows, dtype):
    nodes, feeds = perceptron(phi, sizes, rows)
    signals = ["L", "y", "W2", "b2", "h", "z", "W1", "b1"]
    bars = g.gradient(nodes["L"], [nodes[name] for name in signals])
    asked = [*nodes.values(), *bars]
    values = g.run([v for v in asked if v.op != "input"], feeds, dtype=dtype)
    found = iter(values)
    everything = [feeds[v] if v.op == "input" else next(found) for v in asked]
    forward = dict(zip(nodes, everything, strict=False))
    backward = dict(zip(signals, everything[len(nodes) :], strict=True))
    value, derivative = ACTIVATIONS[phi]
    if not (phi in ("relu", "threshold") and dtype == "float32"):  # z may change its side of zero
        close(forward["h"], value(forward["z"].astype(float)), dtype, "h")
    expected = eight_equations({k: v.astype(float) for k, v in forward.items()}, derivative)
    for name in signals:
        close(backward[name], expected[name], dtype, f"{name}̄ of {phi}")


def test_a_training_step_of_a_model_moves_every_weight_by_the_eight_equations():
    rng = np.random.default_rng(1)
    X, T = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    model = fm.MLP([3, 5, 2], activation="logistic", seed=0, dtype="float64")
    W1, b1, W2, b2 = model.get_weights()
    z = X @ W1.T + b1
    h = 1 / (1 + np.exp(-z))
    v = {"x": X, "t": T, "W1": W1, "W2": W2, "z": z, "h": h, "y": h @ W2.T + b2}
    bar = eight_equations(v, ACTIVATIONS["logistic"][1])
    model.fit(X, T, optimizer=fm.SGD(0.1), epochs=1, batch_size=None)
    for name, before, after in zip(bar, [W1, b1, W2, b2], model.get_weights(), strict=False):
        moved = np.reshape(before - 0.1 * bar[name] / len(X), before.shape)
        np.testing.assert_allclose(after, moved, rtol=1e-13, atol=1e-15, err_msg=name)


def test_the_trace_tells_the_algorithm_with_the_numbers_of_the_core():
    nodes, feeds = perceptron("tanh", (3, 4, 2), 5)
    passes = g.trace(nodes["L"], feeds)
    place = {step.node: step.index for step in passes.forward}
    for step in passes.forward:  # a topological order: parents first
        assert all(place[p] < step.index for p in step.node.parents if p in place)
    assert [step.index for step in passes.backward] == sorted(place.values(), reverse=True)
    signals = g.run(
        g.gradient(nodes["L"], [step.node for step in passes.backward]), feeds, dtype="float64"
    )
    for step, signal in zip(passes.backward, signals, strict=True):
        close(np.sum([m.value for m in step.messages], axis=0), signal, "float64", step.label)
        children = {s.node for s in passes.forward if step.node in s.node.parents}
        assert {m.child for m in step.messages} == (children or {nodes["L"]})


# ------------------------------------------------------------------------------------ page


def test_the_page_agrees_with_the_slides_and_shows_signals_that_vanish():
    page = run("plot_08_backpropagation")
    assert len(page["differences"]) == 8
    assert max(page["differences"].values()) < 1e-15
    assert page["step"] == pytest.approx(page["formula"](0.7), rel=1e-15)
    first_layer = {name: sizes[0] for name, sizes in page["signals"].items()}
    assert first_layer["logistic"] < 1e-10 < 1e-3 < first_layer["tanh"] < first_layer["relu"]
