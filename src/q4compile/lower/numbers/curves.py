"""Tables of functions: ``T[j] = RNE(2^F · φ(u))`` clipped to int16, j = 0 … 1024.

Gates take u = (j − 512) / 32 and give F = 15, as σ and tanh do; √ takes codes of its operand.
"""

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from math import erf, sqrt, tanh

from q4compile.lower.numbers.kinds import INT16, Fixed, scaled_by
from q4compile.lower.numbers.tables import DIGITS, ENTRIES, FULL_SCALE, STEPS_PER_UNIT, ZERO_AT

Table = tuple[int, ...]
STEP = 64
"""Codes from entry to entry."""
NEAR_BITS = 6
"""A second table of √ has an entry for each of the 512 smallest codes."""


def gate_table(function: Callable[[float], float]) -> Table:
    """Of a function that double precision knows to far more than 16 bits."""
    points = ((j - ZERO_AT) / STEPS_PER_UNIT for j in range(ENTRIES))
    return _clipped([round(FULL_SCALE * function(u)) for u in points])


def normal(x: float) -> float:
    """Φ, the share of the normal distribution below x."""
    return (1 + erf(x / sqrt(2))) / 2


def normal_by_tanh(x: float) -> float:
    """What Gelu takes for Φ where it says ``approximate = tanh``."""
    cube = 0.044715 * x**3
    return (1 + tanh(sqrt(0.6366197723675814) * (x + cube))) / 2


def ramp_table(slope: Fraction, offset: Fraction) -> Table:
    """``min(max(slope · u + offset, 0), 1)``, exactly."""
    points = (Fraction(j - ZERO_AT, STEPS_PER_UNIT) for j in range(ENTRIES))
    none, one = Fraction(0), Fraction(1)
    return _clipped([round(FULL_SCALE * min(max(slope * u + offset, none), one)) for u in points])


def root_tables(kind: Fixed, result: Fixed) -> tuple[Table, Table]:
    """√ of codes of `kind`; and of such that are 2^6 times smaller."""
    return _roots(kind.f, result.f), _roots(kind.f + NEAR_BITS, result.f)


def _roots(f: int, result: int) -> Table:
    with localcontext() as context:
        context.prec = DIGITS
        scale = scaled_by(2 * result - f)
        squares = (scale * max((j - ZERO_AT) * STEP, 0) for j in range(ENTRIES))
        roots = [(Decimal(s.numerator) / Decimal(s.denominator)).sqrt() for s in squares]
        return _clipped([int(root.to_integral_value()) for root in roots])


def _clipped(entries: list[int]) -> Table:
    return tuple(min(max(each, INT16[0]), INT16[1]) for each in entries)


GATES: dict[str, Callable[[float], float]] = {
    "Erf": erf,
    "Gelu": normal,
    "Gelu by tanh": normal_by_tanh,
}
"""Functions of gates by name."""
