"""PyTorch at its best: the fused Adam, batches by index_select, eager and compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.networks import LEARNING_RATE, Network, Problem

TITLE = "PyTorch"
PACKAGES = ("torch",)
# `functional` goes below the public optimizer: torch.optim's own overhead left out.
ASIDE = ("functional",)


def outputs(network: Network, weights: Any, X: Any) -> Any:
    """Return the logits."""
    import torch
    from torch.nn.functional import linear

    activation = torch.relu if network.activation == "relu" else torch.tanh
    h = X
    for i in range(0, len(weights), 2):
        h = linear(h, weights[i], weights[i + 1])
        if i + 2 < len(weights):
            h = activation(h)
    return h


def mean_loss(network: Network, weights: Any, X: Any, t: Any) -> Any:
    """Return the mean loss."""
    from torch.nn.functional import cross_entropy

    y = outputs(network, weights, X)
    return cross_entropy(y, t) if network.classes else 0.5 * ((y - t) ** 2).sum(1).mean()


class Loop:
    """The usual loop: gradients to zero, loss, backward, step; the loss compiled if wanted."""

    def __init__(self, problem: Problem, compiled: bool = False) -> None:
        import torch

        self.problem = problem
        self._weights = [torch.nn.Parameter(torch.tensor(w)) for w in problem.weights]
        self._X, self._t = torch.tensor(problem.X), torch.tensor(problem.t)
        self._loss = partial(mean_loss, problem.network, self._weights)
        if compiled:
            logging.getLogger("torch").setLevel(logging.ERROR)
            self._loss = torch.compile(self._loss)
        self._adam = torch.optim.Adam(self._weights, lr=LEARNING_RATE, fused=True)

    def stage(self, epochs: int) -> None:
        import torch

        self._orders = list(torch.tensor(self.problem.orders(epochs)))

    def run(self) -> None:
        X, t, step = self._X, self._t, self._step
        if self.problem.network.shuffled:
            for rows in self._orders:
                step(X.index_select(0, rows), t.index_select(0, rows))
        else:
            for _ in self._orders:
                step(X, t)

    def _step(self, X: Any, t: Any) -> None:
        self._adam.zero_grad()
        self._loss(X, t).backward()
        self._adam.step()

    def weights(self) -> list[Any]:
        return [w.detach().numpy() for w in self._weights]


class Functional(Loop):
    """Gradients asked for by name and the fused kernel called directly, without an optimizer."""

    def __init__(self, problem: Problem) -> None:
        import torch

        super().__init__(problem)
        self._m = [torch.zeros_like(w) for w in self._weights]
        self._v = [torch.zeros_like(w) for w in self._weights]
        self._steps = [torch.tensor(0.0) for _ in self._weights]

    def _step(self, X: Any, t: Any) -> None:
        import torch

        gradients = torch.autograd.grad(self._loss(X, t), self._weights)
        with torch.no_grad():
            torch._foreach_add_(self._steps, 1)
            torch._fused_adam_(
                self._weights,
                list(gradients),
                self._m,
                self._v,
                [],
                self._steps,
                lr=LEARNING_RATE,
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )


def predict(problem: Problem, X: Any, way: str) -> tuple[str, dict[str, Any]]:
    """Return a call that takes and gives NumPy arrays without copying them, as the others do."""
    import torch

    weights = [torch.tensor(w) for w in problem.weights]

    def function(X: Any) -> Any:
        y = outputs(problem.network, weights, X)
        return torch.softmax(y, 1) if problem.network.classes else y

    if way == "compiled":
        function = torch.compile(function)
    elif way == "traced":

        class Module(torch.nn.Module):
            def forward(self, X: Any) -> Any:
                return function(X)

        with torch.inference_mode():
            traced = torch.jit.trace(Module().eval(), torch.from_numpy(X))
            function = torch.jit.freeze(traced)
    torch.autograd.grad_mode._enter_inference_mode(True)
    return "predict(from_numpy(X)).numpy()", {
        "predict": function,
        "from_numpy": torch.from_numpy,
        "X": X,
    }


def product(A: Any, B: Any, C: Any) -> Callable[[int], None]:
    """Return repeated products by its BLAS, MKL in the wheels for x86-64."""
    import torch

    a, b, c = map(torch.from_numpy, (A, B, C))

    def repeat(count: int) -> None:
        for _ in range(count):
            torch.mm(a, b, out=c)

    return repeat


def tanh(x: Any, y: Any) -> Callable[[int], None]:
    """Return repeated tanh."""
    import torch

    source, target = torch.from_numpy(x), torch.from_numpy(y)

    def repeat(count: int) -> None:
        for _ in range(count):
            torch.tanh(source, out=target)

    return repeat


TRAINING = {"eager": Loop, "compiled": partial(Loop, compiled=True), "functional": Functional}
PREDICTION = {way: partial(predict, way=way) for way in ("eager", "traced", "compiled")}
PRODUCT = {"mm": product}
TANH = {"tanh": tanh}
