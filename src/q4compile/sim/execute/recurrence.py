"""The word that is one step of an LSTM: it reads everything, then writes all c, then all h."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions import Lstm
from q4compile.isa.instructions.converting import TABLE_BYTES
from q4compile.isa.lstm_block import GATES, HEAD_BYTES, LstmBlock, block_bytes
from q4compile.sim.execute.converting import TABLE_ELEMENTS
from q4compile.sim.execute.overlap import overlap, span
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import bad_parameters, no_multiplier
from q4compile.sim.machine import Machine
from q4compile.sim.memory import DTYPES, INT16, INT32, UINT32, Array, Layout, Memory, layout

NO_MULTIPLIERS = bytes(GATES * UINT32.itemsize)


def block_head(sram: Memory, start: int, units: int) -> LstmBlock:
    """The block at `start`, its multipliers left out: those are checked where they are used."""
    sram.check("parameters", start, start + block_bytes(units))
    multipliers = NO_MULTIPLIERS if units else b""
    return _head(sram.bytes[start : start + HEAD_BYTES].tobytes() + multipliers)


@lru_cache(maxsize=256)
def _head(head: bytes) -> LstmBlock:
    try:
        return LstmBlock.unpack(head)
    except ValueError as problem:
        raise bad_parameters("parameters", "an LSTM block", f"{problem}") from problem


def bind_lstm(word: Lstm, machine: Machine) -> Run:
    """One step for all rows."""
    sram = machine.sram
    forms = layout(ElementType.I32, GATES * word.units), layout(word.out, word.units)

    def run(rows: int, to: int, sums: int, inputs: int, parameters: int, step: int) -> None:
        if not rows:
            return
        block = block_head(sram, parameters, word.units)
        _require_codes(word, block)
        places = (rows, to, sums, inputs, parameters)
        found = _operands(word, block, sram, forms, places)
        if not _overlap(word, block, forms, places):
            _compute(word, block, machine, found, step)
            return
        apart = found.copies()
        live = _compute(word, block, machine, apart, step)
        for row in live:
            found.cells[row] = apart.cells[row]
        for row in range(rows):
            found.hidden[row] = apart.hidden[row]

    return run


@dataclass(frozen=True, slots=True)
class _Operands:
    """Views of SRAM; those that are not shared have one row for each row of the word."""

    sums: Array
    gates: Array
    multipliers: Array
    cells: Array
    hidden: Array
    sigmoid: Array
    tanh: Array
    lengths: Array | None

    def copies(self) -> "_Operands":
        """The same values elsewhere."""
        found = [getattr(self, each.name) for each in fields(self)]
        copied: list[Any] = [None if each is None else each.copy() for each in found]
        return _Operands(*copied)


def _operands(
    word: Lstm,
    block: LstmBlock,
    sram: Memory,
    forms: tuple[Layout, Layout],
    places: tuple[int, int, int, int, int],
) -> _Operands:
    rows, to, sums, inputs, parameters = places
    units, columns = word.units, GATES * word.units
    sums_form, h_form = forms
    sigmoid, tanh, lengths, cell = (
        UNIT_BYTES * each for each in (block.sigmoid, block.tanh, block.lengths, block.cell)
    )
    h_columns = h_form.row_bytes // h_form.dtype.itemsize
    return _Operands(
        sums=sram.matrix("sums", sums, rows, sums_form),
        gates=sram.rows("inputs", inputs, rows, columns, block.gx_pitch_bytes, INT16),
        multipliers=sram.vector("parameters", parameters + HEAD_BYTES, columns, UINT32),
        cells=sram.rows("cell states", cell, rows, units, block.cell_pitch_bytes, INT16),
        hidden=sram.rows("to", to, rows, h_columns, block.h_pitch_bytes, DTYPES[word.out]),
        sigmoid=sram.vector("table of sigmoid", sigmoid, TABLE_ELEMENTS, INT16),
        tanh=sram.vector("table of tanh", tanh, TABLE_ELEMENTS, INT16),
        lengths=sram.vector("lengths", lengths, rows, INT32) if word.lengths else None,
    )


def _overlap(
    word: Lstm,
    block: LstmBlock,
    forms: tuple[Layout, Layout],
    places: tuple[int, int, int, int, int],
) -> bool:
    """Whether anything that is written lies where something else is read or written."""
    rows, to, sums, inputs, parameters = places
    sums_form, h_form = forms
    cell_bytes = INT16.itemsize * word.units
    h_span = span(to, rows, h_form.row_bytes, block.h_pitch_bytes)
    cell_span = span(UNIT_BYTES * block.cell, rows, cell_bytes, block.cell_pitch_bytes)
    read = [
        span(sums, rows, sums_form.row_bytes, sums_form.pitch_bytes),
        span(inputs, rows, GATES * cell_bytes, block.gx_pitch_bytes),
        span(parameters, 1, block_bytes(word.units), 0),
        span(UNIT_BYTES * block.sigmoid, 1, TABLE_BYTES, 0),
        span(UNIT_BYTES * block.tanh, 1, TABLE_BYTES, 0),
    ]
    if word.lengths:
        read.append(span(UNIT_BYTES * block.lengths, 1, INT32.itemsize * rows, 0))
    crossing = block.cell_pitch_bytes < cell_bytes or block.h_pitch_bytes < h_form.row_bytes
    return (rows > 1 and crossing) or overlap(h_span, *read, cell_span) or overlap(cell_span, *read)


def _compute(
    word: Lstm, block: LstmBlock, machine: Machine, found: _Operands, step: int
) -> list[int]:
    """c and h of all rows; returns the rows that are not past their lengths."""
    time = step * block.step_factor
    live = []
    for row in range(len(found.sums)):
        if found.lengths is not None and time >= found.lengths[row]:
            found.hidden[row].view("u1")[:] = _zeros(word, block)
            continue
        live.append(row)
        clipped = machine.kernels.lstm_row(
            found.sums[row],
            found.gates[row],
            found.multipliers,
            found.cells[row],
            found.hidden[row],
            found.sigmoid,
            found.tanh,
            bits=word.out.bits,
            fraction_bits=block.fc,
            multiplier=block.multiplier,
            zero_point=block.zero_point,
            lo=block.lo,
            hi=block.hi,
        )
        if clipped < 0:
            index = -1 - clipped
            raise no_multiplier("multipliers", index, int(found.multipliers[index]))
        machine.tally.clipped_cell_states += clipped
    return live


def _require_codes(word: Lstm, block: LstmBlock) -> None:
    most = (1 << (word.out.bits - 1)) - 1
    for name in ("lo", "hi", "zero_point"):
        value = getattr(block, name)
        if not -most - 1 <= value <= most:
            need = f"{name} of the block in [{-most - 1}, {most}], the codes of h"
            raise bad_parameters("parameters", need, f"{value}")


def _zeros(word: Lstm, block: LstmBlock) -> np.uint8:
    """A byte of codes of 0."""
    code = block.zero_point & ((1 << word.out.bits) - 1)
    return np.uint8(code * 0x11 if word.out is ElementType.I4 else code)
