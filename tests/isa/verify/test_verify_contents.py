"""What is known of SRAM: constants that were moved as they are, and nothing else."""

import numpy as np
import pytest
from sound_programs import BLOCK, LSTM, PARTS, UNITS

from q4compile.isa.effects import effects
from q4compile.isa.instructions import Copy, Fill, Ldd, Unpack
from q4compile.isa.lstm_block import block_bytes
from q4compile.isa.operand import Address
from q4compile.isa.region import Memory, Region
from q4compile.isa.registers import Registers
from q4compile.isa.verify.contents import unknown_contents
from q4compile.isa.verify.streams import Streams

SRAM_BYTES = 2**16
DATA = np.frombuffer(PARTS["block"] + bytes(range(1, 256)), np.uint8)


def contents(*words):
    """SRAM after these words."""
    found = unknown_contents(SRAM_BYTES, DATA, {}, Streams())
    for word in words:
        found.update(word, effects(word, Registers()))
    return found


def sram(start, count_bytes):
    return Region(Memory.SRAM, start, 1, count_bytes, 0)


LOAD = Ldd(Address(4), Address(0), 3, 20, 32, 40)


def test_rows_of_data_and_what_lies_between():
    found = contents(LOAD)
    rows = found.view(Region(Memory.SRAM, 64, 3, 20, 32))
    expected = np.stack([DATA[40 * r : 40 * r + 20] for r in range(3)])
    np.testing.assert_array_equal(rows, expected)
    for start, count in ((60, 5), (64, 21), (83, 2), (96, 21)):
        assert found.view(sram(start, count)) is None


def test_fills_and_copies():
    found = contents(Fill(Address(4), 2, 8, 8, 7), Copy(Address(40), Address(4), 1, 16, 0, 0))
    assert found.view(sram(64, 16)).tobytes() == b"\7" * 16
    assert found.view(sram(640, 16)).tobytes() == b"\7" * 16
    assert found.view(sram(640, 17)) is None


def test_copies_of_what_is_not_known():
    found = contents(LOAD, Copy(Address(40), Address(4), 1, 32, 0, 0))
    assert found.view(sram(640, 20)) is not None
    assert found.view(sram(640, 21)) is None


@pytest.mark.parametrize(
    "word",
    [
        Unpack(Address(4), Address(100), 1, 4),
        Ldd(Address(4), Address(2**20), 1, 4, 0, 0),
        Ldd(Address(4), Address(0), 2, 8, 4, 8),
        Copy(Address(4), Address(4), 1, 4, 0, 0),
    ],
    ids=("computed", "not DATA", "rows over rows", "over itself"),
)
def test_what_makes_bytes_unknown(word):
    found = contents(LOAD, word)
    assert found.view(sram(64, 1)) is None
    assert found.view(sram(96, 20)) is not None


def test_words_beyond_the_end_change_nothing():
    found = contents(Fill(Address(SRAM_BYTES // 16 - 1), 2, 16, 16, 1))
    assert found.view(sram(SRAM_BYTES - 16, 16)) is None
    assert found.view(sram(SRAM_BYTES - 16, 32)) is None


def test_blocks():
    found = contents(Ldd(Address(BLOCK), Address(0), 1, block_bytes(UNITS), 0, 0))
    assert found.block_at(16 * BLOCK, UNITS) == LSTM
    assert found.block_at(16 * BLOCK, UNITS) is found.block_at(16 * BLOCK, UNITS)
    with pytest.raises(ValueError, match="bytes that come from no constant"):
        found.block_at(16 * BLOCK, UNITS + 1)
