"""Words of a `PadPhase` and of a `WindowPhase`: frame by frame, each to its place.

LD a frame ─full─▶ ST the frame ─free─▶ LD
"""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Fill, Ldd, Nop, SetA, Std
from q4compile.isa.operand import Address, Rows
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers, Words, circling, loop, rest
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.numbers.kinds import Grid
from q4compile.lower.phases.windows import PadPhase, WindowPhase
from q4compile.lower.plan.window_plan import WindowPlan

WINDOWS, FRAMES = 0, 1
"""Loop levels."""


@dataclass(frozen=True, eq=False)
class Moving:
    """A phase with its registers and semaphores."""

    phase: PadPhase | WindowPhase
    plan: WindowPlan
    context: Context
    pointers: Pointers
    semaphores: Semaphores
    source: int
    result: int
    slot: int
    full: int
    free: int
    zeros: int

    @property
    def sequences(self) -> Extent:
        """Rows of a frame."""
        return self.context.sequences()

    @property
    def rows(self) -> Rows:
        """Rows of a frame, in a word."""
        return self.context.mailbox.count(self.sequences)

    def count(self, axis: Axis) -> Rows:
        """How many frames there are, those left out that only fill up memory."""
        return self.context.mailbox.count(Extent.of(axis.size))

    @property
    def frame_bytes(self) -> int:
        """From row to row on chip."""
        return self.plan.frame_units * UNIT_BYTES


def _moving(phase: PadPhase | WindowPhase, plan: WindowPlan, context: Context) -> Moving:
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    registers = (pointers.new() for _ in range(3))
    signals = [semaphores.new(), semaphores.credit(plan.slots), semaphores.new()]
    return Moving(phase, plan, context, pointers, semaphores, *registers, *signals)


def _start(it: Moving) -> Words:
    return [
        it.pointers.at(it.source, it.context.place(it.phase.source)),
        it.pointers.at(it.result, it.context.place(it.phase.result)),
        SetA(it.slot, it.plan.layout.units("frames")),
    ]


def _frame(it: Moving) -> Words:
    """One frame of all sequences, from where the source points to where the result does."""
    source, slot = it.phase.source, Address(0, it.slot)
    size, pitch = it.frame_bytes, it.phase.result.pitch_bytes
    load = Ldd(
        slot,
        Address(0, it.source),
        it.rows,
        source.row_bytes,
        size,
        source.pitch_bytes,
        wait=it.free,
        post=it.full,
    )
    to = Address(0, it.result)
    store = Std(to, slot, it.rows, source.row_bytes, pitch, size, wait=it.full, post=it.free)
    return [load, store]


def pad_words(phase: PadPhase, plan: WindowPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    it = _moving(phase, plan, context)
    give, take = it.semaphores.credits(Engine.ST)
    ahead = it.pointers.moving(it.result, FRAMES, it.sequences, phase.result.pitch_units)
    return [
        *_start(it),
        *_fill(it),
        *_zeros(it, phase.before, ahead),
        *give,
        *it.pointers.moving(it.source, FRAMES, it.sequences, phase.source.pitch_units),
        *ahead,
        *circling(it.slot, FRAMES, plan.slot_units, plan.slots),
        *loop(FRAMES, it.count(phase.time), _frame(it)),
        *take,
        *_zeros(it, phase.behind, ahead),
        *rest(),
    ]


def zero_byte(tensor: Tensor) -> int:
    """A byte of zeros of a tensor: two of them, where its codes have 4 bits."""
    code = tensor.kind.stored.zero_point if isinstance(tensor.kind, Grid) else 0
    return (code & 0xF) * 0x11 if tensor.element is ElementType.I4 else code & 0xFF


def _fill(it: Moving) -> Words:
    """A frame of zeros."""
    size = it.frame_bytes
    to = Address(it.plan.layout.units("zeros"))
    return [
        Fill(to, it.plan.rows, size, size, zero_byte(it.phase.source), post=it.zeros),
        Nop(Engine.ST, wait=it.zeros),
    ]


def _zeros(it: Moving, count: int, ahead: Words) -> Words:
    """So many frames of zeros."""
    if count == 0:
        return []
    result, zeros = it.phase.result, Address(it.plan.layout.units("zeros"))
    size, pitch = it.frame_bytes, it.phase.result.pitch_bytes
    store = Std(Address(0, it.result), zeros, it.rows, result.row_bytes, pitch, size)
    return [*ahead, *loop(FRAMES, count, [store])]


def window_words(phase: WindowPhase, plan: WindowPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    it = _moving(phase, plan, context)
    give, take = it.semaphores.credits(Engine.ST)
    pointers, pitch = it.pointers, phase.source.pitch_units
    on = (phase.stride - phase.taps * phase.dilation) * pitch
    back = phase.taps * plan.frame_units
    turns = [
        circling(it.slot, level, plan.slot_units, plan.slots) if has_ring else []
        for level, has_ring in ((WINDOWS, phase.taps == 1), (FRAMES, phase.taps > 1))
    ]
    window = [
        *pointers.moving(it.source, FRAMES, it.sequences, phase.dilation * pitch),
        *pointers.stepping(it.result, FRAMES, plan.frame_units),
        *turns[FRAMES],
        *loop(FRAMES, phase.taps, _frame(it)),
    ]
    return [
        *_start(it),
        *give,
        *turns[WINDOWS],
        *pointers.moving(it.source, WINDOWS, it.sequences, on),
        *pointers.moving(it.result, WINDOWS, it.sequences, phase.result.pitch_units, back),
        *loop(WINDOWS, it.count(phase.time), window),
        *take,
        *rest(),
    ]
