"""Words of the vector engine with one operand: requantization, tables, copies."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import choice, flag, half, row_count, shift, signed, sram, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers

TABLE_ENTRIES = 1025
TABLE_BYTES = ElementType.I16.row_bytes(TABLE_ENTRIES)
CODES = (ElementType.I4, ElementType.I8, ElementType.I16, ElementType.I32)


@dataclass(frozen=True)
class Rq(Instruction):
    """``y = clip(RNE(x · mul[n], shift[n]) + zero_point, lo, hi)``.

    out=i32: ``y = sat32(RNE(x · mul[n], shift[n]) + offset[n])``, as many offsets right behind the
    multipliers; zero_point, lo and hi are 0.
    """

    mnemonic = "rq"
    op = 0x48
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "y, of type out [rows][columns]"]
    source: Annotated[Address, sram("b"), "x, i16 or with wide i32 [rows][columns]"]
    multipliers: Annotated[Address, sram("c"), "u32 [columns], with scalar u32 [1], and offsets"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of both"]
    zero_point: Annotated[int, signed("k"), "int16"]
    lo: Annotated[int, half("d", 0), "within the codes of out"]
    hi: Annotated[int, half("d", 16), "within the codes of out, no less than lo"]
    out: Annotated[ElementType, choice(0, 2, *CODES), "of y"]
    wide: Annotated[bool, flag(2), "x is i32"] = False
    scalar: Annotated[bool, flag(3), "one multiplier serves for all columns"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.out is ElementType.I32:
            unused = ("zero_point", "lo", "hi")
            yield from ((name, "0 where out is i32") for name in unused if getattr(self, name))
            return
        least = -(1 << (self.out.bits - 1))
        if self.lo < least:
            yield "lo", f"at least {least}, the least code of {self.out.name.lower()}"
        if self.hi > -least - 1:
            yield "hi", f"at most {-least - 1}, the greatest code of {self.out.name.lower()}"
        if self.lo > self.hi:
            yield "lo", f"at most hi, {self.hi}"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows = at.count(self.rows)
        x = ElementType.I32 if self.wide else ElementType.I16
        return (
            at.sram(self.source, rows, x.row_bytes(self.columns)),
            at.sram(self.multipliers, min(rows, 1), ElementType.I32.row_bytes(self.parameters)),
        )

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), self.out.row_bytes(self.columns)),)

    @property
    def parameters(self) -> int:
        """How many words lie at `multipliers`."""
        each = 2 if self.out is ElementType.I32 else 1
        return each * (min(self.columns, 1) if self.scalar else self.columns)


@dataclass(frozen=True)
class Lut(Instruction):
    """``T(sat16(RNE(x << left_shift, result_shift)))``, T by linear interpolation, i16 to i16."""

    mnemonic = "lut"
    op = 0x49
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "i16 [rows][columns]"]
    source: Annotated[Address, sram("b"), "x, i16 [rows][columns]"]
    table: Annotated[Address, sram("d"), "i16 [1025]"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of both"]
    left_shift: Annotated[int, shift("k", 0, 5, 31), "of x"] = 0
    result_shift: Annotated[int, shift("k", 5, 5, 31), "rounded away"] = 0

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, row_bytes = at.count(self.rows), ElementType.I16.row_bytes(self.columns)
        table_rows = min(rows, self.columns, 1)
        return at.sram(self.source, rows, row_bytes), at.sram(self.table, table_rows, TABLE_BYTES)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I16.row_bytes(self.columns)),)


@dataclass(frozen=True)
class Unpack(Instruction):
    """``to[r, n] = source[r, n]``, i4 to i8, sign kept; both of default pitch."""

    mnemonic = "unpack"
    op = 0x4A
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "i8 [rows][columns]"]
    source: Annotated[Address, sram("b"), "i4 [rows][columns]"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of both"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.source, at.count(self.rows), ElementType.I4.row_bytes(self.columns)),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I8.row_bytes(self.columns)),)


@dataclass(frozen=True)
class Copy(Instruction):
    """``to[r · to_pitch + i] = source[r · source_pitch + i]``, rows in order from row 0."""

    mnemonic = "copy"
    op = 0x4B
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "written"]
    source: Annotated[Address, sram("b"), "read"]
    rows: Annotated[Rows, row_count("m"), "moved"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row"]
    to_pitch: Annotated[int, unsigned("c", "bytes"), "from row to row"]
    source_pitch: Annotated[int, unsigned("d", "bytes"), "from row to row"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.source, at.count(self.rows), self.row_bytes, self.source_pitch),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), self.row_bytes, self.to_pitch),)


@dataclass(frozen=True)
class Fill(Instruction):
    """``to[r · to_pitch + i] = value`` for r < rows, i < row_bytes."""

    mnemonic = "fill"
    op = 0x4C
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "written"]
    rows: Annotated[Rows, row_count("m"), "filled"]
    row_bytes: Annotated[int, unsigned("n", "bytes"), "of a row"]
    to_pitch: Annotated[int, unsigned("c", "bytes"), "from row to row"]
    value: Annotated[int, unsigned("k", bits=8), "of each byte"]

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), self.row_bytes, self.to_pitch),)
