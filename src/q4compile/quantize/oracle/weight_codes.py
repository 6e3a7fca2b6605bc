"""``w[n, k] = q[n, k] · scale[n]``: a constant as integer codes, output channels first."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from q4compile.quantize.network import Float32, Network, WeightGrid
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import Int64
from q4compile.quantize.oracle.tensor import code_range

MOST_BITS = 8


@dataclass(frozen=True, eq=False)
class RowCodes:
    """Codes [N, K], one scale per row, and the range that the codes lie in."""

    codes: Int64
    scales: tuple[Fraction, ...]

    @property
    def sums(self) -> Int64:
        """``Σ_k q[n, k]``."""
        return np.asarray(self.codes.sum(axis=1))

    @property
    def magnitudes(self) -> Int64:
        """``Σ_k |q[n, k]|``."""
        return np.asarray(np.abs(self.codes).sum(axis=1))


def row_codes(network: Network, name: str, transposed: bool = False) -> RowCodes:
    """The matrix `name` [N, K], or [K, N] where it is `transposed`.

    Raises:
        Refusal: Q143 if it is not constant, on no grid, of more than 8 bits, or if a row has
            several scales.
    """
    codes, scales = _elements(network, name)
    if codes.ndim != 2:
        raise Refusal("Q143", "a matrix", f"'{name}' of {codes.ndim} axes")
    return _rows(name, *((codes.T, scales.T) if transposed else (codes, scales)))


def stacked_codes(network: Network, name: str) -> tuple[RowCodes, ...]:
    """The matrices [N, K] of a constant [D, N, K]; raises what `row_codes` raises."""
    codes, scales = _elements(network, name)
    if codes.ndim != 3:
        raise Refusal("Q143", "a matrix per direction", f"'{name}' of {codes.ndim} axes")
    return tuple(_rows(name, *each) for each in zip(codes, scales, strict=True))


def channel_codes(network: Network, name: str) -> RowCodes:
    """The constant [N, …] as a matrix, all behind its first axis as one; raises the same."""
    codes, scales = _elements(network, name)
    return _rows(name, codes.reshape(len(codes), -1), scales.reshape(len(scales), -1))


def table_codes(network: Network, name: str) -> tuple[Int64, Fraction]:
    """The codes of a whole constant and its one scale.

    Raises:
        Refusal: Q143 if it is on no grid, of more than 8 bits, or if it has several scales.
    """
    codes, scales = _elements(network, name)
    if np.unique(scales).size != 1:
        raise Refusal("Q143", "one scale for a table", f"'{name}' with {np.unique(scales).size}")
    return codes, Fraction(float(scales.flat[0]))


def _elements(network: Network, name: str) -> tuple[Int64, Float32]:
    """The code and the scale of every element."""
    if name not in network.constants:
        raise Refusal("Q143", "a constant", f"'{name}', computed at run time")
    grid = network.weights.get(name)
    if grid is None:
        fix = "a recipe rule with an integer format of at most 8 bits for this weight"
        raise Refusal("Q143", "integer codes and a scale", f"'{name}' in floating point", fix)
    lo, hi = code_range(grid.format, grid.narrow)
    if hi - lo >= 2**MOST_BITS:
        raise Refusal("Q143", f"at most {MOST_BITS} bits", f"'{name}' in {grid.format}")
    values = network.constants[name]
    scales = _scale_of_each(values.shape, grid)
    codes = np.rint(values.astype(np.float64) / scales.astype(np.float64)).astype(np.int64)
    off = (codes.astype(np.float32) * scales != values) | (codes < lo) | (codes > hi)
    if off.any():
        raise ValueError(f"{off.sum()} numbers of '{name}' do not lie on its grid")
    return codes, scales


def _scale_of_each(shape: tuple[int, ...], grid: WeightGrid) -> Float32:
    """The scales spread over a tensor of `shape`: `row_elements` each, output channels first."""
    rest = tuple(axis for axis in range(len(shape)) if axis not in grid.channel_axes)
    order = grid.channel_axes + rest
    spread = np.repeat(grid.scales, grid.row_elements).reshape([shape[axis] for axis in order])
    return np.asarray(spread.transpose(np.argsort(order)))


def _rows(name: str, codes: Int64, scales: Float32) -> RowCodes:
    if (scales != scales[:, :1]).any():
        fix = "granularity per_tensor, per_gate or per_channel"
        raise Refusal("Q143", "one scale per row", f"'{name}' with several in a row", fix)
    return RowCodes(np.ascontiguousarray(codes), tuple(Fraction(float(s)) for s in scales[:, 0]))
