"""Small pieces of code: loops, pointers that they move, credits between engines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Ldd, Loop, Nop, SetA, Stride
from q4compile.isa.operand import REGISTERS, Address, Rows
from q4compile.lower.emit.mailbox import Mailbox
from q4compile.lower.layout.axes import Extent
from q4compile.lower.layout.places import Place
from q4compile.lower.plan.records import rows_to_load

Words = list[Instruction]
EVERY_ENGINE = sum(1 << engine for engine in Engine if engine is not Engine.SQ)
ONCE = 3
"""The loop level that is kept for loops of one iteration."""

AHEAD = REGISTERS - 1
"""The address register of loads that may come before the phase that they are for: no phase needs
it behind its loads."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The loop over steps of a phase, in each of which engines and sequencer have time to spare."""

    at: int
    """Its index in the body."""
    pointers: "Pointers"
    """Those of the phase."""


@dataclass(frozen=True)
class Block:
    """The words of a phase, from rest to rest."""

    body: Words
    tail: Words
    """Behind the last word that loads."""
    ahead: Words = field(default_factory=list)
    """Loads of constants and states that enter: before the body, or before the tail of the phase
    before. They set no register but `AHEAD`."""
    steps: Steps | None = None


def loop(level: int, count: Rows, body: Sequence[Instruction]) -> Words:
    """`body`, `count` times."""
    return [Loop(level, count, len(body)), *body]


def rest() -> Words:
    """All engines come to rest."""
    return [Bar(EVERY_ENGINE)]


class Pointers:
    """Address registers of a phase, and the words that set and move them."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.taken = 0

    def new(self) -> int:
        """The number of a register that nobody has."""
        self.taken += 1
        if self.taken == REGISTERS:
            raise ValueError("a phase takes more than 15 address registers")
        return self.taken

    def ahead(self, place: Place, extent: Extent, units: int) -> Place | None:
        """units · extent behind `place`; None where that takes one more register to say."""
        step, times, source = self.mailbox.scaled(extent, units)
        if times == 0:
            return place.plus(step)
        if place.times == 0 or place.source == source:
            return replace(place, times=place.times + times, source=source)
        return None

    def at(self, register: int, place: Place) -> SetA:
        """The register points to a place in DRAM."""
        if place.base is None:
            return SetA(register, place.offset, place.times, place.source)
        first = (1, place.base)
        second = (place.times, place.source) if place.times else (0, 0)
        return SetA(register, place.offset, *first, *second)

    def moving(self, register: int, level: int, extent: Extent, units: int, back: int = 0) -> Words:
        """It moves by units · extent − back in each iteration of the next loop at `level`."""
        step, times, source = self.mailbox.scaled(extent, units)
        if step == back and times == 0:
            return []
        return [Stride(register, level, step - back, times, source)]

    def stepping(self, register: int, level: int, units: int) -> Words:
        """It moves by `units` in each iteration of the next loop at `level`."""
        return [Stride(register, level, units)] if units else []

    def moved_once(self, moves: Iterable[Words], before: Instruction | None = None) -> Words:
        """Strides at level `ONCE`, carried out once and for all behind `before`."""
        strides = [word for words in moves for word in words]
        if strides:
            return [*strides, Loop(ONCE, 1, 1), before or Nop(Engine.LD)]
        return [] if before is None else [before]


def circling(register: int, level: int, slot_units: int, slots: int) -> Words:
    """It goes to the next slot of a ring in each iteration of the next loop at `level`."""
    if slots == 1:
        return []
    return [Stride(register, level, slot_units, modulo=slot_units * slots)]


def credits(engine: Engine, counts: Mapping[int, int]) -> tuple[Words, Words]:
    """Words that give each semaphore so many at the start of a phase, and take them at its end."""
    give: Words = []
    take: Words = []
    for n in range(max(counts.values(), default=0)):
        mask = sum(semaphore for semaphore, count in counts.items() if count > n)
        give.append(Nop(engine, post=mask))
        take.append(Nop(engine, wait=mask))
    return give, take


def load_records(to: Address, source: Address, record_bytes: int, count: int, **given: int) -> Ldd:
    """`count` records as they lie, each of a size that `transfer_bytes` gives."""
    rows = rows_to_load(record_bytes)
    row = record_bytes // rows
    return Ldd(to, source, count * rows, row, row, row, **given)


def signalled(words: Sequence[Instruction], wait: int, post: int) -> Words:
    """The first word waits, the last one posts."""
    found = list(words)
    if found:
        found[0] = replace(found[0], wait=found[0].wait | wait)
        found[-1] = replace(found[-1], post=found[-1].post | post)
    return found
