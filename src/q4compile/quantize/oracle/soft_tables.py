"""``T[j] = RNE(32768 · e^((j − 512) / 32))`` up to e^0, ``L[j] = RNE(32768 · ln(1 + j / 1024))``.

Each entry is proved as it is computed: decimal's exp and ln are correctly rounded, so the function
lies in an interval one unit of its last digit wide to either side, whose ends round alike.
"""

from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

import numpy as np

from q4compile.quantize.oracle.rounding import INT16, Int64
from q4compile.quantize.oracle.tables import DIGITS, ENTRIES, MIDDLE, ONE, PER_UNIT

LN2 = 22713
"""RNE(32768 · ln 2)."""


@cache
def power_table() -> Int64:
    """e^x at x = −16 … 0, and 1 behind it, in Q0.15."""
    context = Context(prec=DIGITS)
    arguments = (Decimal(min(j - MIDDLE, 0)) / PER_UNIT for j in range(ENTRIES))
    return _table([context.exp(each) for each in arguments])


@cache
def logarithm_table() -> Int64:
    """ln(1 + v) at v = 0 … 1, in Q0.15."""
    context = Context(prec=DIGITS)
    return _table([context.ln(1 + Decimal(j) / (ENTRIES - 1)) for j in range(ENTRIES)])


def _table(values: list[Decimal]) -> Int64:
    made = np.clip(np.array([_rounded(Fraction(each)) for each in values], np.int64), *INT16)
    made.flags.writeable = False
    return made


def _rounded(value: Fraction) -> int:
    slack = abs(value) * Fraction(1, 10 ** (DIGITS - 1))
    least, greatest = round(ONE * (value - slack)), round(ONE * (value + slack))
    if least != greatest:
        raise AssertionError(f"{DIGITS} digits do not decide {float(value)}")
    return least
