"""The word that is one step of an LSTM."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions.converting import TABLE_ENTRIES
from q4compile.isa.lstm_block import GATES, MAX_FC, WIDE_FC, LstmBlock, block_bytes
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

    wide: ``z = sat32(inputs + RNE(sums · Mr))``, i o f = 2^23 + T(z), ``g = T(2 · z)``,
    ``c = sat32(RNE((f · c << 3) + i · g, 27))``, t = T(2 · c), and in h RNE(o · t, 17) for o · t.
    z and c have 20 fraction bits; T is tanh by a table of i32, of 21 fraction bits to 23
    (docs/program-format.md).

    out=f16: ``z = inputs + sums``, i o f = f16(σ(z)), g = f16(tanh(z)), ``c = (f · c) + i · g``,
    ``h = f16(o · f16(tanh(c)))``; z and c in f32, each sum and product rounded to it.
    """

    mnemonic = "lstm"
    op = 0x50
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "h, of type out [rows][units], pitch of the block"]
    sums: Annotated[Address, sram("b"), "i32 or f32 [rows][4 · units], default pitch"]
    inputs: Annotated[
        Address, sram("c"), "i16, wide i32, or f16 [rows][4 · units], pitch of the block"
    ]
    parameters: Annotated[Address, sram("d"), "the block"]
    rows: Annotated[Rows, row_count("m"), "of h"]
    units: Annotated[int, unsigned("n", lo=1), "of h; even where out is i4"]
    step: Annotated[int, a_register("k"), "read as the step; A0 where there are no lengths"]
    out: Annotated[ElementType, spread(0, 2, *HIDDEN), "of h"]
    lengths: Annotated[bool, flag(1), "the block has the length of each row"] = False
    wide: Annotated[bool, flag(3), "inputs, c and the one table, that of tanh, are i32"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.out is ElementType.I4 and self.units % 2:
            yield "units", "even where out is i4"
        if self.step and not self.lengths:
            yield "step", "A0 where there are no lengths"
        if self.wide and self.is_float:
            yield "wide", "no where out is f16"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, block = at.count(self.rows), self.block(at)
        columns, once = GATES * self.units, min(rows, 1)
        return (
            at.sram(self.parameters, once, block_bytes(self.multiplied_units)),
            at.sram(self.sums, rows, ElementType.I32.row_bytes(columns)),
            at.sram(self.inputs, rows, self.given.row_bytes(columns), block.gx_pitch_bytes),
            *(at.sram(Address(each), once, self.table_bytes) for each in self.tables(block)),
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
        """Of c; and of a table."""
        if self.is_float:
            return ElementType.F32
        return ElementType.I32 if self.wide else ElementType.I16

    @property
    def given(self) -> ElementType:
        """Of the inputs."""
        return ElementType.F16 if self.is_float else self.state

    @property
    def table_bytes(self) -> int:
        """Of each table."""
        return self.state.row_bytes(TABLE_ENTRIES)

    def tables(self, block: LstmBlock) -> tuple[int, ...]:
        """Addresses of those that it reads."""
        if self.is_float:
            return ()
        return (block.tanh,) if self.wide else (block.sigmoid, block.tanh)

    def unmet_by(self, block: LstmBlock) -> Iterator[tuple[str, str]]:
        """Need and got of each rule between the word and its block that does not hold."""
        if self.is_float:
            return
        yield from block.no_codes(self.out)
        if self.wide:
            yield from block.outside(("fc",), WIDE_FC, WIDE_FC)
            yield from block.outside(("sigmoid",), 0, 0)
        else:
            yield from block.outside(("fc",), 0, MAX_FC)

    def _cell(self, at: Registers, block: LstmBlock) -> Region:
        row_bytes = self.state.row_bytes(self.units)
        return at.sram(Address(block.cell), at.count(self.rows), row_bytes, block.cell_pitch_bytes)

    def _lengths(self, at: Registers, block: LstmBlock, rows: int) -> tuple[Region, ...]:
        if not self.lengths or rows <= 0:
            return ()
        return (at.sram(Address(block.lengths), 1, ElementType.I32.row_bytes(rows)),)
