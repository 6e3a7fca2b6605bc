"""Words of the vector engine that see a whole row at a time."""

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Dq, Norm, Reduce, Soft
from q4compile.isa.instructions.converting import TABLE_BYTES, TABLE_ENTRIES
from q4compile.isa.instructions.rowwise import EPSILON_BYTES, norm_block_bytes
from q4compile.sim.execute.overlap import overlap, overlap_apart_from_itself
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import bad_parameters
from q4compile.sim.machine import Machine
from q4compile.sim.memory import INT16, INT32, layout

MOST_EPSILON = 2**60


def bind_dq(word: Dq, machine: Machine) -> Run:
    """``y = sat16(RNE((x − zero_point) · mul, shift))``."""
    sram, columns = machine.sram, word.columns
    narrow, wide = layout(word.narrow, columns), layout(ElementType.I16, columns)

    def run(rows: int, to: int, source: int) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, narrow)
        out = sram.matrix("to", to, rows, wide)
        meets = overlap((to, to + out.nbytes), (source, source + x.nbytes))
        machine.kernels_for(overlap=meets).dequantize(
            x,
            out,
            columns=columns,
            bits=word.narrow.bits,
            zero_point=word.zero_point,
            word=word.multiplier,
        )

    return run


def bind_reduce(word: Reduce, machine: Machine) -> Run:
    """A sum, or the largest or least number, of each row."""
    sram, columns = machine.sram, word.columns
    form, single = layout(ElementType.I16, columns), layout(ElementType.I16, 1)

    def run(rows: int, to: int, source: int) -> None:
        if not rows:
            return
        out = sram.matrix("to", to, rows, single)
        x = sram.matrix("source", source, rows, form)
        meets = overlap((to, to + out.nbytes), (source, source + x.nbytes))
        kernels = machine.kernels_for(overlap=meets)
        kernels.reduce(int(word.how), x, out, columns=columns, word=word.multiplier)

    return run


def bind_norm(word: Norm, machine: Machine) -> Run:
    """Rows of mean 0 and variance 1, scaled."""
    sram, columns = machine.sram, word.columns
    form = layout(ElementType.I16, columns)
    block_bytes = norm_block_bytes(columns)
    biases_at = block_bytes - ElementType.I32.row_bytes(columns)

    def run(rows: int, to: int, source: int, parameters: int) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, form)
        out = sram.matrix("to", to, rows, form)
        sram.check("parameters", parameters, parameters + block_bytes)
        head = sram.bytes[parameters : parameters + EPSILON_BYTES].tobytes()
        epsilon = int.from_bytes(head, "little")
        if epsilon >= MOST_EPSILON:
            raise bad_parameters("parameters", "an epsilon below 2^60", f"{epsilon}")
        written = (to, to + out.nbytes)
        meets = overlap(written, (parameters, parameters + block_bytes))
        meets |= overlap_apart_from_itself(written, (source, source + x.nbytes))
        machine.kernels_for(overlap=meets).normalize(
            x,
            sram.vector("parameters", parameters + EPSILON_BYTES, columns, INT16),
            sram.vector("parameters", parameters + biases_at, columns, INT32),
            out,
            columns=columns,
            epsilon=epsilon,
            result_shift=word.result_shift,
            bias_shift=word.bias_shift,
        )

    return run


def bind_soft(word: Soft, machine: Machine) -> Run:
    """Softmax of each row, or its logarithm."""
    sram, columns = machine.sram, word.columns
    form = layout(ElementType.I16, columns)

    def run(rows: int, to: int, source: int, powers: int, logarithms: int | None = None) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, form)
        out = sram.matrix("to", to, rows, form)
        tables = [powers] if logarithms is None else [powers, logarithms]
        found = [sram.vector("table", each, TABLE_ENTRIES, INT16) for each in tables]
        written = (to, to + out.nbytes)
        meets = overlap(written, *((each, each + TABLE_BYTES) for each in tables))
        meets |= overlap_apart_from_itself(written, (source, source + x.nbytes))
        machine.kernels_for(overlap=meets).soften(
            x,
            found[0],
            found[1] if len(found) > 1 else None,
            out,
            columns=columns,
            left_shift=word.left_shift,
            result_shift=word.result_shift,
            out_shift=word.out_shift,
        )

    return run
