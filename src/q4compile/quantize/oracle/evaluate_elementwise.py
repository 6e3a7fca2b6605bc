"""Arithmetic of fixed-point values element by element: one rounding, then saturation."""

import numpy as np

from q4compile.quantize.oracle.decisions import Constant
from q4compile.quantize.oracle.fixed_formats import ACTIVATION
from q4compile.quantize.oracle.rounding import Int64, rne, sat16
from q4compile.quantize.oracle.tables import interpolated, sigmoid_table, tanh_table
from q4compile.quantize.oracle.tensor import Fixed


def multiplied(x: Int64, y: Int64, formats: tuple[Fixed, Fixed], result: Fixed) -> Int64:
    """``sat16(RNE(x · y, f1 + f2 − f))``; a negative shift is one to the left, saturating."""
    shift = formats[0].f + formats[1].f - result.f
    if shift < 0:
        return sat16(sat16(x * y) << -shift)
    return sat16(rne(x * y, shift))


def summed(x: Int64, y: Int64, sign: int, formats: tuple[Fixed, Fixed], result: Fixed) -> Int64:
    """``sat16(RNE(x · 2^(fm − f1) ± y · 2^(fm − f2), fm − f))``, fm = max(f1, f2)."""
    finest = max(formats[0].f, formats[1].f)
    left, right = (each << (finest - kind.f) for each, kind in zip((x, y), formats, strict=True))
    return sat16(rne(left + sign * right, finest - result.f))


def extreme(op: str, x: Int64, y: Int64, formats: tuple[Fixed, Fixed], result: Fixed) -> Int64:
    """``sat16(RNE(max(x · 2^(fm − f1), y · 2^(fm − f2)), fm − f))``, fm = max(f1, f2); or min."""
    finest = max(formats[0].f, formats[1].f)
    left, right = (each << (finest - kind.f) for each, kind in zip((x, y), formats, strict=True))
    chosen = np.maximum(left, right) if op == "Max" else np.minimum(left, right)
    return sat16(rne(chosen, finest - result.f))


def clipped(x: Int64, least: Constant | None, most: Constant | None) -> Int64:
    """``min(max(x, least), most)`` of codes in one format."""
    found = x if least is None else np.maximum(x, least.codes)
    return found if most is None else np.minimum(found, most.codes)


def leaked(x: Int64, kind: Fixed, slope: Constant | None, between: Fixed, result: Fixed) -> Int64:
    """``max(x, slope · x)``."""
    assert slope is not None, "there is a slope"
    less = multiplied(x, slope.codes, (kind, slope.kind), between)
    return extreme("Max", x, less, (kind, between), result)


def rectified(x: Int64) -> Int64:
    """``max(x, 0)``."""
    return np.maximum(x, 0)


TURNED = {"Abs": lambda x: np.maximum(x, sat16(-x)), "Neg": lambda x: sat16(-x), "Relu": rectified}
"""What takes one operand and keeps its format."""


def sigmoid(x: Int64, kind: Fixed = ACTIVATION) -> Int64:
    """σ in Q0.15 of a value in any format."""
    return interpolated(sigmoid_table(), for_table(x, kind))


def tanh(x: Int64, kind: Fixed = ACTIVATION) -> Int64:
    """tanh in Q0.15 of a value in any format."""
    return interpolated(tanh_table(), for_table(x, kind))


def for_table(x: Int64, kind: Fixed) -> Int64:
    """`x` in Q4.11, saturating: ``sat16(x << 11 − f)``, or RNE(x, f − 11) of finer ones."""
    coarser = kind.f - ACTIVATION.f
    return rne(x, coarser) if coarser > 0 else sat16(x << -coarser)
