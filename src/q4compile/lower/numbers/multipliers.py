"""A positive rational as mul / 2^shift, mul of 24 bits; and the staircase that it makes.

    T_k = min{acc : clip(RNE(acc · r) + z, lo, hi) ≥ k},  lo < k ≤ hi

A multiplier to a grid is moved by one where that alone gives the thresholds of the rational itself.
Multipliers come from a long division, thresholds from one of whole numbers for all rows at once,
and whether a multiplier has them is seen by computing, as the machine does, on both sides of each.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.multiplier import MAX_SHIFT, MUL_BITS, MUL_MASK, pack_multiplier
from q4compile.lower.numbers.kinds import Grid
from q4compile.numerics.rounding import rne_shift

LEAST_MUL, END_MUL = 1 << (MUL_BITS - 1), 1 << MUL_BITS
GUARD_BITS = 2
"""Of a quotient beyond those of mul: with them, one more for the remainder decides any rounding."""
Integers = NDArray[np.int64]
Span = tuple[int, int]
"""The least and the greatest accumulator that can occur."""


def multiplier_of(ratio: Fraction) -> int | None:
    """The 32 bits of the multiplier nearest to `ratio` > 0; None for one of 2^24 or more.

    A ratio too small for the largest shift gives 0, the number 0.
    """
    if ratio <= 0:
        raise ValueError(f"a multiplier is positive, not {ratio}")
    above, below = ratio.numerator, ratio.denominator
    ahead = MUL_BITS + GUARD_BITS + below.bit_length() - above.bit_length()
    quotient, rest = divmod(above << max(ahead, 0), below << max(-ahead, 0))
    sticky = quotient << 1 | (rest > 0)
    dropped = sticky.bit_length() - MUL_BITS
    mul, shift = int(rne_shift(sticky, dropped)), ahead + 1 - dropped
    if mul == END_MUL:
        mul, shift = LEAST_MUL, shift - 1
    if shift < 0:
        return None
    return pack_multiplier(mul, shift) if shift <= MAX_SHIFT else 0


def staircase_multipliers(
    words: Sequence[int], ratios: Sequence[Fraction], grid: Grid, spans: Sequence[Span]
) -> Integers:
    """Each of `words`, or its neighbour with the thresholds of its ratio where it has others."""
    wanted, ends = thresholds(ratios, grid, spans), np.array(spans, np.int64).reshape(-1, 2)
    found = np.array(words, np.int64)
    open_rows = ~_serves(found, wanted, grid, ends)
    for near in (found - 1, found + 1):
        mul = near & MUL_MASK
        inside = (mul >= LEAST_MUL) & (near >> MUL_BITS == np.array(words, np.int64) >> MUL_BITS)
        tried = np.flatnonzero(open_rows & inside)
        served = tried[_serves(near[tried], wanted[tried], grid, ends[tried])]
        found[served], open_rows[served] = near[served], False
    return found


def thresholds(ratios: Sequence[Fraction], grid: Grid, spans: Sequence[Span]) -> Integers:
    """T_k of each ratio > 0 for k = lo + 1 … hi, brought into [low, high + 1] of its span: [N, K].

    The half below an odd step belongs to the even one before it, that below an even step to it.
    """
    steps = np.arange(grid.lo + 1, grid.hi + 1) - grid.zero_point
    halves = (2 * steps - 1).astype(object)
    rows = [(ratio.denominator, 2 * ratio.numerator) for ratio in ratios]
    over, under = np.array(rows, object).reshape(-1, 2, 1).swapaxes(0, 1)
    first: NDArray[Any] = (halves * over - (1 - steps % 2)) // under + 1
    low, high = np.array(spans, object).reshape(-1, 2, 1).swapaxes(0, 1)
    return np.asarray(np.minimum(np.maximum(first, low), high + 1), np.int64)


def _serves(words: Integers, wanted: Integers, grid: Grid, ends: Integers) -> NDArray[np.bool_]:
    """Whether the code becomes k at T_k and not before, as far as accumulators go: [N]."""
    mul, shift = (words & MUL_MASK)[:, None], (words >> MUL_BITS)[:, None]
    steps = np.arange(grid.lo + 1, grid.hi + 1) - grid.zero_point
    low, high = ends[:, :1], ends[:, 1:]
    reached = rne_shift(wanted * mul, shift) >= steps
    not_before = rne_shift((wanted - 1) * mul, shift) < steps
    fits = (reached | (wanted > high)) & (not_before | (wanted <= low))
    return np.asarray(fits.all(axis=1))
