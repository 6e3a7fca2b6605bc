"""The functions of f16 that both implementations have, as `interface` has those of integers.

Halves come as arrays of float16 or float32 of rows without gaps; `columns` says how many elements
of a row are meant.
"""

from enum import IntEnum
from typing import Protocol

from q4compile.isa.instructions.floating import Function
from q4compile.numerics.half import Float, Half
from q4compile.numerics.half_products import Float32


class Operation(IntEnum):
    """How two operands become one."""

    ADD = 0
    SUB = 1
    MAX = 2
    MIN = 3
    MUL = 4


class HalfKernels(Protocol):
    """`kernels.plain_halves` and `kernels.compiled_halves`."""

    def accumulate(
        self, x: Half, w: Half, initial: Float32 | None, out: Float32, *, depth: int
    ) -> None:
        """``out[m, n] = Σ_k x[m, k] · w[n, k] + initial[m, n]``; a single initial row serves all.

        `initial` may be `out`.
        """
        ...

    def convert(self, function: Function, x: Float, out: Half, *, columns: int) -> None:
        """``out = f16(φ(x))``."""
        ...

    def combine(self, how: Operation, x: Half, y: Half, out: Half, *, columns: int) -> None:
        """``out = f16(x op y)``; a single row of y serves for all of x."""
        ...

    def lstm_row(self, sums: Float32, inputs: Half, cell: Float32, out: Half) -> None:
        """One row of a step of an LSTM: `cell` in place, h to `out`.

        For each unit, `cell` and `out` have one element, `sums` and `inputs` have four.
        """
        ...
