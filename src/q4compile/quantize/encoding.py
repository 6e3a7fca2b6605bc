"""A scheme made concrete for one tensor: scales, zero point and the codes they allow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.numerics.formats import Format
from q4compile.numerics.rounding import quantize
from q4compile.quantize.rows import Blocking

Float32 = NDArray[np.float32]

SMALLEST_FP16_SCALE = 2.0**-14  # below, float16 is subnormal and loses bits
LARGEST_FP16_SCALE = 65504.0
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)
"""Below, float32 loses bits, and 1/0 is near: such a tensor is all zeros to the grid."""


@dataclass(frozen=True)
class Encoding:
    """``x ≈ (q − zero_point) · scale`` with q in [lo, hi].

    `scales` is float32[R], one per row of the tensor's blocking; R = 1 for an activation.
    """

    format: Format
    scales: Float32
    zero_point: int
    lo: int
    hi: int
    codes: NDArray[np.integer] | None = None
    """A constant's codes in its own shape, where they are not the nearest ones."""

    @property
    def scale(self) -> float:
        """The only scale of a per-tensor encoding."""
        assert self.scales.size == 1, "a per-tensor encoding has one scale"
        return float(self.scales[0])

    @property
    def clip(self) -> tuple[float, float]:
        """The extreme values of a per-tensor encoding."""
        return (self.lo - self.zero_point) * self.scale, (self.hi - self.zero_point) * self.scale


def affine(low: float, high: float, lo: int, hi: int, symmetric: bool) -> tuple[float, int]:
    """``(scale, zero_point)`` of the grid lo..hi that covers [low, high]; 0 is always a code.

    Symmetric: ``scale = max(−low, high) / hi`` and zero point 0. An empty range gives scale 1.
    """
    scale = max(-low, high) / hi if symmetric else (high - low) / (hi - lo)
    if scale < SMALLEST_SCALE:
        scale = 1.0
    if symmetric:
        return scale, 0
    return scale, int(min(max(round(lo - low / scale), lo), hi))


def encode_activation(low: float, high: float, format: Format, symmetric: bool) -> Encoding:
    """The grid of an activation clipped to [low, high]: the full range of codes, one scale."""
    lo, hi = format.codes()
    scale, zero_point = affine(low, high, lo, hi, symmetric)
    return Encoding(format, np.array([scale], np.float32), zero_point, lo, hi)


def encode_rows(clips: Float32, format: Format) -> Encoding:
    """The grids of a weight whose row r is clipped to ±clips[r]: ``scale = clip / hi``, float16.

    The narrow range keeps −w representable beside w. Scales are rounded to float16 before any code
    is computed, so storing them in two bytes costs nothing.
    """
    lo, hi = format.codes(narrow=True)
    wanted = clips / np.float32(hi)
    scales = np.where(wanted >= SMALLEST_SCALE, wanted, np.float32(1)).astype(np.float32)
    if within_float16(scales):
        scales = scales.astype(np.float16).astype(np.float32)
    return Encoding(format, scales, 0, lo, hi)


def within_float16(scales: Float32) -> bool:
    """Whether float16 holds every scale at its full precision: ``2⁻¹⁴ ≤ scale ≤ 65504``."""
    return bool(scales.min() >= SMALLEST_FP16_SCALE and scales.max() <= LARGEST_FP16_SCALE)


def weight_codes(weight: Float32, blocking: Blocking, encoding: Encoding) -> NDArray[np.integer]:
    """Codes in [lo, hi], in the shape of `weight`: the nearest, unless the encoding has its own."""
    if encoding.codes is not None:
        return encoding.codes
    rows = blocking.rows(weight)
    codes = quantize(rows, encoding.scales[:, None], 0, encoding.lo, encoding.hi)
    return blocking.restored(codes)
