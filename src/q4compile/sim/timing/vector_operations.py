"""What the vector engine does to an element, by class of words: operations of each kind.

An `Lstm` does to each unit what its equations say: for four gates a scaling, a sum and a table;
for c two products, a sum and a rounding; for h a table, a product and a scaling. In f16, where
lanes compute in f32, nothing is scaled, and each f16(…) of its equations is a conversion.
"""

from dataclasses import dataclass

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import (
    Add,
    Copy,
    Cvt,
    Fill,
    Lstm,
    Lut,
    Max,
    Min,
    Mul,
    Rq,
    Sub,
    Unpack,
)
from q4compile.isa.instructions.floating import Function
from q4compile.isa.target_parts import CyclesPerElement

LANE_BYTES = 2
"""What a lane copies or fills in one operation: an int16."""


@dataclass(frozen=True)
class Operations:
    """Of one element."""

    add: int = 0
    mul: int = 0
    rq: int = 0
    lut: int = 0
    convert: int = 0

    @property
    def count(self) -> int:
        """Of all kinds."""
        return self.add + self.mul + self.rq + self.lut + self.convert

    def cycles(self, each: CyclesPerElement) -> int:
        """Of one lane."""
        return (
            self.add * each.add
            + self.mul * each.mul
            + self.rq * each.rq
            + self.lut * each.lut
            + self.convert * each.convert
        )


OPERATIONS: dict[type[Instruction], Operations] = {
    Add: Operations(add=1),
    Copy: Operations(convert=1),
    Cvt: Operations(convert=1),
    Fill: Operations(convert=1),
    Lstm: Operations(add=5, mul=3, rq=6, lut=5),
    Lut: Operations(lut=1),
    Max: Operations(add=1),
    Min: Operations(add=1),
    Mul: Operations(mul=1),
    Rq: Operations(rq=1),
    Sub: Operations(add=1),
    Unpack: Operations(convert=1),
}

FLOAT_LSTM = Operations(add=5, mul=3, lut=5, convert=6)
FLOAT_FUNCTION = Operations(lut=1)


def operations_of(word: Instruction) -> Operations:
    """Of each element of a word of the engine."""
    if isinstance(word, Lstm) and word.is_float:
        return FLOAT_LSTM
    if isinstance(word, Cvt) and word.function is not Function.IDENTITY:
        return FLOAT_FUNCTION
    return OPERATIONS[type(word)]


def elements_of(word: Instruction) -> int:
    """Of one row."""
    if isinstance(word, Lstm):
        return word.units
    if isinstance(word, Copy | Fill):
        return -(-word.row_bytes // LANE_BYTES)
    return int(getattr(word, "columns"))  # noqa: B009 - every other word of the engine has them
