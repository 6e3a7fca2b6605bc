"""Q343: two words that touch a byte, one of them writing it, always run in the same order.

A word of another engine has an order to this one if it is over by the clock of this one.
"""

from collections.abc import Iterator, Sequence

from q4compile.errors import Finding
from q4compile.isa.element_type import aligned_bytes
from q4compile.isa.engine import Engine
from q4compile.isa.region import Memory
from q4compile.isa.verify.findings import race, word_name, word_place
from q4compile.isa.verify.host import described
from q4compile.isa.verify.resolved import Touch
from q4compile.isa.verify.schedule import ENGINES
from q4compile.isa.verify.shadow import Cells, Shadow, cells_of, untouched
from q4compile.isa.verify.units import Units
from q4compile.isa.verify.walk import Verification, Walk

MAX_PAIRS = 20
Queues = dict[Engine, list[Touch]]


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each pair of words."""
    seen: set[frozenset[int]] = set()
    sram_bytes, data_bytes = verification.target.sram.size_bytes, len(verification.data)
    for walk in verification.walks:
        behind_data = Units(aligned_bytes(data_bytes), walk.host.stop)
        shadows = {
            Memory.SRAM: untouched(Units(0, sram_bytes)),
            Memory.DRAM: untouched(behind_data),
        }
        for first, second in _pairs(walk.touches, shadows):
            pair = frozenset((first.event.issued.index, second.event.issued.index))
            if pair not in seen and len(seen) < MAX_PAIRS:
                seen.add(pair)
                yield _race(first, second, walk, verification)


def _pairs(
    touches: Sequence[Touch], shadows: dict[Memory, Shadow]
) -> Iterator[tuple[Touch, Touch]]:
    queues: Queues = {each: [] for each in ENGINES}
    known: dict[int, tuple[Cells, ...]] = {}
    for touch in touches:
        event, done = touch.event, touch.done
        if id(done) not in known:
            known[id(done)] = cells_of(done, shadows)
        cells = known[id(done)]
        for engine in _unordered(touch, queues):
            if any(each.conflict(engine, event.clock[engine]) for each in cells):
                other = _conflicting(queues[engine], touch, engine)
                if other is not None:
                    yield other, touch
        queues[event.engine].append(touch)
        for each in cells:
            each.mark(event.engine, event.number)


def _unordered(touch: Touch, queues: Queues) -> Iterator[Engine]:
    """The other engines that have run words which are not over for certain."""
    event = touch.event
    for engine, queue in queues.items():
        if engine is not event.engine and len(queue) > event.clock[engine]:
            yield engine


def _conflicting(queue: Sequence[Touch], touch: Touch, engine: Engine) -> Touch | None:
    """The last word of the queue that is not over and touches the same bytes."""
    for other in reversed(queue[touch.event.clock[engine] :]):
        if other.done.conflict(touch.done) is not None:
            return other
    return None


def _race(first: Touch, second: Touch, walk: Walk, verification: Verification) -> Finding:
    program, data_bytes = verification.program, len(verification.data)
    at = word_place(program, walk.entry, second.event.issued.index)
    need = f"an order to {word_name(program, first.event.issued.index)}"
    regions = second.done.conflict(first.done)
    assert regions is not None
    sides = zip(regions, (second, first), strict=True)
    verbs = ["writes" if region in touch.done.writes else "reads" for region, touch in sides]
    mine, other = (
        f"{verb} {described(region, walk.host, data_bytes)}"
        for verb, region in zip(verbs, regions, strict=True)
    )
    return race(at, need, f"it {mine}, the other {other}, with {walk.sizes}")
