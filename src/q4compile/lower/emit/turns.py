"""Words of a turn of the loop over groups, where weights stay on chip, all or some of them.

In the first step all weights load, in order; later on only those that come by. So weights that stay
need no time of their own before the first step, and a phase of one step is as fast as any.

    LD weights ─filled─▶ MX product ─summed─▶ VX step ─vacant─▶ LD, of those that come by
"""

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Nop
from q4compile.isa.operand import Address, Scalar
from q4compile.lower.emit.recurrence_registers import FIRST, Recurrence
from q4compile.lower.emit.recurrence_step import group_words
from q4compile.lower.emit.words import ONCE, Words, loop, signalled


def turn_words(it: Recurrence) -> Words:
    """All groups of a turn, those that stay before the others."""
    turn = it.phase.grouping.turn
    kept = it.phase.grouping.kept if it.is_partial else turn
    first = Scalar(it.context.mailbox.variable(FIRST))
    words: Words = [
        *loop(ONCE, first, [_load(it, n) for n in range(kept)]),
        Nop(Engine.LD, post=it.signals.filled),
        *signalled(
            [word for n in range(kept) for word in group_words(it, n)], it.signals.filled, 0
        ),
    ]
    for n in range(kept, turn):
        words.append(_load(it, n, wait=it.signals.vacant, post=it.signals.filled))
        words += signalled(group_words(it, n), it.signals.filled, it.signals.vacant)
    return words


def _load(it: Recurrence, position: int, **signals: int) -> Instruction:
    source = Address(position * it.weights.pitch_units, it.registers.weights)
    return it.weights.word(it.tile(position), source, **signals)
