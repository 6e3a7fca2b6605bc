"""What the codes of a value stand for, by docs/integer-semantics.md.

Codes here are those of the file. Memory holds signed ones: `Grid.stored_offset` is what is taken
off the codes of an unsigned grid on the way there.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from q4compile.isa.element_type import ElementType
from q4compile.numerics.formats import format_named
from q4compile.quantize.network import ActivationGrid

INT16 = (-(2**15), 2**15 - 1)
INT32_MAX = 2**31 - 1
MAX_CODE_BITS = 8


@dataclass(frozen=True)
class Grid:
    """``x = (q − zero_point) · scale``, lo ≤ q ≤ hi; the scale is the float32 of the file."""

    scale: Fraction
    zero_point: int
    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """How many bits a code takes."""
        return (self.hi - self.lo).bit_length()

    @property
    def bound(self) -> Fraction:
        """The largest |x|."""
        return max(abs(self.lo - self.zero_point), abs(self.hi - self.zero_point)) * self.scale

    @property
    def largest(self) -> int:
        """The largest |q|."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def stored_offset(self) -> int:
        """``q = stored + offset``: 0 for signed codes, half the range for unsigned ones."""
        return 1 << (self.bits - 1) if self.lo >= 0 and self.hi > 0 else 0

    @property
    def stored(self) -> "Grid":
        """The same real values by the codes that memory holds."""
        offset = self.stored_offset
        return Grid(self.scale, self.zero_point - offset, self.lo - offset, self.hi - offset)

    @property
    def element(self) -> ElementType:
        """The narrowest type that holds the stored codes."""
        return ElementType.I4 if self.bits <= ElementType.I4.bits else ElementType.I8

    def __str__(self) -> str:
        return f"the grid of scale {float(self.scale):g} from {self.lo} to {self.hi}"


@dataclass(frozen=True)
class Fixed:
    """``x = q / 2^f``, q an int16."""

    f: int

    @property
    def bound(self) -> Fraction:
        """The largest x."""
        return INT16[1] / Fraction(2) ** self.f

    @property
    def element(self) -> ElementType:
        """How memory holds it."""
        return ElementType.I16

    def __str__(self) -> str:
        return f"int16 with {self.f} fraction bits"


@dataclass(frozen=True)
class Integer:
    """``x = q``, an int32: tokens, lengths."""

    @property
    def element(self) -> ElementType:
        """How memory holds it."""
        return ElementType.I32

    def __str__(self) -> str:
        return "integers"


Kind: TypeAlias = Grid | Fixed | Integer


def grid_of(found: ActivationGrid) -> Grid:
    """The grid of a network in exact numbers."""
    lo, hi = format_named(found.format).codes()
    return Grid(Fraction(float(found.scale)), found.zero_point, lo, hi)


TABLE_INPUT, TABLE_OUTPUT = Fixed(11), Fixed(15)
"""What the tables of σ and tanh read and give; pre-activations are in the format that they read."""

FINEST, COARSEST = 12, -16
HEADROOM = 2
"""Of a cell state over the largest that calibration saw."""


def finest_for(bound: Fraction, most: int = FINEST) -> Fixed | None:
    """``fixed(f)`` of the greatest f ≤ `most` with bound · 2^f ≤ 32767; None below f = −16."""
    for f in range(most, COARSEST - 1, -1):
        if bound * Fraction(2) ** f <= INT16[1]:
            return Fixed(f)
    return None
