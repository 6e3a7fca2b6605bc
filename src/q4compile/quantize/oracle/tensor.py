"""What a value is: codes, and what real numbers they stand for."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from q4compile.quantize.network import ActivationGrid
from q4compile.quantize.oracle.rounding import INT16, INT32, Float64, Int64, saturated


class Grid(NamedTuple):
    """``x = (q − zero_point) · scale``, lo ≤ q ≤ hi, scale the float32 of the file, exactly."""

    scale: Fraction
    zero_point: int
    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """How many bits a code takes."""
        return (self.hi - self.lo).bit_length()

    @property
    def largest(self) -> int:
        """The largest |q|."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def bound(self) -> Fraction:
        """The largest |x|."""
        return max(abs(self.lo - self.zero_point), abs(self.hi - self.zero_point)) * self.scale

    def __str__(self) -> str:
        return f"grid({float(self.scale):g}, {self.zero_point}, {self.lo} to {self.hi})"


@dataclass(frozen=True)
class Fixed:
    """``x = q / 2^f``, q an int16."""

    f: int

    @property
    def bound(self) -> Fraction:
        """The largest x."""
        return INT16[1] / Fraction(2) ** self.f

    def __str__(self) -> str:
        return f"fixed({self.f})"


@dataclass(frozen=True)
class Wide:
    """``x = q / 2^f``, q an int32: sums and states of wide cells."""

    f: int

    @property
    def bound(self) -> Fraction:
        """The largest x."""
        return INT32[1] / Fraction(2) ** self.f

    def __str__(self) -> str:
        return f"wide({self.f})"


@dataclass(frozen=True)
class Integers:
    """``x = q``: lengths, tokens, shapes."""

    def __str__(self) -> str:
        return "integer"


@dataclass(frozen=True)
class Zeros:
    """Real numbers that are all 0: the state before the first step."""

    def __str__(self) -> str:
        return "zeros"


Representation = Grid | Fixed | Wide | Integers | Zeros


@dataclass(frozen=True, eq=False)
class Tensor:
    """Codes in the order of the ONNX axes, and what they stand for."""

    representation: Representation
    codes: Int64

    @property
    def real(self) -> Float64:
        """The real values, exactly: at most 9 bits times 24, or 32 bits and a power of two."""
        kind, codes = self.representation, self.codes
        if isinstance(kind, Grid):
            return np.asarray((codes - kind.zero_point) * float(kind.scale))
        if isinstance(kind, (Fixed, Wide)):
            return np.ldexp(codes.astype(np.float64), -kind.f)
        return codes.astype(np.float64)


def code_range(format: str, narrow: bool = False) -> tuple[int, int]:
    """``(lo, hi)`` of an integer format by its name: int4 → (−8, 7), narrow (−7, 7).

    Raises:
        ValueError: for a floating one.
    """
    kind, bits = format.rstrip("0123456789"), int(format.lstrip("uintfp"))
    if kind == "uint":
        return 0, 2**bits - 1
    if kind != "int":
        raise ValueError(f"{format} has no codes")
    return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1


def grid_of(found: ActivationGrid) -> Grid:
    """The grid of a network as exact numbers."""
    return Grid(Fraction(float(found.scale)), found.zero_point, *code_range(found.format))


def encoded(x: ArrayLike, kind: Representation) -> Int64:
    """The codes that a host makes of real numbers: those of QuantizeLinear, float32 arithmetic.

    For a fixed-point value its scale is 2^−f, its range that of int16, of a wide one of int32.
    """
    if isinstance(kind, (Integers, Zeros)):
        return np.asarray(x).astype(np.int64)
    scale = np.float32(float(kind.scale if isinstance(kind, Grid) else Fraction(2) ** -kind.f))
    zero, ends = _zero_and_ends(kind)
    quotient = np.rint(np.asarray(x, np.float32) / scale).astype(np.float64)
    bounded = np.clip(np.nan_to_num(quotient, nan=float(ends[0])), -(2.0**40), 2.0**40)
    return saturated(bounded.astype(np.int64) + zero, ends)


def _zero_and_ends(kind: Grid | Fixed | Wide) -> tuple[int, tuple[int, int]]:
    """The code of 0, and the least and the greatest code."""
    if isinstance(kind, Grid):
        return kind.zero_point, (kind.lo, kind.hi)
    return 0, INT32 if isinstance(kind, Wide) else INT16
