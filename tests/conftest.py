"""What holds in all tests."""

import pytest
from hypothesis import HealthCheck, settings

from fastmlp import _core

# Where tests allow several threads, several run, however busy the machine.
_core.set_patient(True)

# --hypothesis-profile=long tries other inputs in every run, and many more.
settings.register_profile(
    "same",
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile(
    "long", settings.get_profile("same"), max_examples=10_000, derandomize=False, print_blob=True
)
settings.load_profile("same")


def pytest_collection_modifyitems(config, items):
    """Run property tests where a profile is asked for: what they draw differs between machines."""
    if config.getoption("--hypothesis-profile", default=None):
        return
    skip = pytest.mark.skip(reason="runs with --hypothesis-profile=same or =long")
    for item in items:
        if item.path.name.startswith("test_properties"):
            item.add_marker(skip)
