"""What each word does: a function per class of instructions. A new one is its function and its line
here, or, if the sequencer executes it, in `sim.sequencing`.
"""

from collections.abc import Callable
from typing import Any

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import (
    Add,
    Copy,
    Cvt,
    Dq,
    Fill,
    Gath,
    Gru,
    Ldc,
    Ldd,
    Lstm,
    Lut,
    Max,
    Min,
    Mm,
    Mul,
    Nop,
    Norm,
    Reduce,
    Rnn,
    Rq,
    Share,
    Soft,
    Std,
    Sub,
    Unpack,
)
from q4compile.sim.execute.converting import bind_copy, bind_fill, bind_lut, bind_rq, bind_unpack
from q4compile.sim.execute.elementwise import bind_mul, bind_of_two_shifted
from q4compile.sim.execute.float_recurrence import bind_lstm_of_halves
from q4compile.sim.execute.floating import bind_cvt
from q4compile.sim.execute.gated import bind_gru, bind_rnn
from q4compile.sim.execute.matrix import bind_mm
from q4compile.sim.execute.moving import bind_gath, bind_ldc, bind_ldd, bind_share, bind_std
from q4compile.sim.execute.recurrence import bind_lstm
from q4compile.sim.execute.rowwise import bind_dq, bind_norm, bind_reduce, bind_soft
from q4compile.sim.execute.run import Run
from q4compile.sim.machine import Machine


def bind_nop(word: Nop, machine: Machine) -> Run:
    """Nothing."""
    return lambda: None


def bind_step(word: Lstm, machine: Machine) -> Run:
    """One step of integers, or of f16."""
    return (bind_lstm_of_halves if word.is_float else bind_lstm)(word, machine)


EXECUTORS: dict[type[Instruction], Callable[[Any, Machine], Run]] = {
    Add: bind_of_two_shifted,
    Copy: bind_copy,
    Cvt: bind_cvt,
    Dq: bind_dq,
    Fill: bind_fill,
    Gath: bind_gath,
    Gru: bind_gru,
    Ldc: bind_ldc,
    Ldd: bind_ldd,
    Lstm: bind_step,
    Lut: bind_lut,
    Max: bind_of_two_shifted,
    Min: bind_of_two_shifted,
    Mm: bind_mm,
    Mul: bind_mul,
    Nop: bind_nop,
    Norm: bind_norm,
    Reduce: bind_reduce,
    Rnn: bind_rnn,
    Rq: bind_rq,
    Share: bind_share,
    Soft: bind_soft,
    Std: bind_std,
    Sub: bind_of_two_shifted,
    Unpack: bind_unpack,
}
"""Words of the engines but the sequencer."""
