"""Phases that repeat become one loop: layers of equal shape are there once.

    word of layer n = word of layer 0, but for addresses of constants, which are n · step further on

A scalar register counts layers, and `SetA` takes it times the step. All else must be equal, which
it is where layers have the same shape: plans are functions of shapes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Ldc, Ldd, SetA, SetS, Stride
from q4compile.isa.operand import REGISTERS, Address
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.levels import inside_loop, loops_around
from q4compile.lower.emit.words import Words, loop

LAYER = 2
"""The variable of the code that counts layers."""
BEFORE_BODY = 2
"""Words of a loop over layers before its body: `SetS`, and the loop itself."""
MOST_PHASES = 8
"""Of a layer."""


@dataclass(frozen=True)
class End:
    """A phase is over when `word` is the next one for the time `visit`, counted from 0."""

    word: int
    visit: int = 0


@dataclass(frozen=True)
class Pattern:
    """A word without the two numbers that may differ from layer to layer."""

    word: Instruction
    address: int
    """Of constants in DRAM; 0 where the word has none, or it must not differ."""
    node: int


@dataclass(frozen=True)
class Repeat:
    """Layers of `phases` phases each, from phase `start` on."""

    start: int
    phases: int
    layers: tuple[tuple[Pattern, ...], ...]

    @property
    def steps(self) -> list[int]:
        """From the address in each word of a layer to that of the next layer."""
        first, second = self.layers[:2]
        return [b.address - a.address for a, b in zip(first, second, strict=True)]

    @property
    def saved(self) -> int:
        """Words, those of the loop and of registers for constants counted."""
        first = zip(self.layers[0], self.steps, strict=True)
        loads = sum(step != 0 and isinstance(each.word, Ldc | Ldd) for each, step in first)
        return (len(self.layers) - 1) * len(self.layers[0]) - 3 - loads


def rolled(blocks: Sequence[Words], context: Context) -> tuple[Words, list[End]]:
    """The words of all phases, one after the other, with a loop for phases that repeat."""
    patterns = [_patterns(block) for block in blocks]
    words: Words = []
    ends: list[End] = []
    start = 0
    while start < len(blocks):
        repeats = _repeats(patterns, start)
        repeat = max(repeats, key=lambda each: each.saved, default=None)
        made = None if repeat is None or repeat.saved <= 0 else _loop(repeat, context)
        if repeat is None or made is None:
            words += blocks[start]
            ends.append(End(len(words)))
            start += 1
        else:
            bodies, over = made
            sizes = [len(block) for block in blocks[start : start + repeat.phases]]
            first = len(words) + BEFORE_BODY
            offsets = [first + sum(map(len, bodies[:n])) for n in accumulate(sizes)]
            ends += [End(at, n) for n in range(len(repeat.layers)) for at in offsets]
            words += over
            start += repeat.phases * len(repeat.layers)
    return words, ends


def _patterns(block: Words) -> list[Pattern]:
    inside = loops_around(block)
    found = []
    for word, depth in zip(block, inside, strict=True):
        plain, address = replace(word, node=0), 0
        if isinstance(plain, SetA) and 0 in (plain.times, plain.times2):
            plain, address = replace(plain, offset=0), plain.offset
        elif isinstance(plain, Ldc | Ldd) and plain.source.register == depth == 0:
            plain, address = replace(plain, source=Address(0)), plain.source.offset
        found.append(Pattern(plain, address, word.node))
    return found


def _repeats(patterns: Sequence[Sequence[Pattern]], start: int) -> Iterator[Repeat]:
    """Those that begin at `start`, for each number of phases the one with the most layers."""
    for phases in range(1, min(MOST_PHASES, (len(patterns) - start) // 2) + 1):
        layers: list[tuple[Pattern, ...]] = []
        for at in range(start, len(patterns) - phases + 1, phases):
            layer = tuple(each for block in patterns[at : at + phases] for each in block)
            if not _goes_on(layers, layer):
                break
            layers.append(layer)
        if len(layers) > 1:
            yield Repeat(start, phases, tuple(layers))


def _goes_on(layers: Sequence[Sequence[Pattern]], layer: Sequence[Pattern]) -> bool:
    """Whether `layer` may come behind `layers`: equal words, each address one more step on."""
    if not layers:
        return True
    if [each.word for each in layers[0]] != [each.word for each in layer]:
        return False
    if len(layers) == 1:
        return True
    three = zip(*layers[-2:], layer, strict=True)
    return all(b.address - a.address == c.address - b.address for a, b, c in three)


def _loop(repeat: Repeat, context: Context) -> tuple[list[Words], Words] | None:
    """What each word of a layer becomes, and the loop of that.

    None where it takes more registers or loop levels than there are.
    """
    mailbox, first = context.mailbox, repeat.layers[0]
    free = _free_register([each.word for each in first])
    inner = inside_loop([each.word for each in first])
    if free is None or inner is None or not mailbox.has_variable(LAYER):
        return None
    layer = mailbox.variable(LAYER)
    bodies: list[Words] = []
    for n, (word, step) in enumerate(zip(inner, repeat.steps, strict=True)):
        node = context.image.joined_node([each[n].node for each in repeat.layers])
        made = _moved(word, first[n].address, step, layer, free)
        bodies.append([replace(each, node=node) for each in made])
    body = [word for each in bodies for word in each]
    return bodies, [
        SetS(layer, 0),
        *loop(0, len(repeat.layers), [*body, SetS(layer, 1, 1, layer)]),
    ]


def _moved(word: Instruction, address: int, step: int, layer: int, free: int) -> Words:
    """`word` with its address back, `step` further on in each layer."""
    if isinstance(word, SetA) and 0 in (word.times, word.times2):
        if step == 0:
            return [replace(word, offset=address)]
        if word.times == 0:
            return [replace(word, offset=address, times=step, source=layer)]
        return [replace(word, offset=address, times2=step, source2=layer)]
    if isinstance(word, Ldc | Ldd) and step:
        return [SetA(free, address, step, layer), replace(word, source=Address(0, free))]
    if isinstance(word, Ldc | Ldd) and address:
        return [replace(word, source=Address(address))]
    return [word]


def _free_register(words: Sequence[Instruction]) -> int | None:
    """An address register that none of them names."""
    named = {each.register for each in words if isinstance(each, SetA | Stride)}
    for word in words:
        values = [getattr(word, each.name) for each in fields(word)]
        named |= {value.register for value in values if isinstance(value, Address)}
    return next((n for n in range(REGISTERS - 1, 0, -1) if n not in named), None)
