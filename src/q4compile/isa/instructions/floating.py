"""The word of the vector engine that makes f16 of something."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import choice, flag, row_count, sram, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers


class Function(IntEnum):
    """φ."""

    IDENTITY = 0
    SIGMOID = 1
    TANH = 2


@dataclass(frozen=True)
class Cvt(Instruction):
    """``y = f16(φ(x))``: the f16 nearest to the real φ(x), ties to even, at most ±65504."""

    mnemonic = "cvt"
    op = 0x4F
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "y, f16 [rows][columns]"]
    source: Annotated[Address, sram("b"), "x, f16 or with wide f32 [rows][columns]"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of both"]
    function: Annotated[Function, choice(0, 2, *Function), "φ"] = Function.IDENTITY
    wide: Annotated[bool, flag(2), "x is f32"] = False

    def reads(self, at: Registers) -> tuple[Region, ...]:
        x = ElementType.F32 if self.wide else ElementType.F16
        return (at.sram(self.source, at.count(self.rows), x.row_bytes(self.columns)),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.F16.row_bytes(self.columns)),)
