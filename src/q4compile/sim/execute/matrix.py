"""The word of the matrix engine."""

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Mm
from q4compile.isa.instructions.matrix import OPERANDS
from q4compile.sim.execute.floating import bind_mm_of_halves
from q4compile.sim.execute.overlap import overlap
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import accumulator_overflow
from q4compile.sim.kernels.interface import GOOD
from q4compile.sim.machine import Machine
from q4compile.sim.memory import INT32, layout


def bind_mm(word: Mm, machine: Machine) -> Run:
    """``acc[m, n] = (accumulate ? acc[m, n] : bias ? bias[n] : 0) + Σ_k x[m, k] · w[n, k]``."""
    if word.precision is Precision.FP16:
        return bind_mm_of_halves(word, machine)
    sram, tally = machine.sram, machine.tally
    columns, depth = word.columns, word.depth
    x_type, w_type = OPERANDS[word.precision]
    acc = layout(ElementType.I32, columns)
    x_rows, w_rows = layout(x_type, depth), layout(w_type, depth)
    bias_bytes, with_bias = 4 * columns, word.bias is not None

    def run(rows: int, to: int, activations: int, weights: int, bias: int = 0) -> None:
        if not rows or not columns:
            return
        out = sram.matrix("to", to, rows, acc)
        x = sram.matrix("activations", activations, rows, x_rows).view("u1")
        w = sram.matrix("weights", weights, columns, w_rows).view("u1")
        initial = out if word.accumulate else None
        if with_bias:
            initial = sram.vector("bias", bias, columns, INT32)[None]
        kernels = machine.kernels_for(
            overlap=overlap(
                (to, to + out.nbytes),
                (activations, activations + x.nbytes),
                (weights, weights + w.nbytes),
                (bias, bias + bias_bytes * with_bias),
            )
        )
        place = kernels.accumulate(
            x, w, initial, out, depth=depth, x_bits=x_type.bits, w_bits=w_type.bits
        )
        if place != GOOD:
            raise accumulator_overflow(*divmod(place, columns))
        tally.macs += rows * columns * depth

    return run
