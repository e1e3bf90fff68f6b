"""What holds in all tests."""

import signal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from fastmlp import _core

# A shell's background job is started with Ctrl-C ignored, and Python then has no handler for it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Where tests allow several threads, several run, however busy the machine.
_core.set_patient(True)

# --hypothesis-profile=long tries other inputs in every run, and many more.
settings.register_profile(
    "same",
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "long", settings.get_profile("same"), max_examples=10_000, derandomize=False, print_blob=True
)
settings.load_profile("same")


# What is drawn would depend on the numbers that stand in whichever of our files are imported.
providers._get_local_constants = Constants


def pytest_collection_modifyitems(config, items):
    """Let NumPy warn of what property tests give it."""
    warned = pytest.mark.filterwarnings("ignore:Warning. converting a masked element to nan")
    for item in items:
        if item.path.name.startswith("test_properties"):
            item.add_marker(warned)
