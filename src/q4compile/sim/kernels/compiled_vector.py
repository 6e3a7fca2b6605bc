"""Compiled loops of the vector engine: shapes and meanings as in `interface`."""

from typing import Any

import numba
import numpy as np

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}
INLINED = COMPILED | {"inline": "always"}
"""Callers keep compiled code of their own: numba sees when their file changes, but not this one."""

LEAST, MOST = -(2**15), 2**15 - 1
LEAST_WIDE, MOST_WIDE = -(2**31), 2**31 - 1
MUL_BITS, MAX_SHIFT = 24, 62
MUL_MASK, NORMAL = 2**MUL_BITS - 1, 2 ** (MUL_BITS - 1)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def clipped(x: Any, lo: Any, hi: Any) -> Any:
    """x within [lo, hi]."""
    return min(max(x, lo), hi)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def rounded(p: Any, shift: Any) -> Any:
    """``RNE(p, shift)`` of int64, shift 0 to 62, without a branch.

    Adds half − 1, or half where the result would be odd, so that ties go to even; at shift 0, 0.
    """
    some = np.int64(shift > 0)
    half = (np.int64(1) << shift) >> 1
    return (p + half - some + ((p >> shift) & some)) >> shift


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def scaled(x: Any, word: Any) -> Any:
    """``RNE(x · mul, shift)`` of a multiplier."""
    return rounded(np.int64(x) * np.int64(word & MUL_MASK), np.int64(word >> MUL_BITS))


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def interpolated(table: Any, x: Any) -> Any:
    """T(x) of an x in int16."""
    u = np.int32(x) + np.int32(32768)
    t = np.int32(table[u >> 6])
    rise = np.int32(table[(u >> 6) + 1]) - t
    return t + ((rise * (u & np.int32(63)) + np.int32(32)) >> np.int32(6))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def first_no_multiplier(words: Any) -> Any:
    """The index of the first word that is no multiplier, or −1."""
    wrong = False
    for word in words:
        wrong |= word != 0 and ((word & NORMAL) == 0 or (word >> MUL_BITS) > MAX_SHIFT)
    if wrong:
        for n in range(len(words)):
            word = words[n]
            if word != 0 and ((word & NORMAL) == 0 or (word >> MUL_BITS) > MAX_SHIFT):
                return n
    return -1


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def add_checked(sums: Any, initial: Any, out: Any, columns: Any) -> Any:
    """``out = sums + initial``; the place of the first that does not fit int32, or −1."""
    wrong = -1
    for m in range(len(sums)):
        row = initial[m if len(initial) > 1 else 0]
        for n in range(columns):
            total = np.int64(sums[m, n]) + np.int64(row[n])
            out[m, n] = np.int32(total)
            if total != np.int64(np.int32(total)) and wrong < 0:
                wrong = m * columns + n
    return wrong


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def requantize(
    x: Any, words: Any, out: Any, columns: Any, zero_point: Any, lo: Any, hi: Any
) -> None:
    """Codes of 8 or 16 bits."""
    for m in range(len(x)):
        for n in range(columns):
            word = words[n if len(words) > 1 else 0]
            out[m, n] = clipped(scaled(x[m, n], word) + zero_point, lo, hi)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def requantize_wide(x: Any, words: Any, offsets: Any, out: Any, columns: Any) -> None:
    """int32, an offset for each multiplier."""
    for m in range(len(x)):
        for n in range(columns):
            k = n if len(words) > 1 else 0
            y = scaled(x[m, n], words[k]) + np.int64(offsets[k])
            out[m, n] = clipped(y, LEAST_WIDE, MOST_WIDE)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def requantize_nibbles(
    x: Any, words: Any, out: Any, columns: Any, zero_point: Any, lo: Any, hi: Any
) -> None:
    """Codes of 4 bits, packed."""
    codes = np.zeros(columns + columns % 2, np.int8)
    for m in range(len(x)):
        for n in range(columns):
            word = words[n if len(words) > 1 else 0]
            codes[n] = clipped(scaled(x[m, n], word) + zero_point, lo, hi)
        pack(codes, out[m])


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def pack(codes: Any, out: Any) -> None:
    """An even number of codes into nibbles."""
    for i in range(len(codes) // 2):
        out[i] = np.uint8(codes[2 * i] & 15) | np.uint8(codes[2 * i + 1] << 4)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def put(codes: Any, out: Any, is_packed: Any) -> None:
    """Codes of 4 bits, packed, or of 8."""
    if is_packed:
        pack(codes, out)
    else:
        for u in range(len(codes)):
            out[u] = codes[u]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def look_up(x: Any, table: Any, out: Any, columns: Any, left_shift: Any, result_shift: Any) -> None:
    """``T(sat16(RNE(x << left_shift, result_shift)))``."""
    for m in range(len(x)):
        for n in range(columns):
            shifted = rounded(np.int64(x[m, n]) << left_shift, result_shift)
            out[m, n] = interpolated(table, clipped(shifted, LEAST, MOST))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def combine(
    how: Any,
    x: Any,
    y: Any,
    out: Any,
    columns: Any,
    left_shift: Any,
    right_shift: Any,
    result_shift: Any,
) -> None:
    """`how` is a `Combination` as a number."""
    for m in range(len(x)):
        row = y[m if len(y) > 1 else 0]
        for n in range(columns):
            left = np.int64(x[m, n]) << left_shift
            right = np.int64(row[n]) << right_shift
            if how == 0:
                both = left + right
            elif how == 1:
                both = left - right
            elif how == 2:
                both = max(left, right)
            else:
                both = min(left, right)
            out[m, n] = clipped(rounded(both, result_shift), LEAST, MOST)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def multiply(x: Any, y: Any, out: Any, columns: Any, result_shift: Any) -> None:
    """``sat16(RNE(x · y, result_shift))``."""
    for m in range(len(x)):
        row = y[m if len(y) > 1 else 0]
        for n in range(columns):
            product = np.int64(x[m, n]) * np.int64(row[n])
            out[m, n] = clipped(rounded(product, result_shift), LEAST, MOST)
