"""The word that is one step of an LSTM, in f16: it reads everything, then writes all c, then all h.

Operands that overlap what is written are copied first, whatever the kernels.
"""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions import Lstm
from q4compile.isa.lstm_block import GATES, LstmBlock, block_bytes
from q4compile.sim.execute.overlap import overlap, span
from q4compile.sim.execute.recurrence import block_head
from q4compile.sim.execute.run import Run
from q4compile.sim.machine import Machine
from q4compile.sim.memory import DTYPES, INT32, Array, layout

HALF, SINGLE = DTYPES[ElementType.F16], DTYPES[ElementType.F32]


@dataclass(frozen=True, slots=True)
class _Operands:
    """Views of SRAM, a row for each row of the word."""

    sums: Array
    gates: Array
    cells: Array
    hidden: Array
    lengths: Array | None

    def copies(self) -> "_Operands":
        """The same values elsewhere."""
        lengths = None if self.lengths is None else self.lengths.copy()
        return _Operands(
            self.sums.copy(), self.gates.copy(), self.cells.copy(), self.hidden.copy(), lengths
        )


def bind_lstm_of_halves(word: Lstm, machine: Machine) -> Run:
    """One step for all rows."""

    def run(rows: int, to: int, sums: int, inputs: int, parameters: int, step: int) -> None:
        if not rows:
            return
        block = block_head(machine.sram, parameters, 0)
        places = (rows, to, sums, inputs, parameters)
        found = _operands(word, block, machine, places)
        time = step * block.step_factor
        if not _overlap(word, block, places):
            _compute(found, machine, time)
            return
        apart = found.copies()
        live = _compute(apart, machine, time)
        for row in live:
            found.cells[row] = apart.cells[row]
        for row in range(rows):
            found.hidden[row] = apart.hidden[row]

    return run


def _operands(
    word: Lstm, block: LstmBlock, machine: Machine, places: tuple[int, int, int, int, int]
) -> _Operands:
    rows, to, sums, inputs, _ = places
    sram, units, columns = machine.sram, word.units, GATES * word.units
    cell = UNIT_BYTES * block.cell
    lengths = UNIT_BYTES * block.lengths
    return _Operands(
        sums=sram.matrix("sums", sums, rows, layout(ElementType.F32, columns)),
        gates=sram.rows("inputs", inputs, rows, columns, block.gx_pitch_bytes, HALF),
        cells=sram.rows("cell states", cell, rows, units, block.cell_pitch_bytes, SINGLE),
        hidden=sram.rows("to", to, rows, units, block.h_pitch_bytes, HALF),
        lengths=sram.vector("lengths", lengths, rows, INT32) if word.lengths else None,
    )


def _overlap(word: Lstm, block: LstmBlock, places: tuple[int, int, int, int, int]) -> bool:
    """Whether anything that is written lies where something else is read or written."""
    rows, to, sums, inputs, parameters = places
    half_bytes, single_bytes = HALF.itemsize * word.units, SINGLE.itemsize * word.units
    sums_form = layout(ElementType.F32, GATES * word.units)
    h_span = span(to, rows, half_bytes, block.h_pitch_bytes)
    cell_span = span(UNIT_BYTES * block.cell, rows, single_bytes, block.cell_pitch_bytes)
    read = [
        span(sums, rows, sums_form.row_bytes, sums_form.pitch_bytes),
        span(inputs, rows, GATES * half_bytes, block.gx_pitch_bytes),
        span(parameters, 1, block_bytes(0), 0),
    ]
    if word.lengths:
        read.append(span(UNIT_BYTES * block.lengths, 1, INT32.itemsize * rows, 0))
    crossing = block.cell_pitch_bytes < single_bytes or block.h_pitch_bytes < half_bytes
    return (rows > 1 and crossing) or overlap(h_span, *read, cell_span) or overlap(cell_span, *read)


def _compute(found: _Operands, machine: Machine, time: int) -> list[int]:
    """c and h of all rows; returns the rows that are not past their lengths."""
    live, kernels = [], machine.kernels.halves
    for row in range(len(found.sums)):
        if found.lengths is not None and time >= found.lengths[row]:
            found.hidden[row] = 0
            continue
        live.append(row)
        columns = found.gates.shape[1]
        kernels.lstm_row(
            found.sums[row, :columns], found.gates[row], found.cells[row], found.hidden[row]
        )
    return live
