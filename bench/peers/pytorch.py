"""PyTorch at its best: the fused optimizers, batches by index_select, eager and compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.networks import (
    CLIP_NORM,
    LEARNING_RATE,
    MOMENTUM,
    NORM_EPSILON,
    WEIGHT_DECAY,
    Network,
    Problem,
)

TITLE = "PyTorch"
PACKAGES = ("torch",)
# `functional` goes below the public optimizer: torch.optim's own overhead left out.
ASIDE = ("functional",)


def outputs(
    network: Network, weights: Any, X: Any, rows: Any = None, statistics: Any = None
) -> tuple[Any, ...]:
    """Return each output, logits for classes; with `statistics` as in training.

    These are the running mean and variance of each hidden layer, if it is normalized by the batch.
    """
    import torch
    from torch.nn import functional

    activation = {
        "relu": torch.relu,
        "tanh": torch.tanh,
        "gelu": functional.gelu,
        "logistic": torch.sigmoid,
        "softplus": functional.softplus,
    }[network.activation]
    given, h = iter(weights), X
    if network.categories:
        # One lookup in all tables, one below the other: 20 of nn.Embedding take twice as long.
        h = torch.cat([h, functional.embedding(rows, next(given)).flatten(1)], 1)
    for i in range(len(network.widths) - 2):
        h = functional.linear(h, next(given), None if network.norm else next(given))
        if network.norm == "layer":
            h = functional.layer_norm(h, h.shape[1:], next(given), next(given), NORM_EPSILON)
        elif network.norm == "batch":
            moving, scale, offset = statistics[2 * i : 2 * i + 2], next(given), next(given)
            h = functional.batch_norm(h, *moving, scale, offset, True, MOMENTUM, NORM_EPSILON)
        h = activation(h)
        if network.dropout:
            h = functional.dropout(h, network.dropout)
    return tuple(functional.linear(h, next(given), next(given)) for _ in network.outputs)


def mean_loss(network: Network, weights: Any, statistics: Any, inputs: Any, targets: Any) -> Any:
    """Return J, the sum of the outputs' mean losses."""
    from torch.nn.functional import cross_entropy

    losses = [
        cross_entropy(y, t) if kind == "cross_entropy" else 0.5 * ((y - t) ** 2).sum(1).mean()
        for (kind, _), y, t in zip(
            network.outputs,
            outputs(network, weights, *inputs, statistics=statistics),
            targets,
            strict=True,
        )
    ]
    return losses[0] if len(losses) == 1 else sum(losses)


class Loop:
    """The usual loop: gradients to zero, loss, backward, step; the loss compiled if wanted."""

    def __init__(self, problem: Problem, compiled: bool = False) -> None:
        import torch

        network = self._network = problem.network
        self.problem = problem
        self._weights = [torch.nn.Parameter(torch.tensor(w)) for w in problem.weights]
        self._inputs = [torch.tensor(a) for a in problem.inputs]
        self._targets = [torch.tensor(a) for a in problem.targets]
        kind, statistics = self._inputs[0].dtype, []
        if network.norm == "batch":
            for columns in network.widths[1:-1]:
                statistics += [torch.zeros(columns, dtype=kind), torch.ones(columns, dtype=kind)]
        self._loss = partial(mean_loss, network, self._weights, statistics)
        if compiled:
            logging.getLogger("torch").setLevel(logging.ERROR)
            self._loss = torch.compile(self._loss)
        if network.optimizer == "adamw":
            groups = [
                {"params": [w for w in self._weights if w.ndim == 2]},
                {"params": [w for w in self._weights if w.ndim == 1], "weight_decay": 0.0},
            ]
            self._optimizer: Any = torch.optim.AdamW(
                groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
            )
        else:
            # Of Adam and SGD, what is called decay is the gradient of the penalty.
            kinds = [kind for kind, _ in network.trained]
            groups = [
                {
                    "params": [w for k, w in zip(kinds, self._weights, strict=True) if k == kind],
                    "weight_decay": network.l2 if kind == "W" else 0.0,
                }
                for kind in dict.fromkeys(kinds)
            ]
            plain = not network.l2  # one group is faster than several
            how: dict[str, Any] = {"params": self._weights if plain else groups, "fused": True}
            if network.optimizer == "sgd":
                self._optimizer = torch.optim.SGD(lr=LEARNING_RATE, **how)
            else:
                self._optimizer = torch.optim.Adam(lr=LEARNING_RATE, **how)

    def stage(self, epochs: int) -> None:
        import torch

        self._orders = list(torch.tensor(self.problem.orders(epochs)))

    def run(self) -> None:
        inputs, targets, step = self._inputs, self._targets, self._step
        if self._network.shuffled:
            for rows in self._orders:
                step(
                    [a.index_select(0, rows) for a in inputs],
                    [a.index_select(0, rows) for a in targets],
                )
        else:
            for _ in self._orders:
                step(inputs, targets)

    def _step(self, inputs: Any, targets: Any) -> None:
        self._optimizer.zero_grad()
        self._loss(inputs, targets).backward()
        if self._network.optimizer == "adamw":
            from torch.nn.utils import clip_grad_norm_

            clip_grad_norm_(self._weights, CLIP_NORM)
        self._optimizer.step()

    def weights(self) -> list[Any]:
        return [w.detach().numpy() for w in self._weights]


class Functional(Loop):
    """Gradients asked for by name and the fused kernel called directly, without an optimizer."""

    def __init__(self, problem: Problem) -> None:
        import torch

        super().__init__(problem)
        if problem.network.optimizer != "adam" or problem.network.l2:
            raise ValueError("the kernel called directly is Adam's, without a penalty")
        self._m = [torch.zeros_like(w) for w in self._weights]
        self._v = [torch.zeros_like(w) for w in self._weights]
        self._steps = [torch.tensor(0.0) for _ in self._weights]

    def _step(self, inputs: Any, targets: Any) -> None:
        import torch

        gradients = torch.autograd.grad(self._loss(inputs, targets), self._weights)
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
        (y,) = outputs(problem.network, weights, X)
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
