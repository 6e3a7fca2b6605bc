"""Phases on several cores: who executes a phase, where its part begins, and that all of them meet.

One code for all: what differs from core to core follows from the register that holds its number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Meet, SetS, Stride
from q4compile.isa.operand import Scalar
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.levels import inside_loop
from q4compile.lower.emit.words import EVERY_ENGINE, ONCE, Pointers, Words, loop
from q4compile.lower.layout.places import Place

TIMES = 0
"""The variable of the code that says whether a core executes a phase."""
OUTSIDE = 0
"""The loop level around a phase that not all cores execute."""


def on_cores(words: Words, count: int, context: Context) -> Words:
    """A phase on the first `count` cores; then all meet. The words as they are where one is all."""
    if context.core is None:
        return words
    own = words[:-1] if words[-1] == Bar(EVERY_ENGINE, node=words[-1].node) else words
    return [*on_first(own, count, context), Meet(EVERY_ENGINE)]


def on_first(words: Words, count: int, context: Context) -> Words:
    """Words that the first `count` cores execute."""
    if context.core is None or not words or count == context.room.cores:
        return words
    return _on_first(count, context.core, words, context)


def _on_first(count: int, core: int, words: Sequence[Instruction], context: Context) -> Words:
    """``loop min(1 − min(core + 1 − count, 1), 1) times: words``, once where core < count."""
    inside, times = inside_loop(words), context.mailbox.variable(TIMES)
    if inside is None:
        raise ValueError("a phase takes all loop levels")
    return [
        SetS(times, 1 - count, 1, core, 1),
        SetS(times, 1, -1, times, 1),
        *loop(OUTSIDE, Scalar(times), inside),
    ]


def to_own_part(pointers: Pointers, moves: Iterable[tuple[int, int]], context: Context) -> Words:
    """Each register, of (register, units), moves on by so many units for each core before this."""
    assert context.core is not None, "there are several cores"
    strides: list[Words] = [[Stride(reg, ONCE, 0, units, context.core)] for reg, units in moves]
    return pointers.moved_once(strides)


def at_own_part(
    pointers: Pointers, register: int, place: Place, own_units: int, context: Context
) -> Words:
    """The register points to a place, and by so many units further for each core before this."""
    if not own_units:
        return [pointers.at(register, place)]
    assert context.core is not None, "there are several cores"
    if place.times:
        own = to_own_part(pointers, [(register, own_units)], context)
        return [pointers.at(register, place), *own]
    return [pointers.at(register, replace(place, times=own_units, source=context.core))]
