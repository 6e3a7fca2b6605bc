"""Kinds of fields that hold a number, a flag, a word of a list, or a set of bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from q4compile.isa.kind import Kind, Refused, is_integer, read_number
from q4compile.isa.word import Slot

FLAGS = ("no", "yes")


@dataclass(frozen=True)
class OneSlot(Kind):
    """A kind whose value is one number of the word."""

    slot: Slot

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The one."""
        return (self.slot,)


@dataclass(frozen=True)
class Number(OneSlot):
    """An integer in [lo, hi]; two's complement in its slot when lo < 0."""

    lo: int
    hi: int
    unit: str = ""
    hexadecimal: bool = False

    @property
    def says(self) -> str:
        return f"{self.lo} … {self.hi}" + f" {self.unit}" * bool(self.unit)

    def need(self, value: Any) -> str | None:
        right = is_integer(value, self.lo, self.hi)
        return None if right else f"an integer in [{self.lo}, {self.hi}]"

    def raws(self, value: int) -> tuple[int, ...]:
        return (value & ((1 << self.slot.width) - 1),)

    def value(self, raws: Sequence[int]) -> int:
        value = raws[0]
        if self.lo < 0 and value >> (self.slot.width - 1):
            value -= 1 << self.slot.width
        if not self.lo <= value <= self.hi:
            raise Refused(f"an integer in [{self.lo}, {self.hi}]", f"{value}")
        return value

    def text(self, value: int) -> str:
        return hex(value) if self.hexadecimal else str(value)

    def read(self, text: str) -> int:
        value: int = self.required(read_number(text))
        return value


@dataclass(frozen=True)
class Register(OneSlot):
    """The number of a register: 0 to 15, or 1 to 15 where A0 would be written. Text ``A3``."""

    letter: str
    first: int = 0
    last: int = 15

    @property
    def says(self) -> str:
        return f"{self.letter}{self.first} … {self.letter}{self.last}"

    def need(self, value: Any) -> str | None:
        right = is_integer(value, self.first, self.last)
        return None if right else f"a register number in [{self.first}, {self.last}]"

    def raws(self, value: int) -> tuple[int, ...]:
        return (value,)

    def value(self, raws: Sequence[int]) -> int:
        value: int = self.required(raws[0])
        return value

    def text(self, value: int) -> str:
        return f"{self.letter}{value}"

    def read(self, text: str) -> int:
        if not text.startswith(self.letter) or not text[1:].isascii() or not text[1:].isdigit():
            raise Refused(f"a register {self.says}", repr(text))
        value: int = self.required(read_number(text[1:]))
        return value


@dataclass(frozen=True)
class Flag(OneSlot):
    """One bit. Text ``yes`` or ``no``."""

    @property
    def says(self) -> str:
        return "yes or no"

    def need(self, value: Any) -> str | None:
        return None if isinstance(value, bool) else "True or False"

    def raws(self, value: bool) -> tuple[int, ...]:
        return (int(value),)

    def value(self, raws: Sequence[int]) -> bool:
        return bool(raws[0])

    def text(self, value: bool) -> str:
        return FLAGS[value]

    def read(self, text: str) -> bool:
        if text not in FLAGS:
            raise Refused("yes or no", repr(text))
        return text == FLAGS[1]


@dataclass(frozen=True)
class Choice(OneSlot):
    """One of some members of an enumeration. Text is its name in small letters."""

    members: tuple[IntEnum, ...]

    @property
    def says(self) -> str:
        return ", ".join(f"{self.text(each)} = {int(each)}" for each in self.members)

    def need(self, value: Any) -> str | None:
        right = any(value is each for each in self.members)
        return None if right else "one of " + ", ".join(str(each) for each in self.members)

    def raws(self, value: IntEnum) -> tuple[int, ...]:
        return (int(value),)

    def value(self, raws: Sequence[int]) -> IntEnum:
        for each in self.members:
            if each == raws[0]:
                return each
        raise Refused(f"one of {self.says}", f"{raws[0]}")

    def text(self, value: IntEnum) -> str:
        return value.name.lower()

    def read(self, text: str) -> IntEnum:
        for each in self.members:
            if self.text(each) == text:
                return each
        raise Refused("one of " + ", ".join(map(self.text, self.members)), repr(text))


@dataclass(frozen=True)
class Spread(Choice):
    """One of up to four members, by its place among them: bit 0 in `slot`, bit 1 in `high`."""

    high: Slot

    @property
    def slots(self) -> tuple[Slot, ...]:
        return (self.slot, self.high)

    @property
    def says(self) -> str:
        return ", ".join(f"{self.text(each)} = {n}" for n, each in enumerate(self.members))

    def raws(self, value: IntEnum) -> tuple[int, ...]:
        place = self.members.index(value)
        return place & 1, place >> 1

    def value(self, raws: Sequence[int]) -> IntEnum:
        place = raws[0] | raws[1] << 1
        if place >= len(self.members):
            raise Refused(f"one of {self.says}", f"{place}")
        return self.members[place]


@dataclass(frozen=True)
class Bits(OneSlot):
    """A set of bits, by number or by name. Text ``0,3``; the empty set is ``none``."""

    names: tuple[str, ...]

    @property
    def says(self) -> str:
        return f"set of {self.names[0]} … {self.names[-1]}"

    def need(self, value: Any) -> str | None:
        hi = (1 << len(self.names)) - 1
        return None if is_integer(value, 0, hi) else f"a mask in [0, {hi:#x}]"

    def raws(self, value: int) -> tuple[int, ...]:
        return (value,)

    def value(self, raws: Sequence[int]) -> int:
        value: int = self.required(raws[0])
        return value

    def text(self, value: int) -> str:
        chosen = [name for bit, name in enumerate(self.names) if value >> bit & 1]
        return ",".join(chosen) or "none"

    def read(self, text: str) -> int:
        words = [] if text == "none" else text.split(",")
        wrong = [word for word in words if word not in self.names]
        if wrong or len(set(words)) < len(words):
            raise Refused(f"a {self.says}, each once", repr(text))
        return sum(1 << self.names.index(word) for word in words)
