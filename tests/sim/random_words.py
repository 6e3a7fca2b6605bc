"""Words for fuzzing a machine: small operands, so that many do something, and now and then any."""

from functools import singledispatch

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import OutOfRange, fields_of
from q4compile.isa.instructions import INSTRUCTIONS
from q4compile.isa.operand import MAX_UNITS, Address, Scalar
from q4compile.isa.operand_kinds import Counted, Located, MaybeLocated
from q4compile.isa.plain_kinds import Bits, Choice, Flag, Number, Register

RARELY = 0.04


@singledispatch
def value(kind, rng):
    """What a field of that kind can hold, from a `random.Random`."""
    raise TypeError(f"nothing random for {kind!r}")


@value.register
def _(kind: Number, rng):
    if rng.random() < RARELY:
        return rng.choice([kind.lo, kind.hi, rng.randint(kind.lo, kind.hi)])
    return rng.randint(max(kind.lo, -3), min(kind.hi, 40))


@value.register
def _(kind: Register, rng):
    return rng.randint(kind.first, kind.last if rng.random() < RARELY else 3)


@value.register
def _(kind: Flag, rng):
    return rng.random() < 0.5


@value.register
def _(kind: Choice, rng):
    return rng.choice(kind.members)


@value.register
def _(kind: Bits, rng):
    if rng.random() < RARELY:
        return rng.randrange(2 ** len(kind.names))
    return rng.choice([0] * 30 + [1, 2, 4, 8, 16])


@value.register
def _(kind: Located, rng):
    if rng.random() < RARELY:
        return Address(rng.randint(0, MAX_UNITS), rng.randint(0, 15))
    return Address(rng.randint(0, 120), rng.choice([0, 0, 0, 1, 2]))


@value.register
def _(kind: MaybeLocated, rng):
    return None if rng.random() < 0.5 else value(kind.located, rng)


@value.register
def _(kind: Counted, rng):
    if rng.random() < RARELY:
        return rng.randint(0, kind.hi)
    return Scalar(rng.randint(0, 2)) if rng.random() < 0.3 else rng.randint(0, 3)


def random_word(rng, of=None):
    """Of one class, or of any."""
    while True:
        kind = of or rng.choice(INSTRUCTIONS)
        fields = {field.name: value(field.kind, rng) for field in fields_of(kind)}
        if getattr(kind, "engine", None) is Engine.SQ:
            fields |= {"wait": 0, "post": 0}
        try:
            return kind(**fields | {"node": 0})
        except OutOfRange:
            continue


def random_words(rng):
    """A few of them."""
    return [random_word(rng) for _ in range(rng.randint(1, 8))]
