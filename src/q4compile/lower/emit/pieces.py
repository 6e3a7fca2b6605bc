"""What the next phase needs first loads piece by piece, one at each step of a recurrence.

    step t:  LD input sums of t, piece t        behind the last step:  LD the pieces that are left

A load in one word is as long as many steps, and the loads of the next step would wait behind it.
"""

from dataclasses import dataclass, replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Ldd, Loop, SetA, SetS, Stride
from q4compile.isa.operand import Address, Scalar
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.words import AHEAD, Block, Words, loop
from q4compile.lower.plan.records import MAX_ROW_BYTES
from q4compile.lower.plan.sram import aligned

LOADS, DONE = range(2)
"""Variables of the code: how many pieces load next, and how many are there."""
TIME, PIECE = 1, 2
"""Loop levels: steps, and what is in them or behind them."""
PIECES = 64
"""About so many: an utterance has more steps, and each has room for a piece."""
LEAST_BYTES = 2**15
"""Less is loaded in a word."""
ALIGNMENT_BYTES = 256
"""Pieces are whole bursts of any usual size."""
MOST_REGISTERS = AHEAD - 3
"""Taken before: two are for pieces, and one is left for a loop over layers."""


@dataclass(frozen=True)
class Pieces:
    """The first bytes of a load: all but less than a piece."""

    load: Ldd
    start: SetA
    """Points to the source."""
    words: tuple[Instruction, ...]
    """That make the load, as one."""

    @property
    def count_bytes(self) -> int:
        """Of the load."""
        assert isinstance(self.load.rows, int), "constants have as many rows as they have"
        return self.load.rows * self.load.row_bytes

    @property
    def size_bytes(self) -> int:
        """Of a piece, which a word can load as one row."""
        most = MAX_ROW_BYTES // ALIGNMENT_BYTES * ALIGNMENT_BYTES
        return min(aligned(-(-self.count_bytes // PIECES), ALIGNMENT_BYTES), most)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.count_bytes // self.size_bytes

    @property
    def rest(self) -> Words:
        """What loads the rest."""
        done_bytes = self.count * self.size_bytes
        rest_bytes, units = self.count_bytes - done_bytes, done_bytes // UNIT_BYTES
        to = replace(self.load.to, offset=self.load.to.offset + units)
        sizes, node = (rest_bytes,) * 3, self.load.node
        last = Ldd(to, Address(units, AHEAD), 1, *sizes, node=node)
        return [replace(self.start, register=AHEAD), last] if rest_bytes else []


def by_pieces(block: Block, ahead: Words, context: Context) -> tuple[Words, Words]:
    """The body of a block with most of what is ahead in its steps; and the rest of that."""
    pieces, steps, mailbox = _pieces(ahead), block.steps, context.mailbox
    if pieces is None or steps is None or steps.pointers.taken > MOST_REGISTERS:
        return block.body, ahead
    if not all(mailbox.has_variable(each) for each in (LOADS, DONE)):
        return block.body, ahead
    loads, done = (mailbox.variable(each) for each in (LOADS, DONE))
    source, to = steps.pointers.new(), steps.pointers.new()
    size, count = pieces.size_bytes, pieces.count
    load = Ldd(Address(0, to), Address(0, source), 1, size, size, size, node=pieces.load.node)
    around = block.body[steps.at]
    assert isinstance(around, Loop), "the loop over steps"
    end = steps.at + 1 + around.length
    more = [
        SetS(loads, count, -1, done, 1),
        *loop(PIECE, Scalar(loads), [load]),
        SetS(done, 1, 1, done, count),
    ]
    units = size // UNIT_BYTES
    body: Words = [
        *block.body[: steps.at],
        replace(pieces.start, register=source),
        SetA(to, pieces.load.to.offset),
        SetS(done, 0),
        *(Stride(each, TIME, units) for each in (source, to)),
        replace(around, length=around.length + len(more)),
        *block.body[steps.at + 1 : end],
        *more,
        SetS(loads, count, -1, done),
        *(Stride(each, PIECE, units) for each in (source, to)),
        *loop(PIECE, Scalar(loads), [load]),
        *block.body[end:],
    ]
    return body, [*ahead[: -len(pieces.words)], *pieces.rest]


def _pieces(ahead: Words) -> Pieces | None:
    """Of the last load, if that is a long one of constants that lie as they are."""
    load = ahead[-1] if ahead else None
    if not isinstance(load, Ldd) or not isinstance(load.rows, int) or load.post:
        return None
    is_whole = load.row_bytes == load.to_pitch == load.source_pitch
    if load.rows * load.row_bytes < LEAST_BYTES or not is_whole:
        return None
    if load.source.register == 0:
        return Pieces(load, SetA(AHEAD, load.source.offset, node=load.node), (load,))
    start = ahead[-2]
    is_set = isinstance(start, SetA) and load.source == Address(0, start.register)
    return Pieces(load, start, (start, load)) if is_set and isinstance(start, SetA) else None
