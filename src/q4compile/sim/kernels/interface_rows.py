"""The functions of whole rows that both implementations have; arrays as in `interface`."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]


class RowKernels(Protocol):
    """The equations stand in `isa.instructions.rowwise`."""

    def dequantize(
        self, x: NDArray[Any], out: Int16, *, columns: int, bits: int, zero_point: int, word: int
    ) -> None:
        """``out = sat16(RNE((x − zero_point) · mul, shift))``, codes of 4 bits as bytes."""
        ...

    def reduce(self, how: int, x: Int16, out: Int16, *, columns: int, word: int) -> None:
        """A `Reducing` as a number, of each row to column 0 of `out`."""
        ...

    def normalize(
        self,
        x: Int16,
        scales: Int16,
        biases: Int32,
        out: Int16,
        *,
        columns: int,
        epsilon: int,
        result_shift: int,
        bias_shift: int,
    ) -> None:
        """A `Norm`; `scales` and `biases` have one row."""
        ...

    def soften(
        self,
        x: Int16,
        powers: Int16,
        logarithms: Int16 | None,
        out: Int16,
        *,
        columns: int,
        left_shift: int,
        result_shift: int,
        out_shift: int,
    ) -> None:
        """A `Soft`."""
        ...
