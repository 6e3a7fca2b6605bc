"""Two orders of running the same words: as they are issued, and at random.

A right program has the same result in all orders.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from q4compile.errors import Finding, TargetError
from q4compile.isa.assembly import render
from q4compile.isa.engine import Engine
from q4compile.sim.binding import bits_of
from q4compile.sim.engines import EXECUTING, QUEUE_WORDS, Engines
from q4compile.sim.team import is_at_share


def run_in_issue_order(cores: Sequence[Engines]) -> None:
    """Each word as soon as it is issued, or as soon as it need not wait; core by core."""
    while not all(each.finished for each in cores):
        if not any([_run_on(each) for each in cores]):
            raise deadlock(cores)


def _run_on(engines: Engines) -> bool:
    """Run a core until it must wait for others; False if it cannot go on at all."""
    has_moved = False
    while not engines.finished:
        if engines.can_advance():
            engine = engines.advance()
            if engine is not Engine.SQ and engines.can_execute(engine):
                engines.execute_next(engine)
                if engines.backlog:
                    _catch_up(engines)
        elif not _catch_up(engines):
            break
        has_moved = True
    return has_moved


def _catch_up(engines: Engines) -> bool:
    """Execute what can be executed; False if that is nothing."""
    before = engines.backlog
    ready = True
    while ready:
        ready = False
        for engine in EXECUTING:
            while engines.can_execute(engine):
                engines.execute_next(engine)
                ready = True
    return engines.backlog < before


def run_interleaved(cores: Sequence[Engines], seed: int) -> None:
    """At each moment one of those that can go on, by chance: a sequencer or an engine of a core."""
    chance = Random(seed)
    while True:
        running = [each for each in cores if not each.finished]
        if not running:
            return
        able = [pair for engines in running for pair in _able(engines)]
        if not able:
            raise deadlock(cores)
        engines, chosen = able[chance.randrange(len(able))]
        if chosen is Engine.SQ:
            engines.advance()
        else:
            engines.execute_next(chosen)


def _able(engines: Engines) -> Iterator[tuple[Engines, Engine]]:
    """What of a core can go on."""
    yield from ((engines, each) for each in EXECUTING if engines.can_execute(each))
    if engines.can_advance():
        yield engines, Engine.SQ


def deadlock(cores: Sequence[Engines]) -> TargetError:
    """Q364, with who waits for what."""
    code, entry = cores[0].code, cores[0].entry
    lines = [line for each in cores for line in _waiting(each, is_one=len(cores) == 1)]
    need = "one that can go on"
    at = f"{code.at}, entry {entry!r}"
    return TargetError(Finding("Q364", "the program is in a deadlock", at, need, "\n".join(lines)))


def _waiting(engines: Engines, *, is_one: bool) -> Iterator[str]:
    where = "" if is_one else f"core {engines.machine.core}, "
    if engines.finished:
        yield f"{where}sq: at its end"
        return
    yield f"{where}sq: {_sequencer(engines)}"
    for engine in EXECUTING:
        queue = engines.queues[engine]
        if not queue:
            if is_one:
                yield f"{_name(engine)}: idle"
            continue
        bound, semaphores = queue[0][0], engines.machine.semaphores
        missing = [f"semaphore {each}" for each in bound.wait if not semaphores[each]]
        missing += [] if missing else _not(engines.team.members, is_at_share)
        more = f", with {len(queue) - 1} more behind" if len(queue) > 1 else ""
        yield f"{where}{_name(engine)}: waits for {', '.join(missing)}{more}"
        yield f"    {engines.code.name(bound.index)}: {render(bound.word)}"


def _sequencer(engines: Engines) -> str:
    control, words = engines.control, engines.code.words
    if control.barrier:
        names = ", ".join(_name(each) for each in bits_of(control.barrier) if engines.queues[each])
        goal = "halt" if control.halted else "meet" if control.is_meeting else "go on"
        return f"waits to {goal} until nothing is left of {names}"
    if control.is_meeting:
        met = engines.team.met
        late = _not(engines.team.members, lambda each: met[each.machine.core] >= max(met))
        return f"waits to meet {', '.join(late)}"
    full = _name(words[control.pc].engine)
    return f"waits to issue word {control.pc}, all {QUEUE_WORDS} places of {full} are taken"


def _not(cores: Sequence[Engines], is_there: Callable[[Engines], bool]) -> list[str]:
    """The cores that are not there."""
    return [f"core {each.machine.core}" for each in cores if not is_there(each)]


def _name(engine: int) -> str:
    return Engine(engine).name.lower()
