"""Constants in the image: as they are, or as coded streams where these are shorter (`Ldc`).

What one word loads is a *load*: a tile, or all tiles of a core where they stay on chip. Loads lie
at one pitch, that of the longest stream among them and among layers that repeat them: strides and
loops over layers are then those of tiles as they are, and the code takes no more words.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, aligned_bytes
from q4compile.isa.instructions import Ldc, Ldd
from q4compile.isa.operand import Address
from q4compile.lower.emit.words import Words, load_records
from q4compile.lower.plan.records import Record, transfer_bytes
from q4compile.numerics.coded_stream import encode

WHOLE_BYTES = 256
LEAST_SAVED = 1 / 32
"""Of its bytes: what a coded load must save, or it stays raw."""


@dataclass(frozen=True)
class Loads:
    """Constants that words load one after the other, each of `records` records."""

    content: bytes
    """Of all of them, as the image has it."""
    pitch_units: int
    """From load to load."""
    record_bytes: int
    records: int
    used_bytes: int
    """Of a load, without what pads its last record."""
    stream_bytes: int
    """Of the longest stream; 0 where loads are as they are."""

    raw_bytes: int
    """Of all of them, as they are."""

    def word(self, to: Address, source: Address, **given: int) -> Ldc | Ldd:
        """The word that loads one of them."""
        if self.stream_bytes:
            return Ldc(to, source, self.used_bytes, self.stream_bytes, **given)
        return load_records(to, source, self.record_bytes, self.records, **given)

    def in_parts(self, to: Address, source: Address, first_bytes: int) -> Words:
        """Words that load one of them: two, what is there from `first_bytes` on before the rest, if
        parts of so many bytes can be loaded, the rest in whole bursts of any usual size."""
        total_bytes = self.records * self.record_bytes
        split = range(first_bytes // WHOLE_BYTES * WHOLE_BYTES, 0, -WHOLE_BYTES)
        sizes = ((total_bytes - rest, rest) for rest in split)
        pair = next((each for each in sizes if all(transfer_bytes(n) == n for n in each)), None)
        if pair is None or self.stream_bytes:
            return [self.word(to, source)]
        first, rest = pair
        units = rest // UNIT_BYTES
        later_to = replace(to, offset=to.offset + units)
        later = replace(source, offset=source.offset + units)
        return [load_records(later_to, later, first, 1), load_records(to, source, rest, 1)]


@dataclass(frozen=True)
class Constants:
    """Records of `shape`, of which a word loads `records` at a time."""

    data: bytes
    shape: Record
    records: int = 1

    @property
    def key(self) -> Hashable:
        """Of constants with equal keys, loads are alike."""
        shape = self.shape
        return tuple(shape.offsets.items()), shape.bytes, self.records, len(self.data)

    @property
    def load_bytes(self) -> int:
        """That a word loads."""
        return self.records * self.shape.bytes

    @property
    def used_bytes(self) -> int:
        """Of these, without what pads the last record."""
        return self.load_bytes - self.shape.bytes + self.shape.used_bytes

    def loads(self) -> Iterator[bytes]:
        """What each word loads."""
        return (
            self.data[at : at + self.load_bytes] for at in range(0, len(self.data), self.load_bytes)
        )

    def fields(self, load: bytes) -> Iterator[bytes]:
        """Those of all records of a load, each with its padding, but none behind the last."""
        starts = sorted(self.shape.offsets.values())
        stops = [*starts[1:], self.shape.bytes]
        for record in range(0, len(load), self.shape.bytes):
            for start, stop in zip(starts, stops, strict=True):
                yield load[record + start : min(record + stop, self.used_bytes)]


@dataclass
class Coding:
    """What is coded, and how long streams are; without `is_on`, nothing is."""

    is_on: bool = False
    longest: dict[bytes, int] = field(default_factory=dict)
    """Constants → bytes of the longest stream among them, and those that repeat them."""
    streams: dict[bytes, bytes] = field(default_factory=dict)
    """Load → stream."""

    def learn(self, phases: Sequence[Constants | None], most_phases: int) -> None:
        """What the phases of an entry load, before any of it is placed.

        Layers, of `most_phases` at most, that may become one loop have equal places.
        """
        if self.is_on:
            shared = _repeats([None if each is None else each.key for each in phases], most_phases)
            lengths = [0 if each is None else self._length(each) for each in phases]
            for each, n in zip(phases, shared, strict=True):
                if each is not None:
                    same = (at for at, other in zip(lengths, shared, strict=True) if other == n)
                    self.longest[each.data] = max(same)

    def loads(self, constants: Constants) -> Loads:
        """The constants as they are, or coded."""
        size, used = constants.load_bytes, constants.used_bytes
        length = self._longest(constants) if self.is_on else size
        if length > (1 - LEAST_SAVED) * used:
            raw = constants.data
            shape = constants.shape
            units = size // UNIT_BYTES
            return Loads(raw, units, shape.bytes, constants.records, used, 0, len(raw))
        pitch = aligned_bytes(length)
        streams = (self._stream(load, constants) for load in constants.loads())
        content = b"".join(stream.ljust(pitch, b"\0") for stream in streams)
        return Loads(
            content[: len(content) - pitch + length],
            pitch // UNIT_BYTES,
            constants.shape.bytes,
            constants.records,
            used,
            length,
            len(constants.data),
        )

    def _longest(self, constants: Constants) -> int:
        known = self.longest.get(constants.data)
        return self._length(constants) if known is None else known

    def _length(self, constants: Constants) -> int:
        return max(len(self._stream(load, constants)) for load in constants.loads())

    def _stream(self, load: bytes, constants: Constants) -> bytes:
        if load not in self.streams:
            fields = [np.frombuffer(each, np.uint8) for each in constants.fields(load)]
            self.streams[load] = encode(fields)
        return self.streams[load]


def _repeats(keys: Sequence[Hashable], most_phases: int) -> list[int]:
    """Equal numbers for phases that are at the same place of layers that repeat."""
    found = list(range(len(keys)))
    for phases in range(1, most_phases + 1):
        for start in range(len(keys) - 2 * phases + 1):
            middle = start + phases
            if keys[start:middle] == keys[middle : middle + phases]:
                for n in range(phases):
                    one, other = found[start + n], found[middle + n]
                    found = [one if each == other else each for each in found]
    return found
