"""What sees a whole row, row by row in Python integers."""

from fractions import Fraction
from functools import cache
from math import isqrt

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Normal, Rows
from q4compile.quantize.oracle.evaluate_elementwise import for_table
from q4compile.quantize.oracle.multiplier import multipliers
from q4compile.quantize.oracle.rounding import INT16, Int64, rne, sat16
from q4compile.quantize.oracle.soft_tables import LN2, logarithm_table, power_table
from q4compile.quantize.oracle.tables import interpolated
from q4compile.quantize.oracle.tensor import Fixed

ONE = 15
"""Fraction bits of powers, logarithms and softmax."""
INVERSE_BITS = 54
ROOT_BITS = 62
PART_BITS = 12
MOST_FRAMES = 4095
EXTREMES = {"GlobalMaxPool": np.max, "ReduceMax": np.max, "ReduceMin": np.min}


def rowwise(node: Node, decided: Rows, x: Int64) -> Int64:
    """Codes of the result: along the last axis, but for the largest and the least numbers.

    Raises:
        ValueError: for another axis.
    """
    kept = bool(node.attributes.get("keepdims", 1))
    if node.op in EXTREMES:
        return np.asarray(EXTREMES[node.op](x, axis=decided.axes, keepdims=kept))
    if decided.axes and decided.multiplier is None:
        made = _mean_of_frames(np.moveaxis(x, decided.axes[0], 0))
        return np.expand_dims(made, decided.axes[0]) if kept else made
    axis = decided.axes[0] if decided.axes else int(node.attributes.get("axis", -1))
    if axis not in (-1, x.ndim - 1):
        raise ValueError(f"{node.name}: axis {axis} of {x.ndim} is not the last one")
    rows = x.reshape(-1, x.shape[-1])
    made = np.array([_row(node.op, decided, row) for row in rows], np.int64)
    found = made.reshape(*x.shape[:-1], -1)
    return found if kept or not decided.axes else found[..., 0]


def _row(op: str, decided: Rows, row: Int64) -> Int64:
    if decided.normal is not None:
        return _normalized(decided.normal, decided.result, row)
    if op == "Softmax":
        return _softmax(decided.source, row)
    if op == "LogSoftmax":
        return _log_softmax(decided, row)
    assert decided.multiplier is not None, "what is left adds up"
    return sat16(decided.multiplier.times(row.sum(keepdims=True)))


def _mean_of_frames(frames: Int64) -> Int64:
    """Of [T, …], T ≤ 4095: the sum in two parts of 12 bits, each divided by T.

    Raises:
        ValueError: for more frames.
    """
    if not 0 < len(frames) <= MOST_FRAMES:
        raise ValueError(f"a mean of {len(frames)} frames, not of 1 to {MOST_FRAMES}")
    high = low = np.zeros(frames.shape[1:], np.int64)
    for x in frames:
        part = rne(x, PART_BITS)
        low = low + x - (part << PART_BITS)
        carry = rne(low, PART_BITS)
        low, high = low - (carry << PART_BITS), high + part + carry
    scales = (Fraction(1 << PART_BITS, len(frames)), Fraction(1, len(frames)))
    upper, lower = (multipliers([scale]) for scale in scales)
    return sat16(sat16(upper.times(high)) + sat16(lower.times(low)))


def _normalized(normal: Normal, result: Fixed, row: Int64) -> Int64:
    """d / √W with 16 fraction bits, scaled: one rounding each."""
    x = [int(each) for each in row]
    columns, total = len(x), sum(x)
    spread = columns * sum(each * each for each in x) - total * total + normal.epsilon
    made = []
    for each, scale, bias in zip(x, normal.scales, normal.biases, strict=True):
        n = _over_root(columns * each - total, spread)
        exact = n * scale + (bias << normal.bias_shift)
        made.append(_rne(exact, normal.bits - result.f))
    return sat16(np.array(made, object).clip(*INT16).astype(np.int64))


def _over_root(distance: int, spread: int) -> int:
    """``RNE(distance · 2^16 / √spread)`` with a reciprocal of 24 bits; 0 where nothing differs."""
    if spread == 0:
        return 0
    j = 0
    while spread << 2 * (j + 1) < 1 << ROOT_BITS:
        j += 1
    inverse = (1 << INVERSE_BITS) // isqrt(spread << 2 * j)
    return _rne(distance * inverse, INVERSE_BITS - j - 16)


def _rne(number: int, shift: int) -> int:
    """RNE of integers of any size."""
    floor, rest = number >> shift, number & ((1 << shift) - 1)
    half = 1 << shift >> 1
    return floor + (1 if rest > half or (rest == half and shift and floor & 1) else 0)


def _powers(source: Fixed, row: Int64) -> tuple[Int64, Int64, int]:
    """How far each number is below the largest, e^ of that in Q0.15, and their sum."""
    below = row.max() - row
    powers = interpolated(power_table(), for_table(-below, source))
    return below, powers, int(powers.sum())


def _softmax(source: Fixed, row: Int64) -> Int64:
    _, powers, total = _powers(source, row)
    j = 31 - total.bit_length()
    inverse = (1 << INVERSE_BITS) // (total << j)
    return sat16(rne(powers * inverse, INVERSE_BITS - ONE - j))


def _log_softmax(decided: Rows, row: Int64) -> Int64:
    below, _, total = _powers(decided.source, row)
    whole = (below << (ONE - decided.source.f)) + logarithm(total)
    return sat16(-rne(whole, ONE - decided.result.f))


@cache
def logarithm(total: int) -> int:
    """ln(total / 2^15) in Q0.15: 2^p · (1 + v / 2^16) by its table."""
    p = total.bit_length() - 1
    v = (total << 16 >> p) - (1 << 16)
    entry = np.array([v + INT16[0]], np.int64)
    return (p - ONE) * LN2 + int(interpolated(logarithm_table(), entry)[0])
