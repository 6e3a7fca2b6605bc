"""The functions that both implementations have.

A matrix is an array [rows, width] in which row after row lies without gaps; `columns` says how many
elements of a row are meant. Codes of 4 bits come as bytes. Results go to `out`, whole or, where a
function reports that it cannot, not in any defined state.
"""

from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from q4compile.sim.kernels.halves import HalfKernels
from q4compile.sim.kernels.interface_gated import GatedKernels
from q4compile.sim.kernels.interface_lstm import LstmKernels
from q4compile.sim.kernels.interface_rows import RowKernels

Matrix = NDArray[Any]
Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Words = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

GOOD = -1
"""What a function returns that found nothing wrong."""


class Combination(IntEnum):
    """How two operands become one."""

    ADD = 0
    SUB = 1
    MAX = 2
    MIN = 3


class Kernels(GatedKernels, LstmKernels, RowKernels, Protocol):
    """`kernels.plain` and `kernels.compiled`."""

    @property
    def halves(self) -> HalfKernels:
        """Those of f16."""
        ...

    def decode(self, stream: Bytes, count: int) -> Bytes:
        """The `count` bytes that a coded stream stands for; raises `BadStream`."""
        ...

    def accumulate(
        self,
        x: Bytes,
        w: Bytes,
        initial: Int32 | None,
        out: Int32,
        *,
        depth: int,
        x_bits: int,
        w_bits: int,
    ) -> int:
        """``out[m, n] = initial[m, n] + Σ_k x[m, k] · w[n, k]``; a single initial row serves all.

        `initial` may be `out`. Returns `GOOD`, or m · len(w) + n of a sum that does not fit int32.
        """
        ...

    def requantize(
        self,
        x: Matrix,
        multipliers: Words,
        out: Matrix,
        *,
        columns: int,
        bits: int,
        zero_point: int,
        lo: int,
        hi: int,
    ) -> int:
        """``out = clip(RNE(x · mul[n], shift[n]) + zero_point, lo, hi)``.

        A single multiplier serves all columns. Returns `GOOD`, or the index of a word that is no
        multiplier.
        """
        ...

    def requantize_wide(
        self, x: Matrix, multipliers: Words, offsets: Int32, out: Int32, *, columns: int
    ) -> int:
        """``out = sat32(RNE(x · mul[n], shift[n]) + offset[n])``; else as `requantize`."""
        ...

    def look_up(
        self,
        x: Int16,
        table: Int16,
        out: Int16,
        *,
        columns: int,
        left_shift: int,
        result_shift: int,
    ) -> None:
        """``out = T(sat16(RNE(x << left_shift, result_shift)))``."""
        ...

    def combine(
        self,
        how: Combination,
        x: Int16,
        y: Int16,
        out: Int16,
        *,
        columns: int,
        left_shift: int,
        right_shift: int,
        result_shift: int,
    ) -> None:
        """``out = sat16(RNE((x << left_shift) op (y << right_shift), result_shift))``.

        A single row of y serves for all of x.
        """
        ...

    def multiply(self, x: Int16, y: Int16, out: Int16, *, columns: int, result_shift: int) -> None:
        """``out = sat16(RNE(x · y, result_shift))``, y as in `combine`."""
        ...
