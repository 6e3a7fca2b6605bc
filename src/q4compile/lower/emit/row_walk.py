"""The loops around a chunk of rows, and how pointers into DRAM move with them."""

from collections.abc import Mapping, Sequence

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import SetS
from q4compile.isa.operand import Scalar
from q4compile.isa.program import Expression
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.mailbox import Sharing
from q4compile.lower.emit.words import Pointers, Words, loop
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.layout.tensors import Group, Tensor, names
from q4compile.lower.phases.phases import RowsPhase
from q4compile.lower.plan.row_loops import RowLoops

ROWS, LEFT = range(2)
"""Variables of the code: rows of a chunk, rows that are left."""
CHUNKS, PARTS = 1, 2
"""Loop levels: chunks, and tiles within everything."""


def walked(
    phase: RowsPhase,
    loops: RowLoops,
    context: Context,
    pointers: Pointers,
    registers: Mapping[str, int],
    body: Sequence[Instruction],
    turns: Sequence[Instruction],
    column_units: int,
) -> Words:
    """`body` for all rows.

    Args:
        registers: name of a tensor in DRAM → its pointer.
        turns: what moves the ring of chunks at each turn of the loop over chunks.
        column_units: how far `body` has moved the pointer of the result.
    """
    tensors = (*phase.inputs, *phase.writes)
    if loops.is_chunked:
        strides: Words = []
        for each in tensors:
            ahead = loops.rows * each.pitch_units - (each in phase.writes) * column_units
            strides += pointers.stepping(registers[each.name], CHUNKS, ahead)
        extent = context.sizes.extent(phase.rows)
        return _chunks(extent, loops.rows, context, [*strides, *turns], body)
    return _nested(phase, loops, context, pointers, registers, body, column_units)


def _chunks(
    extent: Extent,
    rows: int,
    context: Context,
    strides: Sequence[Instruction],
    body: Sequence[Instruction],
) -> Words:
    """The last chunk has from 1 to `rows` rows, whatever there are."""
    mailbox = context.mailbox
    held, left = (mailbox.variable(each) for each in (ROWS, LEFT))
    first = SetS(left, *mailbox.scaled(extent, 1))
    chunks = _counted(extent, rows, context)
    is_exact = chunks == Expression(extent.names, extent.times, rows)
    ahead = [SetS(left, -rows, 1, left)] if is_exact else _down(left, rows)
    chunk = [SetS(held, 0, 1, left, rows), *ahead, *body]
    if is_exact:
        count = Scalar(mailbox.holding(chunks)) if extent.names else chunks.value({})
        return [first, *strides, *loop(CHUNKS, count, chunk)]
    times = SetS(held, 0, extent.times, mailbox.holding(chunks))
    return [first, times, *strides, *loop(CHUNKS, Scalar(held), chunk)]


def _counted(extent: Extent, rows: int, context: Context) -> Expression:
    """What the host counts: chunks, or those of rows that share a register with these."""
    mailbox, names, times = context.mailbox, extent.names, extent.times
    if names and mailbox.sharing >= Sharing.BANDS:
        times = 1
    if names and mailbox.sharing >= Sharing.FRAMES:
        names = tuple(sorted(context.sizes.root(name) for name in names))
    return Expression(names, times, rows)


def _down(left: int, rows: int) -> list[SetS]:
    """``left = max(left − rows, 0)``."""
    return [SetS(left, rows + 1, -1, left, 1), SetS(left, 1, -1, left)]


def _nested(
    phase: RowsPhase,
    loops: RowLoops,
    context: Context,
    pointers: Pointers,
    registers: Mapping[str, int],
    body: Sequence[Instruction],
    column_units: int,
) -> Words:
    """A loop for each outer axis; a tensor stays where it is along axes that it lacks."""
    words = list(body)
    tensors = (*phase.inputs, *phase.writes)
    for level in reversed(range(len(loops.outer))):
        axis, inside = loops.outer[level], loops.outer[level + 1 :]
        resets: Words = []
        strides: Words = []
        for each in tensors:
            register = registers[each.name]
            if _has(each, axis) and not any(_has(each, other) for other in inside):
                back = column_units if each in phase.writes else 0
                strides += pointers.moving(register, level, *_distance(each, axis, context), back)
            elif not _has(each, axis) and any(_has(each, other) for other in inside):
                resets.append(pointers.at(register, context.place(each)))
        count = context.mailbox.count(context.sizes.extent((axis,)))
        words = [*strides, *loop(level, count, [*resets, *words])]
    return words


def _has(tensor: Tensor, axis: Axis) -> bool:
    return axis.size in names(tensor.rows)


def _distance(tensor: Tensor, axis: Axis, context: Context) -> tuple[Extent, int]:
    """From one index of `axis` to the next: rows inside of it, and units of each."""
    inner: Group = tensor.rows[names(tensor.rows).index(axis.size) + 1 :]
    return context.sizes.extent(inner), tensor.pitch_units
