"""The word of the matrix engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Address, Rows
from q4compile.isa.placing import flag, maybe_sram, precision, row_count, sram, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers

OPERANDS = {
    Precision.INT4: (ElementType.I4, ElementType.I4),
    Precision.INT8: (ElementType.I8, ElementType.I8),
    Precision.W4A8: (ElementType.I8, ElementType.I4),
    Precision.FP16: (ElementType.F16, ElementType.F16),
}
"""Precision → types of x and w."""


@dataclass(frozen=True)
class Mm(Instruction):
    """``acc[m, n] = (accumulate ? acc[m, n] : bias ? bias[n] : 0) + Σ_k x[m, k] · w[n, k]``.

    m < rows, n < columns, k < depth; acc is i32. Every row has the default pitch. At FP16, acc
    and bias are f32, and Σ is added up in f32 in the order of docs/integer-semantics.md.
    """

    mnemonic = "mm"
    op = 0x30
    engine = Engine.MX

    to: Annotated[Address, sram("a"), "acc, i32 [rows][columns]"]
    activations: Annotated[Address, sram("b"), "x, [rows][depth]"]
    weights: Annotated[Address, sram("c"), "w, [columns][depth]"]
    bias: Annotated[Address | None, maybe_sram("d", 1), "i32 [columns], not when accumulating"]
    rows: Annotated[Rows, row_count("m"), "of x"]
    columns: Annotated[int, unsigned("n"), "of acc"]
    depth: Annotated[int, unsigned("k"), "of each sum"]
    precision: Annotated[Precision, precision(*OPERANDS), "of x and w"]
    accumulate: Annotated[bool, flag(0), "add to acc"] = False

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.accumulate and self.bias is not None:
            yield "bias", "none where it accumulates"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        rows, (x, w) = at.count(self.rows), OPERANDS[self.precision]
        columns = self.columns if rows > 0 else 0
        regions = [
            at.sram(self.activations, rows, x.row_bytes(self.depth)),
            at.sram(self.weights, columns, w.row_bytes(self.depth)),
        ]
        if self.bias is not None:
            regions.append(at.sram(self.bias, min(columns, 1), ElementType.I32.row_bytes(columns)))
        return (*regions, *(self.writes(at) if self.accumulate else ()))

    def writes(self, at: Registers) -> tuple[Region, ...]:
        return (at.sram(self.to, at.count(self.rows), ElementType.I32.row_bytes(self.columns)),)
