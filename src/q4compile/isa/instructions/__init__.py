"""Every instruction, by class, by op and by mnemonic. A new one is its class and its line here."""

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions.converting import Copy, Fill, Lut, Rq, Unpack
from q4compile.isa.instructions.elementwise import Add, Max, Min, Mul, Sub
from q4compile.isa.instructions.floating import Cvt
from q4compile.isa.instructions.gated import Gru, Rnn
from q4compile.isa.instructions.matrix import Mm
from q4compile.isa.instructions.moving import Gath, Ldc, Ldd, Share, Std
from q4compile.isa.instructions.recurrence import Lstm
from q4compile.isa.instructions.rowwise import Dq, Norm, Reduce, Soft
from q4compile.isa.instructions.sequencing import Bar, Halt, Loop, Meet, Nop, SetA, SetS, Stride

INSTRUCTIONS: tuple[type[Instruction], ...] = (
    Add,
    Bar,
    Copy,
    Cvt,
    Dq,
    Fill,
    Gath,
    Gru,
    Halt,
    Ldc,
    Ldd,
    Loop,
    Lstm,
    Lut,
    Max,
    Meet,
    Min,
    Mm,
    Mul,
    Nop,
    Norm,
    Reduce,
    Rnn,
    Rq,
    SetA,
    SetS,
    Share,
    Soft,
    Std,
    Stride,
    Sub,
    Unpack,
)
BY_OP = {each.op: each for each in INSTRUCTIONS}
BY_MNEMONIC = {each.mnemonic: each for each in INSTRUCTIONS}

__all__ = [
    "BY_MNEMONIC",
    "BY_OP",
    "INSTRUCTIONS",
    "Add",
    "Bar",
    "Copy",
    "Cvt",
    "Dq",
    "Fill",
    "Gath",
    "Gru",
    "Halt",
    "Ldc",
    "Ldd",
    "Loop",
    "Lstm",
    "Lut",
    "Max",
    "Meet",
    "Min",
    "Mm",
    "Mul",
    "Nop",
    "Norm",
    "Reduce",
    "Rnn",
    "Rq",
    "SetA",
    "SetS",
    "Share",
    "Soft",
    "Std",
    "Stride",
    "Sub",
    "Unpack",
]
