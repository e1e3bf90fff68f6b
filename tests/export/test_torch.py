"""Models as modules of PyTorch and back, against PyTorch itself."""

import copy
import io
import pickle

import numpy as np
import pytest

import fastmlp as fm
from exported_cases import TOLERANCE, compare, expected, graph_of
from exported_models import DTYPES, MODELS, model_of, predicted
from fastmlp import graph as g
from fastmlp.graph.ops import OPS
from op_cases import CASES

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from fastmlp.export.torch.modules import Function, Graph, Network  # noqa: E402
from fastmlp.export.torch.operations import FUNCTIONS, WITHOUT  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 5))
RANDOM = ("dropout", "gaussian_noise")


def called(module, rows):
    """Return all outputs of a module side by side."""
    dtype = next(module.parameters()).dtype
    tensors = [torch.tensor(r).to(dtype) for r in (rows if isinstance(rows, list) else [rows])]
    y = module(*tensors)
    y = [y] if isinstance(y, torch.Tensor) else list(y.values()) if isinstance(y, dict) else y
    return torch.cat(list(y), 1).detach().numpy()


def test_every_operation_has_a_function_or_a_reason():
    assert FUNCTIONS.keys() | WITHOUT.keys() == OPS.keys()
    assert not FUNCTIONS.keys() & WITHOUT.keys()


@pytest.mark.parametrize("op", [op for op in CASES if op not in (*WITHOUT, *RANDOM)])
def test_every_operation_has_the_value_of_the_reference(op):
    for case in CASES[op]:
        if len(case.static) == len(case.arrays) and op != "ungroup_rows":
            continue  # a product with the batch as columns
        prepared, fed = graph_of(op, case, "float64")
        names = {n: n.name for n in g.topological_order(prepared.outputs) if n.op == "parameter"}
        graph = Graph(prepared.outputs, prepared.inputs, names)
        module = nn.Module()
        for node, name in names.items():
            module.register_buffer(name, torch.tensor(node.value))
        for name, array in graph.constants.items():
            module.register_buffer(name, torch.tensor(array))
        (found,) = graph.run([torch.tensor(x) for x in fed], module, "")
        compare(found.numpy(), expected(prepared, fed), "float64", op)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_and_activation_gives_the_same_and_comes_back(name, dtype):
    model, rows = model_of(name, dtype)
    module = fm.to_torch(model)
    assert module.training
    assert {p.dtype for p in module.parameters()} == {getattr(torch, dtype)}
    compare(called(module.eval(), rows), predicted(model, rows), dtype, name)
    none = [x[:0] for x in rows] if isinstance(rows, list) else rows[:0]
    assert called(module, none).shape == (0, sum(model.network.outputs.columns))
    if "Lambda" in name or name == "Dense in groups":  # functions of the user's
        with pytest.raises(ValueError, match=r"module 'lambda_1'.*of which no file knows"):
            fm.from_torch(module)
        return
    back = fm.from_torch(module)
    assert back.dtype == model.dtype
    compare(predicted(back, rows), predicted(model, rows), dtype, name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", MODELS)
def test_what_is_traced_with_some_rows_takes_any_number(name):
    model, rows = model_of(name, "float32")
    several = rows if isinstance(rows, list) else [rows]
    few = tuple(torch.tensor(x[:4], dtype=torch.float32) for x in several)
    module = fm.to_torch(model).eval()
    traced = torch.jit.trace(module, few, strict=False)
    y = traced(*(torch.tensor(x, dtype=torch.float32) for x in several))
    y = [y] if isinstance(y, torch.Tensor) else y.values() if isinstance(y, dict) else y
    compare(torch.cat(list(y), 1).detach().numpy(), predicted(model, rows), "float32", name)


@pytest.mark.filterwarnings("ignore::fastmlp.NoSignalWarning")  # behind a threshold
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("Dropout", "GaussianNoise")])
def test_training_has_the_same_gradient_and_statistics(name, dtype):
    model, rows = model_of(name, dtype)
    module = fm.to_torch(model).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.25)
    t = {n: np.random.default_rng(5).normal(size=(12, c)) for n, c in outputs_of(model)}
    target = torch.tensor(np.concatenate(list(t.values()), 1)).to(getattr(torch, dtype))
    given = rows if isinstance(rows, list) else [rows]
    for _ in range(3):
        y = module(*(torch.tensor(r).to(target.dtype) for r in given))
        y = [y] if isinstance(y, torch.Tensor) else list(y.values())
        loss = 0.5 * ((torch.cat(y, 1) - target) ** 2).sum() / len(target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wanted = t if len(t) > 1 else next(iter(t.values()))
    settings = {"loss": "squared_error", "batch_size": 12, "shuffle": False, "verbose": False}
    model.fit(rows, wanted, epochs=3, optimizer=fm.SGD(0.25), **settings)
    scale = 50 if dtype == "float32" else 1e3  # three steps on from the same place
    tolerance = scale * TOLERANCE[dtype]
    np.testing.assert_allclose(
        called(module.eval(), rows), predicted(model, rows), rtol=tolerance, atol=tolerance
    )


def outputs_of(model):
    return zip(model.network.outputs.names, model.network.outputs.columns, strict=True)


def test_submodules_are_called_as_the_layers():
    layers = [fm.Dense(8, "relu"), fm.Dropout(0.25), fm.BatchNorm(), fm.Dense(3, "softmax")]
    module = fm.to_torch(fm.Sequential(layers, input_columns=5, seed=0))
    assert type(module) is nn.Sequential
    kinds = {name: type(part).__name__ for name, part in module.named_children()}
    assert kinds == {
        "dense_1": "Linear",
        "dense_1_activation": "ReLU",
        "dropout_1": "Dropout",
        "batchnorm_1": "BatchNorm1d",
        "dense_2": "Linear",
        "dense_2_activation": "Softmax",
    }
    assert module.dropout_1.p == 0.25
    assert module.state_dict()["dense_1.weight"].shape == (8, 5)


def test_names_that_a_module_cannot_have_are_changed():
    names = ["forward", "a.b", "a_b", "training", "_modules"]
    layers = [fm.Dense(5, name=name) for name in names]
    model = fm.Sequential(layers, input_columns=5, seed=0)
    module = fm.to_torch(model).eval()
    compare(called(module, X), model.predict(X), "float32", "names")
    assert [name for name, _ in module.named_children()][:3] == ["forward_2", "a_b", "a_b_2"]


def test_weights_are_copies_and_pickles_and_deep_copies_are_whole(tmp_path):
    model, rows = model_of("NumericEmbedding", "float32")
    module = fm.to_torch(model).eval()
    before = called(module, rows)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert (called(module, rows) == before).all()
    assert (called(pickle.loads(pickle.dumps(module)), rows) == before).all()
    assert (called(copy.deepcopy(module), rows) == before).all()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    other = fm.to_torch(model).eval()
    other.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert (called(other, rows) == before).all()


def test_frozen_layers_have_parameters_without_gradient_and_frozen_statistics():
    layers = [fm.Dense(4, "tanh", trainable=False), fm.BatchNorm(trainable=False), fm.Dense(2)]
    model = fm.Sequential(layers, input_columns=5, seed=0, dtype="float64")
    model.layers[1].running_mean = [1, 2, 3, 4]
    module = fm.to_torch(model)
    trained = [name for name, p in module.named_parameters() if p.requires_grad]
    assert trained == ["dense_2.weight", "dense_2.bias"]
    compare(called(module.train(), X), model.predict(X), "float64", "frozen")
    assert module.batchnorm_1.running_mean.flatten().tolist() == [1, 2, 3, 4]
    back = fm.from_torch(module)
    assert [layer.trainable for layer in back.layers] == [False, False, True]
    assert (back.predict(X) == model.predict(X)).all()


def test_shared_layers_are_one_module_and_one_layer_again():
    x, dense = fm.Input(5), fm.Dense(5, "tanh")
    model = fm.Model(x, fm.Dense(1)(dense(dense(x))), seed=0)
    module = fm.to_torch(model).eval()
    assert len(list(module.parameters())) == 4
    back = fm.from_torch(module)
    assert back.n_parameters == model.n_parameters
    compare(back.predict(X), model.predict(X), "float32", "shared")


def test_a_layer_and_an_activation_of_the_users_own_are_converted():
    class Moving(fm.layers.Layer):
        def output_columns(self, input_columns):
            return input_columns[0]

        def parameter_specs(self, input_columns):
            zero = fm.initializers.get("zeros")
            shape = (1, input_columns[0])
            spec = fm.layers.ParameterSpec
            return (
                spec("factor", "f", shape, fm.initializers.get(2.0), role="scale"),
                spec("last", "l", shape, zero, role="statistic"),
            )

        def apply(self, nodes, parameters, *, training, key):
            return nodes[0] * parameters[0] - (0.0 if training else 1.0) * parameters[1]

        def statistics(self, nodes, parameters):
            return {parameters[1]: g.mean(nodes[0], axis=0)}

    layers = [Moving(), fm.Dense(5, lambda z: g.softmax(3.0 * z)), fm.Dense(2)]
    model = fm.Sequential(layers, input_columns=5, seed=0, dtype="float64")
    module = fm.to_torch(model).train()
    module(torch.tensor(X))
    model.layers[0]._view("last")[...] = X.mean(axis=0)
    compare(called(module.eval(), X), model.predict(X), "float64", "own")


def test_what_depends_on_the_step_of_a_training_is_refused():
    rate = fm.schedules.ExponentialDecay(0.5, 0.5, 10)
    model = fm.Sequential([fm.Dropout(rate), fm.Dense(1)], input_columns=2)
    with pytest.raises(ValueError, match=r"'dropout_1'.*follows the step of a training"):
        fm.to_torch(model)
    model = fm.Sequential([fm.layers.GaussianNoise(rate), fm.Dense(1)], input_columns=2)
    with pytest.raises(ValueError, match=r"'gaussiannoise_1'.*follows the step of a training"):
        fm.to_torch(model)


def test_models_not_built_and_other_things_are_refused():
    with pytest.raises(ValueError, match="does not know its number of input columns"):
        fm.to_torch(fm.Sequential([fm.Dense(1)]))
    with pytest.raises(TypeError, match="model must be a Model, got str"):
        fm.to_torch("model")
    with pytest.raises(TypeError, match=r"module must be a torch[.]nn[.]Module, got int"):
        fm.from_torch(3)


# ------------------------------------------------------------------------------------ from_torch


class Block(nn.Module):
    """A residual block as people write them."""

    def __init__(self, columns):
        super().__init__()
        self.norm = nn.LayerNorm(columns)
        self.fc1 = nn.Linear(columns, 8)
        self.fc2 = nn.Linear(8, columns)
        self.drop = nn.Dropout(0.25)

    def forward(self, x):
        h = self.drop(torch.relu(self.fc1(self.norm(x))))
        return x + nn.functional.silu(self.fc2(h))


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(5), Block(5)])
        self.head = nn.Sequential(nn.BatchNorm1d(10), nn.Linear(10, 3, bias=False))

    def forward(self, x):
        first = x = torch.flatten(x, 1).view(x.size(0), -1)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.cat([x, first], dim=-1)).softmax(dim=1)


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, a, b):
        left, right = self.left(a).tanh(), self.right(b).sigmoid()
        return {"sum": left + right, "product": left * right}


def settled(module, dtype="float32"):
    """Return a module with weights and statistics as after a training."""
    torch.manual_seed(0)
    module = module.to(getattr(torch, dtype))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.dtype.is_floating_point:
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    return module.eval()


ACTIVATIONS = {
    "ReLU": nn.ReLU(inplace=True),
    "Tanh": nn.Tanh(),
    "Sigmoid": nn.Sigmoid(),
    "Softplus": nn.Softplus(),
    "Softsign": nn.Softsign(),
    "Hardtanh": nn.Hardtanh(),
    "Hardsigmoid": nn.Hardsigmoid(),
    "SiLU": nn.SiLU(),
    "GELU": nn.GELU(),
    "GELU tanh": nn.GELU(approximate="tanh"),
    "Mish": nn.Mish(),
    "SELU": nn.SELU(),
    "ELU": nn.ELU(),
    "ELU of another alpha": nn.ELU(0.5),
    "CELU": nn.CELU(),
    "CELU of another alpha": nn.CELU(0.4),
    "ReLU6": nn.ReLU6(),
    "Hardtanh of other bounds": nn.Hardtanh(-0.25, 0.5),
    "Hardswish": nn.Hardswish(),
    "LogSigmoid": nn.LogSigmoid(),
    "Softplus of another beta": nn.Softplus(2),
    "Softmin": nn.Softmin(1),
    "Threshold": nn.Threshold(0.5, 0.5),
    "LeakyReLU": nn.LeakyReLU(),
    "LeakyReLU steep": nn.LeakyReLU(0.3),
    "PReLU": nn.PReLU(),
    "PReLU each": nn.PReLU(6),
    "Softmax": nn.Softmax(-1),
    "LogSoftmax": nn.LogSoftmax(1),
    "BatchNorm1d": nn.BatchNorm1d(6, eps=1e-3, momentum=0.2),
    "BatchNorm1d bare": nn.BatchNorm1d(6, affine=False),
    "LayerNorm": nn.LayerNorm(6),
    "LayerNorm bare": nn.LayerNorm(6, elementwise_affine=False),
    "LayerNorm without bias": nn.LayerNorm(6, bias=False),
    "RMSNorm": nn.RMSNorm(6),
    "Dropout": nn.Dropout(0.5),
    "Identity": nn.Identity(),
    "Flatten": nn.Flatten(),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_module_gives_the_same(name, dtype):
    middle = nn.Sequential(nn.Sequential(nn.Linear(5, 6), ACTIVATIONS[name]), nn.Linear(6, 3))
    module = settled(copy.deepcopy(middle), dtype)
    rows = X.astype(dtype)
    model = fm.from_torch(module)
    assert isinstance(model, fm.Sequential)
    compare(model.predict(rows), called(module, rows), dtype, name)
    alone = settled(copy.deepcopy(ACTIVATIONS[name]), dtype)
    rows = np.concatenate([rows, rows], 1)[:, :6]
    if name not in ("Identity", "Flatten"):
        found = fm.from_torch(alone, input_columns=6).predict(rows.astype("float32"))
        wanted = alone(torch.tensor(rows)).detach().numpy()
        compare(found, wanted, "float32", name)


def test_modules_of_the_users_own_are_traced():
    module = settled(Tower())
    model = fm.from_torch(module)
    compare(model.predict(X), called(module, X), "float32", "tower")
    names = [layer.name for layer in model.layers]
    assert "dense_1" in names
    module = settled(TwoTowers())
    model = fm.from_torch(module)
    rows = [X[:, :3], X[:, 3:]]
    assert list(model.predict(rows)) == ["sum", "product"]
    assert [layer.name for layer in model.layers][:2] == ["left", "right"]
    compare(predicted(model, rows), called(module, rows), "float32", "two towers")


def test_a_converted_module_trains_on_as_in_pytorch():
    module = settled(Tower(), "float64")
    module.blocks[0].drop.p = module.blocks[1].drop.p = 0.0
    model = fm.from_torch(module)
    classes = np.arange(16) % 3
    optimizer = torch.optim.Adam(module.train().parameters(), lr=0.01)
    for _ in range(20):
        y = module(torch.tensor(X))
        loss = nn.functional.nll_loss(torch.log(y), torch.tensor(classes))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.fit(
        *(X, classes),
        loss="cross_entropy",
        optimizer=fm.Adam(0.01),
        epochs=20,
        batch_size=16,
        verbose=False,
    )
    np.testing.assert_allclose(model.predict(X), called(module.eval(), X), atol=1e-9)


def test_a_batch_norm_tells_its_statistics_as_pytorch_does():
    module = settled(nn.Sequential(nn.BatchNorm1d(5, momentum=0.3), nn.Linear(5, 1)), "float64")
    model = fm.from_torch(module)
    module.train()(torch.tensor(X))
    model.fit(X, X[:, 0], optimizer=fm.SGD(1e-3), epochs=1, batch_size=16, verbose=False)
    wanted = [module[0].running_mean.numpy(), module[0].running_var.numpy()]
    found = [model.layers[0].running_mean, model.layers[0].running_var]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


class Letters(nn.Module):
    """Letters in a row, whose rows of one table are made flat by some function."""

    def __init__(self, flat):
        super().__init__()
        self.table, self.last, self.flat = nn.Embedding(7, 4), nn.Linear(12, 2), flat

    def forward(self, x):
        return self.last(torch.tanh(self.flat(self.table(x))))


@pytest.mark.parametrize("columns", [1, 3])
def test_an_embedding_is_taken(columns):
    module = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(4 * columns, 2))
    model = fm.from_torch(module)
    assert model.network.input_columns == (columns,)
    index = RNG.integers(7, size=(9, columns))
    wanted = module(torch.tensor(index)).detach().numpy()
    compare(model.predict(index), wanted, "float32", "embedding")


FLAT = {
    "flatten": lambda e: e.flatten(1),
    "function": lambda e: torch.flatten(e, start_dim=1, end_dim=2),
    "view": lambda e: e.view(-1, 12),
    "reshape": lambda e: e.reshape(e.shape[0], -1),
    "size": lambda e: e.view(e.size(0), 12),
    "changed": lambda e: e.flatten(1).add_(1.0) * e.flatten(1),
}


@pytest.mark.parametrize("name", FLAT)
def test_what_an_embedding_makes_of_several_columns_is_made_flat(name):
    module = Letters(FLAT[name])
    index = RNG.integers(7, size=(9, 3))
    wanted = module(torch.tensor(index)).detach().numpy()
    compare(fm.from_torch(module).predict(index), wanted, "float32", name)


UNFLAT = {
    "nothing": lambda e: e,
    "the rows": lambda e: e.flatten(1, 1),
    "an activation": lambda e: torch.relu(e).flatten(1),
}


@pytest.mark.parametrize("name", UNFLAT)
def test_what_an_embedding_makes_of_several_columns_is_nothing_else(name):
    with pytest.raises(ValueError, match="several columns must be made flat before all else"):
        fm.from_torch(Letters(UNFLAT[name]), input_columns=3)
    with pytest.raises(ValueError, match="several columns must be made flat before all else"):
        fm.from_torch(nn.Sequential(nn.Embedding(7, 4)), input_columns=3)


class Table(nn.Module):
    """Columns of codes, each in a table of its own, and numbers: as networks for tables are."""

    def __init__(self, joined, last=9, sizes=((5, 2), (3, 3))):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(*size) for size in sizes])
        self.norm, self.hidden, self.last = nn.BatchNorm1d(4), nn.Linear(last, 6), nn.Linear(6, 2)
        self.joined = joined

    def forward(self, codes, numbers):
        h = self.joined(self.tables, codes, self.norm(numbers))
        return self.last(torch.relu(self.hidden(h)))


def rows_of(tables, codes):
    return [table(codes[:, i]) for i, table in enumerate(tables)]


COLUMNS = {
    "joined first": lambda e, c, x: torch.cat([torch.cat(rows_of(e, c), 1), x], 1),
    "joined with numbers": lambda e, c, x: torch.cat([x, *rows_of(e, c)], dim=-1),
    "whole numbers": lambda e, c, x: torch.cat([*rows_of(e, c.long()), x], 1),
    "each whole": lambda e, c, x: torch.cat([e[0](c[:, 0].long()), e[1](c[..., 1].int()), x], 1),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_that_are_looked_up_one_by_one_are_an_embedding(name):
    module = settled(Table(COLUMNS[name]), "float32")
    codes = RNG.integers([5, 3], size=(16, 2))
    model = fm.from_torch(module)
    assert model.network.input_columns == (2, 4)
    assert [repr(layer) for layer in model.layers if "Embedding" in repr(layer)] == [
        "Embedding([5, 3], [2, 3])"
    ]
    numbers = X[:, :4].astype("float32")
    with torch.no_grad():
        wanted = module.eval()(torch.tensor(codes), torch.tensor(numbers)).numpy()
    compare(model.predict([codes, numbers]), wanted, "float32", name)


def test_one_table_may_look_up_columns_one_by_one():
    def joined(tables, codes, x):
        return torch.cat([*rows_of([tables[0], tables[0]], codes), x], 1)

    module = settled(Table(joined, last=8), "float32")
    model = fm.from_torch(module)
    assert repr(model.layers[0]) == "Embedding(5, 2)"
    codes, numbers = RNG.integers(5, size=(16, 2)), X[:, :4].astype("float32")
    with torch.no_grad():
        wanted = module.eval()(torch.tensor(codes), torch.tensor(numbers)).numpy()
    compare(model.predict([codes, numbers]), wanted, "float32", "one table")


def test_a_vector_of_codes_is_looked_up():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.last = nn.Embedding(5, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.last(self.table(x[:, 0]))

    module, codes = Pairs(), RNG.integers(5, size=(16, 1))
    wanted = module(torch.tensor(codes)).detach().numpy()
    compare(fm.from_torch(module).predict(codes), wanted, "float32", "a vector")


def reversed_rows(tables, codes, x):
    return torch.cat([*rows_of(tables, codes)[::-1], x], 1)


SOME_COLUMNS = {
    "one of them": (lambda e, c, x: torch.cat([e[0](c[:, 0]), x], 1), "a column of several is"),
    "their order": (reversed_rows, "a column of several is taken alone"),
    "a sum": (lambda e, c, x: e[0](c[:, 0]) + x, "a column of several is taken alone"),
    "a number": (lambda e, c, x: torch.cat([x, c[:, 0]], 1), "a column of several is taken"),
    "between": (
        lambda e, c, x: torch.cat([e[0](c[:, 0]), x, e[1](c[:, 1])], 1),
        "a column of several is taken alone",
    ),
    "rounded": (
        lambda e, c, x: torch.cat([*rows_of(e, c), x.long()], 1),
        "long has no counterpart",
    ),
    "beyond": (lambda e, c, x: torch.cat([e[0](c[:, 2]), x], 1), "takes column 2 of 2"),
    "some shared": (
        lambda e, c, x: torch.cat([*rows_of([e[0], e[0], e[1]], c), x], 1),
        "some of its columns share a table",
    ),
    "also elsewhere": (
        lambda e, c, x: torch.cat([*rows_of(e, c), e[0](x[:, :1].long())], 1),
        "no counterpart",
    ),
}


@pytest.mark.parametrize("name", SOME_COLUMNS)
def test_columns_that_are_not_all_looked_up_are_refused(name):
    joined, message = SOME_COLUMNS[name]
    columns = 3 if name == "some shared" else 2
    with pytest.raises(ValueError, match=message):
        fm.from_torch(Table(joined), input_columns=[columns, 4])


def test_tables_of_one_embedding_are_all_trainable_or_none():
    module = Table(COLUMNS["joined first"])
    module.tables[1].requires_grad_(False)
    with pytest.raises(ValueError, match="some of its tables have requires_grad and some not"):
        fm.from_torch(module)
    module.tables[0].requires_grad_(False)
    assert not fm.from_torch(module).layers[0].trainable


REFUSED = {
    "conv": (nn.Conv1d(1, 2, 3), "module 'part.1', Conv1d.*no counterpart"),
    "alpha dropout": (nn.AlphaDropout(), "module 'part.1', AlphaDropout"),
    "all dropped": (nn.Dropout(1.0), "module 'part.1', Dropout.*rate must be"),
    "celu": (nn.CELU(0), "alpha=0 divides by 0"),
    "softplus": (nn.Softplus(2, 5), "threshold=5 must be at least 20"),
    "threshold": (nn.Threshold(0.5, 2), "threshold=0.5 and value=2 must be the same"),
    "shrink": (nn.Softshrink(), "module 'part.1', Softshrink.*no counterpart"),
    "softmax": (nn.Softmax(0), "dim=0 must be 1"),
    "average": (nn.BatchNorm1d(5, momentum=None), "momentum=None"),
    "untracked": (nn.BatchNorm1d(5, track_running_stats=False), "no running statistics"),
    "flatten": (nn.Flatten(0), "start_dim=0 must be 1"),
    "max_norm": (nn.Embedding(3, 2, max_norm=1.0), "max_norm has no counterpart"),
    "padding": (nn.Embedding(3, 2, padding_idx=0), "padding_idx"),
    "lazy": (nn.LazyLinear(3), "has no numbers yet"),
    "half": (nn.Linear(5, 2).half(), "float16: call module.float"),
    "not finite": (nn.LayerNorm(5), "'.*' .*NaN|not finite|infinite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_take_is_named_by_its_path(name):
    part, message = REFUSED[name]
    if name == "not finite":
        part.weight.data[0] = torch.inf
    module = nn.Sequential()
    module.add_module("first", nn.Linear(5, 5))
    module.add_module("part", nn.Sequential(nn.Identity(), part))
    with pytest.raises(ValueError, match=message):
        fm.from_torch(module)


def test_code_that_cannot_be_converted_is_named():
    class Asking(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.scale

    class Derived(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    class Dropping(nn.Module):
        def forward(self, x):
            return nn.functional.dropout(x, 0.5)

    with pytest.raises(ValueError, match=r"Asking cannot be traced by torch[.]fx: TraceError"):
        fm.from_torch(Asking())
    with pytest.raises(ValueError, match="get_attr 'scale': a parameter or buffer of its own"):
        fm.from_torch(Own(), input_columns=3)
    with pytest.raises(ValueError, match=r"linear has no counterpart|get_attr"):
        fm.from_torch(nn.Sequential(Derived(3, 2)), input_columns=3)
    with pytest.raises(ValueError, match=r"write training=self[.]training"):
        fm.from_torch(Dropping(), input_columns=3)
    with pytest.raises(ValueError, match="no layer tells how many columns it has"):
        fm.from_torch(nn.ReLU())
    for unknown in (nn.Conv2d(1, 1, 1), nn.LSTM(3, 4), nn.Sequential(nn.ReLU(), nn.MaxPool1d(2))):
        with pytest.raises(ValueError, match=r"module '[01]', \w+\(.*: it has no counterpart"):
            fm.from_torch(unknown)
    hooked = nn.Sequential(nn.Linear(2, 1))
    hooked[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match="module '0' has hooks"):
        fm.from_torch(hooked)
    partly = nn.Linear(2, 1)
    partly.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="some of its parameters have requires_grad"):
        fm.from_torch(partly)
    with pytest.raises(ValueError, match="input_columns must be 1 numbers"):
        fm.from_torch(nn.Linear(2, 1), input_columns=[2, 2])


def test_networks_and_functions_say_what_they_are():
    model, _ = model_of("Scale", "float32")
    module = fm.to_torch(model)
    assert isinstance(module.scale_1, Function)
    assert "(scale_1): Function(Scale)" in repr(module)
    model, rows = model_of("several", "float32")
    module = fm.to_torch(model)
    assert isinstance(module, Network)
    with pytest.raises(TypeError, match="the network has 2 inputs, got 1"):
        module(torch.tensor(rows[0]))
