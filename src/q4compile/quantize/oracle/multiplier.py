"""A multiplier: a positive rational as mul / 2^shift with 24 significant bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from q4compile.quantize.oracle.rounding import Int64, rne

BITS = 24
LARGEST_SHIFT = 62


@dataclass(frozen=True, eq=False)
class Multipliers:
    """``x · M`` = RNE(x · mul, shift), one multiplier per entry of the last axis, or one for all.

    `ratios` are the exact rationals that they stand for.
    """

    mul: Int64
    shift: Int64
    ratios: tuple[Fraction, ...]

    def times(self, x: ArrayLike) -> Int64:
        """``x · M``; |x| < 2^38."""
        return rne(np.asarray(x, np.int64) * self.mul, self.shift)


class TooLarge(ValueError):
    """The rational is 2^24 or more: it would need a shift below 0."""


def multiplier(ratio: Fraction) -> tuple[int, int]:
    """``(mul, shift)`` with 2^23 ≤ mul < 2^24 and mul / 2^shift nearest to `ratio`; (0, 0) if tiny.

    Raises:
        TooLarge: for a shift below 0.
    """
    if ratio <= 0:
        raise ValueError(f"a multiplier is positive, not {ratio}")
    shift = BITS - ratio.numerator.bit_length() + ratio.denominator.bit_length()
    if _scaled(ratio, shift) >= 2**BITS:  # the lengths of both leave one bit open
        shift -= 1
    mul = round(_scaled(ratio, shift))
    if mul == 2**BITS:
        mul, shift = mul // 2, shift - 1
    if shift < 0:
        raise TooLarge(f"{float(ratio):g}")
    return (0, 0) if shift > LARGEST_SHIFT else (mul, shift)


def multipliers(ratios: Sequence[Fraction]) -> Multipliers:
    """One multiplier per rational.

    Raises:
        TooLarge: for the first that is 2^24 or more.
    """
    found = np.array([multiplier(ratio) for ratio in ratios], np.int64).reshape(-1, 2)
    return Multipliers(found[:, 0], found[:, 1], tuple(ratios))


def _scaled(ratio: Fraction, shift: int) -> Fraction:
    return ratio * Fraction(2) ** shift
