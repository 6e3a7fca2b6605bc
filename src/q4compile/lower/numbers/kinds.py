"""What the codes of a value stand for, by docs/integer-semantics.md.

Codes here are those of the file. Memory holds signed ones: `Grid.stored_offset` is what is taken
off the codes of an unsigned grid on the way there.

Written from that document alone, as the integer oracle is: neither may borrow from the other.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import TypeAlias

from q4compile.isa.element_type import ElementType
from q4compile.numerics.formats import format_named
from q4compile.quantize.network import ActivationGrid

INT16 = (-(2**15), 2**15 - 1)
INT32 = (-(2**31), 2**31 - 1)
INT32_MAX = INT32[1]
MAX_CODE_BITS = 8


@dataclass(frozen=True)
class Grid:
    """``x = (q − zero_point) · scale`` for codes q from lo to hi."""

    scale: Fraction
    """The float32 of the file."""
    zero_point: int
    lo: int
    hi: int

    def __str__(self) -> str:
        return f"the grid of scale {float(self.scale):g} from {self.lo} to {self.hi}"

    @property
    def stored(self) -> "Grid":
        """The same real values by the codes that memory holds."""
        down = self.stored_offset
        lo, hi = self.lo - down, self.hi - down
        return replace(self, zero_point=self.zero_point - down, lo=lo, hi=hi)

    @property
    def stored_offset(self) -> int:
        """``q = stored + offset``: 0 for signed codes, half the range for unsigned ones."""
        return 1 << (self.bits - 1) if self.lo >= 0 and self.hi > 0 else 0

    @property
    def element(self) -> ElementType:
        """The narrowest type that holds the stored codes."""
        return ElementType.I4 if self.bits <= ElementType.I4.bits else ElementType.I8

    @property
    def bits(self) -> int:
        """How many bits a code takes."""
        return (self.hi - self.lo).bit_length()

    @property
    def largest(self) -> int:
        """The largest |q|, as 0 is always a code."""
        return max(-self.lo, self.hi)

    @property
    def bound(self) -> Fraction:
        """The largest |x|: the zero point is a code, so it is at one end or the other."""
        return self.scale * max(self.hi - self.zero_point, self.zero_point - self.lo)


@dataclass(frozen=True)
class Fixed:
    """``x = q / 2^f``, q an int16."""

    f: int

    def __str__(self) -> str:
        return f"int16 with {self.f} fraction bits"

    @property
    def element(self) -> ElementType:
        """How memory holds it."""
        return ElementType.I16

    @property
    def codes(self) -> tuple[int, int]:
        """The least and the greatest one."""
        return INT16

    @property
    def bound(self) -> Fraction:
        """The largest x."""
        return Fraction(INT16[1]) * scaled_by(-self.f)


@dataclass(frozen=True)
class Wide:
    """``x = q / 2^f``, q an int32: sums and states of wide cells, which nothing else reads."""

    f: int

    def __str__(self) -> str:
        return f"int32 with {self.f} fraction bits"

    @property
    def element(self) -> ElementType:
        """How memory holds it."""
        return ElementType.I32

    @property
    def codes(self) -> tuple[int, int]:
        """The least and the greatest one."""
        return INT32

    @property
    def bound(self) -> Fraction:
        """The largest x."""
        return Fraction(INT32[1]) * scaled_by(-self.f)


@dataclass(frozen=True)
class Integer:
    """``x = q``, an int32: tokens, lengths."""

    def __str__(self) -> str:
        return "integers"

    @property
    def element(self) -> ElementType:
        """How memory holds it."""
        return ElementType.I32


@dataclass(frozen=True)
class Real:
    """x itself, in floating point."""

    element: ElementType
    """How memory holds it."""

    def __str__(self) -> str:
        return f"floats in {self.element.name.lower()}"

    @property
    def bound(self) -> Fraction:
        """Nothing is made of it where there are no multipliers."""
        return Fraction(0)


F16, F32 = Real(ElementType.F16), Real(ElementType.F32)
Kind: TypeAlias = Grid | Fixed | Wide | Integer | Real


def grid_of(found: ActivationGrid) -> Grid:
    """The grid of a network in exact numbers."""
    lo, hi = format_named(found.format).codes()
    return Grid(Fraction(float(found.scale)), found.zero_point, lo, hi)


TABLE_INPUT, TABLE_OUTPUT = Fixed(11), Fixed(15)
"""What the tables of σ and tanh read and give; pre-activations are in the format that they read."""

WIDE_SUMS, WIDE_CELL = Wide(20), Wide(20)
"""Pre-activations and c of a wide cell."""

FINEST, COARSEST = 12, -16
HEADROOM = 2
"""Of a cell state over the largest that calibration saw."""


def finest_for(bound: Fraction, most: int = FINEST) -> Fixed | None:
    """``fixed(f)`` of the greatest f ≤ `most` with bound · 2^f ≤ 32767; None below f = −16."""
    f = most if bound == 0 else min(most, _greatest_power(INT16[1] / bound))
    return Fixed(f) if f >= COARSEST else None


def scaled_by(power: int) -> Fraction:
    """``2^power``."""
    return Fraction(1 << power) if power >= 0 else Fraction(1, 1 << -power)


def _greatest_power(limit: Fraction) -> int:
    """The greatest f with 2^f ≤ `limit` > 0, by the lengths of whole numbers."""
    if limit >= 1:
        return int(limit).bit_length() - 1
    return -(ceil(1 / limit) - 1).bit_length()
