"""Where buffers lie in on-chip memory.

No two buffers that are alive at the same time share a byte; `verify` checks just that, by itself.
The peak is at least `lower_bound`: the most bytes that are alive at one time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

from q4compile.isa.element_type import UNIT_BYTES

ALWAYS = 2**31


@dataclass(frozen=True)
class Buffer:
    """Bytes that hold something from time `first` to time `last`, both included."""

    name: str
    bytes: int
    first: int = 0
    last: int = ALWAYS
    is_ahead: bool = False
    """What is in it comes before the phase begins: it lies behind all others, and lives always."""

    def meets(self, other: "Buffer") -> bool:
        """Whether both are alive at one time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Layout:
    """Name of a buffer → its first byte."""

    offsets: Mapping[str, int]
    peak_bytes: int
    lower_bound_bytes: int
    ahead_bytes: int = 0
    """Of these, the last ones: buffers that are filled before the phase begins."""
    base_bytes: int = 0
    """Where the first buffer begins."""
    is_ahead: bool = False
    """Whether the phase before loads what is ahead: these bytes are none of its own."""

    @property
    def over_bound_percent(self) -> float:
        """How far the peak is above the bound."""
        return 100 * (self.peak_bytes / max(self.lower_bound_bytes, 1) - 1) if self.offsets else 0.0

    def units(self, name: str) -> int:
        """Its address."""
        return self.offsets[name] // UNIT_BYTES


def aligned(count_bytes: int, alignment_bytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-count_bytes // alignment_bytes) * alignment_bytes


def allocate(buffers: Sequence[Buffer], alignment_bytes: int) -> Layout:
    """The least peak that placing them one by one reaches, in a few orders."""
    sized = [replace(each, bytes=aligned(each.bytes, alignment_bytes)) for each in buffers]
    ahead = [each for each in sized if each.is_ahead]
    others = [each for each in sized if not each.is_ahead]
    found = min(_placements(others), key=lambda offsets: _peak(others, offsets))
    for each in ahead:
        if (each.first, each.last) != (0, ALWAYS):
            raise ValueError(f"buffer '{each.name}' is ahead, and does not live always")
        found[each.name] = _peak(others, found)
        others.append(each)
    verify(sized, found)
    ahead_bytes = sum(each.bytes for each in ahead)
    return Layout(MappingProxyType(found), _peak(sized, found), lower_bound(sized), ahead_bytes)


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are alive at one time."""
    times = {each.first for each in buffers}
    return max(
        (sum(b.bytes for b in buffers if b.first <= time <= b.last) for time in times), default=0
    )


def verify(buffers: Sequence[Buffer], offsets: Mapping[str, int]) -> None:
    """Raise ValueError where two buffers that are alive together overlap."""
    for one, other in combinations(buffers, 2):
        apart = (
            offsets[one.name] + one.bytes <= offsets[other.name]
            or offsets[other.name] + other.bytes <= offsets[one.name]
        )
        if one.meets(other) and not apart:
            raise ValueError(f"buffers '{one.name}' and '{other.name}' overlap")


ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda each: (-each.bytes, each.first),
    lambda each: (-each.bytes * (each.last - each.first + 1), each.first),
    lambda each: (each.first - each.last, -each.bytes),
    lambda each: (each.first, -each.bytes),
)


def _placements(buffers: Sequence[Buffer]) -> Iterator[dict[str, int]]:
    for order in ORDERS:
        placed: list[tuple[int, Buffer]] = []
        for each in sorted(buffers, key=order):
            placed.append((_first_gap(each, placed), each))
        yield {each.name: start for start, each in placed}


def _first_gap(buffer: Buffer, placed: Sequence[tuple[int, Buffer]]) -> int:
    """The lowest place that is free all the time that `buffer` lives."""
    start = 0
    for taken, other in sorted(placed, key=lambda each: each[0]):
        if other.meets(buffer) and start + buffer.bytes > taken:
            start = max(start, taken + other.bytes)
    return start


def _peak(buffers: Sequence[Buffer], offsets: Mapping[str, int]) -> int:
    return max((offsets[each.name] + each.bytes for each in buffers), default=0)
