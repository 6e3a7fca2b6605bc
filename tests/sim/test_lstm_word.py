"""Lstm against the equations of docs/integer-semantics.md in Python integers."""

from dataclasses import replace

import numpy as np
import pytest
from equations import UNIT, clip, matrix, put, put_row, rne, sat16, scaled, table_value
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import PORT, after, around, byte_port, image, program_of, stopped
from test_converting_words import multipliers

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Lstm, SetA
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.operand import Address, Scalar
from q4compile.sim.simulator import simulate

BLOCK, SIGMOID, TANH, LENGTHS = 0x20, 0x40, 0xD0, 0x18
"""Units; places below are drawn from what is left, and the two tables may be overwritten."""
places = st.integers(0x160, 0x1C0)


def stepped(sram, word, block, count, time):
    """SRAM after a step that reads all, then writes all c, then all h."""
    units, columns = word.units, 4 * word.units
    sums = matrix(sram, word.sums.offset * UNIT, count, columns, 32)
    gx = matrix(sram, word.inputs.offset * UNIT, count, columns, 16, block.gx_pitch_bytes)
    cells = matrix(sram, block.cell * UNIT, count, units, 16, block.cell_pitch_bytes)
    sigmoid, tanh = (
        sram[at * UNIT :][:2050].view(np.int16).tolist() for at in (block.sigmoid, block.tanh)
    )
    lengths = sram[block.lengths * UNIT :][: 4 * count].view(np.int32).tolist()
    live = [not word.lengths or time < lengths[row] for row in range(count)]
    result = sram.copy()
    hidden = [[block.zero_point] * units for _ in range(count)]
    for row in range(count):
        if not live[row]:
            continue
        for u in range(units):
            z = [
                sat16(gx[row][n] + scaled(sums[row][n], block.multipliers[n]))
                for n in range(4 * u, 4 * u + 4)
            ]
            i, o, f = (table_value(sigmoid, each) for each in z[:3])
            kept = f * cells[row][u] << 15 - block.fc
            c = sat16(rne(kept + i * table_value(tanh, z[3]), 30 - block.fc))
            at_11 = sat16(c << 11 - block.fc) if block.fc <= 11 else rne(c, block.fc - 11)
            h = scaled(o * table_value(tanh, at_11), block.multiplier) + block.zero_point
            cells[row][u], hidden[row][u] = c, clip(h, block.lo, block.hi)
    for row in range(count):
        if live[row]:
            put_row(result, block.cell * UNIT + row * block.cell_pitch_bytes, cells[row], 16)
    put(result, word.to.offset * UNIT, hidden, word.out.bits, block.h_pitch_bytes)
    return result


@st.composite
def steps(draw):
    """A word and its block."""
    out = draw(st.sampled_from([ElementType.I4, ElementType.I8]))
    units = 2 * draw(st.integers(1, 3)) if out is ElementType.I4 else draw(st.integers(1, 5))
    most = 2 ** (out.bits - 1) - 1
    codes = st.integers(-most - 1, most)
    lo = draw(codes)
    pitches = st.integers(0, 50)
    block = LstmBlock(
        int(multipliers(draw(st.integers(0, 9)), 1, (48, 56))[0]),
        *(draw(codes), lo, draw(st.integers(lo, most)), draw(st.integers(0, 15))),
        *(SIGMOID, TANH, LENGTHS, draw(places), draw(pitches), draw(pitches), draw(pitches)),
        draw(st.integers(0, 3)),
        tuple(multipliers(draw(st.integers(0, 9)), 4 * units, (30, 46)).tolist()),
    )
    timed = draw(st.booleans())
    word = Lstm(
        *(Address(draw(places)), Address(draw(places)), Address(draw(places)), Address(BLOCK)),
        *(Scalar(0), units, 7 if timed else 0, out, timed),
    )
    return word, block


def prepared(block, seed):
    """An SRAM with smooth tables, the block, and lengths around the times that are drawn."""
    sram = image(seed)
    x = (np.arange(1025) - 512) / 32
    for at, values in ((SIGMOID, 1 / (1 + np.exp(-x))), (TANH, np.tanh(x))):
        table = np.clip(np.rint(32768 * values), -32768, 32767).astype(np.int16)
        sram[at * UNIT :][:2050] = table.view(np.uint8)
    packed = block.pack()
    sram[BLOCK * UNIT :][: len(packed)] = np.frombuffer(packed, np.uint8)
    sram[LENGTHS * UNIT :][:16].view(np.int32)[:] = [5, 0, 9, 3]
    return sram


@settings(max_examples=300)
@given(steps(), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3))
def test_lstm(step, count, time, seed):
    """Rows at any pitch, result and operands wherever they fall."""
    word, block = step
    sram = prepared(block, seed)
    words = [SetA(7, time), word]
    expected = stepped(sram, word, block, count, time * block.step_factor)
    assert after(words, sram, scalars=[count]).tolist() == expected.tolist()


GOOD = LstmBlock(
    *(2**23 | 50 << 24, 0, -8, 7, 11, SIGMOID, TANH, 0, 0x170, 0, 0, 0, 0),
    tuple([2**23 | 30 << 24] * 8),
)
WORD = Lstm(*(Address(each) for each in (0x160, 0x164, 0x168, BLOCK)), 1, 2, 0, ElementType.I4)


@pytest.mark.parametrize(
    ("at", "value", "need"),
    [
        (3, 0xFF, "parameters: an LSTM block"),  # shift 63 of the multiplier of h
        (60, 1, "parameters: an LSTM block"),  # padding
        (10, 16, "parameters: an LSTM block"),  # fc
        (8, 8, "parameters: hi of the block in [-8, 7], the codes of h"),
        (4, 8, "parameters: zero_point of the block in [-8, 7], the codes of h"),
        (71, 0xFF, "multipliers[1]: 0, or mul in [2^23, 2^24) and shift up to 62"),
    ],
)
def test_blocks_that_are_none(at, value, need):
    sram = prepared(GOOD, 0)
    sram[BLOCK * UNIT + at] = value
    finding = stopped([WORD], sram)
    assert (finding.code, finding.need) == ("Q368", need)


def test_clipped_cell_states_are_counted():
    """f = 1, i · g = 1, c near the top: of two units one saturates."""
    block = replace(GOOD, multipliers=(0,) * 8)
    sram = prepared(block, 0)
    gx = [[32767, 0, 32767, 32767] + [-32768] * 4]
    put(sram, WORD.inputs.offset * UNIT, gx, 16)
    put(sram, block.cell * UNIT, [[32767, 32767]], 16)
    program = program_of(around([WORD]), sram.tobytes(), [byte_port("sram", PORT, len(sram))])
    for plain in (False, True):
        result = simulate(program, "main", {}, sram_bytes=len(sram), plain=plain)
        assert result.counters.clipped_cell_states == 1
