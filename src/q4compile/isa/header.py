"""The header of a program file: 128 bytes that say where the three sections lie.

``Q4P1 | version u16 | sections u16 | sha256 of the target | per section: name, offset u64,
length u64, CRC-32 u32, reserved u32 | CRC-32 of all that``

Each section begins at the first multiple of 64 after the one before; the file ends with the last.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.program_findings import damaged, no_program, wrong_checksum

MAGIC, VERSION, ALIGNMENT_BYTES = b"Q4P1", 1, 64
META, CODE, DATA = SECTIONS = ("META", "CODE", "DATA")
HEAD = struct.Struct("<4sHH32s")
ROW = struct.Struct("<4sQQII")
CHECKSUM = struct.Struct("<I")
HEADER_BYTES = HEAD.size + len(SECTIONS) * ROW.size + CHECKSUM.size


@dataclass(frozen=True)
class Section:
    """Where a section lies, in bytes of the file."""

    name: str
    offset: int
    length: int
    crc: int

    @property
    def stop(self) -> int:
        """One past its last byte."""
        return self.offset + self.length


@dataclass(frozen=True)
class Header:
    """What the first 128 bytes say."""

    target_hash: bytes
    sections: tuple[Section, ...]

    def section(self, name: str) -> Section:
        """The section of that name, one of `SECTIONS`."""
        return self.sections[SECTIONS.index(name)]

    def pack(self) -> bytes:
        """The bytes of it."""
        head = HEAD.pack(MAGIC, VERSION, len(self.sections), self.target_hash)
        rows = (ROW.pack(s.name.encode(), s.offset, s.length, s.crc, 0) for s in self.sections)
        body = head + b"".join(rows)
        return body + CHECKSUM.pack(crc32(body))


def aligned(offset: int) -> int:
    """The first multiple of 64 that is not below `offset`."""
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def header_of(target_hash: bytes, bodies: Sequence[bytes]) -> Header:
    """The header of a file with these sections."""
    found, offset = [], HEADER_BYTES
    for name, body in zip(SECTIONS, bodies, strict=True):
        found.append(Section(name, aligned(offset), len(body), crc32(body)))
        offset = found[-1].stop
    return Header(target_hash, tuple(found))


def read_header(data: bytes, file_bytes: int, at: str) -> Header:
    """The header that `data`, the first `HEADER_BYTES` of a file of `file_bytes`, holds.

    Raises:
        TargetError: Q310 for something else, Q311 and Q312 for a damaged one.
    """
    _require_program(data, at)
    if len(data) < HEADER_BYTES:
        raise TargetError(damaged(at, f"a header of {HEADER_BYTES} bytes", f"{len(data)} bytes"))
    body, (crc,) = data[: -CHECKSUM.size], CHECKSUM.unpack(data[-CHECKSUM.size :])
    if crc != crc32(body):
        raise TargetError(wrong_checksum(f"{at}, header", crc, crc32(body)))
    _, _, count, target_hash = HEAD.unpack_from(data)
    if count != len(SECTIONS):
        raise TargetError(damaged(at, f"{len(SECTIONS)} sections", f"{count}"))
    rows = [ROW.unpack_from(data, HEAD.size + i * ROW.size) for i in range(count)]
    raise_all(TargetError, list(_misplaced(rows, file_bytes, at)))
    names = zip(SECTIONS, rows, strict=True)
    return Header(target_hash, tuple(Section(name, *row[1:4]) for name, row in names))


def _require_program(data: bytes, at: str) -> None:
    if data[: len(MAGIC)] != MAGIC:
        got = f"{data[: len(MAGIC)]!r}" if data else "an empty file"
        raise TargetError(no_program(at, f"a file that begins with {MAGIC!r}", got))
    version = int.from_bytes(data[4:6], "little")
    if len(data) >= 6 and version != VERSION:
        fix = "compile it with this version of q4compile"
        raise TargetError(no_program(at, f"version {VERSION}", f"version {version}", fix))


def _misplaced(
    rows: Sequence[tuple[bytes, int, int, int, int]], size: int, at: str
) -> Iterator[Finding]:
    end = HEADER_BYTES
    for name, (found, offset, length, _, reserved) in zip(SECTIONS, rows, strict=True):
        where = f"{at}, section {name}"
        if found != name.encode():
            yield damaged(where, f"the name {name}", f"{found!r}")
        if reserved:
            yield damaged(where, "reserved 0", f"{reserved}")
        if offset != aligned(end):
            yield damaged(where, f"offset {aligned(end)}", f"{offset}")
        end = offset + length
    if end != size:
        yield damaged(at, f"a file of {end} bytes, as its header says", f"{size} bytes")
