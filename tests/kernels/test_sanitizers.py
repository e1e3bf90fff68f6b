"""Controls of a sanitized build: errors made on purpose are found, whatever the instruction set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastmlp import _core
from fastmlp._core import kernels

ISAS = list(kernels.isas)
DTYPES = ["float32", "float64"]

with_address = pytest.mark.skipif(
    _core.sanitizer() != "address", reason="needs a build with AddressSanitizer"
)
with_thread = pytest.mark.skipif(
    _core.sanitizer() != "thread", reason="needs a build with ThreadSanitizer"
)


def errors_of(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode != 0) == ("Sanitizer" in done.stderr), done.stderr
    return done.stderr


def product(isa: str, dtype: str, *before: str, way: str = "gemm", more: str = "") -> str:
    """A product whose operands end within a vector, one of them to be packed.

    No part of it would need more scratch than the whole: all of it is used.
    """
    return "\n".join(
        [
            "import ctypes, numpy as np",
            "from fastmlp._core import kernels",
            f"A, B, C = (np.ones(s, {dtype!r}) for s in ((200, 20), (23, 20), (200, 23)))",
            "bias = np.ones(23, A.dtype)",
            "def poison(array):",
            "    last = ctypes.c_void_p(array.ctypes.data + array.nbytes - 8)",
            "    ctypes.CDLL(None).__asan_poison_memory_region(last, ctypes.c_size_t(8))",
            *before,
            f"kernels.{way}(A, B.T, C, bias=bias, isa={isa!r}{more})",
        ]
    )


@with_address
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_a_product_with_less_scratch_than_it_asks_for_is_caught(isa: str, dtype: str):
    in_place = ", u=C, derivative='tanh'"  # its sums lie at the end of the scratch
    assert not errors_of(product(isa, dtype, more=in_place))
    less = product(isa, dtype, "kernels.set_scratch_part(0.99)", more=in_place)
    assert "AddressSanitizer" in errors_of(less)


@with_address
@pytest.mark.parametrize("array", ["A", "B", "C", "bias"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_the_last_elements_of_every_operand_are_seen(isa: str, dtype: str, array: str):
    ways = ["gemm", "split_gemm"] if isa == "amx" and dtype == "float32" else ["gemm"]
    for way in ways:
        assert "AddressSanitizer" in errors_of(product(isa, dtype, f"poison({array})", way=way))


@with_thread
def test_two_threads_that_write_to_one_place_are_caught():
    script = """
import threading, numpy as np
from fastmlp._core import kernels
x, y = np.ones((2, 1000), "float32")
def work():
    kernels.unary("exp", x, y, isa="baseline", repeat=20000)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    assert "data race" in errors_of(script)
