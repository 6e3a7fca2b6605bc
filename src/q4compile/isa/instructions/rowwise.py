"""Words of the vector engine that see a whole row at a time, and the one that leads there.

Rows are int16, of default pitch; what a word writes has as many rows as what it reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from q4compile.isa.element_type import ElementType, aligned_bytes
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions.converting import TABLE_BYTES
from q4compile.isa.multiplier import is_multiplier
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import (
    choice,
    maybe_sram,
    row_count,
    shift,
    signed,
    sram,
    unsigned,
)
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers

NARROW = (ElementType.I4, ElementType.I8)
MOST_COLUMNS = 2**15 - 1
"""Of `norm`, so that the variance of a row fits 60 bits."""
EPSILON_BYTES = 16
"""At the start of the block of `norm`: a uint64, and 8 bytes of padding."""


class Reducing(IntEnum):
    """What a row becomes."""

    SUM = 0
    MAX = 1
    MIN = 2


@dataclass(frozen=True)
class Dq(Instruction):
    """``y = sat16(RNE((x − zero_point) · mul, shift))``, codes to int16."""

    mnemonic = "dq"
    op = 0x4D
    engine = Engine.VX

    to: Annotated[Address, sram("a"), "y, i16 [rows][columns]"]
    source: Annotated[Address, sram("b"), "x, of type from [rows][columns]"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of both"]
    zero_point: Annotated[int, signed("k"), "int16"]
    multiplier: Annotated[int, unsigned("d"), "one for all"]
    narrow: Annotated[ElementType, choice(0, 1, *NARROW), "of x"]

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if not is_multiplier(self.multiplier):
            yield "multiplier", "a multiplier"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.source, at.count(self.rows), self.narrow.row_bytes(self.columns)),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I16.row_bytes(self.columns)),)


@dataclass(frozen=True)
class OfRows(Instruction):
    """Where the rows lie that are read; no word by itself."""

    engine = Engine.VX

    to: Annotated[Address, sram("a"), "y, i16"]
    source: Annotated[Address, sram("b"), "x, i16 [rows][columns]"]
    rows: Annotated[Rows, row_count("m"), "of both"]
    columns: Annotated[int, unsigned("n"), "of x"]

    def reads(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.source, at.count(self.rows), ElementType.I16.row_bytes(self.columns)),)

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I16.row_bytes(self.columns)),)

    def once(self, at: Registers, start: Address, count_bytes: int) -> Region:
        """What all rows read together; nothing where there are none."""
        return at.sram(start, min(at.count(self.rows), self.columns, 1), count_bytes)


@dataclass(frozen=True)
class Reduce(OfRows):
    """``y = sat16(RNE(Σ_n x[n] · mul, shift))``; max and min as they are.

    y is [rows][1]. Without columns it is 0.
    """

    mnemonic = "reduce"
    op = 0x58

    multiplier: Annotated[int, unsigned("d"), "of a sum, else 0"]
    how: Annotated[Reducing, choice(0, 2, *Reducing), "what becomes of a row"]

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if not is_multiplier(self.multiplier):
            yield "multiplier", "a multiplier"
        elif self.multiplier and self.how is not Reducing.SUM:
            yield "multiplier", "0 where nothing is added up"

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I16.row_bytes(1)),)


@dataclass(frozen=True)
class Norm(OfRows):
    """``y = sat16(RNE(RNE(d · I, 38 − j) · scale[n] + (bias[n] << bias_shift), result_shift))``

    with C columns, S = Σ x, d = C · x[n] − S, W = C · Σ x² − S² + epsilon, j the greatest for which
    W · 4^j < 2^62, and I = floor(2^54 / floor(√(W · 4^j))); the inner number is 0 where W is 0.

    That is d / √W with 16 fraction bits. The block at `parameters`: epsilon u64 below 2^60, 8 bytes
    of 0, scale i16 [columns] up to a multiple of 16 bytes, bias i32 [columns].
    """

    mnemonic = "norm"
    op = 0x59

    parameters: Annotated[Address, sram("c"), "the block"]
    result_shift: Annotated[int, shift("k", 0, 6, 62), "rounded away"]
    bias_shift: Annotated[int, shift("k", 6, 5, 31), "of the biases"] = 0

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.columns > MOST_COLUMNS:
            yield "columns", f"at most {MOST_COLUMNS}"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        block = self.once(at, self.parameters, norm_block_bytes(self.columns))
        return (*super().reads(at), block)


@dataclass(frozen=True)
class Soft(OfRows):
    """``y = sat16(RNE(e[n] · I, 39 − j))``, or with a table of logarithms

    ``y = sat16(−RNE((u[n] << (4 + left_shift − result_shift)) + l, out_shift))``, where u = max x −
    x[n], e = max(T(sat16(RNE(−u << left_shift, result_shift))), 0), S = max(Σ e, 1), p = floor(log2
    S), j = 30 − p, I = floor(2^54 / (S << j)), l = (p − 15) · 22713 + L((S << 16 >> p) − 98304).

    T is a table of e^x in Q0.15, L one of ln(1 + v / 65536), v = x + 32768: softmax in Q0.15, and
    its logarithm with 15 − out_shift fraction bits.
    """

    mnemonic = "soft"
    op = 0x5A

    powers: Annotated[Address, sram("c"), "T, i16 [1025]"]
    logarithms: Annotated[Address | None, maybe_sram("d", 0), "L, i16 [1025]"]
    left_shift: Annotated[int, shift("k", 0, 5, 27), "of −u"] = 0
    result_shift: Annotated[int, shift("k", 5, 5, 4), "rounded away"] = 0
    out_shift: Annotated[int, shift("k", 10, 5, 31), "of the logarithm, rounded away"] = 0

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.out_shift and self.logarithms is None:
            yield "out_shift", "0 where there are no logarithms"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        tables = [self.powers] + ([] if self.logarithms is None else [self.logarithms])
        return (*super().reads(at), *(self.once(at, each, TABLE_BYTES) for each in tables))


def norm_block_bytes(columns: int) -> int:
    """The size of the block of a `Norm`."""
    scales = aligned_bytes(ElementType.I16.row_bytes(columns))
    return EPSILON_BYTES + scales + ElementType.I32.row_bytes(columns)
