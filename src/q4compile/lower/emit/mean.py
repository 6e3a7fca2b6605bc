"""Words of a `MeanPhase`: frame by frame, each added to two sums of all frames before.

    part = RNE(x, 12), low = low + x − part · 2^12, carry = RNE(low, 12),
    low = low − carry · 2^12, high = high + part + carry;   high · (2^12 / T) + low · (1 / T)

LD a frame ─full─▶ VX ─free─▶ LD;   VX ─counted─▶ LD multipliers ─there─▶ VX ─done─▶ ST

No word divides by a size: frames are counted as they come, and the count chooses a row of a table.
"""

from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Add, Fill, Gath, Ldd, Nop, Rq, SetA, Std, Sub
from q4compile.isa.operand import Address, Rows
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers, Words, circling, loop, rest
from q4compile.lower.layout.axes import Extent
from q4compile.lower.numbers.kinds import INT16
from q4compile.lower.numbers.means import ENTRY_BYTES, MOST_FRAMES, PART_BITS, mean_table
from q4compile.lower.phases.windows import MeanPhase
from q4compile.lower.plan.window_plan import PARTS, MeanPlan


@dataclass(frozen=True, eq=False)
class Averaging:
    """A phase with its registers."""

    phase: MeanPhase
    plan: MeanPlan
    context: Context
    pointers: Pointers
    source: int
    result: int
    slot: int

    def at(self, part: str) -> Address:
        """A buffer."""
        return Address(self.plan.layout.units(part))

    @property
    def size(self) -> tuple[Rows, int]:
        """Rows at a time, and their columns."""
        extent = self.context.sizes.extent(self.phase.source.rows[1:])
        return self.context.mailbox.count(extent), self.phase.source.depth


def mean_words(phase: MeanPhase, plan: MeanPlan, context: Context) -> Words:
    """All words, from rest to rest."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    it = Averaging(phase, plan, context, pointers, *(pointers.new() for _ in range(3)))
    full, free = semaphores.new(), semaphores.credit(plan.slots)
    signals = (semaphores.new(), semaphores.new(), semaphores.new())
    give, take = semaphores.credits(Engine.ST)
    extent = context.sizes.extent(phase.source.rows[1:])
    return [
        *_start(it),
        *give,
        *pointers.moving(it.source, 0, extent, phase.source.pitch_units),
        *circling(it.slot, 0, plan.slot_units, plan.slots),
        *loop(0, context.mailbox.count(Extent.of(phase.time.size)), _frame(it, full, free)),
        *_end(it, *signals),
        *take,
        *rest(),
    ]


def _start(it: Averaging) -> Words:
    """Pointers, sums of 0, a count of 0 and what it goes up by: 1 in the first of its bytes."""
    phase = it.phase
    rows, _ = it.size
    pitch = phase.source.pitch_bytes
    return [
        it.pointers.at(it.source, it.context.place(phase.source)),
        it.pointers.at(it.result, it.context.place(phase.result)),
        SetA(it.slot, it.plan.layout.units("frames")),
        *(Fill(it.at(part), rows, pitch, pitch, 0) for part in PARTS),
        Fill(it.at("zeros"), 1, pitch, pitch, 0),
        *(Fill(it.at(name), 1, UNIT_BYTES, UNIT_BYTES, 0) for name in ("count", "one")),
        Fill(it.at("one"), 1, 1, 1, 1),
    ]


def _frame(it: Averaging, full: int, free: int) -> Words:
    """One frame into both sums, and into the count."""
    rows, columns = it.size
    pitch, row_bytes = it.phase.source.pitch_bytes, it.phase.source.row_bytes
    high, low, part, carry = (it.at(name) for name in PARTS)
    frame, zeros, count = Address(0, it.slot), it.at("zeros"), it.at("count")
    to = (rows, columns)
    up, down = (0, 0, PART_BITS), (0, PART_BITS, 0)
    return [
        Ldd(frame, Address(0, it.source), rows, row_bytes, pitch, pitch, wait=free, post=full),
        Add(part, frame, zeros, *to, *up, broadcast=True, wait=full),
        Sub(carry, frame, part, *to, *down, post=free),
        Add(low, low, carry, *to),
        Add(carry, low, zeros, *to, *up, broadcast=True),
        Sub(low, low, carry, *to, *down),
        Add(part, part, carry, *to),
        Add(high, high, part, *to),
        Add(count, count, it.at("one"), 1, UNIT_BYTES // 2),
    ]


def _end(it: Averaging, counted: int, there: int, done: int) -> Words:
    """Both sums by the number of frames, and together."""
    rows, columns = it.size
    high, low, part, carry = (it.at(name) for name in PARTS)
    first, node = it.at("multipliers"), it.phase.node
    second = Address(first.offset + 1)
    table = it.context.image.add(it.context.symbol(node, "1 / frames"), mean_table(), node)
    to = (rows, columns, 0, *INT16, ElementType.I16)
    pitch, row_bytes = it.phase.source.pitch_bytes, it.phase.source.row_bytes
    size = (ENTRY_BYTES, ENTRY_BYTES, MOST_FRAMES + 1)
    return [
        Nop(Engine.VX, post=counted),
        Gath(first, Address(table), it.at("count"), 1, *size, wait=counted, post=there),
        Rq(part, high, first, *to, scalar=True, wait=there),
        Rq(carry, low, second, *to, scalar=True),
        Add(part, part, carry, rows, columns, post=done),
        Std(Address(0, it.result), part, rows, row_bytes, pitch, pitch, wait=done),
    ]
