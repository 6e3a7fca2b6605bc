"""Rq, Lut, Unpack against Python integers."""

import numpy as np
import pytest
from equations import UNIT, clip, get, matrix, pitch, put, rne, sat16, scaled, table_value
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, image, stopped

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Lut, Rq, Unpack
from q4compile.isa.operand import Address, Scalar

places = st.integers(0, 300)
MULTIPLIERS = 400
"""Units; above all places that may be written by the rows below."""


def multipliers(seed, count, shifts=(0, 62)):
    """Valid words, some 0, shifts from one end to the other."""
    rng = np.random.default_rng(seed)
    mul = rng.integers(2**23, 2**24, count) | rng.integers(shifts[0], shifts[1] + 1, count) << 24
    return np.where(rng.random(count) < 0.1, 0, mul).astype(np.uint32)


def requantized(sram, word):
    out_bits, x_bits = word.out.bits, 32 if word.wide else 16
    x = matrix(sram, word.source.offset * UNIT, word.rows, word.columns, x_bits)
    count = 1 if word.scalar else word.columns
    words = sram[word.multipliers.offset * UNIT :].view(np.uint32)[: 2 * count].tolist()
    offsets = sram[word.multipliers.offset * UNIT :].view(np.int32)[count : 2 * count].tolist()
    lo, hi = word.lo, word.hi
    if word.out is ElementType.I32:
        lo, hi = -(2**31), 2**31 - 1
    else:
        offsets = [word.zero_point] * count
    values = [
        [
            clip(scaled(value, words[n % count]) + offsets[n % count], lo, hi)
            for n, value in enumerate(row)
        ]
        for row in x
    ]
    result = sram.copy()
    put(result, word.to.offset * UNIT, values, out_bits)
    return result


@st.composite
def requantizations(draw):
    out = draw(st.sampled_from([*ElementType][:4]))
    most = 2 ** (out.bits - 1) - 1 if out.bits < 32 else 0
    lo = draw(st.integers(-most - (most > 0), most))
    hi = draw(st.integers(lo, most))
    zero_point = draw(st.integers(-(2**15), 2**15 - 1)) if most else 0
    to, source = draw(places), draw(places)
    source = draw(st.sampled_from([source, to]))
    return Rq(
        *(Address(to), Address(source), Address(MULTIPLIERS)),
        *(draw(st.integers(0, 5)), draw(st.integers(0, 13)), zero_point),
        *(lo, hi, out, draw(st.booleans()), draw(st.booleans())),
    )


@settings(max_examples=200)
@given(requantizations(), st.sampled_from([(0, 62), (8, 30), (20, 50)]))
def test_rq(word, shifts):
    sram = image(0)
    sram[MULTIPLIERS * UNIT :][:64].view(np.uint32)[:] = multipliers(1, 16, shifts)
    assert after([word], sram).tolist() == requantized(sram, word).tolist()


@pytest.mark.parametrize(
    "word", [0x3F800000, 0x00400000, 0x40800000, 0x80800000, 1], ids="{:#x}".format
)
def test_words_that_are_no_multipliers(word):
    sram = np.zeros(8192, np.uint8)
    sram[:12].view(np.uint32)[:] = [2**23, 0, word]
    rq = Rq(Address(16), Address(16), Address(0), 1, 3, 0, -8, 7, ElementType.I4)
    finding = stopped([rq], sram)
    assert (finding.code, finding.got) == ("Q368", f"{word:#010x}")
    assert finding.need.startswith("multipliers[2]: ")


def test_offsets_that_reach_beyond_sram():
    """Four multipliers fit, not the four offsets behind them."""
    places = (Address(0), Address(0), Address(511))
    finding = stopped([Rq(*places, 1, 4, 0, 0, 0, ElementType.I32)], np.zeros(8192, np.uint8))
    need = "offsets within the 8192 bytes of sram"
    assert (finding.code, finding.need, finding.got) == ("Q360", need, "[8192, 8208)")


@given(st.data(), st.integers(0, 31), st.integers(0, 31))
def test_lut(data, left_shift, result_shift):
    to, source, table = (data.draw(places) for _ in range(3))
    source = data.draw(st.sampled_from([source, to]))
    shape = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 20))
    sram = image(2)
    values = sram[table * UNIT :][:2050].view(np.int16).tolist()
    x = matrix(sram, source * UNIT, *shape, 16)
    expected = sram.copy()
    looked_up = [
        [table_value(values, sat16(rne(each << left_shift, result_shift))) for each in row]
        for row in x
    ]
    put(expected, to * UNIT, looked_up, 16)
    word = Lut(Address(to), Address(source), Address(table), *shape, left_shift, result_shift)
    assert after([word], sram).tolist() == expected.tolist()


def test_lut_at_the_ends_of_a_steep_table():
    """From −32768 to 32767 between two entries, and at the first and last x."""
    sram = np.zeros(8192, np.uint8)
    table = np.tile(np.array([-32768, 32767], np.int16), 513)[:1025]
    sram[:2050] = table.view(np.uint8)
    x = np.concatenate([np.arange(-32768, -32640), np.arange(32640, 32768)]).astype(np.int16)
    sram[4096 : 4096 + 512] = x.view(np.uint8)
    held = after([Lut(Address(300), Address(256), Address(0), 1, 256)], sram)
    expected = [table_value(table.tolist(), each) for each in x.tolist()]
    assert matrix(held, 300 * UNIT, 1, 256, 16) == [expected]


@given(places, places, st.integers(0, 6), st.integers(0, 40))
def test_unpack(to, source, count, columns):
    sram = image(3)
    expected = sram.copy()
    put(expected, to * UNIT, matrix(sram, source * UNIT, count, columns, 4), 8)
    word = Unpack(Address(to), Address(source), Scalar(1), columns)
    assert after([word], sram, scalars=[0, count]).tolist() == expected.tolist()


def test_the_unused_nibble_of_a_row_becomes_0():
    sram = np.full(8192, 0xFF, np.uint8)
    sram[:4].view(np.uint32)[:] = 2**23 | 23 << 24
    word = Rq(Address(8), Address(4), Address(0), 2, 3, 0, -8, 7, ElementType.I4, scalar=True)
    held = after([word], sram)
    assert [get(held, 8 * UNIT, m, 3, 4, pitch(3, 4)) for m in (0, 1)] == [0, 0]
    assert held[8 * UNIT + 2] == 0xFF
