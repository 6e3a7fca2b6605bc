"""Words of the vector engine that combine two matrices of int16; of f16, see `floating`."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Add, Max, Min, Mul, Sub
from q4compile.isa.instructions.elementwise import OfTwo, OfTwoShifted
from q4compile.sim.execute.floating import bind_of_two_halves
from q4compile.sim.execute.overlap import overlap_apart_from_itself
from q4compile.sim.execute.run import Run
from q4compile.sim.kernels.interface import Combination, Int16, Kernels
from q4compile.sim.machine import Machine
from q4compile.sim.memory import layout

Compute: TypeAlias = Callable[[Kernels, Int16, Int16, Int16], None]

HOW: dict[type[OfTwoShifted], Combination] = {
    Add: Combination.ADD,
    Sub: Combination.SUB,
    Max: Combination.MAX,
    Min: Combination.MIN,
}


def bind_of_two_shifted(word: OfTwoShifted, machine: Machine) -> Run:
    """``sat16(RNE((x << left_shift) op (y << right_shift), result_shift))``."""
    if word.f16:
        return bind_of_two_halves(word, machine)
    how = HOW[type(word)]

    def compute(kernels: Kernels, x: Int16, y: Int16, out: Int16) -> None:
        kernels.combine(
            how,
            x,
            y,
            out,
            columns=word.columns,
            left_shift=word.left_shift,
            right_shift=word.right_shift,
            result_shift=word.result_shift,
        )

    return partial(_run, word, machine, compute)


def bind_mul(word: Mul, machine: Machine) -> Run:
    """``sat16(RNE(x · y, result_shift))``."""
    if word.f16:
        return bind_of_two_halves(word, machine)

    def compute(kernels: Kernels, x: Int16, y: Int16, out: Int16) -> None:
        kernels.multiply(x, y, out, columns=word.columns, result_shift=word.result_shift)

    return partial(_run, word, machine, compute)


def _run(
    word: OfTwo, machine: Machine, compute: Compute, rows: int, to: int, left: int, right: int
) -> None:
    if not rows or not word.columns:
        return
    sram, form = machine.sram, layout(ElementType.I16, word.columns)
    x = sram.matrix("left", left, rows, form)
    y = sram.matrix("right", right, 1 if word.broadcast else rows, form)
    out = sram.matrix("to", to, rows, form)
    kernels = machine.kernels_for(
        overlap=overlap_apart_from_itself(
            (to, to + out.nbytes), (left, left + x.nbytes), (right, right + y.nbytes)
        )
    )
    compute(kernels, x, y, out)
