"""``w[n, k] = q[n, k] · scale[n]``: a constant as integer codes, output channels first."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.element_type import ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.halves import HALVES, halves_of
from q4compile.lower.numbers.kinds import F16, MAX_CODE_BITS, Grid, Real
from q4compile.numerics.formats import format_named
from q4compile.numerics.rounding import code_dtype, quantize
from q4compile.quantize.network import Network, WeightGrid
from q4compile.quantize.rows import Blocking

Codes = NDArray[Any]
"""int8, or float16 where weights are halves."""
Integers = NDArray[Any]
"""int64, or floats beside halves."""
INTEGER_FIX = "a recipe rule with an integer format of at most 8 bits for this weight"
ROWS_FIX = "granularity per_tensor, per_gate or per_channel"


@dataclass(frozen=True, eq=False)
class RowCodes:
    """Codes [N, K] and a scale per row; halves have the scale 1."""

    codes: Codes
    scales: tuple[Fraction, ...]
    element: ElementType

    @cached_property
    def magnitudes(self) -> list[int]:
        """``Σ_k |q[n, k]|`` of each row."""
        found: list[int] = np.abs(self.codes, dtype=np.int16).sum(axis=1).tolist()
        return found


def row_codes(network: Network, name: str, is_turned: bool) -> RowCodes:
    """The matrix `name`, [K, N] where `is_turned`; Refused (Q323) if it is none of codes."""
    codes, scales = _elements(network, name)
    if codes.ndim != 2:
        raise Refused("Q323", "a matrix", f"'{name}' of {codes.ndim} axes")
    if is_turned:
        codes, scales = codes.T, scales.T
    return _rows(network, name, codes, scales)


def stacked_codes(network: Network, name: str) -> tuple[RowCodes, ...]:
    """A matrix for each direction of a constant [D, N, K]; Refused as above."""
    codes, scales = _elements(network, name)
    return tuple(_rows(network, name, *each) for each in zip(codes, scales, strict=True))


def channel_codes(network: Network, name: str) -> RowCodes:
    """The constant `name` [N, …] with all behind its first axis as one; Refused as above."""
    codes, scales = _elements(network, name)
    return _rows(network, name, codes.reshape(len(codes), -1), scales.reshape(len(scales), -1))


def table_codes(network: Network, name: str, wanted: Grid | None) -> tuple[Integers, Grid | Real]:
    """A table and its grid: `wanted`, where all readers have that one, else the table's own."""
    constant, own = network.constants[name], network.weights.get(name)
    if own is not None and own.format == HALVES:
        return halves_of(constant, name), F16
    if wanted is not None:
        scale, ends = np.float32(float(wanted.scale)), (wanted.lo, wanted.hi)
        return quantize(constant, scale, wanted.zero_point, *ends).astype(np.int64), wanted
    codes, scales = _elements(network, name)
    if np.unique(scales).size != 1:
        got = f"'{name}' with {np.unique(scales).size} scales"
        raise Refused("Q323", "one scale for all rows of a table", got, "granularity per_tensor")
    lo, hi = _code_range(network.weights[name])
    return codes.astype(np.int64), Grid(Fraction(float(scales.flat[0])), 0, lo, hi)


def _elements(network: Network, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The code and the scale of each element, in the shape of the constant."""
    values, grid = network.constants.get(name), network.weights.get(name)
    if values is None:
        raise Refused("Q323", "a constant", f"'{name}', computed at run time")
    if grid is None:
        raise Refused("Q323", "integer codes", f"'{name}' in floating point", INTEGER_FIX)
    if grid.format == HALVES:
        return halves_of(values, name), np.ones(values.shape, np.float32)
    lo, hi = _code_range(grid)
    if (hi - lo).bit_length() > MAX_CODE_BITS:
        got = f"'{name}' in {grid.format}"
        raise Refused("Q323", f"codes of at most {MAX_CODE_BITS} bits", got, INTEGER_FIX)
    blocks = Blocking(values.shape, grid.channel_axes, grid.row_elements)
    rows = blocks.rows(values)
    scales = np.broadcast_to(grid.scales[:, None], rows.shape)
    codes = np.rint(rows / scales)
    if not np.array_equal(codes * scales, rows) or codes.min() < lo or codes.max() > hi:
        raise ValueError(f"numbers of '{name}' that are not on its grid")
    return blocks.restored(codes.astype(_dtype(grid))), blocks.restored(scales)


def _code_range(grid: WeightGrid) -> tuple[int, int]:
    return format_named(grid.format).codes(narrow=grid.narrow)


def _rows(network: Network, name: str, codes: NDArray[Any], scales: NDArray[Any]) -> RowCodes:
    if (scales != scales[:, :1]).any():
        raise Refused("Q323", "one scale per row", f"'{name}' with several in a row", ROWS_FIX)
    exact = tuple(Fraction(float(scale)) for scale in scales[:, 0])
    element = _element(network.weights[name])
    dtype = np.float16 if element is ElementType.F16 else np.int8
    return RowCodes(np.ascontiguousarray(codes, dtype), exact, element)


def _element(grid: WeightGrid) -> ElementType:
    """The narrowest type that holds all codes of the format."""
    if grid.format == HALVES:
        return ElementType.F16
    lo, hi = _code_range(grid)
    for each in (ElementType.I4, ElementType.I8):
        if -(1 << (each.bits - 1)) <= lo and hi < 1 << (each.bits - 1):
            return each
    raise Refused("Q323", "signed codes", grid.format, INTEGER_FIX)


def _dtype(grid: WeightGrid) -> np.dtype[Any]:
    """Of codes, signed or not."""
    return code_dtype(*_code_range(grid))
