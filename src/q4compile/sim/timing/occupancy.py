"""SRAM in use over time: a byte is, from when it is written or first read until its last reading.

Counted in blocks of the target's alignment, on one core, for the words of a trace.
"""

import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.effects import Effects
from q4compile.isa.engine import Engine
from q4compile.isa.issue import issue
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.contents import unknown_contents
from q4compile.isa.verify.resolved import Resolver, resolved
from q4compile.isa.verify.schedule import Event
from q4compile.isa.verify.streams import Streams
from q4compile.sim.timing.trace import Span, Trace


@dataclass(frozen=True)
class Level:
    """From `cycle` on, until the next one."""

    cycle: int
    bytes: int


def sram_levels(trace: Trace, core: int, spans: Sequence[Span]) -> list[Level]:
    """The SRAM of `core` in use, at each cycle where it changes; `spans` are the core's."""
    block = trace.target.sram.alignment_bytes
    count = -(-trace.target.sram.size_bytes // block)
    never = -1
    since = np.full(count, never)
    """Of each block: until when its use is counted; `never` before its first word."""
    changes: Counter[int] = Counter()
    for span, touched in _in_order_of_time(trace, core, spans):
        for region in touched.reads:
            for part in _blocks(region, block, since):
                _count(changes, part, span)
                part[:] = span.end
        for region in touched.writes:
            for part in _blocks(region, block, since):
                part[:] = span.begin
    return _levels(changes, block)


def _count(changes: "Counter[int]", part: NDArray[np.int64], span: Span) -> None:
    """The blocks were in use until this reading ends."""
    times, counts = np.unique(part, return_counts=True)
    for time, number in zip(times.tolist(), counts.tolist(), strict=True):
        changes[min(time, span.begin) if time >= 0 else span.begin] += number
        changes[span.end] -= number


def _blocks(region: Region, block: int, since: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    if region.memory is Memory.SRAM:
        for start, stop in region.intervals():
            yield since[start // block : -(-stop // block)]


def _levels(changes: "Counter[int]", block: int) -> list[Level]:
    levels, level = [Level(0, 0)], 0
    for cycle in sorted(changes):
        if changes[cycle]:
            level += changes[cycle]
            levels.append(Level(cycle, block * level))
    return levels


def _in_order_of_time(
    trace: Trace, core: int, spans: Sequence[Span]
) -> Iterator[tuple[Span, Effects]]:
    """Each span with what its word touches; the n-th span of an engine is its n-th word."""
    queues: dict[int, deque[Effects]] = defaultdict(deque)
    wanted = Counter(span.item.engine for span in spans)
    missing = len(spans)
    for engine, touched in _issued(trace, core):
        if len(queues[engine]) < wanted[engine]:
            queues[engine].append(touched)
            missing -= 1
        if not missing:
            break
    for span in sorted(spans, key=lambda span: (span.begin, span.end)):
        yield span, queues[span.item.engine].popleft()


def _issued(trace: Trace, core: int) -> Iterator[tuple[int, Effects]]:
    """The words of the engines in issue order, with their engines."""
    program, target = trace.program, trace.target
    data = np.frombuffer(program.data, np.uint8)
    contents = unknown_contents(target.sram.size_bytes, data, {}, Streams())
    resolver = Resolver()
    words = issue(
        program.code,
        program.entry(trace.entry).start,
        trace.mailboxes[core],
        sys.maxsize,
        core=core,
        cores=program.cores,
    )
    events = (
        Event(each, Engine(each.word.engine), 0, ())
        for each in words
        if each.word.engine is not Engine.SQ
    )
    for touch in resolved(events, contents, resolver):
        yield int(touch.event.engine), touch.done
