"""``Σ_k x[m, k] · w[n, k]`` of halves compiled: the numbers of `half_products`.

Where the CPU widens halves by itself, by blocks of vectors (module half_blocks), else by loops.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.half_blocks import block_of_float_sums, is_available
from q4compile.numerics.half_products import LANES, Float32

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}
Bits = NDArray[np.uint16]
WIDENED = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Bits of a half → the float32."""
ROWS, COLUMNS, WIDE = 4, 4, 8
_block, _row, _one = (
    block_of_float_sums(rows, columns) for rows, columns in ((ROWS, COLUMNS), (1, WIDE), (1, 1))
)


def compiled_half_products(x: Bits, w: Bits, out: Float32, *, depth: int) -> None:
    """``out[:, : len(w)] = half_products(x, w)`` of halves by their bits.

    All three lie row after row, without gaps; what follows `depth` halves of a row is ignored.
    `out` shares no memory with the others.
    """
    if depth == 0:
        out[:, : len(w)] = 0
        return
    steps = -(-depth // LANES)
    if depth % LANES:
        padded = np.zeros((len(w), steps * LANES), np.uint16)
        padded[:, :depth] = w[:, :depth]
        w = padded
    (_by_blocks if is_available() else by_loops)(_widened(x, WIDENED, depth, steps), w, out, steps)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _widened(x: Any, widened: Any, depth: Any, steps: Any) -> Any:
    """float32, zeros behind what there is."""
    found = np.zeros((len(x), steps * LANES), np.float32)
    for m in range(len(x)):
        for k in range(depth):
            found[m, k] = widened[x[m, k]]
    return found


def by_loops(x: Float32, w: Bits, out: Float32, steps: int) -> None:
    """Any CPU."""
    _all_lanes(x, w, WIDENED, out, steps)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _all_lanes(x: Any, w: Any, widened: Any, out: Any, steps: Any) -> None:
    row, lanes = np.empty(steps * LANES, np.float32), np.empty(LANES, np.float32)
    for n in range(len(w)):
        for k in range(steps * LANES):
            row[k] = widened[w[n, k]]
        for m in range(len(x)):
            lanes[:] = 0
            for step in range(steps):
                for j in range(LANES):
                    lanes[j] += x[m, step * LANES + j] * row[step * LANES + j]
            count = LANES // 2
            while count:
                for j in range(count):
                    lanes[j] += lanes[j + count]
                count //= 2
            out[m, n] = lanes[0]


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _by_blocks(x: Any, w: Any, out: Any, steps: Any) -> None:
    """Blocks of 4 rows and 4 columns, then single rows, 8 columns at a time; the rest one by one.

    The caller holds the arrays while their addresses are used here.
    """
    bases = x.ctypes.data, w.ctypes.data, out.ctypes.data
    pitches = 4 * x.shape[1], 2 * w.shape[1], 4 * out.shape[1]
    whole, blocked, wide = len(x) // ROWS * ROWS, len(w) // COLUMNS * COLUMNS, len(w) // WIDE * WIDE
    for n in range(0, blocked, COLUMNS):
        for m in range(0, whole, ROWS):
            _block(*_place(bases, pitches, steps, m, n))
    for m in range(whole, len(x)):
        for n in range(0, wide, WIDE):
            _row(*_place(bases, pitches, steps, m, n))
    for m in range(len(x)):
        for n in range(blocked if m < whole else wide, len(w)):
            _one(*_place(bases, pitches, steps, m, n))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _place(bases: Any, pitches: Any, steps: Any, m: Any, n: Any) -> Any:
    """What a block at row m and column n takes."""
    x, w, out = bases
    x_pitch, w_pitch, out_pitch = pitches
    return (
        np.uintp(x + m * x_pitch),
        np.int64(x_pitch),
        np.uintp(w + n * w_pitch),
        np.int64(w_pitch),
        np.int64(steps),
        np.uintp(out + m * out_pitch + n * 4),
        np.int64(out_pitch),
    )
