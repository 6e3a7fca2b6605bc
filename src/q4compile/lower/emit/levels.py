"""Loops of a piece of code at levels from 1 on, so that there can be a loop around it.

A `Stride` belongs to the next loop at its level: strides go along with their loops, and no other
loop may come between them.
"""

from collections.abc import Sequence
from dataclasses import replace

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Loop, Stride

LEVELS = 4


def inside_loop(words: Sequence[Instruction]) -> list[Instruction] | None:
    """`words` with loops from level 1 on; None where that takes more levels than there are."""
    levels = [1 + depth for depth in loops_around(words)]
    owners = {n: _owner(words, n) for n, word in enumerate(words) if isinstance(word, Stride)}
    found = list(words)
    for n, word in enumerate(words):
        if isinstance(word, Loop | Stride):
            level = levels[owners.get(n, n)]
            if level >= LEVELS:
                return None
            found[n] = replace(word, level=level)
    return found if all(_owner(found, n) == owner for n, owner in owners.items()) else None


def loops_around(words: Sequence[Instruction]) -> list[int]:
    """For each word, how many loops of `words` it lies in."""
    found: list[int] = []
    ends: list[int] = []
    for n, word in enumerate(words):
        ends = [end for end in ends if end > n]
        found.append(len(ends))
        if isinstance(word, Loop):
            ends.append(n + 1 + word.length)
    return found


def _owner(words: Sequence[Instruction], stride: int) -> int:
    """The loop that the stride at an index waits for."""
    level = getattr(words[stride], "level", None)
    behind = (n for n in range(stride, len(words)) if isinstance(words[n], Loop))
    return next(n for n in behind if getattr(words[n], "level", None) == level)
