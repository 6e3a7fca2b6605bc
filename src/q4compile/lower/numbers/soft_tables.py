"""Tables of softmax, correctly rounded: ``T[j] = RNE(32768 · e^((j − 512) / 32))`` up to e^0, and

``L[j] = RNE(32768 · ln(1 + j / 1024))``, j = 0 … 1024.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np

from q4compile.lower.numbers.kinds import INT16
from q4compile.lower.numbers.tables import (
    DIGITS,
    ENTRIES,
    FULL_SCALE,
    STEPS_PER_UNIT,
    TABLE_BYTES,
    ZERO_AT,
)


def _power(j: int) -> Decimal:
    return (Decimal(min(j - ZERO_AT, 0)) / STEPS_PER_UNIT).exp()


def _logarithm(j: int) -> Decimal:
    return (1 + Decimal(j) / (ENTRIES - 1)).ln()


@cache
def soft_tables(is_log: bool) -> bytes:
    """The table of powers, and behind it that of logarithms if there is one."""
    with localcontext() as context:
        context.prec = DIGITS
        return b"".join(_bytes(each) for each in (_power, _logarithm)[: 1 + is_log])


def _bytes(function: Callable[[int], Decimal]) -> bytes:
    rounded = [
        int((FULL_SCALE * function(j)).to_integral_value(ROUND_HALF_EVEN)) for j in range(ENTRIES)
    ]
    entries = np.clip(rounded, *INT16).astype("<i2")
    return entries.tobytes().ljust(TABLE_BYTES, b"\0")
