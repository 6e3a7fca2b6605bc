"""The functions of one row of a step of an LSTM that both implementations have."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Words = NDArray[np.uint32]
Codes = NDArray[Any]
"""int8, or bytes of two codes each."""


class LstmKernels(Protocol):
    """As `isa.instructions.recurrence` says: `cell` in place, h to `out`.

    For each unit, `cell` has one element, and all that is read besides the tables has four. They
    return how many cell states were clipped, or −1 − n if word n of `multipliers` is no multiplier.
    """

    def lstm_row(
        self,
        sums: Int32,
        inputs: Int16,
        multipliers: Words,
        cell: Int16,
        out: Codes,
        sigmoid: Int16,
        tanh: Int16,
        *,
        bits: int,
        fraction_bits: int,
        multiplier: int,
        zero_point: int,
        lo: int,
        hi: int,
    ) -> int:
        """With cell states of 16 bits, `fraction_bits` of them behind the point."""
        ...

    def lstm_row_wide(
        self,
        sums: Int32,
        inputs: Int32,
        multipliers: Words,
        cell: Int32,
        out: Codes,
        tanh: Int32,
        *,
        bits: int,
        multiplier: int,
        zero_point: int,
        lo: int,
        hi: int,
    ) -> int:
        """With cell states of 32 bits, and a table of order 2."""
        ...
