"""The bytes that a word touches: rows of a memory at a pitch, compared without listing them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Memory(Enum):
    """Where an address points."""

    SRAM = "sram"
    DRAM = "dram"


@dataclass(frozen=True)
class Region:
    """``{start + r · pitch + i : 0 ≤ r < rows, 0 ≤ i < row_bytes}``, byte addresses of a memory."""

    memory: Memory
    start: int
    rows: int
    row_bytes: int
    pitch_bytes: int

    @property
    def is_empty(self) -> bool:
        """True when it holds no byte."""
        return self.rows <= 0 or self.row_bytes <= 0

    @property
    def stop(self) -> int:
        """One past the last byte; `start` when empty."""
        if self.is_empty:
            return self.start
        return self.start + (self.rows - 1) * self.pitch_bytes + self.row_bytes

    def intervals(self) -> Iterator[tuple[int, int]]:
        """``[start, stop)`` of each row, adjoining rows as one."""
        if self.is_empty:
            return
        if self.rows == 1 or self.pitch_bytes <= self.row_bytes:
            yield self.start, self.stop
            return
        for row in range(self.rows):
            first = self.start + row * self.pitch_bytes
            yield first, first + self.row_bytes

    def meets(self, start: int, stop: int) -> bool:
        """True when a byte of [start, stop) lies in the region."""
        if self.is_empty or start >= stop or stop <= self.start or start >= self.stop:
            return False
        if self.rows == 1 or self.pitch_bytes <= self.row_bytes:
            return True
        # The last row that begins before `stop` is the only one that can reach furthest into it.
        row = min((stop - 1 - self.start) // self.pitch_bytes, self.rows - 1)
        return self.start + row * self.pitch_bytes + self.row_bytes > start

    def overlaps(self, other: "Region") -> bool:
        """True when the two have a byte in common; as many steps as the fewer rows."""
        if self.memory is not other.memory or self.is_empty or other.is_empty:
            return False
        if self.stop <= other.start or other.stop <= self.start:
            return False
        few, many = sorted((self, other), key=lambda region: region.rows)
        return any(many.meets(start, stop) for start, stop in few.intervals())
