"""A buffer of several fields one after the other, each from an aligned byte on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.plan.sram import aligned

MAX_ROW_BYTES = 2**16 - UNIT_BYTES


@dataclass(frozen=True)
class Record:
    """Name of a field → its first byte, and the bytes of all."""

    offsets: Mapping[str, int]
    bytes: int
    used_bytes: int
    """Without what `loadable` adds."""

    def units(self, field: str) -> int:
        """From the start of the record."""
        return self.offsets[field] // UNIT_BYTES

    @property
    def total_units(self) -> int:
        """From a record to the next one."""
        return self.bytes // UNIT_BYTES


def record(fields: Iterable[tuple[str, int]], alignment_bytes: int) -> Record:
    """Fields of the given sizes [bytes], in order."""
    offsets, end = {}, 0
    for name, size_bytes in fields:
        offsets[name] = end
        end += aligned(size_bytes, alignment_bytes)
    return Record(MappingProxyType(offsets), end, end)


def require_row(name: str, row_bytes: int) -> None:
    """Refuse (Q325) rows, in bytes or columns, that no field of a word can hold."""
    if row_bytes > MAX_ROW_BYTES:
        got = f"{row_bytes} of '{name}'"
        raise Refused("Q325", f"rows of at most {MAX_ROW_BYTES} bytes", got)


def rows_to_load(count_bytes: int) -> int:
    """The fewest equal rows, of at most `MAX_ROW_BYTES`, that hold so many bytes."""
    return max(-(-count_bytes // MAX_ROW_BYTES), 1)


def transfer_bytes(count_bytes: int) -> int:
    """The next size that one word can load: equal rows, each of whole units."""
    rows = rows_to_load(count_bytes)
    return count_bytes if rows == 1 else rows * aligned(-(-count_bytes // rows), UNIT_BYTES)


def loadable(made: Record) -> Record:
    """`made`, as large as `transfer_bytes` makes it."""
    return Record(made.offsets, transfer_bytes(made.bytes), made.bytes)


def filled(shape: Record, fields: dict[str, bytes]) -> bytes:
    """A record with these contents; the rest is 0."""
    data = bytearray(shape.bytes)
    for name, content in fields.items():
        start = shape.offsets[name]
        data[start : start + len(content)] = content
    return bytes(data)
