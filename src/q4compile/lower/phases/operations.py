"""What the vector engine does with whole rows between loading and storing them."""

from dataclasses import dataclass
from typing import TypeAlias

from q4compile.isa.instructions import Add, Max, Min, Mul, Sub
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.numbers.product import Requantizer
from q4compile.lower.phases.row_operations import RowOperation


@dataclass(frozen=True)
class Combine:
    """``sat16(RNE((x << left_shift) op (y << right_shift), result_shift))``."""

    word: type[Add] | type[Sub] | type[Max] | type[Min]
    left_shift: int
    right_shift: int
    result_shift: int

    @property
    def commutes(self) -> bool:
        """Whether both operands may change places, with their shifts."""
        return self.word is not Sub


@dataclass(frozen=True)
class Multiply:
    """``sat16(RNE(x · y, result_shift))``."""

    result_shift: int

    @property
    def commutes(self) -> bool:
        """x · y = y · x."""
        return True


@dataclass(frozen=True)
class Beside:
    """`Combine` or `Multiply` of each row with a constant one."""

    word: type[Add] | type[Sub] | type[Max] | type[Min] | type[Mul]
    row: tuple[float, ...]
    """Codes, or halves, of all columns, those in gaps included."""
    left_shift: int = 0
    right_shift: int = 0
    result_shift: int = 0


@dataclass(frozen=True)
class Curve:
    """``T(sat16(RNE(x << left_shift, result_shift)))`` of a table given by its entries."""

    table: tuple[int, ...]
    left_shift: int
    result_shift: int


@dataclass(frozen=True)
class Lookup:
    """``T(sat16(RNE(x << left_shift, result_shift)))``, the table of an ONNX operator."""

    operator: str
    left_shift: int
    result_shift: int


@dataclass(frozen=True)
class Activate:
    """``f16(φ(x))``, φ an ONNX operator."""

    operator: str


@dataclass(frozen=True)
class Requantize:
    """Codes of another kind, by one multiplier."""

    multiplier: int
    to: Requantizer


@dataclass(frozen=True)
class Rectify:
    """``max(x, 0)``."""


@dataclass(frozen=True)
class Widen:
    """The same codes, i4 to i8."""


Operation: TypeAlias = (
    Activate
    | Beside
    | Combine
    | Curve
    | Multiply
    | Lookup
    | Requantize
    | Rectify
    | Widen
    | RowOperation
)


@dataclass(frozen=True)
class Step:
    """One operation on rows: `result` exists in on-chip memory alone."""

    operation: Operation
    sources: tuple[View, ...]
    result: Tensor
