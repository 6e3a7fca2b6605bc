"""Short names for the kinds of fields that instructions are made of.

``u16("n")`` is an unsigned number that fills the member n of the word, ``sram("a")`` an SRAM
address in its member a, ``flag(3)`` bit 3 of its flags.
"""

from enum import IntEnum

from q4compile.isa.engine import Engine, Precision
from q4compile.isa.operand import MAX_UNITS
from q4compile.isa.operand_kinds import Counted, Located, MaybeLocated
from q4compile.isa.plain_kinds import Bits, Choice, Flag, Number, Register, Spread
from q4compile.isa.region import Memory
from q4compile.isa.word import ENGINE, PRECISION, Slot

SEMAPHORES = tuple(map(str, range(16)))
ENGINES = tuple(engine.name.lower() for engine in Engine)


def sram(member: str) -> Located:
    """An SRAM address."""
    return Located(Slot(member), Memory.SRAM)


def dram(member: str) -> Located:
    """A DRAM address."""
    return Located(Slot(member), Memory.DRAM)


def maybe_sram(member: str, bit: int) -> MaybeLocated:
    """An SRAM address whose presence a flag says."""
    return MaybeLocated(sram(member), Slot("flags", bit, 1))


def row_count(member: str) -> Counted:
    """A number of rows, 16 bits, or the S register that holds it."""
    return Counted(Slot(member), Slot(member))


def trip_count(constant: str, scalar: str) -> Counted:
    """A number of iterations, 32 bits, or the S register that holds it."""
    return Counted(Slot(constant), Slot(scalar))


def unsigned(member: str, unit: str = "", *, lo: int = 0, bits: int = 0) -> Number:
    """A number that fills its member, or as many of its low bits."""
    slot = Slot(member)
    return Number(slot, lo, (1 << (bits or slot.width)) - 1, unit)


def units_in(member: str) -> Number:
    """A constant address: 28 bits of units, written as addresses are."""
    return Number(Slot(member), 0, MAX_UNITS, "units", hexadecimal=True)


def signed(member: str, unit: str = "") -> Number:
    """A number in two's complement that fills its member."""
    width = Slot(member).width
    return Number(Slot(member), -(1 << (width - 1)), (1 << (width - 1)) - 1, unit)


def half(member: str, low: int) -> Number:
    """An int16 in half of a 32-bit member."""
    return Number(Slot(member, low, 16), -(2**15), 2**15 - 1)


def shift(member: str, low: int, width: int, hi: int) -> Number:
    """A shift in [0, hi] [bits]."""
    return Number(Slot(member, low, width), 0, hi, "bits")


def flag(bit: int) -> Flag:
    """A bit of the flags."""
    return Flag(Slot("flags", bit, 1))


def choice(low: int, width: int, *members: IntEnum) -> Choice:
    """A member of an enumeration in bits of the flags."""
    return Choice(Slot("flags", low, width), members)


def spread(low: int, high: int, *members: IntEnum) -> Spread:
    """A member of an enumeration in two bits of the flags that lie apart."""
    return Spread(Slot("flags", low, 1), members, Slot("flags", high, 1))


def precision(*members: Precision) -> Choice:
    """The precision field."""
    return Choice(PRECISION, members)


def engine(*members: Engine) -> Choice:
    """The engine field, where it is not fixed by the instruction."""
    return Choice(ENGINE, members)


def semaphores(member: str) -> Bits:
    """A set of semaphores."""
    return Bits(Slot(member), SEMAPHORES)


def engines(member: str) -> Bits:
    """A set of engines, each its own bit."""
    return Bits(Slot(member), ENGINES)


def a_register(member: str, *, first: int = 0) -> Register:
    """The number of an address register; `first` 1 where it is written, since A0 stays 0."""
    return Register(Slot(member), "A", first)


def s_register(member: str) -> Register:
    """The number of a scalar register."""
    return Register(Slot(member), "S")


def loop_level(member: str) -> Number:
    """A level of loops."""
    return Number(Slot(member), 0, 3)
