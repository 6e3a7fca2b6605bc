"""The single definition of rounding: half to even, once per requantization, then saturation.

Integer codes and real values are related by ``x ≈ (q − zero_point) · scale``. Scales and zero
points are scalars or arrays that broadcast against the data.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Codes = NDArray[np.integer]


def round_half_even(x: ArrayLike) -> Float32:
    """The nearest integer to each `x` as float32; ties go to the even one (2.5 → 2, 3.5 → 4)."""
    return np.asarray(np.rint(np.asarray(x, np.float32)))


def code_dtype(lo: int, hi: int) -> np.dtype[np.integer]:
    """The smallest numpy integer type that holds [lo, hi]; unsigned when lo ≥ 0.

    >>> code_dtype(-7, 7), code_dtype(0, 255), code_dtype(-32768, 32767)
    (dtype('int8'), dtype('uint8'), dtype('int16'))
    """
    family = (np.uint8, np.uint16) if lo >= 0 else (np.int8, np.int16)
    for each in family:
        if np.iinfo(each).min <= lo and hi <= np.iinfo(each).max:
            return np.dtype(each)
    raise ValueError(f"no code type of 16 bits or fewer holds [{lo}, {hi}]")


def _saturated(x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, lo: int, hi: int) -> Float32:
    # Divides, as ONNX does: multiplying by 1/scale rounds differently near ties.
    codes = np.asarray(np.asarray(x, np.float32) / np.asarray(scale, np.float32))
    np.rint(codes, out=codes)
    if np.any(zero_point):
        codes = np.asarray(codes + np.asarray(zero_point, np.float32))
    np.fmax(codes, np.float32(lo), out=codes)  # fmax: NaN gives lo, as in onnxruntime
    return np.fmin(codes, np.float32(hi), out=codes)


def quantize(x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, lo: int, hi: int) -> Codes:
    """``q = clip(rint(x / scale) + zero_point, lo, hi)`` in float32, as ONNX QuantizeLinear.

    Args:
        x: finite or infinite float32 values; NaN gives `lo`.
        scale: > 0, broadcastable to `x`.
        zero_point: integers in [lo, hi], broadcastable to `x`.
        lo, hi: the extreme codes, within 16 bits.

    >>> quantize([0.25, 0.75, 9.0], 0.5, 0, -7, 7)
    array([0, 2, 7], dtype=int8)
    """
    return _saturated(x, scale, zero_point, lo, hi).astype(code_dtype(lo, hi))


def dequantize(codes: ArrayLike, scale: ArrayLike, zero_point: ArrayLike = 0) -> Float32:
    """``x = (q − zero_point) · scale`` in float32, as ONNX DequantizeLinear."""
    centred = np.asarray(codes, np.float32) - np.asarray(zero_point, np.float32)
    return np.asarray(centred * np.asarray(scale, np.float32))


def fake_quantize(
    x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, lo: int, hi: int
) -> Float32:
    """``dequantize(quantize(x))``, without the trip through an integer type."""
    return dequantize(_saturated(x, scale, zero_point, lo, hi), scale, zero_point)


def rne_shift(p: ArrayLike, s: ArrayLike) -> Int64:
    """``RNE(p, s)``: p / 2**s rounded to the nearest integer, ties to even, for any int64 `p`.

    Args:
        p: int64 values; no intermediate result overflows.
        s: right shift in [0, 62] [bits], broadcastable to `p`.

    >>> rne_shift([5, 6, 7, -6], 2)
    array([ 1,  2,  2, -2])
    """
    value, shift = np.asarray(p, np.int64), np.asarray(s, np.int64)
    floor = value >> shift
    remainder = value - (floor << shift)
    half = np.int64(1) << np.maximum(shift - 1, 0)  # at s = 0 the remainder is 0, below any half
    up = (remainder > half) | ((remainder == half) & (floor & 1 == 1))
    return np.asarray(floor + up)
