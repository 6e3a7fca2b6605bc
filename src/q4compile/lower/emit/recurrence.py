"""Words of a `RecurrentPhase`: one loop over time, both directions in it.

    LD input sums ─given─▶ ┐
    MX h(t − 1) · R ─summed─▶ VX step ─made─▶ MX of the next step
                                      └─kept─▶ ST rows of h

Where each core has some of the units: VX step ─kept─▶ ST all cores' h ─made─▶ MX of the next step.

The way back is `taken` for input sums, `stored` for h, `free` for recurrent sums, `vacant` for
weights that come by.
"""

from dataclasses import replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Gath, Ldd, Loop, Nop, SetS, Std, Stride
from q4compile.isa.operand import Address, Scalar
from q4compile.lower.emit.recurrence_registers import (
    FIRST,
    FOLDED,
    GROUPS,
    OTHERS,
    TIME,
    Recurrence,
)
from q4compile.lower.emit.recurrence_step import group_words, product, step, stepped
from q4compile.lower.emit.sharing import shared_and_stored
from q4compile.lower.emit.states import begin, end
from q4compile.lower.emit.turns import turn_words
from q4compile.lower.emit.words import ONCE, Block, Steps, Words, circling, loop, rest, signalled
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.phases import FoldedTable, Multiplied
from q4compile.lower.plan.estimate import matrix_cycles


def recurrent_words(it: Recurrence) -> Block:
    """All words, from rest to rest."""
    # Credits are taken by who sees the last step: any other engine could take them too early.
    last = Engine.ST if it.is_split or it.phase.output is not None else Engine.VX
    give, take = it.semaphores.credits(last)
    behind: Words = [Bar(1 << Engine.VX)] if last is Engine.VX else []
    ahead, start = begin(it)
    body = [*start, *give, *_steps(it)]
    return Block(body, [*take, *behind, *end(it), *rest()], ahead, _idle_steps(it, body))


def _idle_steps(it: Recurrence, body: Words) -> Steps | None:
    """The loop over steps if there are many, and products take longer than it takes to issue them
    and as much again."""
    phase, target = it.phase, it.context.room.target
    if it.is_grouped or phase.fold > 1 or phase.entering:
        return None
    at = next(n for n, word in enumerate(body) if isinstance(word, Loop) and word.level == TIME)
    columns, depth = phase.cell.gates * phase.grouping.units, phase.grouping.memory_units
    cycles = matrix_cycles(1, columns, depth, phase.precision, target) * len(it.every)
    issued = (len(body) - at) * target.sequencer.issue_cycles
    return Steps(at, it.pointers) if cycles > 2 * issued else None


def _steps(it: Recurrence) -> Words:
    """All steps; where frames are folded, in rows of as many."""
    fold = it.phase.fold
    first: Words = []
    if it.loads_once:
        first = [SetS(it.context.mailbox.variable(FIRST), 1)]
    elif it.first_is_ahead:
        first = [SetS(it.context.mailbox.variable(OTHERS), 0)]
    if fold == 1:
        return [*first, *_strides(it, it.row_units), *loop(TIME, it.step_count, _body(it))]
    row = [*_strides(it, None), *loop(TIME, fold, _body(it))]
    ahead: Words = []
    for d, register in enumerate(it.registers.outputs):
        sign = it.sign(d)
        back = sign * fold * it.frame_units
        ahead += it.pointers.moving(register, FOLDED, it.sequences, sign * it.row_units, back)
    return [*first, *ahead, *loop(FOLDED, it.folded_count, row)]


def _strides(it: Recurrence, row_units: int | None) -> Words:
    """What each step moves; `row_units` of the output, or None where frames share rows."""
    registers, slot = it.registers, it.plan.slot.total_units
    words: Words = [*circling(registers.now, TIME, slot, it.plan.slots)]
    if registers.then:
        words += it.then_circling(registers.then, slot)
    if it.is_split and not it.is_grouped:
        words += it.then_circling(registers.hidden, slot)
    for d, register in enumerate(registers.sources):
        words += it.pointers.moving(register, TIME, it.source_rows, it.sign(d) * it.source_units)
    for d, register in enumerate(registers.outputs):
        if row_units is None:
            words += it.pointers.stepping(register, TIME, it.sign(d) * it.frame_units)
        else:
            sign = it.sign(d)
            words += it.pointers.moving(register, TIME, it.sequences, sign * row_units)
    for d, register in enumerate(registers.steps):
        words += it.pointers.stepping(register, TIME, it.sign(d))
    return words + (_group_returns(it) if it.is_grouped else [])


def _group_returns(it: Recurrence) -> Words:
    """After all groups of a step: on to the next slot."""
    registers, groups, slot = it.registers, it.phase.grouping.groups, it.plan.slot.total_units
    ring = slot * it.plan.slots
    words = it.then_circling(registers.hidden, slot - groups * it.group_hidden_units)
    if registers.inputs:
        back = slot - groups * it.group_input_units
        words.insert(0, Stride(registers.inputs, TIME, back, modulo=ring))
    if registers.before:
        back = slot - groups * it.group_hidden_units
        words.append(Stride(registers.before, TIME, back, modulo=ring))
    return words


def _body(it: Recurrence) -> Words:
    """One step."""
    loads = _loads(it)
    if not it.is_grouped:
        products = [product(it, d) for d in it.every]
        return [*loads, *products, *(step(it, d) for d in it.every), *_stores(it)]
    signals, is_made_here = it.signals, isinstance(it.phase.source, Multiplied)
    for_products, for_steps = (signals.given[0], 0) if is_made_here else (0, signals.given[0])
    return [
        *loads,
        Nop(Engine.MX, wait=signals.made[0] | for_products),
        Nop(Engine.VX, wait=signals.stored[0] | for_steps),
        *_group_strides(it),
        *loop(GROUPS, it.phase.grouping.turns, turn_words(it) if it.loads_once else _group(it)),
        Nop(Engine.VX, post=signals.taken[0] | stepped(it, 0)),
        *([SetS(it.context.mailbox.variable(FIRST), 0)] if it.loads_once else []),
        *_stores(it),
    ]


def _group_strides(it: Recurrence) -> Words:
    registers, pointers, grouping = it.registers, it.pointers, it.phase.grouping
    tile, ring, turn = it.plan.tile.total_units, grouping.ring, grouping.turn
    # Behind the last group its weights, on chip or in DRAM, begin anew.
    words = pointers.stepping(registers.hidden, GROUPS, turn * it.group_hidden_units)
    if registers.inputs:
        words += pointers.stepping(registers.inputs, GROUPS, turn * it.group_input_units)
    if registers.sums:
        words += circling(registers.sums, GROUPS, it.plan.sums.total_units, ring)
    if registers.before:
        words += pointers.stepping(registers.before, GROUPS, turn * it.group_hidden_units)
    if it.is_partial:
        words += circling(registers.weights, GROUPS, turn * it.weights.pitch_units, grouping.turns)
        return [*words, *circling(registers.tile, GROUPS, grouping.kept * tile, grouping.turns)]
    if registers.weights:
        words += circling(registers.weights, GROUPS, it.weights.pitch_units, grouping.groups)
    if not grouping.is_resident:
        return [*words, *circling(registers.tile, GROUPS, tile, ring)]
    return [*words, *circling(registers.tile, GROUPS, tile, grouping.groups)]


def _group(it: Recurrence) -> Words:
    """A group of units, in all directions."""
    signals = it.signals
    if not it.registers.weights:
        return group_words(it)
    to, source = Address(0, it.registers.tile), Address(0, it.registers.weights)
    loads = it.weights.in_parts(to, source, it.first_used_bytes)
    rest = signals.filled if len(loads) > 1 else 0
    words = signalled(group_words(it, 0, rest), wait=signals.filled, post=signals.vacant)
    return [*_filled(it, loads), *words]


def _filled(it: Recurrence, loads: Words) -> Words:
    """Each load says when it is over; those of the first group are only said, where it is there."""
    signals = it.signals
    if not it.first_is_ahead:
        said = [replace(each, post=signals.filled) for each in loads]
        return signalled(said, wait=signals.vacant, post=0)
    others = it.context.mailbox.variable(OTHERS)
    words: Words = [Nop(Engine.LD, wait=signals.vacant)]
    for load in loads:
        words += [*loop(ONCE, Scalar(others), [load]), Nop(Engine.LD, post=signals.filled)]
    return [*words, SetS(others, 1)]


def _loads(it: Recurrence) -> Words:
    """Input sums of this step, or what they are made of."""
    signals = it.signals
    words: Words = []
    for d in it.every:
        to = Address(it.plan.slot.units(f"inputs{d}"), it.registers.now)
        own = _gathered(it, d, to) if it.tables else [_loaded(it, d, to)]
        if it.is_grouped:
            words += own
        else:
            words += signalled(own, wait=signals.taken[d], post=signals.given[d])
    if it.is_grouped:
        return signalled(words, wait=signals.taken[0], post=signals.given[0])
    return words


def _loaded(it: Recurrence, direction: int, to: Address) -> Instruction:
    source, pitch = it.phase.source, it.plan.inputs_pitch_bytes
    at = Address(0, it.registers.sources[direction])
    if isinstance(source, Multiplied):
        pitch = source.operand.pitch_bytes
        return Ldd(to, at, it.rows, source.operand.row_bytes, pitch, pitch)
    assert isinstance(source, Tensor), "sums that a product has made"
    return Ldd(to, at, it.rows, pitch, pitch, source.pitch_bytes)


def _gathered(it: Recurrence, direction: int, to: Address) -> Words:
    source, pitch = it.phase.source, it.plan.inputs_pitch_bytes
    assert isinstance(source, FoldedTable), "sums that a table holds"
    size = source.ids.pitch_bytes
    ids = Address(it.plan.layout.units("ids") + direction * size // UNIT_BYTES)
    at = Address(0, it.registers.sources[direction])
    own = it.registers.tables
    table = Address(0, own[direction]) if own else Address(it.tables[direction])
    count = len(source.tables[it.index(direction)])
    return [
        Ldd(ids, at, 1, source.ids.row_bytes, size, size),
        Gath(to, table, ids, it.rows, pitch, it.plan.source_pitch_bytes, count),
    ]


def _stores(it: Recurrence) -> Words:
    """h of this step."""
    output, signals = it.phase.output, it.signals
    if it.is_split:
        return shared_and_stored(it)
    if output is None:
        return []
    # The register of a group's h is behind the last group by now.
    back = it.phase.grouping.groups * it.group_hidden_units if it.is_grouped else 0
    register = it.registers.then or it.registers.hidden
    words: Words = []
    for d in it.every:
        word = Std(
            Address(0, it.registers.outputs[d]),
            Address(it.plan.slot.units(f"hidden{d}") - back, register),
            it.rows,
            output.element.row_bytes(it.phase.cell.units),
            output.pitch_bytes,
            it.plan.hidden_pitch_bytes,
        )
        if it.is_grouped:
            words.append(word)
        else:
            words.append(replace(word, wait=signals.kept[d], post=signals.stored[d]))
    return signalled(words, signals.kept[0], signals.stored[0]) if it.is_grouped else words
