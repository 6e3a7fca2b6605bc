"""The word that is one step of an LSTM."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions.converting import TABLE_BYTES
from q4compile.isa.lstm_block import GATES, LstmBlock, block_bytes
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import a_register, flag, row_count, spread, sram, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers

HIDDEN = (ElementType.I4, ElementType.I8, ElementType.F16)


@dataclass(frozen=True)
class Lstm(Instruction):
    """``z = sat16(inputs + RNE(sums · Mr)), i o f = σ(z), g = tanh(z)``; then per row and unit

    ``c = sat16(RNE((f · c << (15 − fc)) + i · g, 30 − fc))``, t = tanh of c at 11 fraction bits,
    ``h = clip(RNE(o · t · mul, shift) + zero_point, lo, hi)``.

    Column 4 · u + gate belongs to unit u, gates in the order i, o, f, c̃. Everything else stands
    in the block at `parameters` (`LstmBlock`). With `lengths`, a row whose length is at most
    A[step] · step_factor gets h = zero_point and keeps its c.

    out=f16: ``z = inputs + sums``, i o f = f16(σ(z)), g = f16(tanh(z)), ``c = (f · c) + i · g``,
    ``h = f16(o · f16(tanh(c)))``; z and c in f32, each sum and product rounded to it.
    """

    mnemonic = "lstm"
    op = 0x50
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "h, of type out [rows][units], pitch of the block"]
    sums: Annotated[Address, sram("b"), "i32 or f32 [rows][4 · units], default pitch"]
    inputs: Annotated[Address, sram("c"), "i16 or f16 [rows][4 · units], pitch of the block"]
    parameters: Annotated[Address, sram("d"), "the block"]
    rows: Annotated[Rows, row_count("m"), "of h"]
    units: Annotated[int, unsigned("n", lo=1), "of h; even where out is i4"]
    step: Annotated[int, a_register("k"), "read as the step; A0 where there are no lengths"]
    out: Annotated[ElementType, spread(0, 2, *HIDDEN), "of h"]
    lengths: Annotated[bool, flag(1), "the block has the length of each row"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.out is ElementType.I4 and self.units % 2:
            yield "units", "even where out is i4"
        if self.step and not self.lengths:
            yield "step", "A0 where there are no lengths"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, block = at.count(self.rows), self.block(at)
        columns, once = GATES * self.units, min(rows, 1)
        return (
            at.sram(self.parameters, once, block_bytes(self.multiplied_units)),
            at.sram(self.sums, rows, ElementType.I32.row_bytes(columns)),
            at.sram(self.inputs, rows, ElementType.I16.row_bytes(columns), block.gx_pitch_bytes),
            *self._tables(at, block, once),
            *self._lengths(at, block, rows),
            self._cell(at, block),
        )

    def writes(self, at: Registers) -> tuple[Region, ...]:
        rows, block = at.count(self.rows), self.block(at)
        h = at.sram(self.to, rows, self.out.row_bytes(self.units), block.h_pitch_bytes)
        return h, self._cell(at, block)

    def block(self, at: Registers) -> LstmBlock:
        """The block that its parameters are."""
        return at.block_at(at.start(self.parameters), self.multiplied_units)

    @property
    def is_float(self) -> bool:
        """Whether it computes in floats."""
        return self.out is ElementType.F16

    @property
    def multiplied_units(self) -> int:
        """Units for which the block has multipliers."""
        return 0 if self.is_float else self.units

    @property
    def state(self) -> ElementType:
        """Of c."""
        return ElementType.F32 if self.is_float else ElementType.I16

    def _cell(self, at: Registers, block: LstmBlock) -> Region:
        row_bytes = self.state.row_bytes(self.units)
        return at.sram(Address(block.cell), at.count(self.rows), row_bytes, block.cell_pitch_bytes)

    def _tables(self, at: Registers, block: LstmBlock, once: int) -> tuple[Region, ...]:
        if self.is_float:
            return ()
        places = (block.sigmoid, block.tanh)
        return tuple(at.sram(Address(each), once, TABLE_BYTES) for each in places)

    def _lengths(self, at: Registers, block: LstmBlock, rows: int) -> tuple[Region, ...]:
        if not self.lengths or rows <= 0:
            return ()
        return (at.sram(Address(block.lengths), 1, ElementType.I32.row_bytes(rows)),)
