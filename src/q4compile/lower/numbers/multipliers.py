"""A positive rational as mul / 2^shift, mul of 24 bits; and the staircase that it makes.

    T_k = min{acc : clip(RNE(acc · r) + z, lo, hi) ≥ k},  lo < k ≤ hi

A multiplier to a grid is moved by one where that alone gives the thresholds of the rational itself.
"""

from fractions import Fraction

from q4compile.isa.multiplier import MAX_SHIFT, MUL_BITS, pack_multiplier, unpack_multiplier
from q4compile.lower.numbers.kinds import Grid

LEAST_MUL, END_MUL = 1 << (MUL_BITS - 1), 1 << MUL_BITS
NUDGES = (0, -1, 1)
Span = tuple[int, int]
"""The least and the greatest accumulator that can occur."""


def multiplier_of(ratio: Fraction) -> int | None:
    """The 32 bits of the multiplier nearest to `ratio` > 0; None for one of 2^24 or more.

    A ratio too small for the largest shift gives 0, the number 0.
    """
    if ratio <= 0:
        raise ValueError(f"a multiplier is positive, not {ratio}")
    shift = MUL_BITS - (ratio.numerator.bit_length() - ratio.denominator.bit_length())
    while ratio * Fraction(2) ** shift >= END_MUL:
        shift -= 1
    mul = round(ratio * Fraction(2) ** shift)
    if mul == END_MUL:
        mul, shift = LEAST_MUL, shift - 1
    if shift < 0:
        return None
    return pack_multiplier(mul, shift) if shift <= MAX_SHIFT else 0


def staircase_multiplier(word: int, ratio: Fraction, grid: Grid, span: Span) -> int:
    """`word`, or its neighbour with the thresholds of `ratio` where `word` has others."""
    mul, shift = unpack_multiplier(word)
    wanted = thresholds(ratio, grid, span)
    for nudge in NUDGES:
        near = mul + nudge
        usable = nudge == 0 or LEAST_MUL <= near < END_MUL
        if usable and thresholds(Fraction(near, 1 << shift), grid, span) == wanted:
            return pack_multiplier(near, shift)
    return word


def thresholds(ratio: Fraction, grid: Grid, span: Span) -> list[int]:
    """T_k of k = lo + 1 … hi, each brought into [low, high + 1] of `span`."""
    low, high = span
    steps = range(grid.lo + 1 - grid.zero_point, grid.hi + 1 - grid.zero_point)
    if ratio == 0:
        return [low if step <= 0 else high + 1 for step in steps]
    return [min(max(_first(step, ratio), low), high + 1) for step in steps]


def _first(step: int, ratio: Fraction) -> int:
    """``min{acc : RNE(acc · ratio) ≥ step}``: from step − 1/2 on, a tie goes to the even side."""
    whole, rest = divmod((2 * step - 1) * ratio.denominator, 2 * ratio.numerator)
    return whole + (1 if rest or step % 2 else 0)
