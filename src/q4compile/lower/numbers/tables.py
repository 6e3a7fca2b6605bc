"""``T[j] = RNE(32768 · φ((j − 512) / 32))`` clipped to int16, j = 0 … 1024, correctly rounded."""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np

from q4compile.lower.numbers.kinds import INT16

ENTRIES, ZERO_AT, STEPS_PER_UNIT = 1025, 512, 32
FULL_SCALE, WIDE_SCALE = 32768, 2**23
DIGITS = 60
"""Far more than tell a rounded value from its neighbour: no entry but those at 0 is near a tie."""
TABLE_BYTES, WIDE_TABLE_BYTES = 2064, 4112
Function = Callable[[Decimal], Decimal]


def sigmoid(x: Decimal) -> Decimal:
    """``1 / (1 + e^−x)``."""
    return 1 / (1 + (-x).exp())


def tanh(x: Decimal) -> Decimal:
    """``1 − 2 / (e^2x + 1)``."""
    return 1 - 2 / ((2 * x).exp() + 1)


TABLES: dict[str, Function] = {"Sigmoid": sigmoid, "Tanh": tanh}
"""ONNX operator → the function."""


@cache
def wide_table_bytes() -> bytes:
    """``RNE(2^23 · tanh((j − 512) / 32))``, int32, padded to 4112 bytes."""
    with localcontext() as context:
        context.prec = DIGITS
        entries = [_rounded(tanh, j, WIDE_SCALE) for j in range(ENTRIES)]
    return np.array(entries, "<i4").tobytes().ljust(WIDE_TABLE_BYTES, b"\0")


@cache
def table_bytes(operator: str) -> bytes:
    """The table of an operator as memory holds it: int16, padded to 2064 bytes."""
    function = TABLES[operator]
    with localcontext() as context:
        context.prec = DIGITS
        entries = [_entry(function, j) for j in range(ENTRIES)]
    return np.array(entries, "<i2").tobytes().ljust(TABLE_BYTES, b"\0")


def _entry(function: Function, j: int) -> int:
    return min(max(_rounded(function, j, FULL_SCALE), INT16[0]), INT16[1])


def _rounded(function: Function, j: int, scale: int) -> int:
    exact = scale * function(Decimal(j - ZERO_AT) / STEPS_PER_UNIT)
    return int(exact.to_integral_value(ROUND_HALF_EVEN))
