"""Where everything of a `GatherPhase` is in on-chip memory."""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.layout.axes import Axis
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.phases import GatherPhase
from q4compile.lower.plan.slots import SLOTS
from q4compile.lower.plan.sram import Buffer, Layout, allocate


@dataclass(frozen=True)
class GatherPlan:
    """The layout of a phase."""

    slot_bytes: int
    layout: Layout

    @property
    def slot_units(self) -> int:
        """From slot to slot."""
        return self.slot_bytes // UNIT_BYTES


def plan_gather(phase: GatherPhase, lane: Axis | None, room: Room) -> GatherPlan:
    """Tokens of one step, rows of two."""
    slot_bytes = rows_at_most(lane, room) * phase.result.pitch_bytes
    buffers = [Buffer("ids", phase.ids.pitch_bytes), Buffer("rows", SLOTS * slot_bytes)]
    return GatherPlan(slot_bytes, allocate(buffers, room.alignment_bytes))
