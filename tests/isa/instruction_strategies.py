"""Instructions for property tests, from the kinds of their fields: a class joins by existing."""

from functools import singledispatch

from hypothesis import strategies as st

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import OutOfRange, fields_of
from q4compile.isa.instructions import INSTRUCTIONS
from q4compile.isa.operand import MAX_UNITS, Address, Scalar
from q4compile.isa.operand_kinds import Counted, Located, MaybeLocated
from q4compile.isa.plain_kinds import Bits, Choice, Flag, Number, Register


def between(lo, hi):
    """Integers in [lo, hi], most of them small or at an end."""
    small = st.integers(max(lo, -9), min(hi, 9)) if lo <= 9 and hi >= -9 else st.nothing()
    return st.one_of(small, st.sampled_from([lo, hi]), st.integers(lo, hi))


@singledispatch
def values(kind):
    """What a field of that kind can hold."""
    raise TypeError(f"no strategy for {kind!r}")


@values.register
def _(kind: Number):
    return between(kind.lo, kind.hi)


@values.register
def _(kind: Register):
    return between(kind.first, kind.last)


@values.register
def _(kind: Flag):
    return st.booleans()


@values.register
def _(kind: Choice):
    return st.sampled_from(kind.members)


@values.register
def _(kind: Bits):
    return between(0, 2 ** len(kind.names) - 1)


@values.register
def _(kind: Located):
    return st.builds(Address, between(0, MAX_UNITS), between(0, 15))


@values.register
def _(kind: MaybeLocated):
    return st.none() | values(kind.located)


@values.register
def _(kind: Counted):
    return between(0, kind.hi) | st.builds(Scalar, between(0, 15))


def instructions(kind):
    """Instructions of one class."""
    fields = {field.name: values(field.kind) for field in fields_of(kind)}
    if getattr(kind, "engine", None) is Engine.SQ:
        fields |= {"wait": st.just(0), "post": st.just(0)}
    return st.builds(lambda **given: _built(kind, given), **fields).filter(lambda x: x is not None)


def _built(kind, given):
    """None where the fields do not go together."""
    try:
        return kind(**given)
    except OutOfRange:
        return None


def any_instruction():
    """Instructions of all classes."""
    return st.one_of([instructions(kind) for kind in INSTRUCTIONS])
