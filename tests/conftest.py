"""What holds in all tests."""

from fastmlp import _core

# Where tests allow several threads, several run, however busy the machine.
_core.set_patient(True)
