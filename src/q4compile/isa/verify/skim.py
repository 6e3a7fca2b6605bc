"""How many words an entry issues, and how often its loops run, without issuing them.

Iterations of a loop differ only if they set S registers that counts depend on, to other values; all
others are counted by one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Halt, Loop, SetS, Stride
from q4compile.isa.operand import Scalar

ENOUGH = 3
"""Iterations after which a loop without rings shows nothing new."""


@dataclass(frozen=True)
class Skimmed:
    """What a walk would be like."""

    words: int
    """At least; exact up to the limit."""
    trips: frozenset[tuple[int, int]]
    """Word of a loop, and how often it runs, no more than shows something new."""

    @property
    def running(self) -> frozenset[int]:
        """The loops that run at all."""
        return frozenset(loop for loop, count in self.trips if count > 0)

    def beside(self, other: "Skimmed") -> "Skimmed":
        """Two cores: all that either shows, in as many words as the one that takes more."""
        return Skimmed(max(self.words, other.words), self.trips | other.trips)


@dataclass(frozen=True)
class Outline:
    """What skimming needs to know of code."""

    code: Sequence[Instruction]
    enough: dict[int, int]
    """Word of a loop → iterations after which all its rings have wrapped."""
    setting: frozenset[int]
    """Words of loops that in their bodies set S registers on which counts depend."""
    counting: frozenset[int] = frozenset()
    """S registers on which counts of loops depend."""

    def counted(self, s: Sequence[int]) -> list[int]:
        """What these hold: an iteration that leaves it as it was is followed by others like it."""
        return [s[register] for register in self.counting]


@dataclass
class _Count:
    """S registers, and what has been seen of loops."""

    s: list[int]
    limit: int
    trips: set[tuple[int, int]] = field(default_factory=set)


def outline(code: Sequence[Instruction]) -> Outline:
    """Of sound code."""
    loops = {index: word for index, word in enumerate(code) if isinstance(word, Loop)}
    bodies = {index: code[index + 1 : index + 1 + word.length] for index, word in loops.items()}
    counting = _counting(code)
    setting = {i for i, body in bodies.items() if any(_sets(each, counting) for each in body)}
    enough = dict.fromkeys(loops, ENOUGH)
    for index, word in enumerate(code):
        if isinstance(word, Stride) and word.modulo and word.step > 0 and not word.times:
            loop = next((i for i in loops if i > index and loops[i].level == word.level), None)
            if loop is not None:
                enough[loop] = max(enough[loop], word.modulo // word.step + 1)
    return Outline(code, enough, frozenset(setting), counting)


def _counting(code: Sequence[Instruction]) -> frozenset[int]:
    """The S registers that hold counts of loops, or numbers that such counts are made of."""
    found = {
        word.count.index
        for word in code
        if isinstance(word, Loop) and isinstance(word.count, Scalar)
    }
    while True:
        more = {word.source for word in code if _sets(word, found) and word.times}
        if more <= found:
            return frozenset(found)
        found |= more


def _sets(word: Instruction, registers: Collection[int]) -> TypeGuard[SetS]:
    return isinstance(word, SetS) and word.register in registers


def skim(outline: Outline, start: int, mailbox: Sequence[int], limit: int) -> Skimmed:
    """The entry at `start`; counting ends soon after `limit` words."""
    count = _Count(list(mailbox), limit)
    words = _block(outline, start, len(outline.code), count)
    return Skimmed(words, frozenset(count.trips))


def _block(outline: Outline, index: int, stop: int, count: _Count) -> int:
    words = 0
    while index < stop and words <= count.limit:
        word = outline.code[index]
        words, index = words + 1, index + 1
        if isinstance(word, Halt):
            break
        if isinstance(word, SetS):
            count.s[word.register] = word.of(count.s[word.source])
        elif isinstance(word, Loop):
            words += _loop(outline, index, word, count)
            index += word.length
    return words


def _loop(outline: Outline, first: int, loop: Loop, count: _Count) -> int:
    trips = count.s[loop.count.index] if isinstance(loop.count, Scalar) else loop.count
    count.trips.add((first - 1, min(trips, outline.enough[first - 1])))
    if trips <= 0:
        return 0
    if first - 1 not in outline.setting:
        return trips * _block(outline, first, first + loop.length, count)
    words = 0
    for left in reversed(range(trips)):
        before = outline.counted(count.s)
        own = _block(outline, first, first + loop.length, count)
        words += own
        if outline.counted(count.s) == before:
            return words + left * own
        if words > count.limit:
            break
    return words
