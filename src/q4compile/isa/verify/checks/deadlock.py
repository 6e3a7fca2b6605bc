"""Q341: somebody can always go on, until `Halt`.

Which words are left when nobody can does not depend on timing, as long as no two engines take a
semaphore in an order that timing decides (`semaphores`).
"""

from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar
from q4compile.isa.issue import Issued
from q4compile.isa.program import Program
from q4compile.isa.verify.findings import deadlock, entry_place, word_name
from q4compile.isa.verify.schedule import Stuck
from q4compile.isa.verify.semaphores import indices
from q4compile.isa.verify.walk import Verification


def findings(verification: Verification) -> Iterator[Finding]:
    """The first standstill of each entry."""
    program, seen = verification.program, set()
    for walk in verification.walks:
        stuck = walk.schedule.stuck
        if stuck is not None and walk.entry.name not in seen:
            seen.add(walk.entry.name)
            lines = [f"with {walk.sizes}", *_waits(stuck, program)]
            yield deadlock(entry_place(program, walk.entry), "\n".join(lines))


def _waits(stuck: Stuck, program: Program) -> Iterator[str]:
    """Who waits for what: the sequencer, then each engine that has a word."""
    busy = [queue[0].word.engine for queue in stuck.queues]
    at = stuck.rest[0]
    mask = at.word.mask if isinstance(at.word, Bar) else ~0
    names = ", ".join(engine.name.lower() for engine in busy if mask >> engine & 1)
    yield f"sq waits for {names}: {word_name(program, at.index)}"
    for queue in stuck.queues:
        head = queue[0]
        empty = [index for index in indices(head.word.wait) if not stuck.levels[index]]
        reasons = " and ".join(f"semaphore {index}, {_giver(stuck, index)}" for index in empty)
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
