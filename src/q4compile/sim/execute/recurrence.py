"""The word that is one step of an LSTM: it reads everything, then writes all c, then all h."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions import Lstm
from q4compile.isa.instructions.converting import TABLE_ENTRIES
from q4compile.isa.instructions.gated import Gated
from q4compile.isa.lstm_block import GATES, HEAD_BYTES, LstmBlock, block_bytes
from q4compile.sim.execute.overlap import overlap, span
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import bad_parameters, no_multiplier
from q4compile.sim.kernels.interface import Kernels
from q4compile.sim.machine import Machine
from q4compile.sim.memory import DTYPES, INT32, UINT32, Array, Layout, Memory, layout

NO_MULTIPLIERS = bytes(GATES * UINT32.itemsize)


def block_head(sram: Memory, start: int, units: int) -> LstmBlock:
    """The block at `start`, its multipliers left out: those are checked where they are used."""
    return _head(_head_bytes(sram, start, units))


def _head_bytes(sram: Memory, start: int, units: int) -> bytes:
    sram.check("parameters", start, start + block_bytes(units))
    multipliers = NO_MULTIPLIERS if units else b""
    return sram.bytes[start : start + HEAD_BYTES].tobytes() + multipliers


@lru_cache(maxsize=256)
def _head(head: bytes) -> LstmBlock:
    try:
        return LstmBlock.unpack(head)
    except ValueError as problem:
        raise bad_parameters("parameters", "an LSTM block", f"{problem}") from problem


def require_met(word: Gated | Lstm, block: LstmBlock) -> None:
    """Fault where the block is none for such a word."""
    for need, got in word.unmet_by(block):
        raise bad_parameters("parameters", need, got)


def bind_lstm(word: Lstm, machine: Machine) -> Run:
    """One step for all rows."""
    sram = machine.sram

    @lru_cache(maxsize=256)
    def form_of(head: bytes) -> _Form:
        block = _head(head)
        require_met(word, block)
        return _Form.of(word, block, machine.kernels)

    def run(rows: int, to: int, sums: int, inputs: int, parameters: int, step: int) -> None:
        if not rows:
            return
        form = form_of(_head_bytes(sram, parameters, word.units))
        places = (rows, to, sums, inputs, parameters)
        found = _operands(form, sram, places)
        if not _overlap(form, places):
            _compute(form, machine, found, step)
            return
        apart = found.copies()
        live = _compute(form, machine, apart, step)
        for row in live:
            found.cells[row] = apart.cells[row]
        for row in range(rows):
            found.hidden[row] = apart.hidden[row]

    return run


@dataclass(frozen=True, slots=True)
class _Form:
    """What a word and its block say of every step that has them: the same at thousands of steps."""

    word: Lstm
    block: LstmBlock
    sums: Layout
    hidden: Layout
    state: np.dtype[Any]
    cell_bytes: int
    tables: tuple[int, ...]
    """Their addresses in bytes."""
    table_bytes: int
    compute: Callable[..., int]
    """The kernel of a row."""
    grid: dict[str, int]
    """What it takes by name."""
    zeros: np.uint8
    """A byte of codes of 0."""

    @staticmethod
    def of(word: Lstm, block: LstmBlock, kernels: Kernels) -> "_Form":
        """The form of a block that is one for such a word."""
        return _Form(
            word,
            block,
            layout(ElementType.I32, GATES * word.units),
            layout(word.out, word.units),
            DTYPES[word.state],
            word.state.row_bytes(word.units),
            tuple(UNIT_BYTES * each for each in word.tables(block)),
            word.table_bytes,
            *_compute_row(word, block, kernels),
            _zeros(word, block),
        )


@dataclass(frozen=True, slots=True)
class _Operands:
    """Views of SRAM; those that are not shared have one row for each row of the word."""

    sums: Array
    gates: Array
    multipliers: Array
    cells: Array
    hidden: Array
    tables: tuple[Array, ...]
    lengths: Array | None

    def copies(self) -> "_Operands":
        """The same values elsewhere."""
        return _Operands(
            self.sums.copy(),
            self.gates.copy(),
            self.multipliers.copy(),
            self.cells.copy(),
            self.hidden.copy(),
            tuple(each.copy() for each in self.tables),
            None if self.lengths is None else self.lengths.copy(),
        )


Places: TypeAlias = tuple[int, int, int, int, int]
"""Rows, and the addresses of h, sums, inputs and the block."""


def _operands(form: _Form, sram: Memory, places: Places) -> _Operands:
    rows, to, sums, inputs, parameters = places
    word, block, state = form.word, form.block, form.state
    units, columns = word.units, GATES * word.units
    lengths, cell = UNIT_BYTES * block.lengths, UNIT_BYTES * block.cell
    h_type = form.hidden.dtype
    h_columns = form.hidden.row_bytes // h_type.itemsize
    return _Operands(
        sums=sram.matrix("sums", sums, rows, form.sums),
        gates=sram.rows("inputs", inputs, rows, columns, block.gx_pitch_bytes, state),
        multipliers=sram.vector("parameters", parameters + HEAD_BYTES, columns, UINT32),
        cells=sram.rows("cell states", cell, rows, units, block.cell_pitch_bytes, state),
        hidden=sram.rows("to", to, rows, h_columns, block.h_pitch_bytes, h_type),
        tables=tuple([sram.vector("table", each, TABLE_ENTRIES, state) for each in form.tables]),
        lengths=sram.vector("lengths", lengths, rows, INT32) if word.lengths else None,
    )


def _overlap(form: _Form, places: Places) -> bool:
    """Whether anything that is written lies where something else is read or written."""
    rows, to, sums, inputs, parameters = places
    word, block, cell_bytes, h_bytes = form.word, form.block, form.cell_bytes, form.hidden.row_bytes
    h_span = span(to, rows, h_bytes, block.h_pitch_bytes)
    cell_span = span(UNIT_BYTES * block.cell, rows, cell_bytes, block.cell_pitch_bytes)
    read = [
        span(sums, rows, form.sums.row_bytes, form.sums.pitch_bytes),
        span(inputs, rows, GATES * cell_bytes, block.gx_pitch_bytes),
        span(parameters, 1, block_bytes(word.units), 0),
        *[(each, each + form.table_bytes) for each in form.tables],
    ]
    if word.lengths:
        read.append(span(UNIT_BYTES * block.lengths, 1, INT32.itemsize * rows, 0))
    crossing = block.cell_pitch_bytes < cell_bytes or block.h_pitch_bytes < h_bytes
    return (rows > 1 and crossing) or overlap(h_span, *read, cell_span) or overlap(cell_span, *read)


def _compute(form: _Form, machine: Machine, found: _Operands, step: int) -> list[int]:
    """c and h of all rows; returns the rows that are not past their lengths."""
    time = step * form.block.step_factor
    live = []
    for row in range(len(found.sums)):
        if found.lengths is not None and time >= found.lengths[row]:
            found.hidden[row].view("u1")[:] = form.zeros
            continue
        live.append(row)
        rows = found.sums[row], found.gates[row], found.multipliers, found.cells[row]
        clipped = form.compute(*rows, found.hidden[row], *found.tables, **form.grid)
        if clipped < 0:
            index = -1 - clipped
            raise no_multiplier("multipliers", index, int(found.multipliers[index]))
        machine.tally.clipped_cell_states += clipped
    return live


def _compute_row(
    word: Lstm, block: LstmBlock, kernels: Kernels
) -> tuple[Callable[..., int], dict[str, int]]:
    """The kernel of such a word, and what it takes by name."""
    names = ("multiplier", "zero_point", "lo", "hi")
    grid = {"bits": word.out.bits} | {name: getattr(block, name) for name in names}
    if word.wide:
        return kernels.lstm_row_wide, grid
    return kernels.lstm_row, grid | {"fraction_bits": block.fc}


def _zeros(word: Lstm, block: LstmBlock) -> np.uint8:
    """A byte of codes of 0."""
    code = block.zero_point & ((1 << word.out.bits) - 1)
    return np.uint8(code * 0x11 if word.out is ElementType.I4 else code)
