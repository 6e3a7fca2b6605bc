"""Words of a `PatchPhase`: frame by frame, each cut into overlapping parts.

LD a frame ─full─▶ VX its parts into rows ─free─▶ LD;   VX ─whole─▶ ST all rows ─stored─▶ VX

One sequence after the other: then all parts of a frame are rows of one word. Rows are put together
on chip, for parts are shorter than the bursts of DRAM.
"""

from dataclasses import dataclass, replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Copy, Fill, Ldd, Nop, SetA, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.windows import zero_byte
from q4compile.lower.emit.words import Pointers, Words, circling, loop, rest
from q4compile.lower.layout.axes import Extent
from q4compile.lower.phases.windows import PatchPhase
from q4compile.lower.plan.window_plan import PatchPlan

SEQUENCES, WINDOWS, TAPS = 0, 1, 2
"""Loop levels."""


@dataclass(frozen=True, eq=False)
class Cutting:
    """A phase with its registers and semaphores."""

    phase: PatchPhase
    plan: PatchPlan
    context: Context
    pointers: Pointers
    source: int
    result: int
    slot: int
    part: int
    """The register that goes from tap to tap of the rows."""
    full: int
    free: int
    zeros: int
    whole: int
    stored: int

    @property
    def row_units(self) -> int:
        """Of all parts of all taps."""
        return self.phase.bands * self.phase.result.pitch_units


def patch_words(phase: PatchPhase, plan: PatchPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    registers = (pointers.new() for _ in range(4))
    signals = [semaphores.new(), semaphores.credit(plan.slots), semaphores.new()]
    signals += [semaphores.new(), semaphores.credit(1)]
    it = Cutting(phase, plan, context, pointers, *registers, *signals)
    give, take = semaphores.credits(Engine.ST)
    return [*_start(it), *give, *_sequences(it), *take, *rest()]


def _start(it: Cutting) -> Words:
    """Pointers, and zeros in all slots: frames leave those around them."""
    size = it.plan.slot_bytes
    to = Address(it.plan.layout.units("frames"))
    return [
        it.pointers.at(it.source, it.context.place(it.phase.source)),
        it.pointers.at(it.result, it.context.place(it.phase.result)),
        SetA(it.slot, to.offset),
        SetA(it.part, it.plan.layout.units("rows")),
        Fill(to, it.plan.slots, size, size, zero_byte(it.phase.source), post=it.zeros),
        Nop(Engine.LD, wait=it.zeros),
    ]


def _sequences(it: Cutting) -> Words:
    """Each from its first window on."""
    phase, pointers = it.phase, it.pointers
    sequences = it.context.sizes.extent(phase.source.rows[1:])
    windows = _windows(it, sequences)
    if sequences == Extent():
        return windows
    steps = Extent.of(phase.time.size) * sequences
    pitch, row = phase.source.pitch_units, it.row_units
    return [
        *pointers.moving(it.source, SEQUENCES, steps, -phase.stride * pitch, -pitch),
        *pointers.moving(it.result, SEQUENCES, steps, -row, -row),
        *loop(SEQUENCES, it.context.mailbox.count(sequences), windows),
    ]


def _windows(it: Cutting, sequences: Extent) -> Words:
    """Of one sequence."""
    phase, pointers, plan = it.phase, it.pointers, it.plan
    pitch, part = phase.source.pitch_units, phase.part_bytes // UNIT_BYTES
    on = (phase.stride - phase.taps * phase.dilation) * pitch
    rows, size = Address(plan.layout.units("rows")), phase.result.pitch_bytes
    store = Std(Address(0, it.result), rows, phase.bands, size, size, size)
    window = [
        Nop(Engine.VX, wait=it.stored),
        *pointers.moving(it.source, TAPS, sequences, phase.dilation * pitch),
        *pointers.stepping(it.part, TAPS, part),
        *circling(it.slot, TAPS, plan.slot_units, plan.slots),
        *loop(TAPS, phase.taps, _frame(it)),
        Nop(Engine.VX, post=it.whole),
        replace(store, wait=it.whole, post=it.stored),
    ]
    return [
        *pointers.moving(it.source, WINDOWS, sequences, on),
        *pointers.stepping(it.part, WINDOWS, -phase.taps * part),
        *pointers.moving(it.result, WINDOWS, sequences, it.row_units),
        *loop(WINDOWS, it.context.mailbox.count(Extent.of(phase.time.size)), window),
    ]


def _frame(it: Cutting) -> Words:
    """One frame, and its parts."""
    phase, result = it.phase, it.phase.result
    size = phase.source.row_bytes
    front = Address(phase.front_bytes // UNIT_BYTES, it.slot)
    load = Ldd(front, Address(0, it.source), 1, size, size, size, wait=it.free, post=it.full)
    to, parts = Address(0, it.part), Address(0, it.slot)
    pitches = (result.pitch_bytes, phase.step_bytes)
    cut = Copy(to, parts, phase.bands, phase.part_bytes, *pitches, wait=it.full, post=it.free)
    return [load, cut]
