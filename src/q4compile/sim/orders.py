"""Two orders of running the same words: as they are issued, and at random.

A right program has the same result in all orders.
"""

from collections.abc import Iterator
from random import Random

from q4compile.errors import Finding, TargetError
from q4compile.isa.assembly import render
from q4compile.isa.engine import Engine
from q4compile.sim.binding import bits_of
from q4compile.sim.engines import EXECUTING, QUEUE_WORDS, Engines


def run_in_issue_order(engines: Engines) -> None:
    """Each word as soon as it is issued; one that must wait, as soon as it need not."""
    while not engines.finished:
        if engines.can_advance():
            engine = engines.advance()
            if engine is not Engine.SQ and engines.can_execute(engine):
                engines.execute_next(engine)
                if engines.backlog:
                    _catch_up(engines)
        elif not _catch_up(engines):
            raise deadlock(engines)


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


def run_interleaved(engines: Engines, seed: int) -> None:
    """At each moment one of those that can go on, by chance: the sequencer or an engine."""
    chance = Random(seed)
    while not engines.finished:
        able = [engine for engine in EXECUTING if engines.can_execute(engine)]
        if engines.can_advance():
            able.append(Engine.SQ)
        if not able:
            raise deadlock(engines)
        chosen = able[chance.randrange(len(able))]
        if chosen is Engine.SQ:
            engines.advance()
        else:
            engines.execute_next(chosen)


def deadlock(engines: Engines) -> TargetError:
    """Q364, with who waits for what."""
    at = f"{engines.code.at}, entry {engines.entry!r}"
    need, got = "one that can go on", "\n".join(_waiting(engines))
    return TargetError(Finding("Q364", "the program is in a deadlock", at, need, got))


def _waiting(engines: Engines) -> Iterator[str]:
    control, words = engines.control, engines.code.words
    if control.barrier:
        names = ", ".join(_name(each) for each in bits_of(control.barrier) if engines.queues[each])
        goal = "halt" if control.halted else "go on"
        yield f"sq: waits to {goal} until nothing is left of {names}"
    else:
        full = _name(words[control.pc].engine)
        yield f"sq: waits to issue word {control.pc}, all {QUEUE_WORDS} places of {full} are taken"
    for engine in EXECUTING:
        queue = engines.queues[engine]
        if not queue:
            yield f"{_name(engine)}: idle"
            continue
        bound, semaphores = queue[0][0], engines.machine.semaphores
        missing = ", ".join(f"semaphore {each}" for each in bound.wait if not semaphores[each])
        more = f", with {len(queue) - 1} more behind" if len(queue) > 1 else ""
        yield f"{_name(engine)}: waits for {missing}{more}"
        yield f"    {engines.code.name(bound.index)}: {render(bound.word)}"


def _name(engine: int) -> str:
    return Engine(engine).name.lower()
