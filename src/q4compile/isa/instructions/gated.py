"""Words that are one step of a recurrence without a cell state: GRU and RNN.

Everything but the operands stands in the block at `parameters`: an `LstmBlock` with a multiplier
for each of the gates · units columns, filled up with zeros to a multiple of 4, and 0 for all that
concerns a cell state. With `lengths`, a row whose length is at most A[step] · step_factor gets h =
zero_point.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions.converting import TABLE_BYTES
from q4compile.isa.instructions.recurrence import Lstm
from q4compile.isa.lstm_block import GATES, MAX_FC, LstmBlock, block_bytes
from q4compile.isa.multiplier import unpack_multiplier
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import choice, flag, row_count, sram, unsigned
from q4compile.isa.plain_kinds import Register
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers
from q4compile.isa.word import Slot

CODES = (ElementType.I4, ElementType.I8)
SHIFTS = (15, 53)
"""Of the multiplier of a GRU's h, so that its product fits int64."""


@dataclass(frozen=True)
class Gated(Instruction):
    """What both have; no word by itself."""

    engine = Engine.VX
    gates: ClassVar[int]

    to: Annotated[Address, sram("a"), "h, of type out [rows][units], pitch of the block"]
    sums: Annotated[Address, sram("b"), "i32 [rows][gates · units], default pitch"]
    inputs: Annotated[Address, sram("c"), "i16 [rows][gates · units], pitch of the block"]
    parameters: Annotated[Address, sram("d"), "the block"]
    rows: Annotated[Rows, row_count("m"), "of h"]
    units: Annotated[int, unsigned("n", lo=1), "of h; even where out is i4"]
    step: Annotated[
        int, Register(Slot("k", 0, 4), "A"), "read as the step; A0 where there are no lengths"
    ]
    out: Annotated[ElementType, choice(0, 1, *CODES), "of h"]

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.out is ElementType.I4 and self.units % 2:
            yield "units", "even where out is i4"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, block = at.count(self.rows), self.block(at)
        columns, once = self.gates * self.units, min(rows, 1)
        lengths: tuple[Region, ...] = ()
        if self.has_lengths and rows > 0:
            lengths = (at.sram(Address(block.lengths), 1, ElementType.I32.row_bytes(rows)),)
        return (
            at.sram(self.parameters, once, gated_block_bytes(self.gates, self.units)),
            at.sram(self.sums, rows, ElementType.I32.row_bytes(columns)),
            at.sram(self.inputs, rows, ElementType.I16.row_bytes(columns), block.gx_pitch_bytes),
            *(at.sram(Address(each), once, TABLE_BYTES) for each in self.tables(block)),
            *lengths,
        )

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (self.hidden(at, self.to),)

    @property
    def has_lengths(self) -> bool:
        """Whether the block has the length of each row."""
        return bool(getattr(self, "lengths", False))

    def block(self, at: Registers) -> LstmBlock:
        """The block that its parameters are."""
        return at.block_at(at.start(self.parameters), block_units(self.gates, self.units))

    def hidden(self, at: Registers, place: Address) -> Region:
        """The rows of an h."""
        row_bytes, pitch = self.out.row_bytes(self.units), self.block(at).h_pitch_bytes
        return at.sram(place, at.count(self.rows), row_bytes, pitch)

    def tables(self, block: LstmBlock) -> tuple[int, ...]:
        """Addresses of those that it reads."""
        return (block.tanh,)

    def unmet_by(self, block: LstmBlock) -> Iterator[tuple[str, str]]:
        """Need and got of each rule between the word and its block that does not hold."""
        yield from block.no_codes(self.out)
        yield from block.outside(("fc",), 0, MAX_FC)


@dataclass(frozen=True)
class Gru(Gated):
    """``z r = σ(sat16(inputs + RNE(sums · Mr)))``, m = sat16(RNE(sums · Mr)) of the third column,

    ``g = tanh(sat16(inputs + RNE(r · m, 15)))``, and with q the code of h of the step before
    ``h = clip(RNE((2^15 − z) · g · mul + (z · (q − zero_point) << shift − 15), shift) + zero_point,
    lo, hi)``.

    Column 3 · u + gate belongs to unit u, gates in the order z, r, h̃. The h of the step before
    lies at A[previous] + the offset of `to`; 15 ≤ shift ≤ 53.
    """

    mnemonic = "gru"
    op = 0x51
    gates = 3

    previous: Annotated[
        int, Register(Slot("k", 4, 4), "A"), "where h of the step before is, with to's offset"
    ] = 0
    lengths: Annotated[bool, flag(1), "the block has the length of each row"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.step and not self.lengths:
            yield "step", "A0 where there are no lengths"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (*super().reads(at), self.hidden(at, self.before))

    @property
    def before(self) -> Address:
        """Where h of the step before is."""
        return Address(self.to.offset, self.previous)

    def tables(self, block: LstmBlock) -> tuple[int, ...]:
        return block.sigmoid, block.tanh

    def unmet_by(self, block: LstmBlock) -> Iterator[tuple[str, str]]:
        yield from super().unmet_by(block)
        _, shift = unpack_multiplier(block.multiplier)
        if not SHIFTS[0] <= shift <= SHIFTS[1]:
            yield f"a shift of h in [{SHIFTS[0]}, {SHIFTS[1]}]", f"{shift}"


@dataclass(frozen=True)
class Rnn(Gated):
    """``h = clip(RNE(t · mul, shift) + zero_point, lo, hi)``, t = tanh(z) or max(z, 0), where

    ``z = sat16(inputs + RNE(sums · Mr))``.
    """

    mnemonic = "rnn"
    op = 0x52
    gates = 1

    lengths: Annotated[bool, flag(1), "the block has the length of each row"] = False
    relu: Annotated[bool, flag(2), "max(z, 0) instead of tanh"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.step and not self.lengths:
            yield "step", "A0 where there are no lengths"

    def tables(self, block: LstmBlock) -> tuple[int, ...]:
        return () if self.relu else (block.tanh,)


def block_units(gates: int, units: int) -> int:
    """Units of an `LstmBlock` that has room for as many multipliers."""
    return -(-gates * units // GATES)


def gated_block_bytes(gates: int, units: int) -> int:
    """The size of a block."""
    return block_bytes(block_units(gates, units))


STEPS = (Gru, Lstm, Rnn)
"""Words that are a step of a recurrence, and have a block of parameters."""
