"""Words of the engines between DRAM and SRAM, which move rows in order from row 0; and `Share`."""

from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import ElementType, aligned_bytes
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import dram, row_count, sram, unsigned
from q4compile.isa.region import Memory, Region
from q4compile.isa.registers import Registers


@dataclass(frozen=True)
class Ldd(Instruction):
    """``to[r · to_pitch + i] = source[r · source_pitch + i]`` for r < rows, i < row_bytes."""

    mnemonic = "ldd"
    op = 0x10
    engine = Engine.LD

    to: Annotated[Address, sram("a"), "written"]
    source: Annotated[Address, dram("d"), "read"]
    rows: Annotated[Rows, row_count("m"), "moved"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row"]
    to_pitch: Annotated[int, unsigned("b", "bytes"), "from row to row"]
    source_pitch: Annotated[int, unsigned("c", "bytes"), "from row to row"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows = at.count(self.rows)
        return (at.dram(self.source, rows, self.row_bytes, self.source_pitch),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), self.row_bytes, self.to_pitch),)


@dataclass(frozen=True)
class Ldc(Instruction):
    """``to[i] = decoded(source[0 … source_bytes − 1])[i]`` for i < to_bytes.

    The source is a coded stream (`numerics.coded_stream`) of exactly so many bytes, with nothing
    but zeros behind it; all of the source is read. One that is none is a trap.
    """

    mnemonic = "ldc"
    op = 0x12
    engine = Engine.LD

    to: Annotated[Address, sram("a"), "written"]
    source: Annotated[Address, dram("d"), "read"]
    to_bytes: Annotated[int, unsigned("b", "bytes", lo=1), "that the stream stands for"]
    source_bytes: Annotated[int, unsigned("c", "bytes", lo=1), "of the stream and of zeros behind"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.dram(self.source, 1, self.source_bytes, 0),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, 1, self.to_bytes, 0),)


@dataclass(frozen=True)
class Gath(Instruction):
    """``to[r · pitch + i] = table[ids[r] · table_pitch + i]``, pitch = row_bytes rounded up to 16.

    An id outside [0, count) is a trap. What it may read is the whole table.
    """

    mnemonic = "gath"
    op = 0x11
    engine = Engine.LD

    to: Annotated[Address, sram("a"), "written"]
    table: Annotated[Address, dram("d"), "read, by rows"]
    ids: Annotated[Address, sram("b"), "i32 [rows], without gaps"]
    rows: Annotated[Rows, row_count("m"), "gathered"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row"]
    table_pitch: Annotated[int, unsigned("c", "bytes"), "from row to row"]
    count: Annotated[int, unsigned("k", "rows"), "of the table"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows = at.count(self.rows)
        return (
            at.sram(self.ids, 1, ElementType.I32.row_bytes(max(rows, 0))),
            at.dram(self.table, self.count if rows > 0 else 0, self.row_bytes, self.table_pitch),
        )

    def writes(self, at: Registers) -> tuple[Region, ...]:
        pitch = aligned_bytes(self.row_bytes)
        return (at.sram(self.to, at.count(self.rows), self.row_bytes, pitch),)


@dataclass(frozen=True)
class Std(Instruction):
    """``to[r · to_pitch + i] = source[r · source_pitch + i]`` for r < rows, i < row_bytes."""

    mnemonic = "std"
    op = 0x20
    engine = Engine.ST

    to: Annotated[Address, dram("d"), "written"]
    source: Annotated[Address, sram("a"), "read"]
    rows: Annotated[Rows, row_count("m"), "moved"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row"]
    to_pitch: Annotated[int, unsigned("c", "bytes"), "from row to row"]
    source_pitch: Annotated[int, unsigned("b", "bytes"), "from row to row"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.source, at.count(self.rows), self.row_bytes, self.source_pitch),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.dram(self.to, at.count(self.rows), self.row_bytes, self.to_pitch),)


@dataclass(frozen=True)
class Share(Instruction):
    """``to[r · pitch + c · row_bytes + i]`` of core c, on every core; for all cores c.

    r < rows, i < row_bytes. It begins when all cores have got to their k-th ``share``, and ends on
    all at once. With one core it does nothing.
    """

    mnemonic = "share"
    op = 0x21
    engine = Engine.ST

    to: Annotated[Address, sram("a"), "where the part of core 0 begins, read and written"]
    rows: Annotated[Rows, row_count("m"), "of each part, the same on all cores"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row of one part"]
    pitch: Annotated[int, unsigned("b", "bytes"), "from row to row"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (self._parts(at, at.core, 1),) if at.cores > 1 else ()

    def writes(self, at: Registers) -> tuple[Region, ...]:
        behind = at.core + 1
        return self._parts(at, 0, at.core), self._parts(at, behind, at.cores - behind)

    def _parts(self, at: Registers, first: int, count: int) -> Region:
        """Those of `count` cores from core `first` on."""
        start = at.start(self.to) + first * self.row_bytes
        rows, row_bytes = at.count(self.rows), count * self.row_bytes
        return Region(Memory.SRAM, start, rows, row_bytes, self.pitch)
