"""What the vector engine does with whole rows, and what leads there from codes of grids."""

from dataclasses import dataclass
from typing import TypeAlias

from q4compile.isa.instructions.rowwise import Reducing


@dataclass(frozen=True)
class Dequantize:
    """``sat16((x − zero_point) · M)``, codes that memory holds to int16."""

    zero_point: int
    multiplier: int


@dataclass(frozen=True)
class Reduction:
    """The sum of a row times M, or its largest or least number."""

    how: Reducing
    multiplier: int


@dataclass(frozen=True)
class Normalize:
    """A row of mean 0 and variance 1, times `scales`, plus `biases`."""

    epsilon: int
    scales: tuple[int, ...]
    biases: tuple[int, ...]
    result_shift: int
    bias_shift: int


@dataclass(frozen=True)
class Soften:
    """Softmax of a row; its logarithm with ``15 − out_shift`` fraction bits."""

    left_shift: int
    result_shift: int
    out_shift: int | None
    """None for softmax itself."""


RowOperation: TypeAlias = Dequantize | Reduction | Normalize | Soften
