"""All that is decided about a network before any data: what values are, multipliers, biases."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from q4compile.quantize.oracle.multiplier import Multipliers
from q4compile.quantize.oracle.rounding import Int64
from q4compile.quantize.oracle.staircase import Reach
from q4compile.quantize.oracle.tensor import Fixed, Grid, Representation, Wide, Zeros


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
    """One direction of a recurrence: gx of `inputs`, the share of h of `recurrent`."""

    reverse: bool
    inputs: Product
    recurrent: Product
    offsets: Int64
    """Added to gx once it is scaled, [N]: the bias of a wide cell; 0 where B has it."""


@dataclass(frozen=True, eq=False)
class Lstm:
    """An LSTM: its directions, the format of c, the grid of h and the multiplier to it."""

    directions: tuple[Direction, ...]
    cell: Fixed | Wide
    hidden: Grid
    to_hidden: Multipliers


class Gated(NamedTuple):
    """A GRU or an RNN: its directions, the grid of h and the multiplier to it."""

    op: str
    relu: bool
    """Of an RNN: max(z, 0) instead of tanh."""
    directions: tuple[Direction, ...]
    hidden: Grid
    to_hidden: Multipliers


class Constant(NamedTuple):
    """Real numbers beside a value, as fixed-point ones."""

    kind: Fixed
    codes: Int64


class Curve(NamedTuple):
    """A function by tables, or a power: the format of x, and those of products."""

    source: Fixed
    tables: tuple[Int64, ...]
    products: tuple[Fixed, ...] = ()
    """Of x² and, where that is wanted, of x³."""


class Table(NamedTuple):
    """A constant whose rows a Gather takes."""

    grid: Grid
    """That of all rows."""
    codes: Int64


class Unpacked(NamedTuple):
    """Codes read as fixed-point numbers: ``sat16((x − zero_point) · M)``."""

    grid: Grid
    result: Fixed
    multiplier: Multipliers


class Normal(NamedTuple):
    """``RNE(n · scale + bias · 2^bias_shift)`` of a normalized number n with 16 fraction bits."""

    epsilon: int
    """In units of C² · 4^−f."""
    scales: tuple[int, ...]
    biases: tuple[int, ...]
    bits: int
    """Fraction bits of n · scale."""
    bias_shift: int


@dataclass(frozen=True)
class Rows:
    """What sees a whole row: formats of x and of the result, and what the operator has besides."""

    source: Fixed
    result: Fixed
    normal: Normal | None = None
    multiplier: Multipliers | None = None
    """Of a sum."""
    axes: tuple[int, ...] = ()
    """Of a reduction."""


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
    unpacked: Mapping[tuple[str, int], Unpacked]
    """(node, port) → how codes become the numbers that this port reads."""
    rows: Mapping[str, Rows]
    gated: Mapping[str, Gated]
    constants: Mapping[tuple[str, int], Constant]
    """(node, port) → the real numbers that this port reads, as codes."""
    curves: Mapping[str, Curve]
    leaks: Mapping[str, Fixed]
    """Node → the format of slope · x."""
