"""What becomes of h where each core has some of the units: its part goes to all, and to DRAM.

Both are words of the engine that stores, so a part is in DRAM before that of the next step goes
round; then it may be written over.
"""

from dataclasses import replace

from q4compile.isa.instructions import Share, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.recurrence_registers import Recurrence
from q4compile.lower.emit.words import Words, signalled


def shared_and_stored(it: Recurrence) -> Words:
    """The words of a step."""
    shares: Words = [_share(it, d) for d in it.every]
    stores: Words = [_store(it, d) for d in it.every if it.phase.output is not None]
    signals = it.signals
    if it.is_grouped:
        shares = signalled(shares, signals.kept[0], signals.made[0])
        return [*shares, *signalled(stores, 0, signals.stored[0])]
    pairs = zip(shares, signals.kept, signals.made, strict=True)
    return [
        *(replace(word, wait=kept, post=made) for word, kept, made in pairs),
        *(replace(word, post=stored) for word, stored in zip(stores, signals.stored, strict=False)),
    ]


def own_row_bytes(it: Recurrence) -> int:
    """Bytes of the units of a core in a row of h."""
    return it.phase.cell.element.row_bytes(it.phase.grouping.own_units)


def _share(it: Recurrence, direction: int) -> Share:
    to = Address(it.plan.slot.units(f"hidden{direction}"), it.registers.then)
    return Share(to, it.rows, own_row_bytes(it), it.plan.hidden_pitch_bytes)


def _store(it: Recurrence, direction: int) -> Std:
    output = it.phase.output
    assert output is not None, "it is stored"
    # Where units go in groups, the pointer is behind the last of them.
    behind = it.own_hidden_units if it.is_grouped else 0
    return Std(
        Address(0, it.registers.outputs[direction]),
        Address(it.plan.slot.units(f"hidden{direction}") - behind, it.registers.hidden),
        it.rows,
        own_row_bytes(it),
        output.pitch_bytes,
        it.plan.hidden_pitch_bytes,
    )
