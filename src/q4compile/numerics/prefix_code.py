"""Canonical Huffman codes of the 16 nibbles, said in 8 bytes; `coded_stream` is made of them.

The 8 bytes hold the length of each nibble's word [bits], 4 bits each, nibble 0 first, low half
first; 0 says that the nibble does not occur.

Words are numbered as in RFC 1951: shorter ones first, equal lengths by nibble. No word is longer
than 12 bits, so that a decoder looks each one up in one table (package-merge: Larmore and
Hirschberg 1990).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.nibbles import Bytes

SYMBOLS = 16
LONGEST = 12
"""Of a word [bits]."""
HEADER_BYTES = SYMBOLS // 2


class BadStream(ValueError):
    """A stream that no encoder writes, or one that is too short."""


@dataclass(frozen=True)
class PrefixCode:
    """``lengths[i]``: bits of the word of nibble i, 0 to 12; together they are a prefix code."""

    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        used = [length for length in self.lengths if length]
        is_one = used == [1]
        is_whole = sum(1 << LONGEST >> length for length in used) == 1 << LONGEST
        if max(used, default=0) > LONGEST or not (is_one or is_whole):
            raise BadStream(f"lengths {self.lengths} are no complete prefix code")

    @property
    def words(self) -> NDArray[np.uint16]:
        """``uint16[16]``: the canonical words, in their lowest bits; 0 where there is none."""
        found = np.zeros(SYMBOLS, np.uint16)
        word = 0
        ordered = sorted((length, i) for i, length in enumerate(self.lengths) if length)
        for (length, i), following in zip(ordered, [*ordered[1:], (0, 0)], strict=True):
            found[i] = word
            word = word + 1 << max(following[0] - length, 0)
        return found

    def table(self) -> NDArray[np.uint8]:
        """``uint8[4096]``: nibble · 16 + length of the word that begins these 12 bits, or 0."""
        found = np.zeros(1 << LONGEST, np.uint8)
        for i, (word, length) in enumerate(zip(self.words.tolist(), self.lengths, strict=True)):
            if length:
                first = word << LONGEST - length
                found[first : first + (1 << LONGEST - length)] = i * SYMBOLS + length
        return found

    def header(self) -> bytes:
        """8 bytes."""
        return bytes(low | high << 4 for low, high in zip(*[iter(self.lengths)] * 2, strict=True))


def code_for(counts: Sequence[int]) -> PrefixCode:
    """The shortest code with words of at most 12 bits for nibbles that occur so often."""
    if not any(counts):
        raise ValueError("a code is for at least one nibble")
    coins: list[tuple[int, tuple[int, ...]]] = sorted(
        (count, (i,)) for i, count in enumerate(counts) if count
    )
    if len(coins) < 2:
        return PrefixCode(tuple(int(count > 0) for count in counts))
    packages = coins
    for _ in range(LONGEST - 1):
        pairs = zip(packages[0::2], packages[1::2], strict=False)
        packages = sorted([*coins, *((a + b, left + right) for (a, left), (b, right) in pairs)])
    chosen = [i for _, symbols in packages[: 2 * len(coins) - 2] for i in symbols]
    return PrefixCode(tuple(chosen.count(i) for i in range(SYMBOLS)))


def read_header(stream: Bytes) -> PrefixCode:
    """The code of a stream.

    Raises:
        BadStream: fewer than 8 bytes, or lengths that are no prefix code.
    """
    if stream.size < HEADER_BYTES:
        raise BadStream(f"a stream of {stream.size} bytes has no header of {HEADER_BYTES}")
    head = stream[:HEADER_BYTES]
    return PrefixCode(tuple(np.stack([head & 15, head >> 4], axis=-1).ravel().tolist()))
