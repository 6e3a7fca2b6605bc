"""The functions of `halves` by compiled loops, on bits. Operands must not overlap what is written,
except that `x` or `y` may be `out` itself: the machine sees to it.
"""

import math
from typing import Any

import numba
import numpy as np

from q4compile.isa.instructions.floating import Function
from q4compile.numerics.compiled_half_products import WIDENED, compiled_half_products
from q4compile.numerics.half import Float, Half
from q4compile.numerics.half_products import Float32
from q4compile.sim.kernels.compiled_vector import COMPILED, INLINED
from q4compile.sim.kernels.halves import Operation

NAN_BITS, LARGEST_BITS, BITS = 0x7E00, 0x7BFF, np.uint16
SMALLEST_NORMAL, TINIEST = 2.0**-14, 2.0**-24
BEYOND = 65520.0
"""From here on a number is nearer to 65536 than to 65504, or as near."""
NOT_A_NUMBER = np.float32(np.nan)


def accumulate(x: Half, w: Half, initial: Float32 | None, out: Float32, *, depth: int) -> None:
    """As `HalfKernels.accumulate`."""
    sums = out.copy() if initial is out else out
    compiled_half_products(x.view(BITS), w.view(BITS), sums, depth=depth)
    _add(sums, sums if initial is None else initial, out, len(w), initial is not None)


def convert(function: Function, x: Float, out: Half, *, columns: int) -> None:
    """As `HalfKernels.convert`."""
    if x.dtype == np.float16:
        _convert_halves(int(function), x.view(BITS), WIDENED, out.view(BITS), columns)
    else:
        _convert(int(function), x, out.view(BITS), columns)


def combine(how: Operation, x: Half, y: Half, out: Half, *, columns: int) -> None:
    """As `HalfKernels.combine`."""
    _combine(int(how), x.view(BITS), y.view(BITS), WIDENED, out.view(BITS), columns)


def lstm_row(sums: Float32, inputs: Half, cell: Float32, out: Half) -> None:
    """As `HalfKernels.lstm_row`."""
    _lstm_row(sums, inputs.view(BITS), WIDENED, cell, out.view(BITS))


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _bits(x: Any) -> Any:
    """Of ``f16(x)``, x a float64."""
    if math.isnan(x):
        return np.uint16(NAN_BITS)
    sign = np.uint16(0x8000 if math.copysign(1.0, x) < 0 else 0)
    size = abs(x)
    if size >= BEYOND:
        return np.uint16(sign | np.uint16(LARGEST_BITS))
    if size < SMALLEST_NORMAL:
        return np.uint16(sign | np.uint16(np.rint(size / TINIEST)))
    share, exponent = math.frexp(size)
    places = np.int64(np.rint(share * 2048.0)) - 1024  # 1024 of them carry into the exponent
    return np.uint16(sign | np.uint16(((exponent + 14) << 10) + places))


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _applied(function: Any, x: Any) -> Any:
    """φ in float64."""
    if function == 1:
        return 1.0 / (1.0 + math.exp(-x))
    return math.tanh(x) if function == 2 else x


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _add(sums: Any, initial: Any, out: Any, columns: Any, adds: Any) -> None:
    for m in range(len(sums)):
        row = initial[m if len(initial) > 1 else 0]
        for n in range(columns):
            total = sums[m, n] + row[n] if adds else sums[m, n]
            out[m, n] = total if total == total else NOT_A_NUMBER


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _convert(function: Any, x: Any, out: Any, columns: Any) -> None:
    for m in range(len(x)):
        for n in range(columns):
            out[m, n] = _bits(_applied(function, np.float64(x[m, n])))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _convert_halves(function: Any, x: Any, widened: Any, out: Any, columns: Any) -> None:
    for m in range(len(x)):
        for n in range(columns):
            out[m, n] = _bits(_applied(function, np.float64(widened[x[m, n]])))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _combine(how: Any, x: Any, y: Any, widened: Any, out: Any, columns: Any) -> None:
    """`how` is an `Operation` as a number; a NaN on either side gives one."""
    for m in range(len(x)):
        row = y[m if len(y) > 1 else 0]
        for n in range(columns):
            left, right = np.float64(widened[x[m, n]]), np.float64(widened[row[n]])
            if how == 1:
                both = left - right
            elif how == 4:
                both = left * right
            elif how == 0 or math.isnan(left) or math.isnan(right):
                both = left + right
            elif how == 2:
                both = right if right > left else left
            else:
                both = right if right < left else left
            out[m, n] = _bits(both)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _lstm_row(sums: Any, inputs: Any, widened: Any, cell: Any, out: Any) -> None:
    for u in range(len(cell)):
        z0, z1, z2, z3 = (
            widened[inputs[4 * u]] + sums[4 * u],
            widened[inputs[4 * u + 1]] + sums[4 * u + 1],
            widened[inputs[4 * u + 2]] + sums[4 * u + 2],
            widened[inputs[4 * u + 3]] + sums[4 * u + 3],
        )
        i = widened[_bits(_applied(1, np.float64(z0)))]
        o = widened[_bits(_applied(1, np.float64(z1)))]
        f = widened[_bits(_applied(1, np.float64(z2)))]
        g = widened[_bits(_applied(2, np.float64(z3)))]
        state = f * cell[u] + i * g
        t = widened[_bits(_applied(2, np.float64(state)))]
        cell[u] = state if state == state else NOT_A_NUMBER
        out[u] = _bits(np.float64(o) * np.float64(t))
