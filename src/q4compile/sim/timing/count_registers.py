"""Which S registers the time of a loop depends on, and what becomes of the others.

    S[held] = min(S[left], 128);  S[left] −= 128

`held` is a count, and the same as long as `left` is 128 or more: then it makes no difference how
much more.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Loop, SetS
from q4compile.isa.operand import Scalar


@dataclass(frozen=True)
class CountRegisters:
    """Of a loop."""

    read: tuple[int, ...]
    """Its iterations depend on them: they hold counts, or numbers that counts are made of."""
    capped: tuple[tuple[int, int], ...]
    """(register, least): they never rise, and what they are from `least` on makes no difference."""
    set_anew: tuple[int, ...]
    """Not among these, and set in an iteration to what it was not made of: it may jump.

    All others only ever have constants added to them.
    """

    def state(self, s: Sequence[int]) -> Hashable:
        """What the iterations that follow depend on."""
        capped = tuple(min(s[each], least) for each, least in self.capped)
        return tuple(s[each] for each in self.read), capped

    def evenly(self, then: Sequence[int], now: Sequence[int], times: int) -> int:
        """How often more, `times` at most, registers can advance from `then` to `now`."""
        for each, least in self.capped:
            fall = then[each] - now[each]
            if fall > 0:
                times = min(times, max(now[each] - least, -1) // fall)
        return max(times, 0)


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
    falling = _falling(settings, set(_counts(body)))
    uneven = [word for word in settings if not _is_even(word, settings, falling)]
    read = set(_counts(body)) | {each for w in uneven for each in (w.source, w.register)}
    while True:
        made = [w for w in settings if w.register in read and w.times]
        more = {w.source for w in made if not _is_capped(w, falling)}
        if more <= read:
            break
        read |= more
    capped = {(w.source, w.most - w.value) for w in settings if _is_capped(w, falling)}
    anew = {w.register for w in settings if not _adds(w)} - read
    return CountRegisters(
        tuple(sorted(read)),
        tuple(sorted(each for each in capped if each[0] not in read)),
        tuple(sorted(anew)),
    )


def _counts(body: Sequence[Instruction]) -> Iterator[int]:
    for word in body:
        for count in (getattr(word, "rows", 0), word.count if isinstance(word, Loop) else 0):
            if isinstance(count, Scalar):
                yield count.index


def _adds(word: SetS) -> bool:
    """``S[r] += constant``."""
    return word.times == 1 and word.source == word.register and not word.most


def _falling(settings: Sequence[SetS], counts: set[int]) -> set[int]:
    """Registers that only ever have constants taken from them, and are no counts."""
    rising = {w.register for w in settings if not _adds(w) or w.value > 0}
    return {w.register for w in settings} - rising - counts


def _is_capped(word: SetS, falling: set[int]) -> bool:
    """``S[r] = min(value + S[falling], most)``."""
    return word.times == 1 and word.most > 0 and word.source in falling


def _is_even(word: SetS, settings: Sequence[SetS], falling: set[int]) -> bool:
    """Whether it adds a constant, or sets to what is the same as long as nothing else changes."""
    changed = {each.register for each in settings}
    if _adds(word) or not word.times or word.source not in changed:
        return True
    return _is_capped(word, falling)
