"""The events of a walk with their effects on memory, in an order that the engines may take.

The blocks of `Lstm` words are those that the walk itself has loaded from DATA.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace

from q4compile.isa.effects import Effects, effects
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Gru
from q4compile.isa.instructions.gated import STEPS
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.verify.contents import Contents
from q4compile.isa.verify.schedule import Event

NONE = Effects((), ())
BLOCK = "an LSTM block that comes from DATA as it is"


@dataclass(frozen=True, slots=True)
class Touch:
    """A word and what it reads and writes."""

    event: Event
    done: Effects
    problem: tuple[str, str] | None = None
    """Need and got where the effects are not known; then there are none."""


@dataclass
class Resolver:
    """Effects of words, each computed once for the registers that it names."""

    found: dict[tuple[object, ...], Effects] = field(default_factory=dict)
    named: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    """Word of the code → the A and S registers that its operands name."""

    def resolve(self, event: Event, contents: Contents) -> Touch:
        """`event` with its effects, when SRAM holds `contents`."""
        word, at, index = event.issued.word, event.issued.at, event.issued.index
        if index not in self.named:
            self.named[index] = named_registers(word)
        in_a, in_s = self.named[index]
        block = None
        if isinstance(word, STEPS):
            at = replace(at, block_at=contents.block_at)
            try:
                held = word.block(at)
            except ValueError as problem:
                return Touch(event, NONE, (BLOCK, str(problem)))
            for unmet in word.unmet_by(held):
                return Touch(event, NONE, unmet)
            block = id(held)
        key = (index, block, at.core, *(at.a[n] for n in in_a), *(at.s[n] for n in in_s))
        if key not in self.found:
            self.found[key] = effects(word, at)
        return Touch(event, self.found[key])


def resolved(events: Iterable[Event], contents: Contents, resolver: Resolver) -> Iterator[Touch]:
    """Each event; `contents` changes with them."""
    for event in events:
        touch = resolver.resolve(event, contents)
        contents.update(event.issued.word, touch.done)
        yield touch


def named_registers(word: Instruction) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The A registers in the addresses of a word, and the S registers in its counts."""
    values = [getattr(word, each.name) for each in fields(word)]
    in_a = {each.register for each in values if isinstance(each, Address)}
    if isinstance(word, Gru):
        in_a.add(word.previous)
    in_s = {each.index for each in values if isinstance(each, Scalar)}
    return tuple(sorted(in_a - {0})), tuple(sorted(in_s))
