"""The words that are one step of a GRU or an RNN: they read everything, then write all h."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions import Gru, Rnn
from q4compile.isa.instructions.converting import TABLE_BYTES, TABLE_ENTRIES
from q4compile.isa.instructions.gated import Gated, block_units, gated_block_bytes
from q4compile.isa.lstm_block import HEAD_BYTES, LstmBlock
from q4compile.sim.execute.overlap import Span, overlap, span
from q4compile.sim.execute.recurrence import block_head, require_met
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import no_multiplier
from q4compile.sim.kernels.interface import GOOD
from q4compile.sim.machine import Machine
from q4compile.sim.memory import DTYPES, INT16, INT32, UINT32, Array, layout

Compute: TypeAlias = Callable[["_Found", int], int]
"""Computes a row; `GOOD`, or the index of a word that is no multiplier."""


def bind_gru(word: Gru, machine: Machine) -> Run:
    """One step for all rows."""

    def compute(found: "_Found", row: int) -> int:
        assert found.before is not None, "a GRU reads its h"
        return machine.kernels.gru_row(
            found.sums[row],
            found.inputs[row],
            found.multipliers,
            found.before[row],
            found.hidden[row],
            found.tables[0],
            found.tables[1],
            **found.grid,
        )

    return _bind(word, machine, compute)


def bind_rnn(word: Rnn, machine: Machine) -> Run:
    """One step for all rows."""

    def compute(found: "_Found", row: int) -> int:
        return machine.kernels.rnn_row(
            found.sums[row],
            found.inputs[row],
            found.multipliers,
            found.hidden[row],
            found.tables[0] if found.tables else None,
            **found.grid,
        )

    return _bind(word, machine, compute)


@dataclass(slots=True)
class _Found:
    """Operands, with a row for each row of the word where they are not shared."""

    sums: Array
    inputs: Array
    multipliers: Array
    hidden: Array
    before: Array | None
    tables: tuple[Array, ...]
    lengths: Array | None
    grid: dict[str, int]


def _bind(word: Gated, machine: Machine, compute: Compute) -> Run:
    sram = machine.sram

    def run(rows: int, to: int, sums: int, inputs: int, parameters: int, *more: int) -> None:
        if not rows:
            return
        step, before = more[0], more[1] if len(more) > 1 else None
        block = block_head(sram, parameters, block_units(word.gates, word.units))
        require_met(word, block)
        places = (rows, to, sums, inputs, parameters)
        found, spans = _operands(word, block, machine, places, before)
        written = span(to, rows, found.hidden.shape[1], block.h_pitch_bytes)
        crossing = rows > 1 and block.h_pitch_bytes < found.hidden.shape[1]
        out = found.hidden
        if crossing or overlap(written, *spans):
            found.hidden = np.zeros_like(out)
        _rows(word, block, found, compute, step)
        if found.hidden is not out:
            for row in range(rows):
                out[row] = found.hidden[row]

    return run


def _rows(word: Gated, block: LstmBlock, found: _Found, compute: Compute, step: int) -> None:
    time = step * block.step_factor
    for row in range(len(found.sums)):
        if found.lengths is not None and time >= found.lengths[row]:
            code = block.zero_point & ((1 << word.out.bits) - 1)
            found.hidden[row].view("u1")[:] = code * 0x11 if word.out is ElementType.I4 else code
            continue
        wrong = compute(found, row)
        if wrong != GOOD:
            raise no_multiplier("multipliers", wrong, int(found.multipliers[wrong]))


def _operands(
    word: Gated,
    block: LstmBlock,
    machine: Machine,
    places: tuple[int, int, int, int, int],
    before: int | None,
) -> tuple[_Found, list[Span]]:
    """Views of SRAM, and where those lie that are read."""
    rows, to, sums, inputs, parameters = places
    sram, columns = machine.sram, word.gates * word.units
    form, h_bytes = layout(ElementType.I32, columns), word.out.row_bytes(word.units)
    h_dtype, pitch = DTYPES[word.out], block.h_pitch_bytes
    addresses = [UNIT_BYTES * each for each in word.tables(block)]
    lengths = UNIT_BYTES * block.lengths
    found = _Found(
        sums=sram.matrix("sums", sums, rows, form)[:, :columns],
        inputs=sram.rows("inputs", inputs, rows, columns, block.gx_pitch_bytes, INT16),
        multipliers=sram.vector("parameters", parameters + HEAD_BYTES, columns, UINT32),
        hidden=sram.rows("to", to, rows, h_bytes, pitch, h_dtype),
        before=None
        if before is None
        else sram.rows("h of the step before", before, rows, h_bytes, pitch, h_dtype),
        tables=tuple(sram.vector("table", each, TABLE_ENTRIES, INT16) for each in addresses),
        lengths=sram.vector("lengths", lengths, rows, INT32) if word.has_lengths else None,
        grid=_grid(word, block),
    )
    spans = [
        span(sums, rows, form.row_bytes, form.pitch_bytes),
        span(inputs, rows, columns * INT16.itemsize, block.gx_pitch_bytes),
        span(parameters, 1, gated_block_bytes(word.gates, word.units), 0),
        *(span(each, 1, TABLE_BYTES, 0) for each in addresses),
    ]
    if word.has_lengths:
        spans.append(span(lengths, 1, INT32.itemsize * rows, 0))
    if before is not None:
        spans.append(span(before, rows, h_bytes, pitch))
    return found, spans


def _grid(word: Gated, block: LstmBlock) -> dict[str, Any]:
    return {
        "bits": word.out.bits,
        "multiplier": block.multiplier,
        "zero_point": block.zero_point,
        "lo": block.lo,
        "hi": block.hi,
    }
