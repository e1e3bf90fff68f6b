"""The extension module: programs that run, and the kernels they are made of."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[Any]
_Sparse: TypeAlias = tuple[_Array, _Array, _Array]  # elements, columns, where each row begins
_Ref: TypeAlias = tuple[int, int, int, int]  # space, offset, rows or −1, columns

_Step: TypeAlias = tuple[
    int,  # kind
    int,  # section
    bool,  # barrier
    Sequence[_Ref],  # four inputs
    _Ref,
    _Ref,
    tuple[int, int, int, int],
    tuple[float, bool],
]

class _Program:
    def __init__(
        self,
        *,
        steps: Sequence[_Step],
        feeds: Sequence[tuple[int, int]],
        outputs: Sequence[tuple[int, int]],
        scalars: Sequence[int],
        batch_weight: int,
        constants: Sequence[float] | NDArray[np.float64],
        batch_columns: int,
        fixed_size: int,
        reduced_size: int,
        parameter_size: int,
        by_rows: bool,
    ) -> None: ...
    @property
    def flops_per_row(self) -> float: ...
    def lanes(self, rows: int) -> int: ...  # that a batch is cut into; 0: threads share its steps
    def run(
        self,
        feeds: Sequence[_Array | _Sparse],
        rows: int,
        parameters: _Array,
        outputs: Sequence[_Array],
        seed: int,
        step: int,
        gradient: _Array | None,
        access: Access | None = None,
    ) -> Any: ...  # the first scalar as a float, or None if the program has none
    def job(
        self,
        feeds: Sequence[_Array | _Sparse],
        order: NDArray[np.int64] | None,
        rows: int,
        batch_rows: int,
        epochs: int,
        updating: Updating,
        seed: int,
        first_step: int,
        scalars: NDArray[np.float64],
        done: NDArray[np.int64] | None = None,
        average: _Array | None = None,
        parts: NDArray[np.float64] | None = None,
        sums: NDArray[np.float64] | None = None,
    ) -> JobF32 | JobF64: ...
    def train_each(self, jobs: Sequence[JobF32 | JobF64]) -> list[tuple[int, int, bool]]: ...
    # Of each: epochs and steps done, whether the loss was not finite; after Ctrl-C in its `done`.
    def run_each(
        self,
        feeds: Sequence[_Array | _Sparse],
        rows: int,
        parameters: Sequence[_Array],
        outputs: Sequence[Sequence[_Array]],
        seeds: Sequence[int],
        step: int,
        access: Access | None = None,
    ) -> None: ...

class _Type(type): ...  # pybind11's

class Updating(metaclass=_Type):  # what steps change, and by which numbers
    def __init__(
        self,
        *,
        parameters: _Array,
        state: Sequence[_Array],
        groups: Sequence[tuple[int, int, str, int, bool]],  # begin, end, rule, column, decays
        step_values: NDArray[np.float64],
        clip_norm: float = ...,
        clip_value: float = ...,
        max_norms: Sequence[tuple[int, int, int, float, bool]] = (),  # …, units, limit, by_rows
        outputs: Sequence[_Array] = (),
    ) -> None: ...

class _Job:  # a training of one member, checked; made by programs
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

class JobF32(_Job, metaclass=_Type): ...
class JobF64(_Job, metaclass=_Type): ...
class ProgramF32(_Program, metaclass=_Type): ...
class ProgramF64(_Program, metaclass=_Type): ...

class Access(metaclass=_Type):  # who reads a vector of weights, and who changes it
    def __init__(self) -> None: ...
    @property
    def reads(self) -> int: ...  # under way
    @property
    def refuses_reads(self) -> bool: ...  # of this thread: it is the turn of another
    def put(self, vector: _Array, parts: Sequence[tuple[int, _Array]]) -> None: ...
    # Numbers from these places on, once no other thread reads; RuntimeError if one has its turn.

class Reading(metaclass=_Type):  # what is read in this block is of one set of weights
    def __init__(
        self, accesses: Sequence[Access], refuse: Callable[[], object] | None = None
    ) -> None: ...  # refuse: raises what to say of another thread's turn, unless it is over
    def __enter__(self) -> None: ...
    def __exit__(self, *args: Any) -> None: ...

class Turn(metaclass=_Type):  # see training/turns.py
    def __init__(self) -> None: ...
    @property
    def live(self) -> bool: ...
    @live.setter
    def live(self, arg1: bool, /) -> None: ...
    def hold(self, access: Access) -> None: ...  # no other thread begins to read any more
    def wait(self) -> None: ...  # until reads of other threads are over

def make_predictor(
    program: ProgramF32 | ProgramF64,
    parameters: _Array,
    inputs: Sequence[tuple[str, int, Sequence[int] | None]],  # name, columns, their categories
    access: Access,
) -> Callable[..., Any]: ...  # of (X, out), or also (…, training, samples, seed)
def make_stepper(
    *,
    program: ProgramF32 | ProgramF64,
    feeds: Sequence[_Array | None],  # None: given in each step
    sources: Sequence[int],  # of each feed: which of inputs, targets, weights; −1: none of them
    inputs: Sequence[tuple[str, int, Sequence[int] | None]],  # name, columns, their categories
    targets: Sequence[tuple[str, int, int, float, float, bool]],  # name, columns, classes, limits
    several: bool,
    weights: Sequence[str],
    common: bool,
    updating: Updating,
    first_step: int,
    seed: int,
    average: tuple[_Array, _Array, NDArray[np.float64]] | None,  # it, what is trained, parts
    assigned: Sequence[tuple[int, int]],  # parts of the gradient that are none: begin, size
    counter: Any,
    access: Access,
) -> tuple[Callable[[Any, Any, Any, bool], Any], Callable[[Any, Any, Any], Any]]: ...
def aligned_zeros(size: int, dtype: np.dtype[Any]) -> _Array: ...
def set_num_threads(n: int) -> None: ...
def set_own_threads(n: int) -> int: ...
def get_num_threads() -> int: ...
def has_openmp() -> bool: ...
def set_patient(patient: bool) -> None: ...
def work_alone(seconds: float) -> None: ...
def teams_asked() -> int: ...

class Pace(metaclass=_Type):  # see cpp/runtime/pace.h, for tests
    def __init__(self) -> None: ...
    @property
    def alone(self) -> bool: ...
    @property
    def left(self) -> float: ...
    def worked(self, seconds: float, batches: float) -> None: ...

def time_lost(elapsed: float, waited: float, threads: int) -> float: ...
def credit_after(credit: float, lost: float) -> float: ...
def time_alone(lost: float, times: int) -> float: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
def compiler() -> str: ...
def sanitizer() -> Literal["", "address", "thread"]: ...

class _Rule(NamedTuple):
    state: tuple[str, ...]  # the vectors that a rule keeps from step to step
    numbers: tuple[str, ...]  # of a step

class _Format:
    spaces: tuple[str, ...]
    sections: tuple[str, ...]
    kinds: dict[str, tuple[str, ...]]  # the names of the numbers of each kind
    may_overwrite: dict[str, tuple[int, ...]]  # which inputs, of each kind
    whole_batch: tuple[str, ...]  # the kinds that need all rows at once
    activations: tuple[str, ...]
    unary: tuple[str, ...]
    binary: tuple[str, ...]
    optimizers: dict[str, _Rule]
    batch_rows: int
    most_numbers: int
    by_its_rows: int
    grain: int
    most_threads: int
    block_terms: int

class _Kernels:
    """Each function writes its results into the arrays given and returns the seconds it took."""

    isas: list[str]
    split_tile: tuple[int, int]
    activations: tuple[str, ...]
    unary_names: tuple[str, ...]
    binary_names: tuple[str, ...]

    def gemm_tile(self, isa: str, dtype: Literal["float32", "float64"]) -> tuple[int, int]: ...
    def fma_peak(
        self, isa: str, dtype: Literal["float32", "float64"], seconds: float = 0.1
    ) -> float: ...
    def gemm(
        self,
        A: _Array,
        B: _Array,
        C: _Array,
        *,
        isa: str,
        accumulate: bool = False,
        bias: _Array | None = None,
        forward: str = "identity",
        u: _Array | None = None,
        derivative: str = "identity",
        b_sums: _Array | None = None,
        addend: _Array | None = None,
        factor: float = 1.0,
        repeat: int = 1,
    ) -> float: ...
    def split_gemm(
        self,
        A: _Array,
        B: _Array,
        C: _Array,
        *,
        isa: str,
        accumulate: bool = False,
        bias: _Array | None = None,
        forward: str = "identity",
        u: _Array | None = None,
        derivative: str = "identity",
        b_sums: _Array | None = None,
        addend: _Array | None = None,
        factor: float = 1.0,
        repeat: int = 1,
    ) -> float: ...
    def gemm_scratch(
        self, M: int, N: int, K: int, *, isa: str, dtype: Literal["float32", "float64"]
    ) -> int: ...
    def splits(self, M: int, N: int, K: int, *, isa: str) -> bool: ...
    def sparse_gemm(
        self,
        A: _Sparse,
        B: _Array,
        C: _Array,
        *,
        isa: str,
        accumulate: bool = False,
        bias: _Array | None = None,
        forward: str = "identity",
        u: _Array | None = None,
        derivative: str = "identity",
        b_sums: _Array | None = None,
        addend: _Array | None = None,
        factor: float = 1.0,
        repeat: int = 1,
    ) -> float: ...
    def unary(
        self, name: str, x: _Array, y: _Array, *, isa: str, c: float = 0.0, repeat: int = 1
    ) -> float: ...
    def binary(
        self, name: str, a: _Array, b: _Array, y: _Array, *, isa: str, repeat: int = 1
    ) -> float: ...
    def sum(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def dot(self, a: _Array, b: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def sum_rows(
        self, x: _Array, y: _Array, *, isa: str, accumulate: bool = False, repeat: int = 1
    ) -> float: ...
    def sum_columns(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def softmax(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def log_softmax(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def softmax_cross_entropy(
        self,
        z: _Array,
        t: _Array,
        *,
        isa: str,
        loss: _Array | None = None,
        z_bar: _Array | None = None,
        loss_bar: _Array | None = None,
        scale: float = 1.0,
        dense: bool = False,
        repeat: int = 1,
    ) -> float: ...
    def argmax(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def transpose(self, x: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def fill(self, y: _Array, *, isa: str, value: float, repeat: int = 1) -> float: ...
    def spread(
        self, x: _Array, y: _Array, *, isa: str, factor: float = 1.0, repeat: int = 1
    ) -> float: ...
    def add_scaled(
        self,
        a: _Array,
        b: _Array,
        y: _Array,
        *,
        isa: str,
        factor: float = 1.0,
        repeat: int = 1,
    ) -> float: ...
    def pick(self, x: _Array, index: _Array, y: _Array, *, isa: str, repeat: int = 1) -> float: ...
    def scatter(
        self, x: _Array, index: _Array, y: _Array, *, isa: str, repeat: int = 1
    ) -> float: ...
    def take_rows(
        self, table: _Array, index: _Array, y: _Array, *, isa: str, repeat: int = 1
    ) -> float: ...
    def add_rows(
        self,
        x: _Array,
        index: _Array,
        table: _Array,
        *,
        isa: str,
        begin: int,
        end: int,
        repeat: int = 1,
    ) -> float: ...
    def dropout(
        self,
        x: _Array,
        y: _Array,
        *,
        isa: str,
        key: int,
        first: int = 0,
        rate: float,
        repeat: int = 1,
    ) -> float: ...
    def update(
        self,
        rule: str,
        w: _Array,
        g: _Array,
        *,
        state: Sequence[_Array],
        numbers: Sequence[float],
        isa: str,
        repeat: int = 1,
    ) -> float: ...
    def clip(
        self, g: _Array, y: _Array, *, factor: float, bound: float, isa: str, repeat: int = 1
    ) -> float: ...
    def approach(
        self, w: _Array, average: _Array, *, part: float, isa: str, repeat: int = 1
    ) -> float: ...

format: _Format
kernels: _Kernels
