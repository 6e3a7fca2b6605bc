"""A wide step beside narrow ones: its block, its table, and how far its operands reach."""

import struct
from dataclasses import replace

import pytest
from sound_programs import (
    BLOCK,
    CELL,
    GATES,
    GX,
    LSTM,
    MULTIPLIER,
    SUMS,
    TANH,
    TARGET,
    UNITS,
    H,
    codes,
    port,
)

from q4compile.errors import TargetError
from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Bar, Fill, Halt, Ldd, Lstm, Rq, SetA, Std
from q4compile.isa.lstm_block import block_bytes
from q4compile.isa.operand import Address
from q4compile.isa.program import Entry, Expression, Program, Symbol
from q4compile.isa.verify import verify

WIDE = replace(LSTM, fc=20, sigmoid=0, cell_pitch_bytes=48, gx_pitch_bytes=160)
SCALES = BLOCK + 0x100
TABLE_AT, SCALES_AT = 0x40, 0x180
"""Of DATA; the block lies at 0 [units]."""


def program(
    block=WIDE, gx=ElementType.I32, wide=True, *, table_bytes=4100, cell_bytes=40, scale_bytes=8
):
    """Sums of 0, requantized to inputs of a step whose h goes out."""
    grid = (0, 0, 0, gx) if gx is ElementType.I32 else (0, -(2**15), 2**15 - 1, gx)
    parts = {
        0: (block.pack(), "block"),
        TABLE_AT: (codes(1, table_bytes, table_bytes, 1), "tanh"),
        SCALES_AT: (struct.pack("<Ii", MULTIPLIER, 12345)[:scale_bytes], "scale"),
    }
    data = bytearray(16 * SCALES_AT + scale_bytes)
    for start, (part, _) in parts.items():
        data[16 * start : 16 * start + len(part)] = part
    code = (
        Ldd(Address(BLOCK), Address(0), 1, block_bytes(UNITS), 0, 0),
        Ldd(Address(TANH), Address(TABLE_AT), 1, table_bytes, 0, 0),
        Ldd(Address(SCALES), Address(SCALES_AT), 1, scale_bytes, 0, 0),
        Fill(Address(GATES), 1, 16 * UNITS, 0, 0),
        Fill(Address(SUMS), 1, 16 * UNITS, 0, 0),
        Fill(Address(CELL), 1, cell_bytes, 0, 0),
        SetA(1, 0, 1, 3),
        Bar(0b11110),
        Rq(*map(Address, (GX, SUMS, SCALES)), 1, 4 * UNITS, *grid, wide=True, scalar=True),
        Lstm(*map(Address, (H, GATES, GX, BLOCK)), 1, UNITS, 0, ElementType.I4, wide=wide),
        Bar(0b11110),
        Std(Address(0, 1), Address(H), 1, UNITS // 2, 16, 16),
        Halt(),
    )
    symbols = tuple(Symbol(name, start, len(part), 0) for start, (part, name) in parts.items())
    h = port("h", "out", 3, "i4", (1, UNITS), 16, Expression(plus=1))
    entry = Entry("step", 0, (), (), (h,), ())
    return Program(
        *("wide", TARGET.name, TARGET.hash, "int4", code, bytes(data), (entry,), ("",), symbols)
    )


def test_a_wide_step_is_accepted():
    verify(program(), TARGET)


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"block": replace(WIDE, fc=15)}, "Q348", "fc of the block = 20, not 15"),
        (
            {"block": replace(WIDE, sigmoid=TANH)},
            "Q348",
            f"sigmoid of the block = 0, not {TANH}",
        ),
        (
            {"wide": False, "gx": ElementType.I16},
            "Q348",
            "fc of the block in [0, 15], not 20",
        ),
        ({"table_bytes": 4096}, "Q347", f"it reads [{16 * TANH}, {16 * TANH + 4100})"),
        ({"cell_bytes": 2 * UNITS}, "Q347", f"it reads [{16 * CELL}, {16 * CELL + 40})"),
        ({"scale_bytes": 4}, "Q347", f"it reads [{16 * SCALES}, {16 * SCALES + 8})"),
        ({"gx": ElementType.I16}, "Q347", f"it reads [{16 * GX}, {16 * GX + 160})"),
    ],
)
def test_one_thing_wrong_with_a_wide_step(given, code, text):
    with pytest.raises(TargetError) as caught:
        verify(program(**given), TARGET)
    found = [f"{each.need}, not {each.got}" for each in caught.value.findings if each.code == code]
    assert len(found) == 1 and text in found[0]
