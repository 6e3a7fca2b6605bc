"""The functions of `interface_rows` by compiled loops."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from q4compile.sim.kernels.compiled_vector import (
    COMPILED,
    INLINED,
    LEAST,
    MOST,
    clipped,
    interpolated,
    rounded,
    scaled,
)

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]


def dequantize(
    x: NDArray[Any], out: Int16, *, columns: int, bits: int, zero_point: int, word: int
) -> None:
    """As `RowKernels.dequantize`."""
    convert = _of_nibbles if bits == 4 else _of_bytes
    convert(x, out, columns, zero_point, np.uint32(word))


def reduce(how: int, x: Int16, out: Int16, *, columns: int, word: int) -> None:
    """As `RowKernels.reduce`."""
    _reduce(how, x, out, columns, np.uint32(word))


def normalize(
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
    """As `RowKernels.normalize`."""
    _normalize(x, scales, biases, out, columns, epsilon, result_shift, bias_shift)


def soften(
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
    """As `RowKernels.soften`."""
    tables = (powers, powers if logarithms is None else logarithms)
    shifts = (left_shift, result_shift, out_shift)
    _soften(x, *tables, out, columns, logarithms is not None, *shifts)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _of_bytes(x: Any, out: Any, columns: Any, zero_point: Any, word: Any) -> None:
    for m in range(len(x)):
        for n in range(columns):
            out[m, n] = clipped(scaled(np.int64(x[m, n]) - zero_point, word), LEAST, MOST)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _of_nibbles(x: Any, out: Any, columns: Any, zero_point: Any, word: Any) -> None:
    for m in range(len(x)):
        for n in range(columns):
            nibble = (np.int64(x[m, n >> 1]) >> 4 * (n & 1)) & 15
            code = (nibble ^ 8) - 8
            out[m, n] = clipped(scaled(code - zero_point, word), LEAST, MOST)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _reduce(how: Any, x: Any, out: Any, columns: Any, word: Any) -> None:
    for m in range(len(x)):
        made = np.int64(0)
        if how == 0:
            for n in range(columns):
                made += np.int64(x[m, n])
            made = clipped(scaled(made, word), LEAST, MOST)
        elif columns:
            made = np.int64(x[m, 0])
            for n in range(1, columns):
                each = np.int64(x[m, n])
                made = max(made, each) if how == 1 else min(made, each)
        out[m, 0] = made


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _bit_length(number: Any) -> Any:
    """Of a number from 0 on."""
    bits = 0
    while number >> bits:
        bits += 1
    return bits


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def _root(number: Any) -> Any:
    """floor(√number) of a number below 2^62: float64 is off by one at most."""
    found = np.int64(np.sqrt(np.float64(number)))
    while found * found > number:
        found -= 1
    while (found + 1) * (found + 1) <= number:
        found += 1
    return found


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _normalize(
    x: Any,
    scales: Any,
    biases: Any,
    out: Any,
    columns: Any,
    epsilon: Any,
    result_shift: Any,
    bias_shift: Any,
) -> None:
    for m in range(len(x)):
        total, squares = np.int64(0), np.int64(0)
        for n in range(columns):
            each = np.int64(x[m, n])
            total += each
            squares += each * each
        spread = columns * squares - total * total + epsilon
        factor, shift = np.int64(0), np.int64(0)
        if spread:
            j = (62 - _bit_length(spread)) // 2
            factor = (np.int64(1) << 54) // _root(spread << 2 * j)
            shift = np.int64(38 - j)
        for n in range(columns):
            normal = rounded((columns * np.int64(x[m, n]) - total) * factor, shift)
            exact = normal * np.int64(scales[n]) + (np.int64(biases[n]) << bias_shift)
            out[m, n] = clipped(rounded(exact, result_shift), LEAST, MOST)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _soften(
    x: Any,
    powers: Any,
    logarithms: Any,
    out: Any,
    columns: Any,
    is_log: Any,
    left_shift: Any,
    result_shift: Any,
    out_shift: Any,
) -> None:
    e = np.empty(columns, np.int64)
    for m in range(len(x)):
        most = np.int64(LEAST)
        for n in range(columns):
            most = max(most, np.int64(x[m, n]))
        total = np.int64(0)
        for n in range(columns):
            shifted = rounded((np.int64(x[m, n]) - most) << left_shift, result_shift)
            e[n] = max(np.int64(interpolated(powers, clipped(shifted, LEAST, MOST))), 0)
            total += e[n]
        total = max(total, np.int64(1))
        p = _bit_length(total) - 1
        if is_log:
            entry = (total << 16 >> p) - 65536 + LEAST
            whole = (p - 15) * 22713 + np.int64(interpolated(logarithms, entry))
            for n in range(columns):
                below = (most - np.int64(x[m, n])) << (4 + left_shift - result_shift)
                out[m, n] = clipped(-rounded(below + whole, out_shift), LEAST, MOST)
        else:
            j = 30 - p
            factor = (np.int64(1) << 54) // (total << j)
            for n in range(columns):
                out[m, n] = clipped(rounded(e[n] * factor, np.int64(39 - j)), LEAST, MOST)
