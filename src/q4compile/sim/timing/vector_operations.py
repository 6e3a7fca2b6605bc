"""What the vector engine does to an element, by class of words: operations of each kind.

An `Lstm` does to each unit what its equations say: for four gates a scaling, a sum and a table;
for c two products, a sum and a rounding; for h a table, a product and a scaling. Each of the five
tables of a wide one takes four products and three sums more (`plain_lstm.curved`), each σ a sum.
In f16, where lanes compute in f32, nothing is scaled, and each f16(…) of its equations is a
conversion. Likewise a `Gru` and an `Rnn`, and what `Norm` and `Soft` do to each number; what they
do once a row is left out.
"""

from dataclasses import dataclass

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import (
    Add,
    Copy,
    Cvt,
    Dq,
    Fill,
    Gru,
    Lstm,
    Lut,
    Max,
    Min,
    Mul,
    Norm,
    Reduce,
    Rnn,
    Rq,
    Soft,
    Sub,
    Unpack,
)
from q4compile.isa.instructions.floating import Function
from q4compile.isa.instructions.gated import STEPS
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
    Dq: Operations(rq=1),
    Fill: Operations(convert=1),
    Gru: Operations(add=5, mul=3, rq=4, lut=3),
    Lstm: Operations(add=5, mul=3, rq=6, lut=5),
    Lut: Operations(lut=1),
    Max: Operations(add=1),
    Min: Operations(add=1),
    Mul: Operations(mul=1),
    Norm: Operations(add=4, mul=3, rq=2),
    Reduce: Operations(add=1),
    Rnn: Operations(add=1, rq=2, lut=1),
    Rq: Operations(rq=1),
    Soft: Operations(add=3, mul=1, rq=1, lut=1),
    Sub: Operations(add=1),
    Unpack: Operations(convert=1),
}

WIDE_LSTM = Operations(add=5 + 5 * 3 + 3, mul=3 + 5 * 4, rq=6, lut=5)
FLOAT_LSTM = Operations(add=5, mul=3, lut=5, convert=6)
FLOAT_FUNCTION = Operations(lut=1)


def operations_of(word: Instruction) -> Operations:
    """Of each element of a word of the engine."""
    if isinstance(word, Lstm) and word.is_float:
        return FLOAT_LSTM
    if isinstance(word, Lstm) and word.wide:
        return WIDE_LSTM
    if isinstance(word, Cvt) and word.function is not Function.IDENTITY:
        return FLOAT_FUNCTION
    return OPERATIONS[type(word)]


def elements_of(word: Instruction) -> int:
    """Of one row."""
    if isinstance(word, STEPS):
        return word.units
    if isinstance(word, Copy | Fill):
        return -(-word.row_bytes // LANE_BYTES)
    return int(getattr(word, "columns"))  # noqa: B009 - every other word of the engine has them
