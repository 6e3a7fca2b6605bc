"""What a field of an instruction may hold, where it lies in the word, and how it is written.

For every kind and every value with ``need(value) is None``:

    value(raws(value)) == value        encoding
    read(text(value)) == value         assembly

A field names its kind in its annotation: ``rows: Annotated[Rows, Counted(...)]``.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING
from typing import Any, ClassVar

from q4compile.isa.word import Slot

NUMBER = re.compile(r"-?(0x[0-9a-f]+|[0-9]+)")
LONGEST_NUMBER = 24


class Refused(ValueError):
    """A word or a text holds what the field cannot have; the reader says where."""

    def __init__(self, need: str, got: str) -> None:
        super().__init__(f"need {need}, got {got}")
        self.need, self.got = need, got


class Kind(ABC):
    """Values of a field ↔ bits of a word ↔ text."""

    implied: ClassVar[Any] = MISSING
    """What a text means that leaves out a field without a default."""

    @property
    @abstractmethod
    def slots(self) -> tuple[Slot, ...]:
        """The bits of the word that the field takes."""

    @property
    @abstractmethod
    def says(self) -> str:
        """What it is, for the documentation."""

    @abstractmethod
    def need(self, value: Any) -> str | None:
        """What `value` would have to be, or None when it is that."""

    @abstractmethod
    def raws(self, value: Any) -> tuple[int, ...]:
        """The number for each slot, unsigned, not yet shifted into place."""

    @abstractmethod
    def value(self, raws: Sequence[int]) -> Any:
        """The inverse of `raws`; Refused for numbers that `raws` never gives."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """As assembly has it: no blanks, no semicolon."""

    @abstractmethod
    def read(self, text: str) -> Any:
        """The inverse of `text`; Refused for what is no such text."""

    def required(self, value: Any) -> Any:
        """`value` itself when it is right; Refused otherwise."""
        need = self.need(value)
        if need is not None:
            raise Refused(need, f"{value!r}")
        return value


def is_integer(value: object, lo: int, hi: int) -> bool:
    """True for a Python integer in [lo, hi]; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool) and lo <= value <= hi


def read_number(text: str) -> int:
    """``12``, ``-3`` or ``0x40``."""
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        raise Refused("a number", repr(text))
    return int(text, 16 if "x" in text else 10)
