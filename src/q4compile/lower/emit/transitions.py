"""From phase to phase: what the one before does for the next one while its engines are at work.

    … last load, [loads ahead], last words, [registers ahead], rest │ the next phase

A phase whose loads are ahead has its registers set ahead, too: the sequencer has the time, for it
waits for engines there, and words that are issued keep the addresses that they were issued with.
"""

from collections.abc import Sequence
from dataclasses import replace

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Ldc, Ldd, Loop, Nop, SetA, SetS, Share, Stride
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.cores import on_cores, on_first
from q4compile.lower.emit.pieces import by_pieces
from q4compile.lower.emit.words import Block, Words
from q4compile.lower.phases.phases import RowsPhase
from q4compile.lower.plan.overlap import repeated
from q4compile.lower.plan.planning import Planned, cores_of


def composed(phases: Sequence[Planned], blocks: Sequence[Block], context: Context) -> list[Words]:
    """The words of each phase, and what it does for the next one."""
    found: list[Words] = []
    alike = repeated(phases)
    for n, (planned, block) in enumerate(zip(phases, blocks, strict=True)):
        body, more = block.body, Words()
        if n + 1 < len(phases) and phases[n + 1].plan.layout.is_ahead:
            more, cores = blocks[n + 1].ahead, cores_of(phases[n + 1].plan)
            if cores == context.room.cores:
                body, more = by_pieces(block, more, context)
            more = on_first(more, cores, context)
        words = [*([] if planned.plan.layout.is_ahead else block.ahead), *body, *more, *block.tail]
        node = context.image.node(planned.phase.node)
        whole = on_cores(words, cores_of(planned.plan), context)
        whole = [word if word.node else replace(word, node=node) for word in whole]
        if planned.plan.layout.is_ahead and not alike[n]:
            first, whole = registers_ahead(whole)
            found[-1][-1:-1] = first
        found.append(whole)
    return found


def registers_ahead(words: Words) -> tuple[Words, Words]:
    """The words of a phase that set registers before its first loop, and all others."""
    opening = _opening(words)
    if opening:
        return _ahead_of_loop(words, opening)
    ahead, others, at = list[Instruction](), list[Instruction](), 0
    while at < len(words):
        size = _setting(words, at)
        if size == 0 and not _is_passed(words[at]):
            break
        ahead += words[at : at + size]
        others += [] if size else [words[at]]
        at += max(size, 1)
    return ahead, [*others, *words[at:]]


def _ahead_of_loop(words: Words, opening: int) -> tuple[Words, Words]:
    """The same where there is a loop around the phase, for some cores: to the others it makes no
    difference. A stride stays with its loop."""
    around = words[opening - 1]
    assert isinstance(around, Loop), "the last word of an opening"
    counts = {each.register for each in words[:opening] if isinstance(each, SetS)}
    inner = enumerate(words[opening:])
    size = next(n for n, word in inner if not _is_free_of(counts, word))
    ahead = [*words[opening : opening + size], *words[: opening - 1]]
    return ahead, [replace(around, length=around.length - size), *words[opening + size :]]


def _opening(words: Words) -> int:
    """How many words there are before a loop around all but the last word, that loop included."""
    at = next((n for n, each in enumerate(words) if not isinstance(each, SetS)), 0)
    around = words[at]
    is_around = isinstance(around, Loop) and at + around.length + 2 == len(words)
    return at + 1 if at and is_around else 0


def _is_free_of(counts: set[int], word: Instruction) -> bool:
    """Whether it sets a register, and none of these."""
    return isinstance(word, SetA) or (isinstance(word, SetS) and word.register not in counts)


def _setting(words: Words, at: int) -> int:
    """How many words from `at` on do nothing but set a register."""
    word = words[at]
    if isinstance(word, Loop):
        is_once = word.count == word.length == 1
        return 2 if is_once and words[at + 1] == Nop(Engine.LD, node=word.node) else 0
    return int(isinstance(word, SetA | SetS | Stride))


def _is_passed(word: Instruction) -> bool:
    """Whether it is the same with other words that set registers before it."""
    return isinstance(word, Nop) or (isinstance(word, Share) and word.to.register == 0)


def first_load(words: Words) -> int:
    """The index behind the first load, if nothing before it waits or is in a loop; else 0.

    There is the place for what is said at the start, while memory is at work.
    """
    for n, word in enumerate(words):
        if isinstance(word, Ldd | Ldc):
            return n + 1 if word.wait == 0 else 0
        if not isinstance(word, SetA):
            break
    return 0


def is_stored_last(phases: Sequence[Planned], words: Words) -> bool:
    """Whether all that comes behind the last store is rest, so that ST can take what is left before
    that: nobody waits for any of it then."""
    return isinstance(phases[-1].phase, RowsPhase) and isinstance(words[-1], Bar)
