"""The functions of one row of a GRU or RNN step that both implementations have."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Words = NDArray[np.uint32]
Codes = NDArray[Any]
"""int8, or bytes of two codes each."""


class GatedKernels(Protocol):
    """As `isa.instructions.gated` says. They return −1, or which word is no multiplier."""

    def gru_row(
        self,
        sums: Int32,
        inputs: Int16,
        multipliers: Words,
        before: Codes,
        out: Codes,
        sigmoid: Int16,
        tanh: Int16,
        *,
        bits: int,
        multiplier: int,
        zero_point: int,
        lo: int,
        hi: int,
    ) -> int:
        """h of a row; `before` is that of the step before."""
        ...

    def rnn_row(
        self,
        sums: Int32,
        inputs: Int16,
        multipliers: Words,
        out: Codes,
        tanh: Int16 | None,
        *,
        bits: int,
        multiplier: int,
        zero_point: int,
        lo: int,
        hi: int,
    ) -> int:
        """h of a row; without a table of tanh what is above 0 of z."""
        ...
