"""The functions of `interface` by compiled loops. Operands must not overlap what is written, except
that `x` or `y` may be `out` itself: the machine sees to it.
"""

from q4compile.numerics.compiled_coded_stream import decode as decode
from q4compile.numerics.compiled_products import compiled_products
from q4compile.sim.kernels import compiled_halves, compiled_vector
from q4compile.sim.kernels.compiled_gated import gru_row as gru_row
from q4compile.sim.kernels.compiled_gated import rnn_row as rnn_row
from q4compile.sim.kernels.compiled_lstm import lstm_row as lstm_row
from q4compile.sim.kernels.compiled_lstm import lstm_row_wide as lstm_row_wide
from q4compile.sim.kernels.compiled_rows import dequantize as dequantize
from q4compile.sim.kernels.compiled_rows import normalize as normalize
from q4compile.sim.kernels.compiled_rows import reduce as reduce
from q4compile.sim.kernels.compiled_rows import soften as soften
from q4compile.sim.kernels.halves import HalfKernels
from q4compile.sim.kernels.interface import (
    GOOD,
    Bytes,
    Combination,
    Int16,
    Int32,
    Matrix,
    Words,
)

halves: HalfKernels = compiled_halves


def accumulate(
    x: Bytes,
    w: Bytes,
    initial: Int32 | None,
    out: Int32,
    *,
    depth: int,
    x_bits: int,
    w_bits: int,
) -> int:
    """As `Kernels.accumulate`."""
    sums = out.copy() if initial is out else out
    compiled_products(x, w, sums, depth=depth, x_bits=x_bits, w_bits=w_bits)
    if initial is None:
        return GOOD
    return int(compiled_vector.add_checked(sums, initial, out, len(w)))


def requantize(
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
    """As `Kernels.requantize`."""
    wrong = int(compiled_vector.first_no_multiplier(multipliers))
    if wrong == GOOD:
        store = compiled_vector.requantize_nibbles if bits == 4 else compiled_vector.requantize
        store(x, multipliers, out, columns, zero_point, lo, hi)
    return wrong


def requantize_wide(
    x: Matrix, multipliers: Words, offsets: Int32, out: Int32, *, columns: int
) -> int:
    """As `Kernels.requantize_wide`."""
    wrong = int(compiled_vector.first_no_multiplier(multipliers))
    if wrong == GOOD:
        compiled_vector.requantize_wide(x, multipliers, offsets, out, columns)
    return wrong


def look_up(
    x: Int16, table: Int16, out: Int16, *, columns: int, left_shift: int, result_shift: int
) -> None:
    """As `Kernels.look_up`."""
    compiled_vector.look_up(x, table, out, columns, left_shift, result_shift)


def combine(
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
    """As `Kernels.combine`."""
    compiled_vector.combine(int(how), x, y, out, columns, left_shift, right_shift, result_shift)


def multiply(x: Int16, y: Int16, out: Int16, *, columns: int, result_shift: int) -> None:
    """As `Kernels.multiply`."""
    compiled_vector.multiply(x, y, out, columns, result_shift)
