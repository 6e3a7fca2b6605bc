"""What a name of the network stands for while it is lowered."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.layout.tensors import View
from q4compile.lower.numbers.kinds import Kind


@dataclass(frozen=True)
class Numbers:
    """Codes in memory, or about to be computed where they are read."""

    kind: Kind
    bound: Fraction
    """The largest |real| that occurs."""
    view: View


@dataclass(frozen=True)
class Frames:
    """``y[i] = x[start + step · i]`` along `axis`, x with `pad` zeros behind its last."""

    numbers: Numbers
    axis: Axis
    start: int = 0
    step: int = 1
    pad: int = 0


@dataclass(frozen=True)
class Lengths:
    """``floor((length + plus) / divide)`` of an integer input that has one number per sequence."""

    port: str
    plus: int = 0
    divide: int = 1


@dataclass(frozen=True)
class Measured:
    """Integers that shapes are made of."""

    sizes: tuple[Extent, ...]
    is_scalar: bool = False


@dataclass(frozen=True)
class Zeros:
    """Real numbers that are all 0."""


Value: TypeAlias = Numbers | Frames | Lengths | Measured | Zeros
