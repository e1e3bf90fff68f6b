"""What holds in all tests."""

from hypothesis import HealthCheck, settings

from fastmlp import _core

# Where tests allow several threads, several run, however busy the machine.
_core.set_patient(True)

# Property tests take the same inputs in every run; other ones, and many more, by
# --hypothesis-profile=long.
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
