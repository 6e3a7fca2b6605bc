"""Words of an `ExtremePhase`: frame by frame, each beside what the ones before have left.

LD a frame ─full─▶ VX max ─free─▶ LD;   VX ─done─▶ ST
"""

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Ldd, Nop, SetA, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers, Words, circling, loop, rest
from q4compile.lower.layout.axes import Extent
from q4compile.lower.phases.windows import ExtremePhase
from q4compile.lower.plan.window_plan import ExtremePlan


def extreme_words(phase: ExtremePhase, plan: ExtremePlan, context: Context) -> Words:
    """All words, from rest to rest; the first frame is there before it is compared with itself."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    source, result, slot = (pointers.new() for _ in range(3))
    full, free, done = semaphores.new(), semaphores.credit(plan.slots), semaphores.new()
    give, take = semaphores.credits(Engine.ST)
    tensor, size = phase.source, phase.source.row_bytes
    extent = context.sizes.extent(tensor.rows[1:])
    rows, pitch = context.mailbox.count(extent), tensor.pitch_bytes
    largest, frame, there = (
        Address(plan.layout.units("result")),
        Address(0, slot),
        tensor.pitch_units,
    )
    given = (rows, size, pitch, pitch)
    f16 = tensor.element is ElementType.F16
    columns = tensor.depth
    body: Words = [
        Ldd(frame, Address(0, source), *given, wait=free, post=full),
        phase.word(largest, largest, frame, rows, columns, f16=f16, wait=full, post=free),
    ]
    return [
        pointers.at(source, context.place(tensor)),
        pointers.at(result, context.place(phase.result)),
        SetA(slot, plan.layout.units("frames")),
        Ldd(largest, Address(0, source), *given, post=full),
        Nop(Engine.VX, wait=full),
        *give,
        *pointers.moving(source, 0, extent, there),
        *circling(slot, 0, plan.slot_units, plan.slots),
        *loop(0, context.mailbox.count(Extent.of(phase.time.size)), body),
        Nop(Engine.VX, post=done),
        Std(Address(0, result), largest, *given, wait=done),
        *take,
        *rest(),
    ]
