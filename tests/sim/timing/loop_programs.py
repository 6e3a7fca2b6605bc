"""Random programs of nested loops that end: for tests of time, whatever they compute.

Within a body, a semaphore leads from a word to a later one, or back to an earlier one of the next
iteration; then as many posts as there is room for come before all loops.
"""

from dataclasses import replace

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instructions import (
    Add,
    Bar,
    Gath,
    Halt,
    Ldd,
    Loop,
    Lut,
    Meet,
    Mm,
    Nop,
    Rq,
    SetA,
    SetS,
    Share,
    Std,
)
from q4compile.isa.operand import Address, Scalar

COUNT, FALLING, HELD = 1, 2, 3
"""S registers: a count that does not change, a number that falls, and the least of it and 980."""
HERE = Address(0)
COUNTS = (25, 7, 3, 2)
"""Iterations of a loop at each depth, at most, where they are not in a register."""


def rows(rng):
    return rng.choice([Scalar(COUNT), rng.randint(0, 4), rng.randint(1, 40)])


def engine_word(rng):
    """Any word of an engine, small or large."""
    many = rows(rng)
    columns = rng.choice([1, 16, 100, 640])
    pitch = rng.choice([columns, columns + 64])
    kind = rng.choice("lsgmmvvvn")
    if kind == "l":
        return Ldd(HERE, HERE, many, columns, columns, pitch)
    if kind == "s":
        return Std(HERE, HERE, many, columns, pitch, columns)
    if kind == "g":
        return Gath(HERE, HERE, HERE, many, columns, columns, 10)
    if kind == "m":
        precision = rng.choice([Precision.INT4, Precision.INT8, Precision.FP16])
        return Mm(HERE, HERE, HERE, None, many, columns, rng.choice([8, 200]), precision)
    if kind == "n":
        return Nop(rng.choice([Engine.LD, Engine.ST, Engine.MX, Engine.VX]))
    return rng.choice(
        [
            Lut(HERE, HERE, HERE, many, columns),
            Add(HERE, HERE, HERE, many, columns),
            Rq(HERE, HERE, HERE, many, columns, 0, -8, 7, ElementType.I4),
        ]
    )


def body(rng, depth, semaphores, before, together):
    """Words of a body; those that must come before all loops go to `before`."""
    words = []
    for _ in range(rng.randint(1, 5)):
        words.append(engine_word(rng))
    _connect(rng, words, before, semaphores)
    if rng.random() < 0.2:
        words.insert(rng.randint(0, len(words)), Bar(rng.choice([2, 4, 8, 16, 30])))
    if rng.random() < 0.3:
        words.insert(rng.randint(0, len(words)), SetA(1, 0))
    if rng.random() < 0.15 and depth < 2:
        words.insert(0, SetS(FALLING, -1, 1, FALLING))
    if rng.random() < 0.3:
        words += [SetS(HELD, 0, 1, FALLING, 980), Ldd(HERE, HERE, Scalar(HELD), 64, 64, 64)]
    if together and rng.random() < 0.4:
        words.insert(rng.randint(0, len(words)), Meet(rng.choice([2, 4, 8, 16, 30])))
    if together and rng.random() < 0.4:
        words.insert(rng.randint(0, len(words)), Share(HERE, 1, rng.choice([0, 64, 5000]), 16))
    if rng.random() < 0.1:
        words.append(replace(Ldd(HERE, HERE, 1, 64, 64, 64), rows=Scalar(FALLING)))
    if depth < 3 and rng.random() < 0.5:
        inside = loop(rng, depth + 1, semaphores, before, together)
        place = rng.randint(0, len(words))
        words[place:place] = inside
    return words


def _connect(rng, words, before, semaphores):
    for _ in range(rng.randint(0, 4)):
        if not semaphores or len(words) < 2:
            return
        semaphore = semaphores.pop()
        first, second = sorted(rng.sample(range(len(words)), 2))
        source, goal = (first, second) if rng.random() < 0.6 else (second, first)
        bit = 1 << semaphore
        words[source] = replace(words[source], post=words[source].post | bit)
        words[goal] = replace(words[goal], wait=words[goal].wait | bit)
        if source > goal:
            before += [Nop(Engine.VX, post=bit)] * rng.randint(1, 2)


def loop(rng, depth, semaphores, before, together):
    words = body(rng, depth, semaphores, before, together)
    count = rng.choice([*range(COUNTS[depth]), COUNTS[depth], Scalar(COUNT)])
    return [Loop(depth, count, len(words)), *words]


def loop_program(rng, together=False):
    """Code of one entry that begins at word 0; with words that cores execute together."""
    semaphores = list(range(16))
    before, code = [], []
    for _ in range(rng.randint(1, 2)):
        code += loop(rng, 0, semaphores, before, together)
    return [*before, *code, Halt()]
