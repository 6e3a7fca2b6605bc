"""``T[j] = RNE(32768 · φ((j − 512) / 32))``, j = 0 … 1024, φ the sigmoid or tanh, and its reading.

Every entry is rounded correctly, and that is proved as it is computed: decimal's exp is correctly
rounded, so e^x lies in an interval one unit of its last digit wide to either side; φ grows with it,
and both ends of the interval round to the same integer.
"""

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

import numpy as np

from q4compile.quantize.oracle.rounding import INT16, INT32, Int64

DIGITS = 50
ENTRIES, MIDDLE, PER_UNIT = 1025, 512, 32
ONE, WIDE_ONE = 2**15, 2**23
STEP_BITS = 6
"""A table has an entry at every 2^6-th code of Q4.11."""


@cache
def sigmoid_table() -> Int64:
    """σ(x) = e^x / (1 + e^x) at x = −16 … 16, in Q0.15."""
    return _table(1, lambda e: e / (1 + e))


@cache
def tanh_table() -> Int64:
    """tanh(x) = (e^2x − 1) / (e^2x + 1) at x = −16 … 16, in Q0.15."""
    return _table(2, _tanh)


@cache
def wide_tanh_table() -> Int64:
    """The same with 23 fraction bits, 1 included."""
    return _table(2, _tanh, WIDE_ONE, INT32)


def interpolated(table: Int64, x: Int64) -> Int64:
    """``T(x) = t + ((T[j+1] − t) · (u & 63) + 32 >> 6)``, t = T[j], u = x + 32768, j = u >> 6."""
    u = x - INT16[0]
    j = u >> STEP_BITS
    left = table[j]
    rise = (table[j + 1] - left) * (u & (2**STEP_BITS - 1))
    return np.asarray(left + ((rise + 2 ** (STEP_BITS - 1)) >> STEP_BITS))


def _tanh(power: Fraction) -> Fraction:
    return (power - 1) / (power + 1)


def _table(
    factor: int,
    grows_with: Callable[[Fraction], Fraction],
    one: int = ONE,
    ends: tuple[int, int] = INT16,
) -> Int64:
    """Rounded values of a function that grows with e^(factor · x), in units of 1 / `one`."""
    entries = [_rounded(factor, j, grows_with, one) for j in range(ENTRIES)]
    made = np.clip(np.array(entries, np.int64), *ends)
    made.flags.writeable = False
    return made


def _rounded(factor: int, j: int, grows_with: Callable[[Fraction], Fraction], one: int) -> int:
    context = Context(prec=DIGITS)
    argument = context.divide(Decimal(factor * (j - MIDDLE)), Decimal(PER_UNIT))  # 5 bits: exact
    power = Fraction(context.exp(argument))
    slack = power / 10 ** (DIGITS - 1)
    least, greatest = (round(one * grows_with(end)) for end in ((power - slack), (power + slack)))
    if least != greatest:
        raise AssertionError(f"{DIGITS} digits do not decide entry {j}")
    return least
