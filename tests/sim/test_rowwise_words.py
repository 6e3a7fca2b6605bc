"""Dq, Reduce, Norm, Soft against Python integers."""

from math import isqrt

import numpy as np
import pytest
from equations import UNIT, matrix, put, rne, sat16, scaled, table_value
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, image, stopped

from q4compile.isa.element_type import ElementType
from q4compile.isa.instruction import OutOfRange
from q4compile.isa.instructions import Dq, Norm, Reduce, Soft
from q4compile.isa.instructions.rowwise import Reducing, norm_block_bytes
from q4compile.isa.operand import Address

places = st.integers(0, 200)
CONSTANTS = 320
"""Units; above all places that are written."""
multipliers = st.one_of(
    st.just(0),
    st.builds(lambda mul, s: mul | s << 24, st.integers(2**23, 2**24 - 1), st.integers(0, 62)),
)
shapes = st.tuples(st.integers(0, 4), st.integers(0, 20))


def filled(seed, narrow=False):
    """Random bytes; with `narrow` int16 near 0, as rows are that have a small variance."""
    sram = image(seed)
    if narrow:
        small = np.random.default_rng(seed).integers(-3, 4, len(sram) // 2)
        sram[:] = small.astype(np.int16).view(np.uint8)
    return sram


@given(
    places,
    places,
    shapes,
    st.integers(-(2**15), 2**15 - 1),
    multipliers,
    st.sampled_from([ElementType.I4, ElementType.I8]),
)
def test_dq(to, source, shape, zero_point, multiplier, narrow):
    sram = image(0)
    x = matrix(sram, source * UNIT, *shape, narrow.bits)
    expected = sram.copy()
    made = [[sat16(scaled(each - zero_point, multiplier)) for each in row] for row in x]
    put(expected, to * UNIT, made, 16)
    word = Dq(Address(to), Address(source), *shape, zero_point, multiplier, narrow)
    assert after([word], sram).tolist() == expected.tolist()


@given(places, places, shapes, multipliers, st.sampled_from(Reducing))
def test_reduce(to, source, shape, multiplier, how):
    sram = image(1)
    x = matrix(sram, source * UNIT, *shape, 16)
    expected = sram.copy()
    if how is Reducing.SUM:
        made = [[sat16(scaled(sum(row), multiplier))] for row in x]
    else:
        multiplier = 0
        made = [[(max if how is Reducing.MAX else min)(row, default=0)] for row in x]
    put(expected, to * UNIT, made, 16)
    word = Reduce(Address(to), Address(source), *shape, multiplier, how)
    assert after([word], sram).tolist() == expected.tolist()


def norm_row(x, epsilon, scales, biases, result_shift, bias_shift):
    """The equation of `Norm`."""
    columns, total = len(x), sum(x)
    spread = columns * sum(each**2 for each in x) - total**2 + epsilon
    factor = shift = 0
    if spread:
        j = max(each for each in range(31) if spread * 4**each < 2**62)
        factor, shift = 2**54 // isqrt(spread * 4**j), 38 - j
    normal = [rne((columns * each - total) * factor, shift) for each in x]
    return [
        sat16(rne(each * scale + (bias << bias_shift), result_shift))
        for each, scale, bias in zip(normal, scales, biases, strict=True)
    ]


@settings(max_examples=200)
@given(
    st.data(),
    shapes,
    st.sampled_from([0, 1, 2**20, 2**60 - 1]),
    st.integers(16, 47),
    st.integers(0, 31),
    st.booleans(),
)
def test_norm(data, shape, epsilon, result_shift, bias_shift, narrow):
    to, source = data.draw(places), data.draw(places)
    source = data.draw(st.sampled_from([source, to]))
    rows, columns = shape
    sram = filled(2, narrow)
    block = sram[CONSTANTS * UNIT :][: norm_block_bytes(columns)]
    block[:16] = np.array([epsilon, 0], np.uint64).view(np.uint8)
    scales = block[16:][: 2 * columns].view(np.int16).tolist()
    biases = block[len(block) - 4 * columns :].view(np.int32).tolist()
    expected = sram.copy()
    made = [
        norm_row(row, epsilon, scales, biases, result_shift, bias_shift)
        for row in matrix(sram, source * UNIT, rows, columns, 16)
    ]
    put(expected, to * UNIT, made, 16)
    places_of = (Address(to), Address(source), rows, columns, Address(CONSTANTS))
    word = Norm(*places_of, result_shift, bias_shift)
    assert after([word], sram).tolist() == expected.tolist()


def test_norm_of_long_rows_at_the_ends():
    """The variance is as large as it can be, and rows of one number have none."""
    sram = np.zeros(8192, np.uint8)
    ends = np.where(np.arange(500) % 2, 32767, -32768).astype(np.int16)
    sram[:1000] = ends.view(np.uint8)
    sram[1008:2008] = np.full(500, -32768, np.int16).view(np.uint8)
    block = sram[4096:][: norm_block_bytes(500)]
    scales = np.resize(np.array([32767, -32768, 1], np.int16), 500)
    block[16:1016] = scales.view(np.uint8)
    row = norm_row(ends.tolist(), 0, scales.tolist(), [0] * 500, 20, 0)
    word = Norm(Address(0), Address(0), 2, 500, Address(256), 20)
    held = matrix(after([word], sram), 0, 2, 500, 16)
    assert held == [row, [0] * 500]
    assert len(set(row)) > 2


def test_a_variance_out_of_range():
    sram = np.zeros(8192, np.uint8)
    sram[8] = 1
    finding = stopped([Norm(Address(16), Address(16), 1, 3, Address(0), 20)], sram)
    assert "an epsilon below 2^60" in finding.need
    with pytest.raises(OutOfRange):
        Norm(Address(0), Address(0), 1, 2**15, Address(0), 20)


def soft_row(x, powers, logarithms, left_shift, result_shift, out_shift):
    """The equation of `Soft`."""
    below = [max(x) - each for each in x]
    e = [
        max(table_value(powers, sat16(rne(-each << left_shift, result_shift))), 0) for each in below
    ]
    total = max(sum(e), 1)
    p = total.bit_length() - 1
    if logarithms is None:
        factor = 2**54 // (total << 30 - p)
        return [sat16(rne(each * factor, 39 - (30 - p))) for each in e]
    whole = (p - 15) * 22713 + table_value(logarithms, (total << 16 >> p) - 98304)
    ahead = 4 + left_shift - result_shift
    return [sat16(-rne((each << ahead) + whole, out_shift)) for each in below]


@settings(max_examples=200)
@given(
    st.data(),
    shapes,
    st.integers(0, 27),
    st.integers(0, 4),
    st.integers(0, 31),
    st.booleans(),
    st.booleans(),
)
def test_soft(data, shape, left_shift, result_shift, out_shift, is_log, narrow):
    to, source = data.draw(places), data.draw(places)
    source = data.draw(st.sampled_from([source, to]))
    sram = filled(3, narrow)
    tables = [
        sram[start * UNIT :][:2050].view(np.int16).tolist() for start in (CONSTANTS, CONSTANTS + 9)
    ]
    expected = sram.copy()
    shifts = (left_shift, result_shift, out_shift if is_log else 0)
    made = [
        soft_row(row, tables[0], tables[1] if is_log else None, *shifts)
        for row in (matrix(sram, source * UNIT, *shape, 16) if shape[1] else [])
    ]
    put(expected, to * UNIT, made, 16)
    logarithms = Address(CONSTANTS + 9) if is_log else None
    word = Soft(Address(to), Address(source), *shape, Address(CONSTANTS), logarithms, *shifts)
    assert after([word], sram).tolist() == expected.tolist()
