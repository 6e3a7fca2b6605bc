"""Products and steps of a `RecurrentPhase`: those of one group of units, in one direction.

Of several groups in a turn of the loop over groups, `position` says which one.
"""

from dataclasses import replace

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Gru, Lstm, Mm, Rnn
from q4compile.isa.operand import Address
from q4compile.lower.emit.recurrence_registers import Recurrence


def product(it: Recurrence, direction: int, position: int = 0) -> Instruction:
    """h(t − 1) · R for a group."""
    d, signals = direction, it.signals
    units = it.phase.grouping.memory_units
    hidden = Address(it.plan.slot.units(f"hidden{d}"), it.registers.now)
    bias = it.tiled(f"bias{d}", position) if it.plan.shape.has_bias else None
    wait = signals.free[d] if it.is_grouped else signals.made[d]
    return Mm(
        it.sums(d, position),
        hidden,
        it.tiled(f"weights{d}", position),
        bias,
        it.rows,
        it.phase.cell.gates * it.phase.grouping.units,
        units,
        it.phase.precision,
        wait=wait,
        post=signals.summed[d],
    )


def step(it: Recurrence, direction: int, position: int = 0) -> Instruction:
    """h, and c where there is one, of a group."""
    d, signals, registers = direction, it.signals, it.registers
    has_lengths = it.phase.lengths is not None
    cell, slot = it.phase.cell, it.plan.slot
    hidden = slot.units(f"hidden{d}") + position * it.group_hidden_units
    inputs = slot.units(f"inputs{d}") + position * it.group_input_units
    places = (
        Address(hidden, registers.hidden or registers.then),
        it.sums(d, position),
        Address(inputs, registers.inputs or registers.now),
        it.tiled(f"block{d}", position),
    )
    number = registers.steps[d] if has_lengths else 0
    given = (*places, it.rows, it.phase.grouping.units, number, cell.element)
    word: Gru | Lstm | Rnn
    if cell.op == "GRU":
        before = registers.before or registers.now
        word = Gru(*given, previous=before, lengths=has_lengths)
    elif cell.op == "RNN":
        word = Rnn(*given, lengths=has_lengths, relu=cell.is_relu)
    else:
        word = Lstm(*given, lengths=has_lengths)
    if it.is_grouped:
        return replace(word, wait=signals.summed[d], post=signals.free[d])
    return replace(
        word,
        wait=signals.given[d] | signals.summed[d] | signals.stored[d],
        post=signals.taken[d] | stepped(it, d),
    )


def stepped(it: Recurrence, direction: int) -> int:
    """What is said when h of a step is there: where cores have parts of it, it must go round."""
    made = 0 if it.is_split else it.signals.made[direction]
    return made | it.signals.kept[direction]
