"""Words of the engines between the memories."""

import numpy as np

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Gath, Ldc, Ldd, Share, Std
from q4compile.numerics.prefix_code import BadStream
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import bad_stream, outside_table
from q4compile.sim.machine import Machine
from q4compile.sim.memory import BYTE, INT32, layout, move


def bind_ldd(word: Ldd, machine: Machine) -> Run:
    """``sram[to + r · to_pitch + i] = dram[source + r · source_pitch + i]``."""
    sram, dram, tally = machine.sram, machine.dram, machine.tally
    row_bytes, to_pitch, source_pitch = word.row_bytes, word.to_pitch, word.source_pitch

    def run(rows: int, to: int, source: int) -> None:
        if rows and row_bytes:
            read = dram.rows("source", source, rows, row_bytes, source_pitch)
            move(read, sram.rows("to", to, rows, row_bytes, to_pitch), to_pitch)
            tally.loaded_bytes += rows * row_bytes

    return run


def bind_ldc(word: Ldc, machine: Machine) -> Run:
    """``sram[to + i] = decoded(dram[source …])[i]``."""
    sram, dram, tally = machine.sram, machine.dram, machine.tally
    count, source_bytes = word.to_bytes, word.source_bytes

    def run(_: int, to: int, source: int) -> None:
        read = dram.vector("source", source, source_bytes, BYTE)
        written = sram.vector("to", to, count, BYTE)
        try:
            written[:] = machine.kernels.decode(read, count)
        except BadStream as problem:
            raise bad_stream(count, source_bytes, str(problem)) from problem
        tally.loaded_bytes += source_bytes

    return run


def bind_std(word: Std, machine: Machine) -> Run:
    """``dram[to + r · to_pitch + i] = sram[source + r · source_pitch + i]``."""
    sram, dram, tally = machine.sram, machine.dram, machine.tally
    row_bytes, to_pitch, source_pitch = word.row_bytes, word.to_pitch, word.source_pitch

    def run(rows: int, to: int, source: int) -> None:
        if rows and row_bytes:
            read = sram.rows("source", source, rows, row_bytes, source_pitch)
            move(read, dram.rows("to", to, rows, row_bytes, to_pitch), to_pitch)
            machine.stored_from = min(machine.stored_from, to)
            tally.stored_bytes += rows * row_bytes

    return run


def bind_gath(word: Gath, machine: Machine) -> Run:
    """``sram[to + r · pitch + i] = dram[table + ids[r] · table_pitch + i]``."""
    sram, dram, tally = machine.sram, machine.dram, machine.tally
    row_bytes, table_pitch, count = word.row_bytes, word.table_pitch, word.count
    pitch = layout(ElementType.I8, row_bytes).pitch_bytes

    def run(rows: int, to: int, table: int, ids: int) -> None:
        if not rows:
            return
        chosen = sram.vector("ids", ids, rows, INT32)
        if chosen.min() < 0 or chosen.max() >= count:
            row = int(np.flatnonzero((chosen < 0) | (chosen >= count))[0])
            raise outside_table(row, int(chosen[row]), count)
        if row_bytes:
            read = dram.rows("table", table, count, row_bytes, table_pitch)[chosen]
            sram.rows("to", to, rows, row_bytes, pitch)[:] = read
            tally.loaded_bytes += rows * row_bytes

    return run


def bind_share(word: Share, machine: Machine) -> Run:
    """Whether all parts lie in SRAM; they are copied for all cores together (`sim.team`)."""
    sram, row_bytes, pitch = machine.sram, machine.cores * word.row_bytes, word.pitch

    def run(rows: int, to: int) -> None:
        if rows and row_bytes and machine.cores > 1:
            sram.check("to", to, to + (rows - 1) * pitch + row_bytes)

    return run
