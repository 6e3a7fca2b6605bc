"""All that is decided about a network before any data: what values are, multipliers, biases."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from q4compile.quantize.oracle.multiplier import Multipliers
from q4compile.quantize.oracle.rounding import Int64
from q4compile.quantize.oracle.staircase import Reach
from q4compile.quantize.oracle.tensor import Fixed, Grid, Representation, Zeros


class Known(NamedTuple):
    """What a value is, and how large."""

    representation: Representation
    """What its codes stand for."""
    bound: Fraction
    """The largest |real| that it can have; 0 where that has no meaning."""


@dataclass(frozen=True)
class Read:
    """A value brought to another grid where a node reads it: ``clip(x · M + zero_point, lo, hi)``.

    Zeros need no multiplier: they become the zero point.
    """

    value: str
    source: Fixed | Zeros
    grid: Grid
    multiplier: Multipliers | None


@dataclass(frozen=True, eq=False)
class Product:
    """``acc[n] = B[n] + Σ_k q_x[k] · q_w[n, k]``, to be scaled by M[n]."""

    operand: Grid
    """That of x."""
    codes: Int64
    """[N, K]."""
    bias: Int64
    """B, [N]."""
    reach: Int64
    """``Σ_k |q_w[n, k]| · max|q_x|``: how far the sum can lie from B[n]."""
    multipliers: Multipliers
    """M, [N]."""

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """The least and the greatest acc[n]."""
        rows = zip(self.bias, self.reach, strict=True)
        return tuple((int(b) - int(r), int(b) + int(r)) for b, r in rows)


@dataclass(frozen=True, eq=False)
class Linear:
    """A Gemm or MatMul: which value it makes, and how."""

    value: str
    product: Product
    result: Grid | Fixed


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction of an LSTM: gx of `inputs`, the share of h of `recurrent`."""

    reverse: bool
    inputs: Product
    recurrent: Product


@dataclass(frozen=True, eq=False)
class Lstm:
    """An LSTM: its directions, the format of c, the grid of h and the multiplier to it."""

    directions: tuple[Direction, ...]
    cell: Fixed
    hidden: Grid
    to_hidden: Multipliers


class Table(NamedTuple):
    """A constant whose rows a Gather takes."""

    grid: Grid
    """That of all rows."""
    codes: Int64


@dataclass(frozen=True)
class Decisions:
    """The whole of it; nodes go by their names.

    A product that an Add of a bias follows makes the value of that Add: its own result, which
    nobody else reads, is not among the `values`.
    """

    values: Mapping[str, Known]
    linear: Mapping[str, Linear]
    lstm: Mapping[str, Lstm]
    tables: Mapping[str, Table]
    reads: Mapping[tuple[str, int], Read]
    """(node, port) → how a value is brought to the grid that this port reads it on."""
    fused: Mapping[str, str]
    """Add of a bias → the product it belongs to."""
