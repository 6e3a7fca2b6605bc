"""One order in which the engines can run the words of a walk, and what holds in every other one.

Each engine runs its queue as far as it gets. If no two engines take a semaphore in an order that
timing decides, every other order ends the same way; `Event.clock` says what it must keep.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Meet, Share
from q4compile.isa.issue import Issued
from q4compile.isa.verify.semaphores import (
    MAX_LEVEL,
    SEMAPHORES,
    START,
    Clock,
    Phase,
    Semaphore,
    indices,
    joined,
    phases,
)

ENGINES = tuple(each for each in Engine if each is not Engine.SQ)


@dataclass(frozen=True, slots=True)
class Event:
    """A word in the queue of its engine."""

    issued: Issued
    engine: Engine
    number: int
    """In its queue, from 1 on."""
    clock: Clock
    """What is over when it is: its own number, and the words that it is certain to come after."""
    meets: int = 0
    """How often its core had met the others when it was issued."""

    def follows(self, other: "Event") -> bool:
        """Whether it comes after `other`, whatever the timing."""
        return self.clock[other.engine] >= other.number


@dataclass(frozen=True, slots=True)
class Waiting:
    """A word that is issued."""

    issued: Issued
    sequencer: Clock
    """That of the sequencer when it issued the word."""
    meets: int


@dataclass(frozen=True)
class Rivals:
    """Two words of which either may take a semaphore first."""

    semaphore: int
    first: Event
    second: Event


@dataclass(frozen=True)
class Overfull:
    """A semaphore that posts may bring beyond its 8 bits."""

    semaphore: int
    level: int
    late: Event | None
    """The word whose take comes too late then; None where none comes."""


@dataclass(frozen=True)
class Stuck:
    """What everyone waits for when nobody can go on."""

    queues: tuple[tuple[Issued, ...], ...]
    """Those that are not empty."""
    rest: tuple[Issued, ...]
    """What the sequencer has not issued; it is at the first of these."""
    levels: tuple[int, ...]
    """Of the semaphores."""


@dataclass
class Schedule:
    """A run; lists grow while it goes on."""

    events: list[Event] = field(default_factory=list)
    levels: tuple[int, ...] = ()
    """Of the semaphores at the end."""
    stuck: Stuck | None = None
    rivals: list[Rivals] = field(default_factory=list)
    overfull: list[Overfull] = field(default_factory=list)
    meets: list[Clock] = field(default_factory=list)
    """What is over on this core when it goes on behind each `Meet`."""


@dataclass(eq=False)
class _Run:
    """Of a core; the others are in `team`, this one too."""

    issued: Sequence[Issued]
    phases: dict[int, Phase]
    """Position → the phase that starts there."""
    done: Schedule = field(default_factory=Schedule)
    position: int = 0
    """Of the sequencer, in `issued`."""
    sequencer: Clock = START
    queues: dict[Engine, deque[Waiting]] = field(
        default_factory=lambda: {each: deque() for each in ENGINES}
    )
    over: dict[Engine, list[Event]] = field(default_factory=lambda: {e: [] for e in ENGINES})
    semaphores: list[Semaphore] = field(
        default_factory=lambda: [Semaphore() for _ in range(SEMAPHORES)]
    )
    team: list["_Run"] = field(default_factory=list)
    reached: dict[type[Instruction], list[Issued]] = field(
        default_factory=lambda: {Meet: [], Share: []}
    )
    """Those that the core is ready for, or beyond."""


def scheduled(issued: Sequence[Issued]) -> Schedule:
    """The run of a whole walk of one core, up to its end or to where nobody can go on."""
    (done,) = scheduled_together([issued])
    return done


def scheduled_together(cores: Sequence[Sequence[Issued]]) -> tuple[Schedule, ...]:
    """The same of all cores, which meet and share."""
    runs = [_Run(issued, {each.start: each for each in phases(issued)}) for issued in cores]
    for run in runs:
        run.team = runs
    while any([_go_on(run) for run in runs]):
        pass
    return tuple(_ended(run) for run in runs)


def _go_on(run: _Run) -> bool:
    """Whether the core got anywhere."""
    has_moved = _dispatch(run)
    for engine in ENGINES:
        has_moved |= _drain(run, engine)
    return has_moved


def _ended(run: _Run) -> Schedule:
    run.done.overfull += _overfull(run)
    run.done.levels = _levels(run)
    if any(run.queues.values()) or run.position < len(run.issued) - 1:
        run.done.stuck = _stuck(run)
    return run.done


def _are_all_there(run: _Run, issued: Issued) -> bool:
    """Whether all cores are ready for this `Meet` or `Share`, or beyond; this one is ready now."""
    kind = type(issued.word)
    own = run.reached[kind]
    if not own or own[-1] is not issued:
        own.append(issued)
    return all(len(other.reached[kind]) >= len(own) for other in run.team)


def _dispatch(run: _Run) -> bool:
    """The sequencer goes on to where it must wait; whether it got anywhere."""
    first, ready = run.position, len(run.reached[Meet])
    while run.position < len(run.issued) - 1:
        each = run.issued[run.position]
        if isinstance(each.word, Bar):
            waited_for = [engine for engine in ENGINES if each.word.mask >> engine & 1]
            if any(run.queues[engine] for engine in waited_for):
                break
            if isinstance(each.word, Meet) and not _are_all_there(run, each):
                break
            for engine in waited_for:
                run.sequencer = joined(run.sequencer, _last_clock(run, engine))
        _begin(run)
        if isinstance(each.word, Meet):
            run.done.meets.append(run.sequencer)
        elif each.word.engine is not Engine.SQ:
            waiting = Waiting(each, run.sequencer, len(run.done.meets))
            run.queues[each.word.engine].append(waiting)
        run.position += 1
    return run.position > first or len(run.reached[Meet]) > ready


def _begin(run: _Run) -> None:
    """The phase that starts here, if there is one."""
    phase = run.phases.get(run.position)
    if phase is not None:
        run.done.overfull += _overfull(run)
        for semaphore, posts in zip(run.semaphores, phase.posts, strict=True):
            semaphore.begin(posts)


def _last_clock(run: _Run, engine: Engine) -> Clock:
    return run.over[engine][-1].clock if run.over[engine] else START


def _drain(run: _Run, engine: Engine) -> bool:
    """All words at the head of the queue that can run; whether there was one."""
    queue, semaphores = run.queues[engine], run.semaphores
    before, ready = len(run.over[engine]), len(run.reached[Share])
    while queue and all(semaphores[i].level for i in indices(queue[0].issued.word.wait)):
        head = queue[0].issued
        if isinstance(head.word, Share) and not _are_all_there(run, head):
            break
        _execute(run, engine, queue.popleft())
    return len(run.over[engine]) > before or len(run.reached[Share]) > ready


def _execute(run: _Run, engine: Engine, waiting: Waiting) -> None:
    issued, number = waiting.issued, len(run.over[engine]) + 1
    clock = joined(waiting.sequencer, _last_clock(run, engine))
    waits = [run.semaphores[index] for index in indices(issued.word.wait)]
    # Once more each: a post that is over may tell of takes by others, and so of further posts.
    for semaphore in waits * min(len(waits), 2):
        clock = semaphore.over_before(engine, clock)
    clock = (*clock[:engine], number, *clock[engine + 1 :])
    event = Event(issued, engine, number, clock, waiting.meets)
    run.done.rivals += _rivals(run, event)
    for semaphore in waits:
        semaphore.take(engine, number)
    for index in indices(issued.word.post):
        run.semaphores[index].post(engine, clock)
    run.over[engine].append(event)
    run.done.events.append(event)


def _rivals(run: _Run, event: Event) -> Iterator[Rivals]:
    for index in indices(event.issued.word.wait):
        for engine, number in run.semaphores[index].rivals(event.engine, event.clock):
            yield Rivals(index, run.over[engine][number - 1], event)


def _overfull(run: _Run) -> Iterator[Overfull]:
    """Of the phase that is over."""
    for index, semaphore in enumerate(run.semaphores):
        if semaphore.most() > MAX_LEVEL:
            level, late = semaphore.peak()
            if level > MAX_LEVEL:
                event = None if late is None else run.over[late[0]][late[1] - 1]
                yield Overfull(index, level, event)


def _stuck(run: _Run) -> Stuck:
    queues = tuple(tuple(w.issued for w in queue) for queue in run.queues.values() if queue)
    return Stuck(queues, tuple(run.issued[run.position :]), _levels(run))


def _levels(run: _Run) -> tuple[int, ...]:
    return tuple(each.level for each in run.semaphores)
