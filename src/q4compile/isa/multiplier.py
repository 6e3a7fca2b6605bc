"""Multipliers: ``mul / 2^shift`` in 32 bits, mul in bits 0 to 23, shift in bits 24 to 29.

0 is the number 0; otherwise mul is in [2^23, 2^24) and shift in [0, 62].
"""

MUL_BITS, MAX_SHIFT = 24, 62
MUL_MASK = 2**MUL_BITS - 1


def pack_multiplier(mul: int, shift: int) -> int:
    """The 32 bits of a multiplier.

    Raises:
        ValueError: the two are no multiplier.
    """
    word = shift << MUL_BITS | mul
    if not 0 <= mul <= MUL_MASK or not is_multiplier(word):
        raise ValueError(f"{mul} / 2^{shift} is no multiplier")
    return word


def unpack_multiplier(word: int) -> tuple[int, int]:
    """``(mul, shift)``; ``(0, 0)`` for 0.

    Raises:
        ValueError: the bits are no multiplier.
    """
    if not is_multiplier(word):
        raise ValueError(f"{word:#x} is no multiplier")
    return word & MUL_MASK, word >> MUL_BITS


def is_multiplier(word: int) -> bool:
    """True for the 32 bits of a multiplier."""
    if word == 0:
        return True
    return 0 <= word >> MUL_BITS <= MAX_SHIFT and bool(word >> (MUL_BITS - 1) & 1)
