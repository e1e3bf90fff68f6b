"""scikit-learn's own tests of its multilayer perceptrons, with the import changed.

The wheel of scikit-learn holds them. Those that fastmlp fails on purpose are listed below with the
reason: each must really fail, so that the list cannot grow old.
"""

import ast
import inspect
import sys
import types
from pathlib import Path

import pytest
import sklearn.neural_network
from _pytest.assertion.rewrite import rewrite_asserts

SOURCE = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
ON_PURPOSE = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method; the gradients are those of nodes, "
    "compared with the complex step in test_gradient.py",
    "test_mlp_partial_fit_after_fit": "wants partial_fit to refuse early_stopping, which fastmlp "
    "follows over calls",
}

if not SOURCE.exists():
    pytest.skip(
        "this scikit-learn comes without its tests, which are not run", allow_module_level=True
    )


class _Changed(ast.NodeTransformer):
    """Import the estimators from fastmlp."""

    def __init__(self):
        self.count = 0

    def visit_ImportFrom(self, node):
        if node.module == "sklearn.neural_network":
            node.module = "fastmlp"
            self.count += 1
        return node


def _with_the_import_changed():
    source = SOURCE.read_bytes()
    tree, changed = ast.parse(source), _Changed()
    tree = ast.fix_missing_locations(changed.visit(tree))
    assert changed.count, "the import is written in another way now"
    rewrite_asserts(tree, source)
    module = types.ModuleType("sklearn_test_mlp_of_fastmlp")
    module.__file__ = str(SOURCE)
    sys.modules[module.__name__] = module
    exec(compile(tree, str(SOURCE), "exec"), module.__dict__)
    return module


_module = _with_the_import_changed()
_tests = {
    name: test
    for name, test in vars(_module).items()
    if name.startswith("test_") and inspect.isfunction(test)
}


@pytest.fixture
def global_random_seed():
    """scikit-learn's own fixture is in a conftest that is not part of its wheel's tests."""
    return 42


# scikit-learn lets warnings pass that are errors here.
pytestmark = pytest.mark.filterwarnings("ignore")
for _name, _test in _tests.items():
    if _name in ON_PURPOSE:
        _fails = {"raises": (AttributeError, pytest.fail.Exception), "strict": True}
        _test = pytest.mark.xfail(reason=ON_PURPOSE[_name], **_fails)(_test)
    globals()[_name] = _test


def test_every_test_that_differs_on_purpose_is_one_of_scikit_learn_s():
    assert set(ON_PURPOSE) <= set(_tests)


def test_the_estimators_are_those_of_fastmlp():
    for name in ("MLPClassifier", "MLPRegressor"):
        assert getattr(_module, name).__module__.startswith("fastmlp.")
