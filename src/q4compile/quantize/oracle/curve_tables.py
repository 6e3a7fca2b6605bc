"""Entries j = 0 … 1024 of functions beside σ and tanh, in Q0.15 at (j − 512) / 32; √ of codes.

erf by its series in whole numbers with so many digits that none of its terms' errors reaches the
16th bit; it is ±1 to more bits than that beyond ±6.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import isqrt

import numpy as np

from q4compile.quantize.oracle.rounding import INT16, Int64
from q4compile.quantize.oracle.tables import ENTRIES, MIDDLE, ONE, PER_UNIT

DIGITS = 10**80
PI = Fraction(31415926535897932384626433832795028841971693993751, 10**49)
FAR = 6
STEP = 64


@cache
def erf_table() -> Int64:
    """erf."""
    return _gate(lambda u: erf(u * u, u < 0))


@cache
def normal_table() -> Int64:
    """``(1 + erf(u / √2)) / 2``."""
    return _gate(lambda u: (1 + erf(u * u / 2, u < 0)) / 2)


@cache
def tanh_normal_table() -> Int64:
    """``(1 + tanh(√(2 / π) · (u + 0.044715 · u³))) / 2``, which is σ of twice the inner number."""
    root = _root(2 / PI)
    return _gate(lambda u: _sigmoid(2 * root * (u + Fraction(44715, 10**6) * u**3)))


def ramp_table(slope: Fraction, offset: Fraction) -> Int64:
    """``min(max(slope · u + offset, 0), 1)``."""
    return _gate(lambda u: min(max(slope * u + offset, Fraction(0)), Fraction(1)))


def root_table(f: int, result: int) -> Int64:
    """``RNE(2^result · √(max(j − 512, 0) · 64 / 2^f))``."""
    return _clipped(
        [_nearest_root(max(j - MIDDLE, 0) * STEP, 2 * result - f) for j in range(ENTRIES)]
    )


def erf(square: Fraction, is_negative: bool) -> Fraction:
    """erf(±√square), to some 40 digits."""
    if square > FAR * FAR:
        return Fraction(-1 if is_negative else 1)
    # Σ 2^n x^(2n+1) / (1 · 3 · … · (2n+1)), times 2 / √π · e^(−x²): no cancellation.
    x = square.numerator * DIGITS // square.denominator
    term = total = isqrt(x * DIGITS)
    n = 0
    while term:
        n += 1
        term = term * 2 * x // DIGITS // (2 * n + 1)
        total += term
    found = Fraction(2 * total, DIGITS) / _root(PI) / _power(square)
    return -found if is_negative else found


def _sigmoid(x: Fraction) -> Fraction:
    """1 / (1 + e^−x); beyond ±60 it is 0 or 1 to more than 16 bits."""
    if abs(x) > 60:
        return Fraction(int(x > 0))
    if x < 0:
        return 1 - _sigmoid(-x)
    power = _power(x)
    return power / (1 + power)


def _power(x: Fraction) -> Fraction:
    """e^x for x ≥ 0, to some 50 digits, by its series."""
    whole = x.numerator * DIGITS // x.denominator
    term = total = DIGITS
    n = 0
    while term:
        n += 1
        term = term * whole // DIGITS // n
        total += term
    return Fraction(total, DIGITS)


def _root(x: Fraction) -> Fraction:
    return Fraction(isqrt(x.numerator * DIGITS * DIGITS // x.denominator), DIGITS)


def _nearest_root(square: int, bits: int) -> int:
    """``RNE(√(square · 2^bits))``, by how many halves it has."""
    quarters = 4 * square * Fraction(2) ** bits
    halves = isqrt(quarters.numerator // quarters.denominator)
    return round(Fraction(halves, 2)) if halves * halves == quarters else (halves + 1) // 2


def _gate(function: Callable[[Fraction], Fraction]) -> Int64:
    points = (Fraction(j - MIDDLE, PER_UNIT) for j in range(ENTRIES))
    return _clipped([round(ONE * function(u)) for u in points])


def _clipped(entries: list[int]) -> Int64:
    made = np.clip(np.array(entries, np.int64), *INT16)
    made.flags.writeable = False
    return made
