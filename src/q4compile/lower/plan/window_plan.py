"""Where everything of a `PadPhase` or a `WindowPhase` is in on-chip memory."""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, aligned_bytes
from q4compile.lower.layout.axes import Axis
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.windows import PadPhase, WindowPhase
from q4compile.lower.plan.records import require_row
from q4compile.lower.plan.slots import slots_for
from q4compile.lower.plan.sram import Buffer, Layout, allocate


@dataclass(frozen=True)
class WindowPlan:
    """The layout of a phase."""

    slots: int
    rows: int
    frame_units: int
    """From row to row of a frame on chip, and from frame to frame of a window."""
    layout: Layout

    @property
    def slot_units(self) -> int:
        """From slot to slot."""
        return self.rows * self.frame_units


def plan_window(phase: PadPhase | WindowPhase, lane: Axis | None, room: Room) -> WindowPlan:
    """A few frames, and one of zeros where some are put around them."""
    rows = rows_at_most(lane, room)
    is_window = isinstance(phase, WindowPhase)
    taps = phase.taps if isinstance(phase, WindowPhase) else 1
    slots = slots_for(taps)
    frame_bytes = aligned_bytes(phase.result.row_bytes // taps)
    require_row(phase.source.name, frame_bytes)
    buffers = [
        Buffer("frames", slots * rows * frame_bytes),
        Buffer("zeros", 0 if is_window else rows * frame_bytes),
    ]
    layout = allocate(buffers, room.alignment_bytes)
    return WindowPlan(slots, rows, frame_bytes // UNIT_BYTES, layout)
