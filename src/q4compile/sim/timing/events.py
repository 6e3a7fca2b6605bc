"""A run from event to event: every core's sequencer and engines, and the DRAM between them.

Between two events nothing changes but time. At each, results arrive and engines end words; then
all that can begin does. A cycle of a core counts as that of the first engine that is busy, in the
order MX, VX, LD, ST, else as that of the word that its sequencer has in hand.
"""

from array import array
from collections.abc import Sequence
from heapq import heappop, heappush

from q4compile.errors import Finding, TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Halt, Meet
from q4compile.isa.target import Target
from q4compile.sim.scale_sim import Dataflow
from q4compile.sim.timing.control import Control
from q4compile.sim.timing.count_registers import LoopRegisters
from q4compile.sim.timing.dram_server import DramServer
from q4compile.sim.timing.items import Item, Items
from q4compile.sim.timing.loop_skip import skip
from q4compile.sim.timing.state import NOBODY, QUEUE_WORDS, STATIONS, Core, Run, Station, Watch
from q4compile.sim.timing.tally import HELD, STRIDE, Place, row_of

COMPLETE, WORK_ENDS, ISSUED = range(3)
BUSY_BITS = {Engine.LD: 1, Engine.MX: 2, Engine.VX: 4, Engine.ST: 0}
MOST_TELLING = (Engine.MX, Engine.VX, Engine.LD, Engine.ST)
EXECUTED, ISSUE, LATENCY, DRAM = map(int, (Place.EXECUTED, Place.ISSUE, Place.LATENCY, Place.DRAM))
CORES, WALL = int(Place.CORES), int(Place.WALL)
MAX_LEVEL = 255
NO_ROW = array("q", bytes(8 * STRIDE))


def run_entry(
    code: Sequence[Instruction],
    start: int,
    mailboxes: Sequence[Sequence[int]],
    target: Target,
    *,
    skips: bool = True,
    watch: Watch | None = None,
    dataflow: Dataflow | None = None,
) -> Run:
    """The entry at `start` to its end, on a core for each mailbox.

    `watch` sees every word that is not skipped.

    Raises:
        TargetError: Q361, Q363, Q364; a verified program does not.
    """
    items = Items(code, target, len(mailboxes), dataflow)
    run = _begin(items, start, mailboxes, skips)
    run.watch = watch
    while not all(core.has_halted for core in run.cores):
        _advance(run, _next_time(run))
        while run.events and run.events[0][0] == run.now:
            _, number, engine, kind = heappop(run.events)
            HANDLE[kind](run, run.cores[number], engine)
        while any([_settle(run, core) for core in run.cores]) and len(run.cores) > 1:
            pass  # what moves on one core may be what another waits for
    return run


def _begin(
    items: Items,
    start: int,
    mailboxes: Sequence[Sequence[int]],
    skips: bool,
) -> Run:
    code = items.code
    server = DramServer([0] * 2 * len(mailboxes))
    run = Run(items, LoopRegisters(code), [], server, skips=skips)
    for number, mailbox in enumerate(mailboxes):
        stations = {int(each): _station(each, number) for each in STATIONS}
        control = Control(code, start, list(mailbox))
        first = run.items.item(start, control.rows())
        run.cores.append(Core(number, control, stations, first, 0))
        _take_in_hand(run, run.cores[-1])
    return run


def _station(engine: Engine, core: int) -> Station:
    place = {Engine.LD: 2 * core, Engine.ST: 2 * core + 1}.get(engine, NOBODY)
    return Station(int(engine), core, place, BUSY_BITS[engine])


def _next_time(run: Run) -> int:
    times = [run.events[0][0]] if run.events else []
    if run.server.active:
        times.append(run.now + run.server.next_finish())
    if not times:
        raise _deadlock(run)
    return min(times)


def _advance(run: Run, time: int) -> None:
    """Account for the time until then, and let the DRAM work."""
    cycles = time - run.now
    if not cycles:
        return
    tally = run.tally
    for core in run.cores:
        tally[core.busy] += cycles
        tally[row_of(_telling(core)) + WALL] += cycles
        if core.posted:
            core.posted.clear()
    run.now = time
    if run.server.active:
        for place in run.server.advance(cycles):
            _served(run, run.cores[place // 2].stations[Engine.ST if place % 2 else Engine.LD])


def _telling(core: Core) -> int:
    """The item whose cycles these are."""
    for engine in MOST_TELLING:
        current = core.stations[engine].current
        if current is not None:
            return current.number
    return core.hand.number


def _served(run: Run, station: Station) -> None:
    """The DRAM has done all that the word needs of it."""
    item = station.current
    assert item is not None
    earliest = station.since + max(item.work_cycles, item.least_cycles)
    row = row_of(item.number)
    if run.now >= earliest:
        run.tally[row + DRAM] += run.now - earliest
    run.tally[row + LATENCY] += max(item.least_cycles - item.work_cycles, 0)
    heappush(run.events, (max(run.now, earliest), station.core, station.engine, WORK_ENDS))


def _work_ends(run: Run, core: Core, engine: int) -> None:
    station = core.stations[engine]
    item = station.current
    assert item is not None
    if run.watch is not None:
        run.watch(core.number, station.since, run.now, item)
    station.current, station.since = None, run.now
    core.busy &= ~station.busy_bit
    time = run.now + item.latency_cycles
    if station.in_flight:
        time = max(time, station.in_flight[-1][0])
    station.in_flight.append((time, item))
    heappush(run.events, (time, core.number, engine, COMPLETE))


def _completes(run: Run, core: Core, engine: int) -> None:
    station = core.stations[engine]
    _, item = station.in_flight.popleft()
    for semaphore in item.post:
        if not core.levels[semaphore]:
            core.posted[semaphore] = item
        core.levels[semaphore] += 1
        if core.levels[semaphore] > MAX_LEVEL:
            need = f"at most {MAX_LEVEL} posts of semaphore {semaphore} that nobody has taken"
            at = f"word {item.index}"
            raise TargetError(Finding("Q361", "a semaphore overflows", at, need, "one more"))
    if not station.in_flight and station.current is None and station.queue:
        first = station.queue[0]
        if first.is_serial:
            _account(run, station, first, LATENCY)


def _issued(run: Run, core: Core, engine: int) -> None:
    """The sequencer has issued what it has in hand, if nothing holds it up."""
    core.is_held = True


HANDLE = {COMPLETE: _completes, WORK_ENDS: _work_ends, ISSUED: _issued}


def _account(run: Run, station: Station, item: Item, place: int) -> None:
    """The time that the engine has had no word goes to `place` of the item."""
    run.tally[row_of(item.number) + place] += run.now - station.since
    station.since = run.now


def _settle(run: Run, core: Core) -> bool:
    """All that can begin on a core at this moment does; whether there was anything."""
    is_moving, has_moved = True, False
    while is_moving:
        is_moving = False
        for station in core.stations.values():
            if station.current is None and station.queue and _can_begin(run, core, station):
                _begin_word(run, core, station)
                is_moving = True
        if core.is_held and _is_free(run, core):
            _pass(run, core)
            is_moving = True
        has_moved |= is_moving
    return has_moved


def _can_begin(run: Run, core: Core, station: Station) -> bool:
    first = station.queue[0]
    if first.is_serial and station.in_flight:
        return False
    levels = core.levels
    if not all([levels[each] for each in first.wait]):
        return False
    return not first.is_shared or _is_shared_by_all(run, core, station)


def _is_shared_by_all(run: Run, core: Core, station: Station) -> bool:
    """Whether all cores are ready for their next `share`; once they are, each one begins it."""
    if not station.is_ready:
        if station.since < run.now:
            _account_for_wait(run, core, station, station.queue[0])
        station.is_ready = True
        core.shares += 1
    return all(each.shares >= core.shares for each in run.cores)


def _begin_word(run: Run, core: Core, station: Station) -> None:
    item = station.queue.popleft()
    if station.is_ready:
        _account(run, station, item, CORES)
        station.is_ready = False
    elif station.since < run.now:
        _account_for_wait(run, core, station, item)
    for semaphore in item.wait:
        core.levels[semaphore] -= 1
    run.tally[row_of(item.number) + EXECUTED] += 1
    station.current = item
    core.busy |= station.busy_bit
    if item.uses_dram:
        run.server.add(station.server_place, item.work_cycles)
    else:
        ends = run.now + item.work_cycles
        heappush(run.events, (ends, core.number, station.engine, WORK_ENDS))


def _account_for_wait(run: Run, core: Core, station: Station, item: Item) -> None:
    """The last post of what it waited for came at this very moment."""
    poster = next(core.posted[each] for each in item.wait if each in core.posted)
    waited = run.now - station.since
    latency = min(poster.latency_cycles, waited)
    row = row_of(item.number)
    run.tally[row + LATENCY] += latency
    run.tally[row + Place.ISSUE + poster.engine] += waited - latency
    station.since = run.now


def _is_free(run: Run, core: Core) -> bool:
    """Whether nothing holds up the word that the sequencer has in hand."""
    item = core.hand
    if item.engine != Engine.SQ:
        return len(core.stations[item.engine].queue) < QUEUE_WORDS
    word = core.control.word
    if isinstance(word, Halt):
        return all(each.is_idle for each in core.stations.values())
    if isinstance(word, Bar):
        if not all(e.is_idle for n, e in core.stations.items() if word.mask >> n & 1):
            return False
        return not isinstance(word, Meet) or _have_all_met(run, core)
    return True


def _have_all_met(run: Run, core: Core) -> bool:
    """Whether every core has been at as many `meet` words as this one, its engines idle."""
    core.arrived = core.passed + 1
    return all(each.arrived >= core.arrived for each in run.cores)


def _pass(run: Run, core: Core) -> None:
    """The word in hand goes where it belongs, and the next one is taken in hand."""
    item, control = core.hand, core.control
    run.tally[HELD + item.engine] += run.now - core.at
    core.is_held = False
    if item.engine != Engine.SQ:
        station = core.stations[item.engine]
        if station.current is None and not station.queue:
            _account(run, station, item, ISSUE)
        station.queue.append(item)
    else:
        run.tally[row_of(item.number) + EXECUTED] += 1
        control.execute()
        core.passed += isinstance(control.word, Meet)
        if isinstance(control.word, Halt):
            core.has_halted = True
            return
    again = control.go_on()
    if again is not None and run.skips and core.number == 0:
        skip(run, again)
    _take_in_hand(run, core)


def _take_in_hand(run: Run, core: Core) -> None:
    control = core.control
    item = core.hand = run.items.item(control.index, control.rows())
    while len(run.tally) < row_of(item.number + 1):
        run.tally.extend(NO_ROW)
    run.words += 1
    core.at = run.now + run.items.target.sequencer.issue_cycles
    heappush(run.events, (core.at, core.number, int(Engine.SQ), ISSUED))


def _deadlock(run: Run) -> TargetError:
    waiting = [
        f"core {core.number}: {Engine(number).name.lower()} at word {each.queue[0].index}"
        for core in run.cores
        for number, each in core.stations.items()
        if each.queue
    ]
    got = ", ".join(waiting) or "the sequencers wait"
    at = f"word {run.cores[0].control.index}"
    need = "one that can go on"
    return TargetError(Finding("Q364", "the program is in a deadlock", at, need, got))
