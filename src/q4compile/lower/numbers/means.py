"""Multipliers of a mean over frames: ``2^12 / T`` and ``1 / T``, 16 bytes each, for T = 0, 1, …"""

from fractions import Fraction
from functools import cache

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.numbers.multipliers import multiplier_of
from q4compile.lower.numbers.packing import packed_words

PART_BITS = 12
"""Of the lower part of a sum; the upper one then holds 4095 of the largest numbers."""
MOST_FRAMES = 4095
ENTRY_BYTES = 2 * UNIT_BYTES


@cache
def mean_table() -> bytes:
    """For each T up to 4095, and zeros for none."""
    none = bytes(ENTRY_BYTES)
    return none + b"".join(_multipliers(frames) for frames in range(1, MOST_FRAMES + 1))


def _multipliers(frames: int) -> bytes:
    """For one T."""
    found = (multiplier_of(Fraction(scale, frames)) for scale in (1 << PART_BITS, 1))
    return b"".join(packed_words([word or 0]).ljust(UNIT_BYTES, b"\0") for word in found)
