"""Where everything of a `FoldPhase` is in on-chip memory."""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.layout.axes import Axis
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.phases import FoldPhase
from q4compile.lower.plan.records import require_row
from q4compile.lower.plan.slots import slots_for
from q4compile.lower.plan.sram import Buffer, Layout, allocate


@dataclass(frozen=True)
class FoldPlan:
    """The layout of a phase."""

    slots: int
    rows: int
    frame_units: int
    """From frame to frame in a row of the result, and from row to row on chip."""
    layout: Layout

    @property
    def slot_units(self) -> int:
        """From slot to slot."""
        return self.rows * self.frame_units


def plan_fold(phase: FoldPhase, lane: Axis | None, room: Room) -> FoldPlan:
    """A few frames, and one of zeros."""
    rows, slots = rows_at_most(lane, room), slots_for(phase.factor)
    frame_bytes = phase.result.row_bytes // phase.factor
    require_row(phase.source.name, frame_bytes)
    buffers = [
        Buffer("frames", slots * rows * frame_bytes),
        Buffer("zeros", rows * frame_bytes),
    ]
    layout = allocate(buffers, room.alignment_bytes)
    return FoldPlan(slots, rows, frame_bytes // UNIT_BYTES, layout)
