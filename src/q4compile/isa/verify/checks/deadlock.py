"""Q341: somebody can always go on, until `Halt`.

Which words are left when nobody can does not depend on timing, as long as no two engines take a
semaphore in an order that timing decides (`semaphores`).
"""

from collections.abc import Iterator, Sequence

from q4compile.errors import Finding
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar
from q4compile.isa.issue import Issued
from q4compile.isa.program import Program
from q4compile.isa.verify.findings import deadlock, entry_place, word_name
from q4compile.isa.verify.schedule import Stuck
from q4compile.isa.verify.semaphores import indices
from q4compile.isa.verify.walk import Verification, Walk


def findings(verification: Verification) -> Iterator[Finding]:
    """The first standstill of each entry."""
    program, seen = verification.program, set()
    for walks in verification.runs:
        entry = walks[0].entry
        if entry.name not in seen and any(walk.schedule.stuck is not None for walk in walks):
            seen.add(entry.name)
            lines = [f"with {walks[0].dimensions}", *_lines(walks, program)]
            yield deadlock(entry_place(program, entry), "\n".join(lines))


def _lines(walks: Sequence[Walk], program: Program) -> Iterator[str]:
    """Of each core that waits."""
    for walk in walks:
        if walk.schedule.stuck is not None:
            core = "" if walk.core is None else f"core {walk.core}, "
            yield from (f"{core}{line}" for line in _waits(walk.schedule.stuck, program))
        elif walk.core is not None:
            yield f"core {walk.core} is at its end"


def _waits(stuck: Stuck, program: Program) -> Iterator[str]:
    """Who waits for what: the sequencer, then each engine that has a word."""
    busy = [queue[0].word.engine for queue in stuck.queues]
    at = stuck.rest[0]
    mask = at.word.mask if isinstance(at.word, Bar) else ~0
    names = ", ".join(engine.name.lower() for engine in busy if mask >> engine & 1)
    names = names or "other cores"
    yield f"sq waits for {names}: {word_name(program, at.index)}"
    for queue in stuck.queues:
        head = queue[0]
        empty = [index for index in indices(head.word.wait) if not stuck.levels[index]]
        reasons = " and ".join(f"semaphore {index}, {_giver(stuck, index)}" for index in empty)
        reasons = reasons or "other cores"
        engine = head.word.engine.name.lower()
        yield f"{engine} waits for {reasons}: {word_name(program, head.index)}"


def _giver(stuck: Stuck, semaphore: int) -> str:
    for queue in stuck.queues:
        for each in queue:
            if each.word.post >> semaphore & 1:
                return f"which word {each.index} gives, {_place(each, queue[0])}"
    for each in stuck.rest:
        if each.word.post >> semaphore & 1:
            return f"which word {each.index} gives, that is not issued yet"
    return "which no word gives any more"


def _place(each: Issued, head: Issued) -> str:
    engine = Engine(each.word.engine).name.lower()
    if each is head:
        return f"the first in the queue of {engine}"
    return f"behind word {head.index} in the queue of {engine}"
