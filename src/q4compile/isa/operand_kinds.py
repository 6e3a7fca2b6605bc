"""Kinds of fields that hold an address, or a number that may stand in a scalar register."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from q4compile.isa.kind import Kind, Refused, is_integer, read_number
from q4compile.isa.operand import ADDRESS_BITS, MAX_UNITS, REGISTERS, Address, Rows, Scalar
from q4compile.isa.region import Memory
from q4compile.isa.word import Slot

ADDRESS = re.compile(r"\[(?:A([0-9]{1,2})\+)?(0x[0-9a-f]{1,7})\]")
SCALAR = re.compile(r"S([0-9]{1,2})")
RANGE = f"S0 … S{REGISTERS - 1}"
DYNAMIC = Slot("flags", 15, 1)
NO_ADDRESS = "none"


@dataclass(frozen=True)
class Located(Kind):
    """An address in one of the memories. Text ``[A3+0x40]``, with A0 ``[0x40]``."""

    slot: Slot
    memory: Memory

    @property
    def slots(self) -> tuple[Slot, ...]:
        return (self.slot,)

    @property
    def says(self) -> str:
        return f"{self.memory.name} address"

    def need(self, value: Any) -> str | None:
        right = (
            isinstance(value, Address)
            and is_integer(value.offset, 0, MAX_UNITS)
            and is_integer(value.register, 0, REGISTERS - 1)
        )
        return None if right else f"an Address of an offset up to {MAX_UNITS:#x} and a register"

    def raws(self, value: Address) -> tuple[int, ...]:
        return (value.register << ADDRESS_BITS | value.offset,)

    def value(self, raws: Sequence[int]) -> Address:
        return Address(raws[0] & MAX_UNITS, raws[0] >> ADDRESS_BITS)

    def text(self, value: Address) -> str:
        register = f"A{value.register}+" if value.register else ""
        return f"[{register}{value.offset:#x}]"

    def read(self, text: str) -> Address:
        found = ADDRESS.fullmatch(text)
        if found is None:
            raise Refused("an address such as [A3+0x40] or [0x40]", repr(text))
        value: Address = self.required(Address(int(found[2], 16), int(found[1] or "0")))
        return value


@dataclass(frozen=True)
class MaybeLocated(Kind):
    """An address, or none: then its slot is 0 and so is the flag. Text ``none``."""

    implied: ClassVar[Any] = None

    located: Located
    flag: Slot

    @property
    def slots(self) -> tuple[Slot, ...]:
        return (self.located.slot, self.flag)

    @property
    def says(self) -> str:
        return f"{self.located.says} or none"

    def need(self, value: Any) -> str | None:
        return None if value is None else self.located.need(value)

    def raws(self, value: Address | None) -> tuple[int, ...]:
        return (0, 0) if value is None else (*self.located.raws(value), 1)

    def value(self, raws: Sequence[int]) -> Address | None:
        address, present = raws
        if address and not present:
            raise Refused(f"{self.located.slot} = 0 where {self.flag} is 0", f"{address:#x}")
        return self.located.value(raws) if present else None

    def text(self, value: Address | None) -> str:
        return NO_ADDRESS if value is None else self.located.text(value)

    def read(self, text: str) -> Address | None:
        return None if text == NO_ADDRESS else self.located.read(text)


@dataclass(frozen=True)
class Counted(Kind):
    """A number of rows or iterations: a constant, or with the flag DYNAMIC an S register."""

    constant: Slot
    scalar: Slot

    @property
    def slots(self) -> tuple[Slot, ...]:
        both = (self.constant,) if self.constant == self.scalar else (self.constant, self.scalar)
        return (*both, DYNAMIC)

    @property
    def hi(self) -> int:
        """The greatest constant."""
        return (1 << self.constant.width) - 1

    @property
    def says(self) -> str:
        return f"0 … {self.hi} or {RANGE}"

    def need(self, value: Any) -> str | None:
        scalar = isinstance(value, Scalar)
        right = (
            is_integer(value.index, 0, REGISTERS - 1) if scalar else is_integer(value, 0, self.hi)
        )
        return None if right else f"an integer in [0, {self.hi}] or a register {RANGE}"

    def raws(self, value: Rows) -> tuple[int, ...]:
        dynamic = isinstance(value, Scalar)
        number = value.index if isinstance(value, Scalar) else value
        if self.constant == self.scalar:
            return (number, int(dynamic))
        return (0, number, 1) if dynamic else (number, 0, 0)

    def value(self, raws: Sequence[int]) -> Rows:
        *numbers, dynamic = raws
        used, unused = (numbers[-1], numbers[0]) if dynamic else (numbers[0], numbers[-1])
        if len(numbers) > 1 and unused:
            slot = self.constant if dynamic else self.scalar
            raise Refused(f"{slot} = 0 where {DYNAMIC} is {dynamic}", f"{unused:#x}")
        if dynamic and used >= REGISTERS:
            raise Refused(f"a register {RANGE}", f"{used}")
        return Scalar(used) if dynamic else used

    def text(self, value: Rows) -> str:
        return f"S{value.index}" if isinstance(value, Scalar) else str(value)

    def read(self, text: str) -> Rows:
        found = SCALAR.fullmatch(text)
        value: Rows = self.required(Scalar(int(found[1])) if found else read_number(text))
        return value
