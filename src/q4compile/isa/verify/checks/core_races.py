"""Q343 between cores: a byte of DRAM that two of them touch, one writing, is touched in an order.

Only `Meet` orders words of two cores: one comes before another if it is over at a `Meet` behind
which the other is issued. So each word is under way from the last `Meet` before its issue to the
first at which it is over, and two that are so between the same two `Meet`s may race.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.findings import core_race, word_name, word_place
from q4compile.isa.verify.host import described
from q4compile.isa.verify.resolved import Touch
from q4compile.isa.verify.schedule import Schedule
from q4compile.isa.verify.walk import Verification, Walk

Spans = NDArray[np.int64]
"""``[start, stop)`` in order, apart from each other: [n, 2]."""
Between = dict[int, list[Touch]]
"""Number of a `Meet` → the words under way between it and the next one."""


def findings(verification: Verification) -> Iterator[Finding]:
    """The first race of each two words."""
    seen: set[tuple[int, int]] = set()
    for walks in verification.runs:
        if len(walks) > 1:
            for writer, other, walk in _races(walks, len(verification.data)):
                pair = (writer.event.issued.index, other.event.issued.index)
                if pair not in seen:
                    seen.add(pair)
                    yield _race(writer, other, walk, verification)


def _races(walks: Sequence[Walk], data_bytes: int) -> Iterator[tuple[Touch, Touch, Walk]]:
    under_way = [_between(walk, data_bytes) for walk in walks]
    for number in sorted(set[int]().union(*under_way)):
        touches = [each.get(number, []) for each in under_way]
        writes = [_spans(each.done.writes for each in found) for found in touches]
        every = [_spans(each.done.reads + each.done.writes for each in found) for found in touches]
        for one, two in permutations(range(len(walks)), 2):
            byte = _first_common(writes[one], every[two])
            if byte is not None:
                writer = next(t for t in touches[one] if _has(t.done.writes, byte))
                whole = (t for t in touches[two] if _has(t.done.reads + t.done.writes, byte))
                yield writer, next(whole), walks[two]


def _between(walk: Walk, data_bytes: int) -> Between:
    """Words that touch DRAM behind DATA, each effect once."""
    found: Between = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for touch in walk.touches:
        if any(_is_shared(region, data_bytes) for region in touch.done.reads + touch.done.writes):
            event = touch.event
            for number in range(event.meets, _over(touch, walk.schedule)):
                if (number, id(touch.done)) not in seen:
                    seen.add((number, id(touch.done)))
                    found[number].append(touch)
    return found


def _is_shared(region: Region, data_bytes: int) -> bool:
    return region.memory is Memory.DRAM and region.stop > data_bytes


def _over(touch: Touch, schedule: Schedule) -> int:
    """How many times the core has met the others when the word is over for certain."""
    event = touch.event
    meets = bisect_left(schedule.meets, event.number, key=lambda clock: clock[event.engine])
    return min(meets, len(schedule.meets)) + 1


def _spans(regions: Iterable[tuple[Region, ...]]) -> Spans:
    found = sorted(
        span
        for each in regions
        for region in each
        if region.memory is Memory.DRAM
        for span in region.intervals()
    )
    merged: list[list[int]] = []
    for start, stop in found:
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(stop, merged[-1][1])
        else:
            merged.append([start, stop])
    return np.array(merged, np.int64).reshape(-1, 2)


def _first_common(one: Spans, other: Spans) -> int | None:
    """A byte of both."""
    if not len(one) or not len(other):
        return None
    place = np.searchsorted(other[:, 1], one[:, 0], side="right")
    starts = np.append(other[:, 0], np.iinfo(np.int64).max)[place]
    common = np.flatnonzero(starts < one[:, 1])
    if not len(common):
        return None
    return int(max(starts[common[0]], one[common[0], 0]))


def _has(regions: tuple[Region, ...], byte: int) -> bool:
    return any(r.memory is Memory.DRAM and r.meets(byte, byte + 1) for r in regions)


def _race(writer: Touch, other: Touch, walk: Walk, verification: Verification) -> Finding:
    program = verification.program
    at = word_place(program, walk.entry, other.event.issued.index)
    name = word_name(program, writer.event.issued.index)
    regions = other.done.conflict(writer.done)
    assert regions is not None, "they have a byte in common"
    verb = "writes" if regions[0] in other.done.writes else "reads"
    where = described(regions[0], walk.host, len(verification.data))
    got = f"it {verb} {where}, with {walk.sizes}, which the other writes on another core"
    return core_race(at, f"a meet between it and {name}", got)
