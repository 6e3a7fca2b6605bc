"""Products and steps of a `RecurrentPhase`: those of one group of units, in one direction.

Of several groups in a turn of the loop over groups, `position` says which one.
"""

from dataclasses import replace

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Gru, Lstm, Mm, Rnn
from q4compile.isa.operand import Address
from q4compile.lower.emit.recurrence_registers import Recurrence
from q4compile.lower.emit.requantized import requantized
from q4compile.lower.emit.words import Words, signalled
from q4compile.lower.phases.phases import Multiplied
from q4compile.lower.plan.cell_shape import (
    INPUT_BIAS,
    INPUT_MULTIPLIERS,
    INPUT_SUMS,
    INPUT_WEIGHTS,
    INPUTS,
)


def group_words(it: Recurrence, position: int = 0, rest: int = 0) -> Words:
    """Products, then steps, in all directions. Where a step makes its input sums, these first:

    MX x · W, h · R ─summed─▶ VX input sums, step ─free─▶ MX

    R may come behind W: `rest` is what its product waits for.
    """
    products = [product(it, d, position) for d in it.every]
    steps = [step(it, d, position) for d in it.every]
    if not isinstance(it.phase.source, Multiplied):
        return [*products, *steps]
    sums, scaled = _input_words(it, it.phase.source, position)
    made = [sums, replace(products[0], wait=rest)], [scaled, replace(steps[0], wait=0)]
    free, summed = it.signals.free[0], it.signals.summed[0]
    return [*signalled(made[0], free, 0), *signalled(made[1], summed, 0)]


def _input_words(it: Recurrence, multiplied: Multiplied, position: int) -> Words:
    """x · W of a group, and what a step takes of it."""
    columns = it.phase.cell.gates * it.phase.grouping.units
    sums, inputs = it.summed(INPUT_SUMS, position), it.summed(INPUTS, position)
    operand = Address(it.plan.slot.units("inputs0"), it.registers.now)
    weights, bias = (it.tiled(field, position) for field in (INPUT_WEIGHTS, INPUT_BIAS))
    depth, precision = multiplied.operand.depth, multiplied.precision
    product = Mm(sums, operand, weights, bias, it.rows, columns, depth, precision)
    multipliers = None if multiplied.is_float else it.tiled(INPUT_MULTIPLIERS, position)
    return [product, requantized(multiplied, inputs, sums, multipliers, it.rows, columns)]


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
    loaded = slot.units(f"inputs{d}") + position * it.group_input_units
    inputs = Address(loaded, registers.inputs or registers.now)
    if isinstance(it.phase.source, Multiplied):
        inputs = it.summed(INPUTS, position)
    places = (
        Address(hidden, registers.hidden or registers.then),
        it.sums(d, position),
        inputs,
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
        word = Lstm(*given, lengths=has_lengths, wide=cell.is_wide)
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
