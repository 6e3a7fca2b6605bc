"""Words of the vector engine that combine two matrices of default pitch, x and y: i16, or f16.

With `broadcast`, y has one row that serves for all. With `f16` nothing is shifted, and the result
is the f16 nearest to the exact one, at most ±65504; the larger (smaller) of two equal ones is x.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import flag, row_count, shift, sram, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers

SHIFTS = ("left_shift", "right_shift", "result_shift")


@dataclass(frozen=True)
class OfTwo(Instruction):
    """Where two operands and the result lie; no word by itself."""

    engine = Engine.VX

    to: Annotated[Address, sram("a"), "i16 or f16 [rows][columns]"]
    left: Annotated[Address, sram("b"), "x, i16 or f16 [rows][columns]"]
    right: Annotated[Address, sram("c"), "y, i16 or f16 [rows][columns], or one row"]
    rows: Annotated[Rows, row_count("m"), "of the result"]
    columns: Annotated[int, unsigned("n"), "of all three"]
    broadcast: Annotated[bool, flag(0), "y has one row"] = field(default=False, kw_only=True)
    f16: Annotated[bool, flag(1), "all three are f16"] = field(default=False, kw_only=True)

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        for name in SHIFTS:
            if self.f16 and getattr(self, name, False):
                yield name, "0 where operands are f16"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, row_bytes = at.count(self.rows), ElementType.I16.row_bytes(self.columns)
        right_rows = min(rows, 1) if self.broadcast else rows
        return at.sram(self.left, rows, row_bytes), at.sram(self.right, right_rows, row_bytes)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I16.row_bytes(self.columns)),)


@dataclass(frozen=True)
class OfTwoShifted(OfTwo):
    """Both operands are shifted before and the result after; no word by itself."""

    left_shift: Annotated[int, shift("k", 0, 5, 31), "of x"] = 0
    right_shift: Annotated[int, shift("k", 5, 5, 31), "of y"] = 0
    result_shift: Annotated[int, shift("k", 10, 5, 31), "rounded away"] = 0


@dataclass(frozen=True)
class Add(OfTwoShifted):
    """``sat16(RNE((x << left_shift) + (y << right_shift), result_shift))``."""

    mnemonic = "add"
    op = 0x40


@dataclass(frozen=True)
class Sub(OfTwoShifted):
    """``sat16(RNE((x << left_shift) − (y << right_shift), result_shift))``."""

    mnemonic = "sub"
    op = 0x41


@dataclass(frozen=True)
class Max(OfTwoShifted):
    """``sat16(RNE(max(x << left_shift, y << right_shift), result_shift))``."""

    mnemonic = "max"
    op = 0x42


@dataclass(frozen=True)
class Min(OfTwoShifted):
    """``sat16(RNE(min(x << left_shift, y << right_shift), result_shift))``."""

    mnemonic = "min"
    op = 0x43


@dataclass(frozen=True)
class Mul(OfTwo):
    """``sat16(RNE(x · y, result_shift))``."""

    mnemonic = "mul"
    op = 0x44

    result_shift: Annotated[int, shift("k", 0, 6, 62), "rounded away"] = 0
