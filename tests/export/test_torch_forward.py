"""What a `forward` of the user's does to tensors, read as PyTorch runs it."""

import numpy as np
import pytest

import fastmlp as fm
from exported_cases import compare

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)


class Joined(nn.Module):
    """Two layers, and what a function makes of them and the rows."""

    def __init__(self, function, columns=4):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(4, columns), nn.Linear(4, columns)
        self.relu, self.same = nn.ReLU(inplace=True), nn.Identity()
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def check(function, columns=4):
    module = Joined(function, columns).eval()
    with torch.no_grad():
        wanted = module(torch.tensor(X)).reshape(16, -1).numpy()
    compare(fm.from_torch(module).predict(X), wanted, "float32", "joined")


def added(m, x):
    h = m.a(x)
    before = h
    h += m.b(x)
    return torch.tanh(before) + h


def multiplied(m, x):
    h = m.a(x)
    before = h
    h *= m.b(x)
    return torch.tanh(before) + h


def stated(m, x):
    h = m.a(x)
    functional.relu(h, inplace=True)
    m.b(x)
    h.mul_(m.b(x))
    return m.same(h)


def read_before(m, x):
    h = m.a(x)
    first = torch.tanh(h)
    return first + m.relu(h)


def cloned(m, x):
    h = m.a(x)
    kept = h.clone()
    h += 1
    later = torch.clone(m.same(h), memory_format=torch.preserve_format)
    later *= m.b(x)
    return torch.tanh(kept) + m.relu(h) * later + kept


WRITING = {
    "a module": lambda m, x: (lambda h: m.relu(h) + h)(m.a(x)),
    "a module, of rows": lambda m, x: m.a(m.relu(x)) + x,
    "a module, under another name": lambda m, x: (lambda h: m.b(m.relu(m.same(h))) + h)(m.a(x)),
    "a function": lambda m, x: (lambda h: m.b(functional.relu(h, inplace=True)) + h)(m.a(x)),
    "a function of that name": lambda m, x: (lambda h: m.b(functional.relu_(h)) + h)(m.a(x)),
    "a method": lambda m, x: (lambda h: m.b(h.tanh_()) + h)(m.a(x)),
    "an operator": added,
    "the other operator": multiplied,
    "statements": stated,
    "after it was read": read_before,
    "beside a copy": cloned,
    "a copy of the rows": lambda m, x: (lambda h: m.a(m.relu(h)) + m.b(x))(x.clone()),
}


@pytest.mark.parametrize("name", WRITING)
def test_who_reads_a_tensor_after_it_was_written_to_reads_what_was_written(name):
    check(WRITING[name])


def scaled_in_place(m, x):
    h = m.a(x)
    same = h
    h -= 0.5
    h /= 4
    return m.b(h) + same


NUMBERS = {
    "a factor": lambda m, x: 2 * m.a(x) + m.b(x) * 0.5,
    "a sum": lambda m, x: (m.a(x) + 1) * (3 + m.b(x)),
    "a difference": lambda m, x: (m.a(x) - 1) * (1 - m.b(x)),
    "of tensors": lambda m, x: m.a(x) - m.b(x),
    "a quotient": lambda m, x: m.a(x) / 4,
    "the other sign": lambda m, x: -m.a(x) + torch.neg(m.b(x)),
    "by methods": lambda m, x: m.a(x).sub(2).mul(0.25).add(1).div(2).neg(),
    "by functions": lambda m, x: torch.sub(torch.div(m.a(x), 2), torch.mul(m.b(x), 3)),
    "the larger, the smaller": lambda m, x: (
        torch.maximum(m.a(x), m.b(x)) + torch.max(m.b(x), m.a(x)) * m.a(x).minimum(m.b(x))
    ),
    "in place": scaled_in_place,
    "of rows": lambda m, x: m.a(x / 255 - 0.5),
    "bounds": lambda m, x: torch.clamp(m.a(x), -0.5, 0.25) + m.b(x).clamp(min=0.1),
    "a bound": lambda m, x: m.a(x).clamp_max(0.1) + torch.clip(m.b(x), max=-0.1),
    "activations": lambda m, x: (
        functional.relu6(m.a(x))
        + functional.hardswish(m.b(x))
        + functional.logsigmoid(m.a(x))
        + functional.elu(m.b(x), 0.25)
        + functional.celu(m.a(x), alpha=0.25)
        + functional.softplus(m.b(x), 3)
        + functional.threshold(m.a(x), 0.1, 0.1)
        + functional.softmin(m.b(x), dim=1)
        + functional.log_softmax(m.a(x), dim=-1)
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_and_bounds_are_taken(name):
    check(NUMBERS[name])


SHAPING = {
    "the number of rows": lambda m, x: m.a(x.view(x.shape[0], -1)),
    "the number of rows, of a size": lambda m, x: m.a(x.reshape(x.size()[0], -1)),
    "the type that it has": lambda m, x: m.a(x.float()).float() + m.b(x),
    "functions with their usual settings": lambda m, x: (
        functional.hardtanh(m.a(x))
        + functional.celu(m.b(x))
        + functional.softplus(m.a(x), 1)
        + functional.softmax(m.b(x), -1)
    ),
}


@pytest.mark.parametrize("name", SHAPING)
def test_forms_that_people_write_are_taken(name):
    check(SHAPING[name])


def test_an_output_of_one_column_may_be_squeezed():
    check(lambda m, x: m.a(x).squeeze(-1), columns=1)
    check(lambda m, x: torch.squeeze(m.a(x), dim=1), columns=1)


def raised(m, x):
    h = m.a(x)
    before = h
    h **= 2
    return torch.tanh(before) + h


POWERS = {
    "by sign": lambda m, x: m.b(m.a(x) ** 3),
    "of the rows": lambda m, x: m.a(x**2),
    "by function": lambda m, x: torch.pow(m.a(x), 2.0) + torch.square(m.b(x)),
    "by method": lambda m, x: m.a(x).pow(4) + m.b(x).square(),
    "in place": raised,
    "in place, by methods": lambda m, x: (lambda h: (h.pow_(2), h.square_(), h)[-1])(m.a(x)),
    "sizes in place": lambda m, x: (lambda h: (h.abs_(), h)[-1])(m.a(x)) + m.b(x).absolute_(),
    "sizes": lambda m, x: torch.abs(m.a(x)) + m.b(x).abs() * abs(m.a(x)),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_are_products_and_sizes_the_larger_of_both_signs(name):
    check(POWERS[name])


REFUSED = {
    "a root": (lambda m, x: m.a(x) ** 0.5, 4, "a power is read as a product, of a whole number"),
    "no power": (lambda m, x: m.a(x) ** 1, 4, "whole number from 2 to 8"),
    "a square that is told where": (
        lambda m, x: torch.square(input=m.a(x)),
        4,
        "square takes one tensor and no settings",
    ),
    "powers of a number": (lambda m, x: 2 ** m.a(x), 4, "whole number from 2 to 8"),
    "a slice": (lambda m, x: m.a(x)[:, :2], 4, "getitem has no counterpart .* by fm.Lambda"),
    "a sum": (lambda m, x: m.a(x).sum(1), 4, "sum has no counterpart .* by fm.Lambda"),
    "a vector": (lambda m, x: torch.tanh(m.a(x).squeeze(-1)), 1, "squeeze must come last"),
    "nothing to squeeze": (lambda m, x: m.a(x).squeeze(1), 4, "must be of one column"),
    "any axis": (lambda m, x: m.a(x).squeeze(), 1, "must be of one column, along dim=1"),
    "columns": (lambda m, x: m.a(x.view(-1, x.shape[1])), 4, "the number of rows alone"),
    "a dtype": (lambda m, x: torch.softmax(m.a(x), 1, torch.float64), 4, "dtype has no"),
    "low threshold": (
        lambda m, x: functional.softplus(m.a(x), 1, 2),
        4,
        "threshold=2 must be at least 20",
    ),
    "bounds": (lambda m, x: functional.hardtanh(m.a(x), 2), 4, "low must be less than high"),
    "no bounds": (lambda m, x: m.a(x).clamp(), 4, "it has no bounds"),
    "a tensor of bounds": (lambda m, x: m.a(x).clamp(x), 4, "must be a number"),
    "a quotient": (lambda m, x: m.a(x) / x, 4, "division by a tensor"),
    "a quotient of a number": (lambda m, x: 1 / m.a(x), 4, "no counterpart|division"),
    "the largest of a row": (lambda m, x: torch.max(m.a(x), 1), 4, "takes 1, which is no tensor"),
    "a division by 0": (lambda m, x: m.a(x) / 0, 4, "divides by 0"),
    "a factor": (lambda m, x: torch.add(m.a(x), x, alpha=2), 4, "and no settings"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_function_is_refused(name):
    function, columns, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        fm.from_torch(Joined(function, columns))


def test_settings_of_modules_that_change_their_values_are_refused():
    with pytest.raises(ValueError, match=r"threshold=0[.]5 must be at least 20"):
        fm.from_torch(nn.Sequential(nn.Linear(4, 2), nn.Softplus(threshold=0.5)))


def test_a_norm_without_parameters_has_the_epsilon_of_the_modules_type():
    module = nn.Sequential(nn.Linear(4, 3), nn.RMSNorm(3, elementwise_affine=False)).double()
    with torch.no_grad():
        module[0].weight *= 1e-6
        module[0].bias *= 1e-6
        wanted = module(torch.tensor(X.astype(np.float64))).numpy()
    np.testing.assert_allclose(fm.from_torch(module).predict(X), wanted, rtol=1e-12)


def test_a_weight_of_two_modules_is_refused_and_a_module_called_twice_is_one_layer():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    with pytest.raises(ValueError, match=r"module .2., .* its weight is that of module .0. too"):
        fm.from_torch(module)
    module = nn.Sequential(module[0], nn.ReLU(), module[0])
    assert len({id(layer) for layer in fm.from_torch(module).layers}) == 2


def test_another_type_on_the_way_is_refused():
    with pytest.raises(ValueError, match="in the type of the parameters, float32"):
        fm.from_torch(Joined(lambda m, x: m.a(x).double()))
