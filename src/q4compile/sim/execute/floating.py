"""Words of the matrix and the vector engine on f16."""

from functools import partial

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Add, Cvt, Max, Min, Mm, Mul, Sub
from q4compile.isa.instructions.elementwise import OfTwo
from q4compile.sim.execute.overlap import overlap, overlap_apart_from_itself
from q4compile.sim.execute.run import Run
from q4compile.sim.kernels.halves import Operation
from q4compile.sim.machine import Machine
from q4compile.sim.memory import DTYPES, layout

FLOAT32 = DTYPES[ElementType.F32]
HOW: dict[type[OfTwo], Operation] = {
    Add: Operation.ADD,
    Sub: Operation.SUB,
    Max: Operation.MAX,
    Min: Operation.MIN,
    Mul: Operation.MUL,
}


def bind_mm_of_halves(word: Mm, machine: Machine) -> Run:
    """``acc[m, n] = Σ_k x[m, k] · w[n, k] + (accumulate ? acc[m, n] : bias ? bias[n] : 0)``."""
    sram, tally, columns, depth = machine.sram, machine.tally, word.columns, word.depth
    acc, halves = layout(ElementType.F32, columns), layout(ElementType.F16, depth)
    bias_bytes, with_bias = FLOAT32.itemsize * columns, word.bias is not None

    def run(rows: int, to: int, activations: int, weights: int, bias: int = 0) -> None:
        if not rows or not columns:
            return
        out = sram.matrix("to", to, rows, acc)
        x = sram.matrix("activations", activations, rows, halves)
        w = sram.matrix("weights", weights, columns, halves)
        initial = out if word.accumulate else None
        if with_bias:
            initial = sram.vector("bias", bias, columns, FLOAT32)[None]
        kernels = machine.kernels_for(
            overlap=overlap(
                (to, to + out.nbytes),
                (activations, activations + x.nbytes),
                (weights, weights + w.nbytes),
                (bias, bias + bias_bytes * with_bias),
            )
        ).halves
        kernels.accumulate(x, w, initial, out, depth=depth)
        tally.macs += rows * columns * depth

    return run


def bind_cvt(word: Cvt, machine: Machine) -> Run:
    """``y = f16(φ(x))``."""
    sram, columns = machine.sram, word.columns
    source_form = layout(ElementType.F32 if word.wide else ElementType.F16, columns)
    form = layout(ElementType.F16, columns)

    def run(rows: int, to: int, source: int) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, source_form)
        out = sram.matrix("to", to, rows, form)
        written, read = (to, to + out.nbytes), (source, source + x.nbytes)
        meets = overlap(written, read) and (word.wide or written != read)
        kernels = machine.kernels_for(overlap=meets).halves
        kernels.convert(word.function, x, out, columns=columns)

    return run


def bind_of_two_halves(word: OfTwo, machine: Machine) -> Run:
    """``f16(x op y)``."""
    return partial(_combine, word, machine, HOW[type(word)])


def _combine(
    word: OfTwo, machine: Machine, how: Operation, rows: int, to: int, left: int, right: int
) -> None:
    if not rows or not word.columns:
        return
    sram, form = machine.sram, layout(ElementType.F16, word.columns)
    x = sram.matrix("left", left, rows, form)
    y = sram.matrix("right", right, 1 if word.broadcast else rows, form)
    out = sram.matrix("to", to, rows, form)
    meets = overlap_apart_from_itself(
        (to, to + out.nbytes), (left, left + x.nbytes), (right, right + y.nbytes)
    )
    kernels = machine.kernels_for(overlap=meets).halves
    kernels.combine(how, x, y, out, columns=word.columns)
