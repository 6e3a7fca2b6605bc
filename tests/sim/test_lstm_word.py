"""Lstm against the equations of docs/integer-semantics.md in Python integers."""

from dataclasses import replace

import numpy as np
import pytest
from equations import (
    UNIT,
    clip,
    curved,
    matrix,
    put,
    put_row,
    rne,
    sat16,
    sat32,
    scaled,
    table_value,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import PORT, after, around, byte_port, image, program_of, stopped
from test_converting_words import multipliers

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Lstm, SetA
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.operand import Address, Scalar
from q4compile.sim.simulator import simulate

BLOCK, SIGMOID, TANH, WIDE_TANH, LENGTHS = 0x20, 0x40, 0xD0, 0x50, 0x18
"""Units; places below are drawn from what is left, and the tables may be overwritten."""
places = st.integers(0x160, 0x1C0)


def stepped(sram, word, block, count, time):
    """SRAM after a step that reads all, then writes all c, then all h."""
    units, columns = word.units, 4 * word.units
    sums = matrix(sram, word.sums.offset * UNIT, count, columns, 32)
    bits, unit = (32, wide_unit) if word.wide else (16, narrow_unit)
    gx = matrix(sram, word.inputs.offset * UNIT, count, columns, bits, block.gx_pitch_bytes)
    cells = matrix(sram, block.cell * UNIT, count, units, bits, block.cell_pitch_bytes)
    lengths = sram[block.lengths * UNIT :][: 4 * count].view(np.int32).tolist()
    live = [not word.lengths or time < lengths[row] for row in range(count)]
    result = sram.copy()
    hidden = [[block.zero_point] * units for _ in range(count)]
    for row in range(count):
        if not live[row]:
            continue
        for u in range(units):
            z = [
                gx[row][n] + scaled(sums[row][n], block.multipliers[n])
                for n in range(4 * u, 4 * u + 4)
            ]
            cells[row][u], h = unit(sram, block, z, cells[row][u])
            code = scaled(h, block.multiplier) + block.zero_point
            hidden[row][u] = clip(code, block.lo, block.hi)
    for row in range(count):
        if live[row]:
            put_row(result, block.cell * UNIT + row * block.cell_pitch_bytes, cells[row], bits)
    put(result, word.to.offset * UNIT, hidden, word.out.bits, block.h_pitch_bytes)
    return result


def narrow_unit(sram, block, z, before):
    """c, and o · t."""
    sigmoid, tanh = (
        sram[at * UNIT :][:2050].view(np.int16).tolist() for at in (block.sigmoid, block.tanh)
    )
    i, o, f = (table_value(sigmoid, sat16(each)) for each in z[:3])
    kept = f * before << 15 - block.fc
    c = sat16(rne(kept + i * table_value(tanh, sat16(z[3])), 30 - block.fc))
    at_11 = sat16(c << 11 - block.fc) if block.fc <= 11 else rne(c, block.fc - 11)
    return c, o * table_value(tanh, at_11)


def wide_unit(sram, block, z, before):
    """c with 20 fraction bits, and o · t with 30."""
    tanh = sram[block.tanh * UNIT :][:4100].view(np.int32).tolist()
    i, o, f = (2**23 + curved(tanh, sat32(each)) for each in z[:3])
    g = curved(tanh, 2 * sat32(z[3]))
    c = sat32(rne(8 * f * before + i * g, 27))
    return c, rne(o * curved(tanh, 2 * c), 17)


@st.composite
def steps(draw):
    """A word and its block."""
    wide = draw(st.booleans())
    out = draw(st.sampled_from([ElementType.I4, ElementType.I8]))
    units = 2 * draw(st.integers(1, 3)) if out is ElementType.I4 else draw(st.integers(1, 5))
    most = 2 ** (out.bits - 1) - 1
    codes = st.integers(-most - 1, most)
    lo = draw(codes)
    pitches = st.integers(0, 50)
    block = LstmBlock(
        int(multipliers(draw(st.integers(0, 9)), 1, (48, 56))[0]),
        *(draw(codes), lo, draw(st.integers(lo, most))),
        *((20, 0, WIDE_TANH) if wide else (draw(st.integers(0, 15)), SIGMOID, TANH)),
        *(LENGTHS, draw(places), draw(pitches), draw(pitches), draw(pitches)),
        draw(st.integers(0, 3)),
        tuple(multipliers(draw(st.integers(0, 9)), 4 * units, (30, 46)).tolist()),
    )
    timed = draw(st.booleans())
    word = Lstm(
        *(Address(draw(places)), Address(draw(places)), Address(draw(places)), Address(BLOCK)),
        *(Scalar(0), units, 7 if timed else 0, out, timed, wide),
    )
    return word, block


def prepared(block, seed):
    """An SRAM with smooth tables, the block, and lengths around the times that are drawn."""
    sram = image(seed)
    x = (np.arange(1025) - 512) / 32
    if block.fc == 20:
        sram[WIDE_TANH * UNIT :][:4100].view(np.int32)[:] = np.rint(2**23 * np.tanh(x))
    else:
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
WIDE = replace(GOOD, fc=20, sigmoid=0, tanh=WIDE_TANH)
WORD = Lstm(*(Address(each) for each in (0x160, 0x164, 0x168, BLOCK)), 1, 2, 0, ElementType.I4)


@pytest.mark.parametrize(
    ("at", "value", "need"),
    [
        (3, 0xFF, "parameters: an LSTM block"),  # shift 63 of the multiplier of h
        (60, 1, "parameters: an LSTM block"),  # padding
        (10, 16, "parameters: fc of the block in [0, 15]"),
        (10, 21, "parameters: an LSTM block"),  # fc
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


@pytest.mark.parametrize(
    ("values", "need", "got"),
    [
        ({"fc": 11}, "parameters: fc of the block = 20", "11"),
        ({"sigmoid": SIGMOID}, "parameters: sigmoid of the block = 0", f"{SIGMOID}"),
        ({"hi": 8}, "parameters: hi of the block in [-8, 7], the codes of h", "8"),
        ({"tanh": 0x100}, "table within the 8192 bytes of sram", "[4096, 8196)"),
    ],
)
def test_blocks_that_no_wide_word_takes(values, need, got):
    block = replace(WIDE, **values)
    finding = stopped([replace(WORD, wide=True)], prepared(block, 0))
    assert (finding.need, finding.got) == (need, got)


def test_clipped_wide_cell_states_are_counted():
    """f = 2^24, i · g = 2^47, c at the top: it stays there; at c = 0 it becomes 2^20."""
    block = replace(WIDE, multipliers=(0,) * 8)
    sram, word = prepared(block, 0), replace(WORD, wide=True)
    put(sram, word.inputs.offset * UNIT, [[2**31 - 1] * 8], 32)
    put(sram, block.cell * UNIT, [[2**31 - 1, 0]], 32)
    program = program_of(around([word]), sram.tobytes(), [byte_port("sram", PORT, len(sram))])
    for plain in (False, True):
        result = simulate(program, "main", {}, sram_bytes=len(sram), plain=plain)
        held = result.codes["sram"].view(np.uint8)
        assert matrix(held, block.cell * UNIT, 1, 2, 32) == [[2**31 - 1, 2**20]]
        assert result.counters.clipped_cell_states == 1


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
