"""Words of a `FoldPhase`: frame by frame, each to its place in a row.

All rows but the last have as many frames as fit. The last one is zeros before its frames come.
"""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Fill, Ldd, Nop, SetA, SetS, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import (
    ONCE,
    Pointers,
    Words,
    circling,
    loop,
    rest,
)
from q4compile.lower.numbers.kinds import Grid
from q4compile.lower.phases.phases import FoldPhase
from q4compile.lower.plan.fold_plan import FoldPlan

ROWS, FRAMES = 0, 1
"""Loop levels."""
COUNT, LEFT = range(2)
"""Variables of the code: full rows, frames that are left."""


@dataclass(frozen=True, eq=False)
class Folding:
    """A phase with its registers and semaphores."""

    phase: FoldPhase
    plan: FoldPlan
    context: Context
    pointers: Pointers
    source: int
    result: int
    slot: int
    full: int
    free: int
    zeros: int


def fold_words(phase: FoldPhase, plan: FoldPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    registers = (pointers.new() for _ in range(3))
    signals = [semaphores.new(), semaphores.credit(plan.slots), semaphores.new()]
    it = Folding(phase, plan, context, pointers, *registers, *signals)
    give, take = semaphores.credits(Engine.ST)
    row = it.pointers.moving(
        it.result,
        ROWS,
        context.sequences(),
        phase.result.pitch_units,
        phase.factor * plan.frame_units,
    )
    count, left = (context.mailbox.variable(each) for each in (COUNT, LEFT))
    whole = [SetS(left, -phase.factor, 1, left), *_frames(it, None)]
    return [
        *_start(it, count, left),
        *give,
        *row,
        *loop(ROWS, Scalar(count), whole),
        *_zeros(it),
        *_frames(it, left),
        *take,
        *rest(),
    ]


def _start(it: Folding, count: int, left: int) -> Words:
    """Pointers, the numbers of full rows and of frames, a frame of zeros."""
    phase, layout, mailbox = it.phase, it.plan.layout, it.context.mailbox
    kind = phase.source.kind
    code = kind.stored.zero_point if isinstance(kind, Grid) else 0
    byte = code & 0xFF
    if phase.source.element is ElementType.I4:
        byte = (code & 0xF) * 0x11
    size = it.plan.frame_units * UNIT_BYTES
    frames = str(phase.time.size)
    rows = it.context.sizes.reductions[frames].size
    return [
        it.pointers.at(it.source, it.context.place(phase.source)),
        it.pointers.at(it.result, it.context.place(phase.result)),
        SetA(it.slot, layout.units("frames")),
        SetS(count, -1, 1, mailbox.named(rows)),
        SetS(left, 0, 1, mailbox.named(frames)),
        Fill(Address(layout.units("zeros")), it.plan.rows, size, size, byte, post=it.zeros),
    ]


def _frames(it: Folding, left: int | None) -> Words:
    """A row of frames: all that fit, or as many as are left."""
    phase, plan, rows = it.phase, it.plan, it.context.mailbox.count(it.context.sequences())
    size, slot = plan.frame_units * UNIT_BYTES, Address(0, it.slot)
    source, pitch = phase.source, phase.source.pitch_bytes
    load = Ldd(
        slot,
        Address(0, it.source),
        rows,
        source.row_bytes,
        size,
        pitch,
        wait=it.free,
        post=it.full,
    )
    store = Std(
        Address(0, it.result),
        slot,
        rows,
        source.row_bytes,
        phase.result.pitch_bytes,
        size,
        wait=it.full,
        post=it.free,
    )
    return [
        *it.pointers.moving(it.source, FRAMES, it.context.sequences(), source.pitch_units),
        *it.pointers.stepping(it.result, FRAMES, plan.frame_units),
        *circling(it.slot, FRAMES, plan.slot_units, plan.slots),
        *loop(FRAMES, phase.factor if left is None else Scalar(left), [load, store]),
    ]


def _zeros(it: Folding) -> Words:
    """Into all places of the last row; the pointer is at its first one before and after."""
    plan, size = it.plan, it.plan.frame_units * UNIT_BYTES
    rows = it.context.mailbox.count(it.context.sequences())
    store = Std(
        Address(0, it.result),
        Address(plan.layout.units("zeros")),
        rows,
        size,
        it.phase.result.pitch_bytes,
        size,
    )
    back = -it.phase.factor * plan.frame_units
    return [
        Nop(Engine.ST, wait=it.zeros),
        *it.pointers.stepping(it.result, FRAMES, plan.frame_units),
        *loop(FRAMES, it.phase.factor, [store]),
        *it.pointers.moved_once([it.pointers.stepping(it.result, ONCE, back)]),
    ]
