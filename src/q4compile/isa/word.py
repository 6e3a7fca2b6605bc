"""One word: 32 bytes, little endian, by its members.

``op u8 | engine:3 precision:3 reserved:2 | node u16 | wait u16 | post u16 | a b c u32 |
m n k flags u16 | d u32``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD_BYTES = 32
DTYPE = np.dtype(
    [
        ("op", "u1"),
        ("kind", "u1"),
        ("node", "<u2"),
        ("wait", "<u2"),
        ("post", "<u2"),
        ("a", "<u4"),
        ("b", "<u4"),
        ("c", "<u4"),
        ("m", "<u2"),
        ("n", "<u2"),
        ("k", "<u2"),
        ("flags", "<u2"),
        ("d", "<u4"),
    ]
)


class Word(NamedTuple):
    """The members of a word as numbers; `kind` is the byte of engine and precision."""

    op: int = 0
    kind: int = 0
    node: int = 0
    wait: int = 0
    post: int = 0
    a: int = 0
    b: int = 0
    c: int = 0
    m: int = 0
    n: int = 0
    k: int = 0
    flags: int = 0
    d: int = 0


MEMBERS = Word._fields
WIDTH_BITS = {name: 8 * DTYPE[name].itemsize for name in MEMBERS}


@dataclass(frozen=True)
class Slot:
    """Bits [low, low + width) of one member; the whole member unless told otherwise."""

    member: str
    low: int = 0
    width: int = 0

    def __post_init__(self) -> None:
        if self.width == 0:
            object.__setattr__(self, "width", WIDTH_BITS[self.member] - self.low)

    @property
    def index(self) -> int:
        """Where the member stands in a `Word`."""
        return MEMBERS.index(self.member)

    @property
    def mask(self) -> int:
        """The bits of the member that this slot takes."""
        return ((1 << self.width) - 1) << self.low

    def __str__(self) -> str:
        if self in KINDS:
            return KINDS[self]
        if self.width == WIDTH_BITS[self.member]:
            return self.member
        high = self.low + self.width - 1
        bits = f"{self.low}" if self.width == 1 else f"{high}:{self.low}"
        return f"{self.member}[{bits}]"


ENGINE, PRECISION = Slot("kind", 0, 3), Slot("kind", 3, 3)
KINDS = {ENGINE: "engine", PRECISION: "precision"}


def words_of(code: bytes) -> list[Word]:
    """The words of a whole number of them."""
    return [Word._make(row) for row in np.frombuffer(code, DTYPE).tolist()]


def bytes_of(words: Sequence[Word]) -> bytes:
    """The inverse of `words_of`."""
    array: NDArray[np.void] = np.array([tuple(word) for word in words], DTYPE)
    return array.tobytes()
