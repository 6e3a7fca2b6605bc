"""Iterations of a loop that cannot differ from those before them are counted, not run.

At the end of an iteration the rest of the run follows from the state: who does what, since when
and for how long yet, semaphores, queues, registers that hold counts, iterations left. If all of it
but the time and the iterations left is as it was p iterations ago, then the next p take the same
cycles and count the same, and so do those behind them, as long as the loop goes on. k · p of them
are then skipped: time, tallies and registers advance by k times what they did in the last p.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify

import numpy as np

from q4compile.sim.timing.control import Control, Frame
from q4compile.sim.timing.count_registers import CountRegisters
from q4compile.sim.timing.state import NOBODY, Core, Run, Station

MAX_SEEN = 256
"""States that are kept of a loop; a longer period is not found."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A state at the end of an iteration, and what goes on from there."""

    left: int
    time: int
    tally: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    scalars: tuple[tuple[int, ...], ...]
    """S registers of each core."""
    since: tuple[int, ...]
    """Of every engine."""


def skip(run: Run, frame: Frame) -> None:
    """Skip what can be skipped of a loop of core 0 that begins another iteration now."""
    if not frame.is_watched:
        return
    registers = run.registers.of(frame.first - 1)
    key = _state(run, frame, registers)
    before = frame.seen.get(key)
    if isinstance(before, Seen) and _jump(run, frame, before, registers):
        frame.seen.clear()
        frame.is_watched = False
        return
    if len(frame.seen) >= MAX_SEEN:
        frame.seen.clear()
    frame.seen[key] = Seen(
        frame.left,
        run.now,
        np.array(run.tally, np.int64),
        tuple(tuple(core.control.s) for core in run.cores),
        tuple(station.since for station in _stations(run)),
    )
    frame.last_end = run.now


def _stations(run: Run) -> Iterator[Station]:
    for core in run.cores:
        yield from core.stations.values()


def _jump(run: Run, frame: Frame, before: Seen, registers: CountRegisters) -> bool:
    """Skip whole periods; False where registers do not advance evenly."""
    depth = len(run.cores[0].control.frames) - 1
    inside = [
        core.control for core in run.cores if _is_inside(core.control, run.cores[0].control, depth)
    ]
    drifts = [
        tuple(now - then for now, then in zip(core.control.s, s, strict=True))
        for core, s in zip(run.cores, before.scalars, strict=True)
    ]
    if any(drift[each] for drift in drifts for each in registers.set_anew):
        return False
    period = before.left - frame.left
    times = (min(each.frames[depth].left for each in inside) - 1) // period
    for core, s in zip(run.cores, before.scalars, strict=True):
        times = registers.evenly(s, core.control.s, times)
    if times:
        for each in inside:
            each.frames[depth].left -= times * period
        for core, drift in zip(run.cores, drifts, strict=True):
            core.control.s[:] = [s + times * d for s, d in zip(core.control.s, drift, strict=True)]
        _count(run, before, times)
        _shift(run, times * (run.now - before.time), before.since)
    return True


def _is_inside(control: Control, first: Control, depth: int) -> bool:
    """Whether a core is in the same run of the same loop as core 0."""
    if len(control.frames) <= depth or control.frames[depth].first != first.frames[depth].first:
        return False
    return all(
        mine.first == its.first and mine.left == its.left
        for mine, its in zip(control.frames[:depth], first.frames[:depth], strict=True)
    )


def _count(run: Run, before: Seen, times: int) -> None:
    now = np.frombuffer(run.tally, np.int64)
    then = np.zeros_like(now)
    then[: len(before.tally)] = before.tally
    now += times * (now - then)


def _shift(run: Run, cycles: int, since: Sequence[int]) -> None:
    """Everything happens that much later; an engine that did nothing has waited for longer."""
    run.now += cycles
    run.events = [(time + cycles, *rest) for time, *rest in run.events]  # type: ignore[misc]
    heapify(run.events)
    for core in run.cores:
        core.at += cycles
    for station, then in zip(_stations(run), since, strict=True):
        if station.since != then:
            station.since += cycles
        for place, (time, item) in enumerate(station.in_flight):
            station.in_flight[place] = (time + cycles, item)


def _state(run: Run, frame: Frame, registers: CountRegisters) -> Hashable:
    """All that the rest of the run depends on, but for time and iterations left of `frame`."""
    depth = len(run.cores[0].control.frames) - 1
    served = tuple(run.server.left[each] for each in run.server.active)
    return (
        tuple(run.server.active),
        served,
        run.server.turn if run.server.active else NOBODY,
        *(each for core in run.cores for each in _of_core(run, core, frame, depth, registers)),
    )


def _of_core(
    run: Run, core: Core, frame: Frame, depth: int, registers: CountRegisters
) -> Iterator[Hashable]:
    control, now = core.control, run.now
    if core.number:
        yield core.hand.number
        yield core.is_held
        yield core.at - now
        yield core.has_halted
        yield control.index
        yield from _frames(run, control, frame, depth)
        first = run.cores[0]
        yield core.arrived - first.arrived
        yield core.passed - first.passed
        yield core.shares - first.shares
    inside = core.number == 0 or _is_inside(control, run.cores[0].control, depth)
    yield registers.state(control.s) if inside else tuple(control.s)
    yield core.arrived - core.passed
    yield tuple(core.levels)
    yield tuple(sorted((each, item.number) for each, item in core.posted.items()))
    for station in core.stations.values():
        yield _of_station(station, now, frame.last_end)


def _frames(run: Run, control: Control, frame: Frame, depth: int) -> Iterator[Hashable]:
    """The loops of another core; that of core 0 relative to it."""
    inside = _is_inside(control, run.cores[0].control, depth)
    for place, each in enumerate(control.frames):
        is_same = inside and place == depth
        yield each.first, each.left - frame.left if is_same else each.left, is_same


def _of_station(station: Station, now: int, last_end: int) -> Hashable:
    current = station.current
    if current is None and not station.in_flight and station.since < last_end:
        # Nothing has happened to it for an iteration, nor will it in one that is the same.
        return station.since, station.is_ready, tuple([each.number for each in station.queue])
    return (
        NOBODY if current is None else current.number,
        now - station.since,
        station.is_ready,
        tuple([each.number for each in station.queue]),
        tuple([(time - now, item.number) for time, item in station.in_flight]),
    )
