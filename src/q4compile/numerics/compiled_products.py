"""``Σ_k x[m, k] · w[n, k]`` compiled, straight from packed rows: the numbers of `packed_products`.

On a CPU with AVX-512 VNNI by its byte products (module vnni), else by loops that any CPU can do.
Measured on one core of a shared AMD EPYC (Zen 4), 4-bit codes: one row by 640 × 2560 in 80 µs by
float32 BLAS, 79 µs by loops, 19 µs by VNNI; 16 rows by 2048 × 256 at 35, 75 and 240 or more · 10⁹
operations per second.
"""

from typing import Any

import numba
import numpy as np

from q4compile.numerics.nibbles import Bytes
from q4compile.numerics.packed_products import Int32
from q4compile.numerics.vnni import STEP_BYTES, block_of_sums, is_available

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}
ROWS, COLUMNS, WIDE = 4, 4, 8
"""Blocks: 4 × 4 sums, for single rows 1 × 8."""

_block4, _row4, _one4 = (
    block_of_sums(rows, columns, nibbles=True)
    for rows, columns in ((ROWS, COLUMNS), (1, WIDE), (1, 1))
)
_block8, _row8, _one8 = (
    block_of_sums(rows, columns, nibbles=False)
    for rows, columns in ((ROWS, COLUMNS), (1, WIDE), (1, 1))
)


def compiled_products(
    x: Bytes, w: Bytes, out: Int32, *, depth: int, x_bits: int, w_bits: int
) -> None:
    """``out[:, : len(w)] = packed_products(x, w, …)``; all three lie row after row, without gaps.

    `out` shares no memory with the others. Depth, bits: as `packed_products`.
    """
    if depth == 0:
        out[:, : len(w)] = 0
    elif is_available():
        by_vnni(x, w, out, depth, x_bits == 4, w_bits == 4)
    else:
        by_loops(x, w, out, depth, x_bits == 4, w_bits == 4)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def by_loops(x: Any, w: Any, out: Any, depth: Any, x_nibbles: Any, w_nibbles: Any) -> None:
    """Any CPU: x is unpacked once, each row of w once."""
    codes = np.empty((len(x), depth), np.int8)
    row = np.empty(depth, np.int8)
    for m in range(len(x)):
        _unpack(x[m], codes[m], x_nibbles)
    for n in range(len(w)):
        _unpack(w[n], row, w_nibbles)
        for m in range(len(x)):
            total = np.int32(0)
            for k in range(depth):
                total += np.int32(codes[m, k]) * np.int32(row[k])
            out[m, n] = total


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def by_vnni(x: Any, w: Any, out: Any, depth: Any, x_nibbles: Any, w_nibbles: Any) -> None:
    """Where `vnni.is_available`; depth ≥ 1."""
    row_bytes = (depth + 1) // 2 if w_nibbles else depth
    steps = (row_bytes + STEP_BYTES - 1) // STEP_BYTES
    arranged = np.zeros((len(x), steps * STEP_BYTES * (2 if w_nibbles else 1)), np.int8)
    corrections = np.empty(len(x), np.int32)
    _arrange(x, arranged, corrections, depth, x_nibbles, w_nibbles)
    _all_sums(arranged, w, row_bytes, corrections, out, w_nibbles)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _unpack(packed: Any, codes: Any, nibbles: Any) -> None:
    """All of `codes` from the start of a packed row."""
    if not nibbles:
        for k in range(len(codes)):
            codes[k] = np.int8(packed[k])
        return
    for i in range(len(codes) // 2):
        codes[2 * i] = np.int8(packed[i] << 4) >> 4
        codes[2 * i + 1] = np.int8(packed[i]) >> 4
    if len(codes) % 2:
        codes[-1] = np.int8(packed[len(codes) // 2] << 4) >> 4


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _arrange(
    x: Any, arranged: Any, corrections: Any, depth: Any, x_nibbles: Any, w_nibbles: Any
) -> None:
    """Codes in the order of `vnni`; what is left of `arranged` stays 0."""
    codes = np.empty(depth, np.int8)
    for m in range(len(x)):
        if not w_nibbles:
            _unpack(x[m], arranged[m, :depth], x_nibbles)
        elif x_nibbles:
            _split_nibbles(x[m], arranged[m], depth)
        else:
            _unpack(x[m], codes, x_nibbles)
            _split_pairs(codes, arranged[m])
        total = np.int32(0)
        for k in range(arranged.shape[1]):
            total += np.int32(arranged[m, k])
        corrections[m] = -(8 if w_nibbles else 128) * total


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _split_nibbles(packed: Any, arranged: Any, depth: Any) -> None:
    """In each step the low nibbles of its bytes, then the high ones."""
    used = (depth + 1) // 2
    for start in range(0, used, STEP_BYTES):
        low, high = arranged[2 * start :], arranged[2 * start + STEP_BYTES :]
        for i in range(min(STEP_BYTES, used - start)):
            low[i] = np.int8(packed[start + i] << 4) >> 4
            high[i] = np.int8(packed[start + i]) >> 4
    if depth % 2:
        last = used - 1
        arranged[2 * last - last % STEP_BYTES + STEP_BYTES] = 0


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _split_pairs(codes: Any, arranged: Any) -> None:
    """In each step the codes of even index, then those of odd index."""
    for start in range(0, len(codes), 2 * STEP_BYTES):
        low, high = arranged[start:], arranged[start + STEP_BYTES :]
        left = min(2 * STEP_BYTES, len(codes) - start)
        for i in range(left // 2):
            low[i] = codes[start + 2 * i]
            high[i] = codes[start + 2 * i + 1]
        if left % 2:
            low[left // 2] = codes[-1]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _all_sums(x: Any, w: Any, row_bytes: Any, corrections: Any, out: Any, nibbles: Any) -> None:
    """Blocks of 4 rows and 4 columns, then single rows, 8 columns at a time; the rest one by one.

    The caller holds the arrays while their addresses are used here.
    """
    bases = x.ctypes.data, w.ctypes.data, corrections.ctypes.data, out.ctypes.data
    pitches = x.shape[1], w.shape[1], out.shape[1]
    whole, blocked, wide = len(x) // ROWS * ROWS, len(w) // COLUMNS * COLUMNS, len(w) // WIDE * WIDE
    for m in range(0, whole, ROWS):
        for n in range(0, blocked, COLUMNS):
            if nibbles:
                _block4(*_place(bases, pitches, row_bytes, m, n))
            else:
                _block8(*_place(bases, pitches, row_bytes, m, n))
    for m in range(whole, len(x)):
        for n in range(0, wide, WIDE):
            if nibbles:
                _row4(*_place(bases, pitches, row_bytes, m, n))
            else:
                _row8(*_place(bases, pitches, row_bytes, m, n))
    for m in range(len(x)):
        for n in range(blocked if m < whole else wide, len(w)):
            if nibbles:
                _one4(*_place(bases, pitches, row_bytes, m, n))
            else:
                _one8(*_place(bases, pitches, row_bytes, m, n))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _place(bases: Any, pitches: Any, row_bytes: Any, m: Any, n: Any) -> Any:
    """What a block at row m and column n takes."""
    x, w, corrections, out = bases
    x_pitch, w_pitch, out_pitch = pitches
    return (
        np.uintp(x + m * x_pitch),
        np.int64(x_pitch),
        np.uintp(w + n * w_pitch),
        np.int64(w_pitch),
        np.int64(row_bytes),
        np.uintp(corrections + m * 4),
        np.uintp(out + (m * out_pitch + n) * 4),
        np.int64(out_pitch),
    )
