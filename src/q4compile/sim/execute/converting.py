"""Words of the vector engine with one operand."""

import numpy as np

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Copy, Fill, Lut, Rq, Unpack
from q4compile.isa.instructions.converting import TABLE_BYTES, TABLE_ENTRIES
from q4compile.numerics.nibbles import unpack_rows
from q4compile.sim.execute.overlap import overlap, overlap_apart_from_itself
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import no_multiplier
from q4compile.sim.kernels.interface import GOOD
from q4compile.sim.machine import Machine
from q4compile.sim.memory import INT16, INT32, UINT32, layout, move


def bind_rq(word: Rq, machine: Machine) -> Run:
    """``y = clip(RNE(x · mul[n], shift[n]) + zero_point, lo, hi)``, or in i32 with offset[n]."""
    sram, columns = machine.sram, word.columns
    source_form = layout(ElementType.I32 if word.wide else ElementType.I16, columns)
    out_form = layout(word.out, columns)
    words = 1 if word.scalar else columns
    grid = {name: getattr(word, name) for name in ("zero_point", "lo", "hi")}
    same = source_form == out_form

    def run(rows: int, to: int, source: int, multipliers: int) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, source_form)
        mul = sram.vector("multipliers", multipliers, words, UINT32)
        out = sram.matrix("to", to, rows, out_form)
        written, read = (to, to + out.nbytes), (source, source + x.nbytes)
        meets = overlap(written, (multipliers, multipliers + UINT32.itemsize * word.parameters))
        meets |= overlap(written, read) and not (same and written == read)
        kernels = machine.kernels_for(overlap=meets)
        if word.out is ElementType.I32:
            offsets = sram.vector("offsets", multipliers + mul.nbytes, words, INT32)
            wrong = kernels.requantize_wide(x, mul, offsets, out, columns=columns)
        else:
            wrong = kernels.requantize(x, mul, out, columns=columns, bits=word.out.bits, **grid)
        if wrong != GOOD:
            raise no_multiplier("multipliers", wrong, int(mul[wrong]))

    return run


def bind_lut(word: Lut, machine: Machine) -> Run:
    """``T(sat16(RNE(x << left_shift, result_shift)))``."""
    sram, columns = machine.sram, word.columns
    form = layout(ElementType.I16, columns)

    def run(rows: int, to: int, source: int, table: int) -> None:
        if not rows or not columns:
            return
        x = sram.matrix("source", source, rows, form)
        values = sram.vector("table", table, TABLE_ENTRIES, INT16)
        out = sram.matrix("to", to, rows, form)
        written = (to, to + out.nbytes)
        meets = overlap(written, (table, table + TABLE_BYTES))
        meets |= overlap_apart_from_itself(written, (source, source + x.nbytes))
        machine.kernels_for(overlap=meets).look_up(
            x,
            values,
            out,
            columns=columns,
            left_shift=word.left_shift,
            result_shift=word.result_shift,
        )

    return run


def bind_unpack(word: Unpack, machine: Machine) -> Run:
    """i8 rows = i4 rows."""
    sram, columns = machine.sram, word.columns
    narrow, wide = layout(ElementType.I4, columns), layout(ElementType.I8, columns)

    def run(rows: int, to: int, source: int) -> None:
        if rows and columns:
            codes = unpack_rows(sram.matrix("source", source, rows, narrow), columns)
            sram.matrix("to", to, rows, wide)[:, :columns] = codes

    return run


def bind_copy(word: Copy, machine: Machine) -> Run:
    """``to[r · to_pitch + i] = source[r · source_pitch + i]``, rows in order from row 0."""
    sram = machine.sram
    row_bytes, to_pitch, source_pitch = word.row_bytes, word.to_pitch, word.source_pitch

    def run(rows: int, to: int, source: int) -> None:
        if not rows or not row_bytes:
            return
        read = sram.rows("source", source, rows, row_bytes, source_pitch)
        written = sram.rows("to", to, rows, row_bytes, to_pitch)
        reach = (rows - 1) * to_pitch + row_bytes, (rows - 1) * source_pitch + row_bytes
        if not overlap((to, to + reach[0]), (source, source + reach[1])):
            move(read, written, to_pitch)
            return
        if to_pitch == source_pitch == 0:
            rows = min(rows, row_bytes + 1)  # the same row again: nothing changes any more then
        for row in range(rows):
            written[row] = read[row].copy()

    return run


def bind_fill(word: Fill, machine: Machine) -> Run:
    """Every byte of the rows = value."""
    sram = machine.sram
    value = np.uint8(word.value)

    def run(rows: int, to: int) -> None:
        if rows and word.row_bytes:
            written = sram.rows("to", to, rows, word.row_bytes, word.to_pitch)
            if word.to_pitch < word.row_bytes:
                stop = to + (rows - 1) * word.to_pitch + word.row_bytes
                sram.bytes[to:stop] = value
            else:
                written[:] = value

    return run
