"""What a field of an instruction can hold besides a number: an address, or a scalar register."""

from dataclasses import dataclass
from typing import TypeAlias

REGISTERS = 16
ADDRESS_BITS = 28
MAX_UNITS = 2**ADDRESS_BITS - 1


@dataclass(frozen=True)
class Address:
    """``A[register] + offset``, in units of 16 bytes; A0 is always 0. Text ``[A3+0x40]``."""

    offset: int
    register: int = 0


@dataclass(frozen=True)
class Scalar:
    """``S[index]`` in place of a number of rows or of iterations. Text ``S3``."""

    index: int


Rows: TypeAlias = int | Scalar
