"""Which S registers the time of a loop depends on, and what becomes of the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Loop, SetS
from q4compile.isa.operand import Scalar


@dataclass(frozen=True)
class CountRegisters:
    """Of a loop."""

    read: tuple[int, ...]
    """Its iterations depend on them: they hold counts, or numbers that counts are made of."""
    set_anew: tuple[int, ...]
    """Not among these, and set in an iteration to what it was not made of: it may jump.

    All others only ever have constants added to them.
    """


@dataclass
class LoopRegisters:
    """Those of all loops of a code, found when they are first asked for."""

    code: Sequence[Instruction]
    known: dict[int, CountRegisters] = field(default_factory=dict)

    def of(self, index: int) -> CountRegisters:
        """Of the loop that is word `index`."""
        if index not in self.known:
            word = self.code[index]
            if not isinstance(word, Loop):
                raise ValueError(f"word {index} is no loop")
            self.known[index] = count_registers(self.code[index + 1 : index + 1 + word.length])
        return self.known[index]


def count_registers(body: Sequence[Instruction]) -> CountRegisters:
    """Of a loop with that body."""
    settings = [word for word in body if isinstance(word, SetS)]
    changed = {word.register for word in settings}
    read = set(_counts(body))
    read |= {word.source for word in settings if not _is_even(word, changed)}
    read |= {word.register for word in settings if not _is_even(word, changed)}
    while True:
        more = {w.source for w in settings if w.register in read and w.times}
        if more <= read:
            break
        read |= more
    anew = {w.register for w in settings if not _adds(w)} - read
    return CountRegisters(tuple(sorted(read)), tuple(sorted(anew)))


def _counts(body: Sequence[Instruction]) -> Iterator[int]:
    for word in body:
        for count in (getattr(word, "rows", 0), word.count if isinstance(word, Loop) else 0):
            if isinstance(count, Scalar):
                yield count.index


def _adds(word: SetS) -> bool:
    """``S[r] += constant``."""
    return word.times == 1 and word.source == word.register


def _is_even(word: SetS, changed: set[int]) -> bool:
    """Whether it adds a constant, or sets to what is the same in each iteration."""
    return _adds(word) or not word.times or word.source not in changed
