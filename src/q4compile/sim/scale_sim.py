"""``cycles = row folds · column folds · cycles of a fold − 1``: SCALE-Sim's compute cycles.

The closed form of what SCALE-Sim v2 and v3 simulate element by element (their "Total Cycles" where
memory never stalls: ``InterfaceBandwidth: CALC``). A product x[m, k] · w[k, n] runs on an array of
R x C processing elements; the dataflow says which two of m, n and k lie on the array, and which one
streams through it:

    output stationary   m on rows, n on columns, k streams   fold = R + C + K − 2
    weight stationary   k on rows, n on columns, m streams   fold = 2 R + C + M − 2
    input stationary    k on rows, m on columns, n streams   fold = 2 R + C + N − 2

The second R of the stationary ones fills the array before each fold.

Source: Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN
Accelerators using SCALE-Sim", ISPASS 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Dataflow(StrEnum):
    """What stays on the array."""

    OUTPUT_STATIONARY = "os"
    WEIGHT_STATIONARY = "ws"
    INPUT_STATIONARY = "is"


@dataclass(frozen=True)
class Gemm:
    """``[m, n] = [m, k] · [k, n]``; all of them at least 1."""

    m: int
    n: int
    k: int

    def __post_init__(self) -> None:
        if min(self.m, self.n, self.k) < 1:
            raise ValueError(f"every side of a product is at least 1, not {self}")

    @property
    def macs(self) -> int:
        """``m · n · k``."""
        return self.m * self.n * self.k


@dataclass(frozen=True)
class Array:
    """Processing elements, one multiplication each per cycle."""

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1:
            raise ValueError(f"an array has rows and columns, not {self}")


def compute_cycles(dataflow: Dataflow, gemm: Gemm, array: Array) -> int:
    """Cycles of `gemm` alone on `array`, SCALE-Sim's "Total Cycles", exactly."""
    on_rows, on_columns, fold = MAPPINGS[dataflow](gemm, array)
    return -(-on_rows // array.rows) * -(-on_columns // array.columns) * fold - 1


def _output_stationary(gemm: Gemm, array: Array) -> tuple[int, int, int]:
    return gemm.m, gemm.n, array.rows + array.columns + gemm.k - 2


def _weight_stationary(gemm: Gemm, array: Array) -> tuple[int, int, int]:
    return gemm.k, gemm.n, 2 * array.rows + array.columns + gemm.m - 2


def _input_stationary(gemm: Gemm, array: Array) -> tuple[int, int, int]:
    return gemm.k, gemm.m, 2 * array.rows + array.columns + gemm.n - 2


MAPPINGS: dict[Dataflow, Callable[[Gemm, Array], tuple[int, int, int]]] = {
    Dataflow.OUTPUT_STATIONARY: _output_stationary,
    Dataflow.WEIGHT_STATIONARY: _weight_stationary,
    Dataflow.INPUT_STATIONARY: _input_stationary,
}
"""Dataflow → what lies on rows, what on columns, and cycles of a fold."""
