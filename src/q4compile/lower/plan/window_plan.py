"""Where everything of a phase that moves frames is in on-chip memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, aligned_bytes
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.windows import (
    ExtremePhase,
    MeanPhase,
    PadPhase,
    PatchPhase,
    WindowPhase,
)
from q4compile.lower.plan.records import require_row
from q4compile.lower.plan.slots import SLOTS, slots_for
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


@dataclass(frozen=True)
class PatchPlan:
    """The layout of a `PatchPhase`: a few frames, each between zeros."""

    slots: int
    slot_bytes: int
    layout: Layout

    @property
    def slot_units(self) -> int:
        """From slot to slot."""
        return self.slot_bytes // UNIT_BYTES


def plan_patches(phase: PatchPhase, room: Room) -> PatchPlan:
    """Each slot reaches as far as the last part of a frame."""
    require_row(phase.source.name, phase.source.pitch_bytes)
    require_row(phase.result.name, phase.result.pitch_bytes)
    end = (phase.bands - 1) * phase.step_bytes + phase.part_bytes
    size = aligned_bytes(max(end, phase.front_bytes + phase.source.pitch_bytes))
    require_row(f"{phase.node}.frame", size)
    slots = slots_for(phase.taps) if phase.taps > 1 else 1  # a ring turns with the taps of a window
    rows = Buffer("rows", phase.bands * phase.result.pitch_bytes)
    return PatchPlan(slots, size, _fitting([Buffer("frames", slots * size), rows], room))


@dataclass(frozen=True)
class ExtremePlan:
    """The layout of an `ExtremePhase`: the result so far, and a few frames."""

    slots: int
    slot_units: int
    layout: Layout


def plan_extreme(phase: ExtremePhase, lane: Axis | None, room: Room) -> ExtremePlan:
    """Frames of all sequences.

    Raises:
        Refused: Q325 for rows longer than words can name, Q326 where the frames do not fit.
    """
    size = _frame_bytes(phase.source, lane, room)
    buffers = [Buffer("result", size), Buffer("frames", SLOTS * size)]
    return ExtremePlan(SLOTS, size // UNIT_BYTES, _fitting(buffers, room))


PARTS = ("high", "low", "part", "carry")
"""What a `MeanPhase` keeps of every number: both sums, and what it takes to get there."""


@dataclass(frozen=True)
class MeanPlan:
    """The layout of a `MeanPhase`."""

    slots: int
    slot_units: int
    layout: Layout


def plan_mean(phase: MeanPhase, lane: Axis | None, room: Room) -> MeanPlan:
    """Frames of all sequences, and what they are added to; raises as `plan_extreme` does."""
    size = _frame_bytes(phase.source, lane, room)
    buffers = [
        *(Buffer(name, size) for name in PARTS),
        Buffer("frames", SLOTS * size),
        Buffer("zeros", phase.source.pitch_bytes),
        Buffer("multipliers", 2 * UNIT_BYTES),
        Buffer("count", UNIT_BYTES),
        Buffer("one", UNIT_BYTES),
    ]
    return MeanPlan(SLOTS, size // UNIT_BYTES, _fitting(buffers, room))


def _frame_bytes(source: Tensor, lane: Axis | None, room: Room) -> int:
    """Of a frame of all sequences."""
    require_row(source.name, source.pitch_bytes)
    return source.pitch_bytes * (rows_at_most(lane, room) if len(source.rows) > 1 else 1)


def _fitting(buffers: Sequence[Buffer], room: Room) -> Layout:
    layout = allocate(buffers, room.alignment_bytes)
    if layout.peak_bytes > room.sram_bytes:
        need, got = f"{layout.peak_bytes} bytes", f"{room.sram_bytes} bytes of {room.target.name}"
        raise Refused("Q326", need, got, "a smaller --batch, or a target with more on-chip memory")
    return layout
