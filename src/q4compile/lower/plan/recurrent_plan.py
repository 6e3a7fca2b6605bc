"""Where everything of a `RecurrentPhase` is in on-chip memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.phases import FoldedTable, Multiplied, RecurrentPhase
from q4compile.lower.plan.cell_shape import CellShape, Operand
from q4compile.lower.plan.records import Record
from q4compile.lower.plan.slots import slots_for
from q4compile.lower.plan.sram import Buffer, Layout, allocate

AHEAD = ("tables", "lengths", "cells", "slots")
"""Buffers that are filled before the first step where no zeros come before."""
TILES = "tiles"
"""Of weights that come by, the first may load before the first step."""


@dataclass(frozen=True)
class RecurrentPlan:
    """The layout of a phase."""

    shape: CellShape
    slot: Record
    """Input sums and h of one step."""
    tile: Record
    """Constants of one group."""
    sums: Record
    layout: Layout
    cell_pitch_bytes: int
    hidden_pitch_bytes: int
    inputs_pitch_bytes: int
    """Of input sums on chip, those of the core; of a group where each step makes them."""
    source_pitch_bytes: int
    """Of those of one direction in DRAM, for all cores."""
    slots: int
    cores: int
    with_tile: Layout | None = None
    """Where weights that come by lie ahead, too."""

    @property
    def tile_is_ahead(self) -> bool:
        """Whether the phase before loads the first weights that come by."""
        layout = self.layout
        first = layout.base_bytes + layout.peak_bytes - layout.ahead_bytes
        return self.with_tile is not None and layout.is_ahead and layout.offsets[TILES] >= first

    @property
    def first_hidden(self) -> int:
        """Where h of the first step is, in the one direction [units]."""
        return self.layout.units("slots") + self.slot.total_units + self.slot.units("hidden0")

    @property
    def slots_end_bytes(self) -> int:
        """Behind all slots."""
        return self.layout.offsets["slots"] + self.slots * self.slot.bytes

    def cells(self, direction: int) -> int:
        """The address of the cell states [units]."""
        offset = direction * self.shape.rows * self.cell_pitch_bytes
        return self.layout.units("cells") + offset // UNIT_BYTES


def plan_recurrence(phase: RecurrentPhase, room: Room) -> RecurrentPlan:
    """The layout for the grouping of the phase."""
    shape, grouping = cell_shape(phase, room), phase.grouping
    units, slots = grouping.memory_units, slots_for(phase.fold)
    summed_units = grouping.own_units if shape.operand is None else grouping.units
    buffers = shape.buffers(grouping, slots)
    layout = _layout(buffers, AHEAD if phase.begins_ahead else (), room)
    comes_by = phase.begins_ahead and not grouping.is_resident and grouping.turn == 1
    with_tile = _layout(buffers, (*AHEAD, TILES), room) if comes_by else None
    if layout.peak_bytes > room.sram_bytes:
        need, got = f"{layout.peak_bytes} bytes", f"{room.sram_bytes} of {room.target.name}"
        raise Refused("Q326", need, got, "a smaller --batch")
    return RecurrentPlan(
        shape,
        shape.slot(grouping),
        shape.tile(grouping),
        shape.sums(grouping),
        layout,
        shape.state.pitch_bytes(grouping.own_units),
        phase.cell.element.pitch_bytes(units),
        shape.inputs.pitch_bytes(phase.cell.gates * summed_units),
        shape.inputs.pitch_bytes(phase.cell.gates * units),
        slots,
        grouping.cores,
        with_tile,
    )


def _layout(buffers: Sequence[Buffer], ahead: Sequence[str], room: Room) -> Layout:
    """With these buffers ahead."""
    marked = [replace(each, is_ahead=each.name in ahead) for each in buffers]
    return allocate(marked, room.alignment_bytes)


def cell_shape(phase: RecurrentPhase, room: Room) -> CellShape:
    """What the sizes of buffers follow from."""
    source = phase.source
    return CellShape(
        phase.cell.units,
        len(phase.directions),
        phase.cell.element,
        phase.directions[0].recurrent.element,
        any(np.any(each.recurrent.bias) for each in phase.directions),
        rows_at_most(phase.lane, room),
        source.ids.pitch_bytes if isinstance(source, FoldedTable) else 0,
        phase.cell.gates,
        phase.cell.has_state,
        bool(phase.entering),
        phase.cell.sums.element,
        phase.cell.state.element,
        operand_of(source) if isinstance(source, Multiplied) else None,
    )


def operand_of(product: Multiplied) -> Operand:
    """What a step multiplies."""
    operand = product.operand
    return Operand(operand.pitch_bytes, operand.depth, product.product.element)
