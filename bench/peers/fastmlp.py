"""fastmlp, through the public face: `Model.fit` and `Model.predict`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from typing import Any

import numpy as np

from bench.networks import LEARNING_RATE, SEED, Problem

TITLE = "fastmlp"
PACKAGES = ("fastmlp",)
# The plan below `fit`, given an order made ahead: shows what `fit` itself costs.
ASIDE = ("plan",)


def model_of(problem: Problem) -> Any:
    """Return a model with the problem's initial weights."""
    import fastmlp as fm

    network = problem.network
    output = "softmax" if network.classes else "identity"
    model = fm.MLP(network.widths, network.activation, output, seed=SEED, dtype=problem.dtype)
    model.set_weights(problem.weights)
    return model


class Fit:
    """`fit`, all of it: the data checked, the orders drawn, the epochs run in one call."""

    def __init__(self, problem: Problem) -> None:
        import fastmlp as fm

        self.problem = problem
        self._model = model_of(problem)
        self._optimizer = fm.Adam(LEARNING_RATE)

    def stage(self, epochs: int) -> None:
        self._epochs = epochs

    def run(self) -> None:
        self._model.fit(
            self.problem.X,
            self.problem.t,
            loss=self.problem.network.loss,
            optimizer=self._optimizer,
            epochs=self._epochs,
            batch_size=self.problem.network.batch,
            shuffle=self.problem.network.shuffled,
            seed=SEED,
            verbose=False,
        )

    def weights(self) -> list[Any]:
        return list(self._model.get_weights())


class Plan:
    """The training plan that `fit` runs, with the order and the optimizer's numbers made ahead."""

    def __init__(self, problem: Problem) -> None:
        import fastmlp as fm
        from fastmlp import graph as g
        from fastmlp import losses, planner

        network = problem.network
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
    tile = kernels.split_tile if splits else kernels.gemm_tile(isa, C.dtype.name)
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
    """Return rows and columns of the blocks of C, as `cut` in cpp/runtime/steps.cpp chooses them.

    It is the grid whose largest block is smallest.
    """
    tiles = [-(-n // t) for n, t in zip(shape, tile, strict=True)]
    sign = -1 if shape[0] > shape[1] else 1  # of two as good, the one that cuts the longer side

    def cost(rows: int) -> tuple[int, int]:
        return -(-tiles[0] // rows) * -(-tiles[1] // (count // rows)), sign * rows

    rows = min((n for n in range(1, count + 1) if count % n == 0), key=cost)
    cuts = even(shape[0], tile[0], rows), even(shape[1], tile[1], count // rows)
    return [(r, c) for r in cuts[0] for c in cuts[1]]


TRAINING = {"fit": Fit, "plan": Plan}
PREDICTION = {"predict": predict, "out=": predict_out}
PRODUCT = {"kernel": product}
TANH = {"kernel": tanh}
STREAM = {"kernel": stream}
