"""A requantizer to few bits is a staircase, and a staircase is its thresholds.

    T_k = min{acc : clip(RNE(acc · r) + z, lo, hi) ≥ k},  lo < k ≤ hi

Two of them give the same codes for every accumulator that can occur if and only if their thresholds
are the same, once these are cut off at the ends of what can occur: integer inequalities all of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from q4compile.quantize.oracle.multiplier import BITS, Multipliers
from q4compile.quantize.oracle.tensor import Grid

Reach = tuple[int, int]
"""The least and the greatest accumulator that can occur."""
NUDGES = (0, -1, 1)


def thresholds(ratio: Fraction, grid: Grid, reach: Reach) -> list[int]:
    """T_k for k = lo + 1 … hi, of accumulators times `ratio`.

    Cut off at `reach`: no less than its lower end; one more than its upper end where y never gets
    to k.
    """
    low, high = reach
    codes = range(grid.lo + 1 - grid.zero_point, grid.hi + 1 - grid.zero_point)
    if ratio == 0:  # RNE is 0 everywhere
        return [low if m <= 0 else high + 1 for m in codes]
    over, under = ratio.denominator, 2 * ratio.numerator
    return [min(max(_first(m, over, under), low), high + 1) for m in codes]


def mul_ratio(multipliers: Multipliers, channel: int) -> Fraction:
    """mul / 2^shift of one channel."""
    return Fraction(int(multipliers.mul[channel]), 2 ** int(multipliers.shift[channel]))


def nudged(multipliers: Multipliers, grid: Grid, reaches: Sequence[Reach]) -> Multipliers:
    """`multipliers` with the first of mul, mul − 1, mul + 1 that has the thresholds of the ratio.

    A channel for which none of them has keeps mul.
    """
    mul = multipliers.mul.copy()
    for n, reach in enumerate(reaches):
        exact = thresholds(multipliers.ratios[n], grid, reach)
        power = 2 ** int(multipliers.shift[n])
        found = (
            int(mul[n]) + nudge
            for nudge in NUDGES
            if nudge == 0 or 2 ** (BITS - 1) <= mul[n] + nudge < 2**BITS
        )
        fitting = (m for m in found if thresholds(Fraction(m, power), grid, reach) == exact)
        mul[n] = next(fitting, mul[n])
    return replace(multipliers, mul=np.asarray(mul))


def _first(rounded: int, over: int, under: int) -> int:
    """min{acc : RNE(acc · r) ≥ rounded}, r = under / (2 · over).

    That is acc · r ≥ rounded − 1/2, or acc ≥ (2 · rounded − 1) · over / under, where equality is a
    tie: it goes to the even side.
    """
    least, rest = divmod((2 * rounded - 1) * over, under)
    return least + (1 if rest else rounded % 2)
