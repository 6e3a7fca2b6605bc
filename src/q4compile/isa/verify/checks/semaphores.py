"""Q340: every semaphore is 0 at `Halt`, never above 255, and taken in an order that is certain."""

from collections import Counter
from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.instructions import Loop
from q4compile.isa.program import Program
from q4compile.isa.verify.findings import (
    entry_place,
    semaphore_contested,
    semaphore_left,
    semaphore_overfull,
    word_name,
    word_place,
)
from q4compile.isa.verify.semaphores import MAX_LEVEL
from q4compile.isa.verify.walk import Verification, Walk


def findings(verification: Verification) -> Iterator[Finding]:
    """What is left over, with the words that give and take it; overflows; what timing decides."""
    program = verification.program
    for walk in verification.walks:
        if walk.problem is None and walk.schedule.stuck is None:
            yield from _left(walk, program)
        yield from _overfull(walk, program)
        yield from _rivals(walk, program)


def _left(walk: Walk, program: Program) -> Iterator[Finding]:
    for semaphore, level in enumerate(walk.schedule.levels):
        if level:
            lines = [f"{level}, with {walk.sizes}", *_balance(walk, program, semaphore)]
            at = entry_place(program, walk.entry)
            yield semaphore_left(at, f"semaphore {semaphore} at 0 at halt", "\n".join(lines))


def _balance(walk: Walk, program: Program, semaphore: int) -> Iterator[str]:
    """The loops that do not give as much as they take, then all words that do either."""
    given, taken = Counter[int](), Counter[int]()
    for each in walk.issued:
        given[each.index] += each.word.post >> semaphore & 1
        taken[each.index] += each.word.wait >> semaphore & 1
    times = Counter(each.index for each in walk.issued)
    for index in sorted(times):
        word = program.code[index]
        if isinstance(word, Loop):
            body = range(index + 1, index + 1 + word.length)
            gives, takes = (sum(count[i] for i in body) for count in (given, taken))
            if gives != takes:
                yield f"the loop at word {index} gives {gives} and takes {takes} in all"
    for index in sorted(times):
        for verb, count in (("gives", given[index]), ("takes", taken[index])):
            if count:
                yield f"{verb} {count}: {word_name(program, index)}"


def _overfull(walk: Walk, program: Program) -> Iterator[Finding]:
    for each in walk.schedule.overfull:
        need = f"semaphore {each.semaphore} at {MAX_LEVEL} at most"
        got = f"{each.level} is possible, with {walk.sizes}"
        if each.late is not None:
            got += f",\nbefore {word_name(program, each.late.issued.index)}"
        yield semaphore_overfull(entry_place(program, walk.entry), need, got)


def _rivals(walk: Walk, program: Program) -> Iterator[Finding]:
    for each in walk.schedule.rivals:
        first, second = sorted((each.first.issued.index, each.second.issued.index))
        at = word_place(program, walk.entry, second)
        other = word_name(program, first)
        need = f"an order to the other word that takes semaphore {each.semaphore}, {other}"
        yield semaphore_contested(at, need, f"none, with {walk.sizes}")
