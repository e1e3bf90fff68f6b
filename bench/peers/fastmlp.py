"""fastmlp, through the public face: `Model.fit` and `Model.predict`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from typing import Any

import numpy as np

from bench.networks import (
    CLIP_NORM,
    LEARNING_RATE,
    NORM_EPSILON,
    SEED,
    WEIGHT_DECAY,
    Problem,
)

TITLE = "fastmlp"
PACKAGES = ("fastmlp",)
# Multiplications that take as long as to read one number of an operand.
READING = 2.5
# The plan below `fit`, given an order made ahead: shows what `fit` itself costs.
ASIDE = ("plan",)


def model_of(problem: Problem) -> Any:
    """Return a model with the problem's initial weights."""
    import fastmlp as fm

    network = problem.network
    kinds = [("softmax" if loss == "cross_entropy" else "identity") for loss, _ in network.outputs]
    if network.plain:
        model = fm.MLP(network.widths, network.activation, *kinds, seed=SEED, dtype=problem.dtype)
        model.set_weights(problem.weights)
        return model
    x = h = fm.Input(network.numbers)
    inputs = [x]
    if network.categories:
        inputs.append(fm.Input(len(network.categories)))
        h = fm.Concatenate()([h, fm.Embedding(network.categories, network.embedded)(inputs[1])])
    for width in network.widths[1:-1]:
        if network.norm:
            norm = fm.LayerNorm if network.norm == "layer" else fm.BatchNorm
            h = norm(epsilon=NORM_EPSILON)(fm.Dense(width, use_bias=False)(h))
            h = fm.Activation(network.activation)(h)
        else:
            h = fm.Dense(width, network.activation)(h)
        if network.dropout:
            h = fm.Dropout(network.dropout)(h)
    ends = zip(network.outputs, kinds, strict=True)
    outputs = [fm.Dense(columns, kind)(h) for (_, columns), kind in ends]
    model = fm.Model(
        inputs[0] if len(inputs) == 1 else inputs,
        outputs[0] if len(outputs) == 1 else outputs,
        seed=SEED,
        dtype=problem.dtype,
    )
    given = iter(problem.weights)
    for layer, name in arrays_of(model):
        value = next(given)
        if name == "tables":
            layer.weights = np.split(value, np.cumsum(network.categories)[:-1])
        else:
            setattr(layer, name, value)
    return model


def arrays_of(model: Any) -> list[tuple[Any, str]]:
    """Return layer and attribute of each of the problem's weights, the tables of a layer as one."""
    import fastmlp as fm

    found = []
    for layer in model.layers:
        if isinstance(layer, fm.Dense):
            found += [(layer, name) for name in ("weights", "biases")[: 1 + layer.use_bias]]
        elif isinstance(layer, (fm.LayerNorm, fm.BatchNorm)):
            found += [(layer, "scale"), (layer, "offset")]
        elif isinstance(layer, fm.Embedding):
            found.append((layer, "tables"))
    return found


def weights_of(model: Any) -> list[Any]:
    """Return copies of the problem's weights as they are now."""
    return [
        np.concatenate(layer.weights) if name == "tables" else getattr(layer, name).copy()
        for layer, name in arrays_of(model)
    ]


class Fit:
    """`fit`, all of it: the data checked, the orders drawn, the epochs run in one call."""

    def __init__(self, problem: Problem) -> None:
        import fastmlp as fm

        network = problem.network
        self.problem = problem
        self._model = model_of(problem)
        self._optimizer = (
            fm.SGD(LEARNING_RATE) if network.optimizer == "sgd" else fm.Adam(LEARNING_RATE)
        )
        if network.optimizer == "adamw":
            self._optimizer = fm.AdamW(
                LEARNING_RATE, weight_decay=WEIGHT_DECAY, clip_norm=CLIP_NORM
            )
        self._inputs, self._targets, self._loss = problem.X, problem.t, network.loss
        if network.categories:
            self._inputs = [problem.X, problem.categories]
        if network.heads:
            self._targets, self._loss = list(problem.targets), [kind for kind, _ in network.outputs]

    def stage(self, epochs: int) -> None:
        self._epochs = epochs

    def run(self) -> None:
        self._model.fit(
            self._inputs,
            self._targets,
            loss=self._loss,
            optimizer=self._optimizer,
            l2=self.problem.network.l2,
            epochs=self._epochs,
            batch_size=self.problem.network.batch,
            shuffle=self.problem.network.shuffled,
            seed=SEED,
            verbose=False,
        )

    def weights(self) -> list[Any]:
        return weights_of(self._model)


class Plan:
    """The training plan that `fit` runs, with the order and the optimizer's numbers made ahead."""

    def __init__(self, problem: Problem) -> None:
        import fastmlp as fm
        from fastmlp import graph as g
        from fastmlp import losses, planner

        network = problem.network
        if not network.plain:
            raise ValueError("the plan below fit is measured for layers without further parts")
        self.problem = problem
        self._model = model_of(problem)
        loss = losses.get(network.loss)
        target = g.input(1 if network.classes else network.widths[-1], "t")
        output = self._model.network.forward(training=True)[0]
        objective = losses.mean_loss(loss(output, target))
        self._optimizer = fm.Adam(LEARNING_RATE)
        self._plan = planner.plan_training(objective, self._model.parameters, self._optimizer)
        t = problem.t.astype(problem.dtype).reshape(len(problem.X), -1)
        self._feeds = {self._model.network.input_nodes[0]: problem.X, target: t}
        self._state = self._plan.new_state()
        self._steps = 0

    def stage(self, epochs: int) -> None:
        shuffled, steps = self.problem.network.shuffled, epochs * self.problem.network.batches
        self._epochs = epochs
        self._order = self.problem.orders(epochs).reshape(epochs, -1) if shuffled else None
        self._rates = self._optimizer.rates(0, steps)

    def run(self) -> None:
        values = self._optimizer.step_values(self._steps, len(self._rates), self._rates)
        self._plan.run_epochs(
            self._feeds,
            state=self._state,
            order=self._order,
            batch_size=self.problem.network.batch,
            epochs=self._epochs,
            step_values=values,
            seed=0,
            first_step=self._steps,
        )
        self._steps += len(values)

    def weights(self) -> list[Any]:
        return list(self._model.get_weights())


def predict(problem: Problem, X: Any) -> tuple[str, dict[str, Any]]:
    return "model.predict(X)", {"model": model_of(problem), "X": X}


def predict_out(problem: Problem, X: Any) -> tuple[str, dict[str, Any]]:
    out = np.empty((len(X), problem.network.widths[-1]), problem.dtype)
    return "model.predict(X, out=out)", {"model": model_of(problem), "X": X, "out": out}


def product(A: Any, B: Any, C: Any) -> Callable[[int], None]:
    """Return repeated products by the kernel, C cut into a grid of blocks as in a training step."""
    from fastmlp import _core

    isa, kernels = _core.isa(), _core.kernels
    splits = C.dtype == np.float32 and kernels.splits(*C.shape, A.shape[1], isa=isa)
    tile = kernels.split_tile if splits else (1, 64 // C.itemsize)
    gemm = kernels.split_gemm if splits else kernels.gemm
    cuts = grid(C.shape, tile, _core.get_num_threads())
    blocks = [(A[rows], B[:, columns], C[rows, columns]) for rows, columns in cuts]
    return together(lambda block, count: gemm(*block, isa=isa, repeat=count), blocks)


def tanh(x: Any, y: Any) -> Callable[[int], None]:
    """Return repeated tanh by the kernel."""
    from fastmlp import _core

    isa, kernels = _core.isa(), _core.kernels
    blocks = [(x[:, s], y[:, s]) for s in even(x.size, 16, _core.get_num_threads())]
    return together(lambda b, count: kernels.unary("tanh", *b, isa=isa, repeat=count), blocks)


def stream(x: Any) -> Callable[[int], None]:
    """Return repeated x = −x."""
    from fastmlp import _core

    isa, kernels = _core.isa(), _core.kernels
    blocks = [(x[:, s], x[:, s]) for s in even(x.size, 16, _core.get_num_threads())]
    return together(lambda b, count: kernels.unary("negative", *b, isa=isa, repeat=count), blocks)


def together(run: Callable[[Any, int], Any], blocks: Sequence[Any]) -> Callable[[int], None]:
    """Return a function that runs each block so often in a thread of its own.

    The threads wait for each other at the end only. In a training step they may have to after
    every part.
    """
    threads = ThreadPoolExecutor(len(blocks))

    def run_all(count: int) -> None:
        list(threads.map(run, blocks, repeat(count)))

    return run_all


def even(n: int, grain: int, count: int) -> list[slice]:
    """Return so many even parts of n elements, or fewer, cut at multiples of a grain."""
    grains = -(-n // grain)
    edges = [min(n, grain * (grains * i // count)) for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges) if a < b]


def grid(shape: tuple[int, int], tile: tuple[int, int], count: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of the blocks of C, as `cut` in runtime/steps/product.h chooses them.

    It is the grid whose largest block takes least.
    """
    tiles = [-(-n // t) for n, t in zip(shape, tile, strict=True)]
    sign = -1 if shape[0] > shape[1] else 1  # of two as good, the one that cuts the longer side

    def cost(rows: int) -> tuple[float, int]:
        m = -(-tiles[0] // rows) * tile[0]
        n = -(-tiles[1] // (count // rows)) * tile[1]
        return m * n + READING * (m + n), sign * rows

    rows = min((n for n in range(1, count + 1) if count % n == 0), key=cost)
    cuts = even(shape[0], tile[0], rows), even(shape[1], tile[1], count // rows)
    return [(r, c) for r in cuts[0] for c in cuts[1]]


TRAINING = {"fit": Fit, "plan": Plan}
PREDICTION = {"predict": predict, "out=": predict_out}
PRODUCT = {"kernel": product}
TANH = {"kernel": tanh}
STREAM = {"kernel": stream}
