"""Words of a `GatherPhase`: tokens of a step, then their rows of the table."""

from dataclasses import replace

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Gath, Ldd, SetA, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers, Words, circling, loop, rest
from q4compile.lower.numbers.packing import packed_rows
from q4compile.lower.phases.phases import GatherPhase
from q4compile.lower.plan.gather_plan import GatherPlan
from q4compile.lower.plan.slots import SLOTS

STEPS = 0
"""The loop level."""


def gather_words(phase: GatherPhase, plan: GatherPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    ids, result, slot = (pointers.new() for _ in range(3))
    full, empty = semaphores.new(), semaphores.credit(SLOTS)
    give, take = semaphores.credits(Engine.ST)
    load, gather, store = _body(phase, plan, context, (ids, result, slot))
    body = [
        load,
        replace(gather, wait=empty, post=full),
        replace(store, wait=full, post=empty),
    ]
    steps = context.mailbox.count(context.sizes.extent(phase.ids.rows))
    units = phase.result.pitch_units
    return [
        pointers.at(ids, context.place(phase.ids)),
        pointers.at(result, context.place(phase.result)),
        SetA(slot, plan.layout.units("rows")),
        *give,
        *pointers.stepping(ids, STEPS, phase.ids.pitch_units),
        *pointers.moving(result, STEPS, context.sequences(), units),
        *circling(slot, STEPS, plan.slot_units, SLOTS),
        *loop(STEPS, steps, body),
        *take,
        *rest(),
    ]


def _body(
    phase: GatherPhase, plan: GatherPlan, context: Context, registers: tuple[int, int, int]
) -> Words:
    """One step."""
    ids, result, slot = (Address(0, register) for register in registers)
    tensor, size = phase.result, phase.ids.pitch_bytes
    data = packed_rows(phase.table, tensor.element, tensor.pitch_bytes)
    name = context.symbol(phase.node, "table")
    table = Address(context.image.add(name, data, phase.node))
    rows = context.mailbox.count(context.sequences())
    tokens, pitch = Address(plan.layout.units("ids")), tensor.pitch_bytes
    return [
        Ldd(tokens, ids, 1, phase.ids.row_bytes, size, size),
        Gath(slot, table, tokens, rows, tensor.row_bytes, pitch, len(phase.table)),
        Std(result, slot, rows, tensor.row_bytes, pitch, pitch),
    ]
