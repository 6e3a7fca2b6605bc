"""unpack(pack(block)) == block, where its fields lie, and what is no block."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_programs import BLOCK, FLOAT_BLOCK

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Lstm, Rnn
from q4compile.isa.lstm_block import FLOATLESS, HEAD_BYTES, LIMITS, LstmBlock, block_bytes
from q4compile.isa.multiplier import is_multiplier, pack_multiplier, unpack_multiplier
from q4compile.isa.operand import Address

MULTIPLIERS = st.just(0) | st.builds(
    pack_multiplier, st.integers(2**23, 2**24 - 1), st.integers(0, 62)
)


WORD = Lstm(*[Address(0)] * 4, 1, 2, 0, ElementType.I4)
WIDE_WORD = replace(WORD, wide=True)


def blocks():
    values = {name: st.integers(lo, hi) for name, lo, hi in LIMITS}
    values |= {"multiplier": MULTIPLIERS}
    values |= {"lo": st.integers(-(2**15), 0), "hi": st.integers(0, 2**15 - 1)}
    units = st.integers(1, 5).flatmap(
        lambda n: st.lists(MULTIPLIERS, min_size=4 * n, max_size=4 * n)
    )
    return st.builds(LstmBlock, **values, multipliers=units.map(tuple))


@given(blocks())
def test_a_block_comes_back(block):
    data = block.pack()
    assert LstmBlock.unpack(data) == block
    assert len(data) == block_bytes(block.units) == 64 + 16 * block.units


def test_where_its_fields_lie():
    data = BLOCK.pack()
    assert struct.unpack_from("<IhhhH", data) == (BLOCK.multiplier, -3, -8, 7, 11)
    words = struct.unpack_from("<13I", data, 12)
    assert words == (0x100, 0x181, 0x202, 0x203, 32, 16, 80, 1, 0, 0, 0, 0, 0)
    assert struct.unpack_from("<8I", data, 64) == BLOCK.multipliers


def test_a_block_of_floats_is_its_head():
    assert LstmBlock.unpack(FLOAT_BLOCK.pack()) == FLOAT_BLOCK
    assert len(FLOAT_BLOCK.pack()) == block_bytes(0) == HEAD_BYTES
    for name in FLOATLESS:
        with pytest.raises(ValueError, match="0 where there are no multipliers"):
            replace(FLOAT_BLOCK, **{name: 2**23 if name == "multiplier" else 1, "hi": 1})


@pytest.mark.parametrize("name, lo, hi", LIMITS)
def test_a_field_out_of_range_is_named(name, lo, hi):
    for value in (lo - 1, hi + 1):
        with pytest.raises(ValueError, match=name):
            replace(BLOCK, **{name: value})


@pytest.mark.parametrize(
    ("word", "values", "needs"),
    [
        (WORD, {"lo": -9, "zero_point": 8}, ["lo", "zero_point"]),
        (WORD, {"fc": 16}, ["fc of the block in [0, 15]"]),
        (replace(WORD, out=ElementType.I8), {"lo": -128, "hi": 127, "fc": 15}, []),
        (WIDE_WORD, {}, ["fc of the block = 20", "sigmoid of the block = 0"]),
        (WIDE_WORD, {"fc": 20, "sigmoid": 0}, []),
        (WIDE_WORD, {"fc": 20, "sigmoid": 0, "hi": 8}, ["hi of the block in [-8, 7], the codes"]),
        (Rnn(*[Address(0)] * 4, 1, 2, 0, ElementType.I4), {"fc": 16}, ["fc"]),
    ],
)
def test_where_a_word_meets_its_block(word, values, needs):
    found = [need for need, _ in word.unmet_by(replace(BLOCK, **values))]
    assert len(found) == len(needs)
    assert all(one.startswith(other) for one, other in zip(found, needs, strict=True))


def test_a_word_of_floats_takes_any_block_that_is_one():
    word = Lstm(*[Address(0)] * 4, 1, 2, 0, ElementType.F16)
    assert list(word.unmet_by(FLOAT_BLOCK)) == []


def test_what_is_no_block():
    for wrong in ({"lo": 8}, {"multipliers": ()}, {"multipliers": (0,) * 3}, {"multiplier": 1}):
        with pytest.raises(ValueError, match="LSTM block"):
            replace(BLOCK, **wrong)
    data = BLOCK.pack()
    padded = data[: HEAD_BYTES - 1] + b"\1" + data[HEAD_BYTES:]
    no_multiplier = data[:2] + b"\0" + data[3:]
    for spoiled in (data[:-1], data[:HEAD_BYTES], b"", padded, no_multiplier, bytes(64 + 15)):
        with pytest.raises(ValueError, match="LSTM block"):
            LstmBlock.unpack(spoiled)


@given(st.integers(2**23, 2**24 - 1), st.integers(0, 62))
def test_multipliers_come_back(mul, shift):
    word = pack_multiplier(mul, shift)
    assert unpack_multiplier(word) == (mul, shift) and word < 2**30


def test_what_is_no_multiplier():
    assert is_multiplier(0) and unpack_multiplier(0) == (0, 0) and pack_multiplier(0, 0) == 0
    for word in (1, 2**23 - 1, 63 << 24 | 2**23, 1 << 30 | 2**23, -1, 1 << 24):
        assert not is_multiplier(word)
        with pytest.raises(ValueError, match="no multiplier"):
            unpack_multiplier(word)
    for mul, shift in ((2**24, 3), (2**23, 63), (2**22, 3), (2**23, -1), (-1, 3), (0, 1)):
        with pytest.raises(ValueError, match="no multiplier"):
            pack_multiplier(mul, shift)
