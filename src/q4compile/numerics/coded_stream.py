"""Lossless coding of bytes: ``decode(encode(fields), n) == joined fields`` of n bytes, in fewer.

A stream is sections, one behind the other, and then nothing but zeros. A section:

    3 bytes   how many bytes it stands for, little endian, at least 1
    1 byte    lanes, 1 or 4: byte i is coded by prefix code i mod lanes
    8 bytes   for each lane, the lengths of its words (`prefix_code`)
    the rest  a word for each nibble, low half of a byte first, each word from its highest bit, from
              the highest bit of each byte on; unused bits of the last byte are 0

One lane suits 4-bit codes; four suit words of 32 bits, whose bytes are nothing like each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.nibbles import Bytes
from q4compile.numerics.prefix_code import (
    HEADER_BYTES,
    LONGEST,
    SYMBOLS,
    BadStream,
    PrefixCode,
    code_for,
    read_header,
)
from q4compile.numerics.rounding import Int64

LANES = (1, 4)
COUNT_BYTES = 3
FIXED_BYTES = COUNT_BYTES + 1
"""Of a section, before the codes of its lanes."""
MOST = 256**COUNT_BYTES - 1
"""Bytes of a section."""


@dataclass(frozen=True)
class Section:
    """``count`` bytes, coded by one code for each lane; its words begin at byte `start`."""

    count: int
    codes: tuple[PrefixCode, ...]
    start: int

    @property
    def tables(self) -> NDArray[np.uint8]:
        """``uint8[lanes, 4096]``."""
        return np.stack([each.table() for each in self.codes])


def encode(fields: Sequence[Bytes]) -> bytes:
    """The stream of all fields, with at least a section for each that is not empty."""
    pieces = (f[at : at + MOST] for f in fields for at in range(0, f.size, MOST))
    return b"".join(_section(_nibbles(each)) for each in pieces)


def _section(nibbles: Bytes) -> bytes:
    """In as many lanes as make it shortest."""
    found = [_coded(nibbles, lanes) for lanes in LANES if 2 * lanes <= nibbles.size]
    codes, own, lengths = min(found, key=_bits)
    words = np.stack([code.words for code in codes])[own, nibbles]
    ends = np.cumsum(lengths)
    behind = np.repeat(ends, lengths) - np.arange(int(ends[-1])) - 1
    bits = np.repeat(words, lengths) >> behind.astype(np.uint16) & 1
    head = (nibbles.size // 2).to_bytes(COUNT_BYTES, "little") + bytes([len(codes)])
    stream = np.packbits(bits.astype(np.uint8)).tobytes()
    return b"".join([head, *(code.header() for code in codes), stream])


def _coded(nibbles: Bytes, lanes: int) -> tuple[list[PrefixCode], Int64, Int64]:
    """The code of each lane; of each nibble, its lane and the length of its word [bits]."""
    own = np.arange(nibbles.size) // 2 % lanes
    counts = np.bincount(SYMBOLS * own + nibbles, minlength=SYMBOLS * lanes)
    codes = [code_for(each) for each in counts.reshape(lanes, SYMBOLS).tolist()]
    return codes, own, np.array([code.lengths for code in codes], np.int64)[own, nibbles]


def _bits(coded: tuple[list[PrefixCode], Int64, Int64]) -> int:
    """Of codes and words."""
    codes, _, lengths = coded
    return 8 * HEADER_BYTES * len(codes) + int(lengths.sum())


def _nibbles(data: Bytes) -> Bytes:
    return np.asarray(np.stack([data & 15, data >> 4], axis=-1).ravel(), np.uint8)


def read_section(stream: Bytes, at: int, most: int) -> Section:
    """The section that begins at byte `at`.

    Raises:
        BadStream: it is none, or stands for more than `most` bytes.
    """
    head = stream[at : at + FIXED_BYTES].tobytes()
    if len(head) < FIXED_BYTES:
        raise BadStream(f"no section at byte {at} of {stream.size}")
    count, lanes = int.from_bytes(head[:COUNT_BYTES], "little"), head[COUNT_BYTES]
    if not 0 < count <= most or lanes not in LANES:
        raise BadStream(f"a section of {count} bytes in {lanes} lanes, with {most} to go")
    start = at + FIXED_BYTES
    codes = tuple(read_header(stream[start + n * HEADER_BYTES :]) for n in range(lanes))
    return Section(count, codes, start + lanes * HEADER_BYTES)


def decode(stream: Bytes, count: int) -> Bytes:
    """The `count` bytes that `stream` stands for.

    Raises:
        BadStream: no encoder writes this for so many bytes.
    """
    found, at, left = [np.zeros(0, np.uint8)], 0, count
    windows = _windows(stream)
    while left:
        section = read_section(stream, at, left)
        made, at = _decoded(windows, section)
        found.append(made)
        left -= section.count
    require_end(stream, at)
    return np.concatenate(found)


def require_end(stream: Bytes, at: int) -> None:
    """Raise BadStream unless nothing but zeros is left from byte `at` on."""
    if at > stream.size or stream[at:].any():
        raise BadStream(f"{stream.size} bytes do not end at byte {at}")


def _windows(stream: Bytes) -> NDArray[np.uint32]:
    """For each bit of the stream, the 12 bits that begin there; behind its end are zeros."""
    wide = np.append(stream, np.zeros(2, np.uint8)).astype(np.uint32)
    three = wide[:-2] << 16 | wide[1:-1] << 8 | wide[2:]
    shifts = np.arange(24 - LONGEST, 24 - LONGEST - 8, -1, dtype=np.uint32)
    return np.asarray((three[:, None] >> shifts & ((1 << LONGEST) - 1)).ravel(), np.uint32)


def _decoded(windows: NDArray[np.uint32], section: Section) -> tuple[Bytes, int]:
    """The bytes of a section, and where the next one begins."""
    first, count = 8 * section.start, section.count
    reach = windows[first : first + 2 * LONGEST * count]
    entries = [table[reach].tolist() for table in section.tables]
    found, at = list[int](), 0
    try:
        for lane in _lanes(entries, count):
            entry = lane[at]
            found.append(entry)
            at += entry & 15 or len(reach)
    except IndexError:
        raise BadStream(f"{len(found)} of {2 * count} nibbles of a section") from None
    if at > len(reach):
        raise BadStream(f"{len(found) - 1} of {2 * count} nibbles of a section")
    nibbles = np.array(found, np.uint8) >> 4
    data = np.asarray(nibbles[0::2] | nibbles[1::2] << 4, np.uint8)
    return data, section.start + -(-at // 8)


def _lanes(entries: Sequence[list[int]], count: int) -> Iterator[list[int]]:
    """For each nibble of `count` bytes, the entries of its lane."""
    return islice(chain.from_iterable((each, each) for each in cycle(entries)), 2 * count)
