"""Gru and Rnn against Python integers."""

import numpy as np
import pytest
from equations import UNIT, clip, matrix, put, rne, sat16, scaled, table_value
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, image, stopped

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Gru, Rnn, SetA
from q4compile.isa.instructions.gated import block_units
from q4compile.isa.lstm_block import GATES, LstmBlock
from q4compile.isa.operand import Address

SIGMOID, TANH, LENGTHS, BLOCK = 0, 8, 17, 330
places = st.integers(20, 200)


def block_of(draw, gates, units, out):
    """Parameters by chance."""
    most = 2 ** (out.bits - 1) - 1
    lo = draw(st.integers(-most - 1, most))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    columns = gates * units
    words = rng.integers(2**23, 2**24, columns) | rng.integers(20, 45, columns) << 24
    filler = GATES * block_units(gates, units) - columns
    shift = draw(st.integers(15, 53))
    return LstmBlock(
        multiplier=int(rng.integers(2**23, 2**24)) | shift << 24,
        zero_point=draw(st.integers(-most - 1, most)),
        lo=lo,
        hi=draw(st.integers(lo, most)),
        fc=0,
        sigmoid=SIGMOID,
        tanh=TANH,
        lengths=LENGTHS,
        cell=0,
        cell_pitch_bytes=0,
        h_pitch_bytes=draw(st.sampled_from([16, 32])),
        gx_pitch_bytes=draw(st.sampled_from([96, 128])),
        step_factor=draw(st.integers(0, 3)),
        multipliers=(*words.tolist(), *(0,) * filler),
    )


def expected_h(op, block, row, tables, relu):
    """h of one row: sums, inputs and codes before."""
    sums, inputs, before = row
    sigma, tanh = tables
    made = []
    shares = [scaled(each, word) for each, word in zip(sums, block.multipliers, strict=False)]
    mul, shift = block.multiplier & 0xFFFFFF, block.multiplier >> 24
    for u in range(len(before)):
        if op is Rnn:
            z = sat16(inputs[u] + shares[u])
            h = scaled(max(z, 0) if relu else table_value(tanh, z), block.multiplier)
        else:
            n = 3 * u
            z, r = (table_value(sigma, sat16(inputs[k] + shares[k])) for k in (n, n + 1))
            a = sat16(inputs[n + 2] + rne(r * sat16(shares[n + 2]), 15))
            kept = z * (before[u] - block.zero_point) << shift - 15
            h = rne((2**15 - z) * table_value(tanh, a) * mul + kept, shift)
        made.append(clip(h + block.zero_point, block.lo, block.hi))
    return made


@settings(max_examples=150)
@given(st.data(), st.sampled_from([Gru, Rnn]), st.sampled_from([ElementType.I4, ElementType.I8]))
def test_a_step(data, op, out):
    rows, units = data.draw(st.integers(0, 3)), 2 * data.draw(st.integers(1, 4))
    to, sums, inputs, ahead = (data.draw(places) for _ in range(4))
    ahead = data.draw(st.sampled_from([ahead - 20, 0]))
    block = block_of(data.draw, op.gates, units, out)
    has_lengths, relu = data.draw(st.booleans()), data.draw(st.booleans())
    step = data.draw(st.integers(0, 4))
    sram = image(5)
    tables = [sram[start * UNIT :][:2050].view(np.int16).tolist() for start in (SIGMOID, TANH)]
    sram[LENGTHS * UNIT :][:12].view(np.int32)[:] = [3, 0, 7]
    packed = np.frombuffer(block.pack(), np.uint8)
    sram[BLOCK * UNIT :][: len(packed)] = packed
    tables = [sram[start * UNIT :][:2050].view(np.int16).tolist() for start in (SIGMOID, TANH)]
    columns = op.gates * units
    given_rows = zip(
        matrix(sram, sums * UNIT, rows, columns, 32),
        matrix(sram, inputs * UNIT, rows, columns, 16, block.gx_pitch_bytes),
        matrix(sram, (to + ahead) * UNIT, rows, units, out.bits, block.h_pitch_bytes),
        strict=True,
    )
    made = [expected_h(op, block, each, tables, relu) for each in given_rows]
    if has_lengths:
        ends = sram[LENGTHS * UNIT :][:12].view(np.int32)
        over = [step * block.step_factor >= ends[row] for row in range(rows)]
        made = [[block.zero_point] * units if o else h for o, h in zip(over, made, strict=True)]
    wanted = sram.copy()
    put(wanted, to * UNIT, made, out.bits, block.h_pitch_bytes)
    places_of = (Address(to), Address(sums), Address(inputs), Address(BLOCK))
    more = {"previous": 2} if op is Gru else {"relu": relu}
    word = op(*places_of, rows, units, 1 if has_lengths else 0, out, lengths=has_lengths, **more)
    words = [SetA(1, step), SetA(2, ahead), word]
    assert after(words, sram).tolist() == wanted.tolist()


@pytest.mark.parametrize("shift", [14, 54])
def test_a_multiplier_that_a_gru_cannot_take(shift):
    sram = np.zeros(8192, np.uint8)
    block = LstmBlock(2**23 | shift << 24, 0, -8, 7, 0, 0, 0, 0, 0, 0, 16, 16, 0, (0,) * 8)
    sram[4096 : 4096 + 96] = np.frombuffer(block.pack(), np.uint8)
    place = Address(0)
    word = Gru(place, place, place, Address(256), 1, 2, 0, ElementType.I4)
    assert "a shift of h in [15, 53]" in stopped([word], sram).need
