"""The bytes that words read and write: all of them, and none beside."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instruction_strategies import instructions
from small_programs import BLOCK, FLOAT_BLOCK, SMALL

from q4compile.isa.effects import Effects, effects
from q4compile.isa.element_type import ElementType, aligned_bytes
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instruction import fields_of
from q4compile.isa.instructions import (
    INSTRUCTIONS,
    Copy,
    Cvt,
    Fill,
    Gath,
    Ldc,
    Ldd,
    Lstm,
    Lut,
    Mm,
    Mul,
    Rq,
    Share,
    Std,
)
from q4compile.isa.instructions.floating import Function
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.operand_kinds import Located, MaybeLocated
from q4compile.isa.region import Memory, Region
from q4compile.isa.registers import Registers

AT = Registers(
    a=(0, 0x100, *range(14)),
    s=tuple(range(16)),
    block_at=lambda start, units: (
        replace(BLOCK, multipliers=(0,) * 4 * units) if units else FLOAT_BLOCK
    ),
    core=2,
    cores=5,
)


def sram(start_units, rows, row_bytes, pitch=None):
    return Region(
        Memory.SRAM, int(16 * start_units), rows, row_bytes, pitch or aligned_bytes(row_bytes)
    )


def dram(start_units, rows, row_bytes, pitch):
    return Region(Memory.DRAM, 16 * start_units, rows, row_bytes, pitch)


A, B, C, D = (Address(n) for n in (0x10, 0x20, 0x30, 0x40))
CASES = [
    (Ldd(A, B, 3, 8, 16, 24), [dram(0x20, 3, 8, 24)], [sram(0x10, 3, 8, 16)]),
    (Ldc(A, B, 40, 33), [dram(0x20, 1, 33, 0)], [Region(Memory.SRAM, 0x100, 1, 40, 0)]),
    (Std(A, Address(5, 1), Scalar(3), 8, 16, 24), [sram(0x105, 3, 8, 24)], [dram(0x10, 3, 8, 16)]),
    (
        Gath(A, B, C, 3, 24, 40, 46),
        [sram(0x30, 1, 12), dram(0x20, 46, 24, 40)],
        [sram(0x10, 3, 24, 32)],
    ),
    (
        Mm(A, B, C, D, 3, 5, 33, Precision.W4A8),
        [sram(0x20, 3, 33, 48), sram(0x30, 5, 17, 32), sram(0x40, 1, 20)],
        [sram(0x10, 3, 20, 32)],
    ),
    (
        Mm(A, B, C, None, 3, 5, 33, Precision.INT4, accumulate=True),
        [sram(0x20, 3, 17, 32), sram(0x30, 5, 17, 32), sram(0x10, 3, 20, 32)],
        [sram(0x10, 3, 20, 32)],
    ),
    (
        Rq(A, B, C, 3, 5, 0, -8, 7, ElementType.I4, wide=True),
        [sram(0x20, 3, 20, 32), sram(0x30, 1, 20)],
        [sram(0x10, 3, 3, 16)],
    ),
    (
        Rq(A, B, C, 3, 5, 0, -8, 7, ElementType.I16, scalar=True),
        [sram(0x20, 3, 10), sram(0x30, 1, 4)],
        [sram(0x10, 3, 10)],
    ),
    (
        Rq(A, B, C, 3, 5, 0, 0, 0, ElementType.I32, wide=True),
        [sram(0x20, 3, 20, 32), sram(0x30, 1, 40)],
        [sram(0x10, 3, 20, 32)],
    ),
    (
        Mul(A, B, C, 3, 5, 15, broadcast=True),
        [sram(0x20, 3, 10), sram(0x30, 1, 10)],
        [sram(0x10, 3, 10)],
    ),
    (Lut(A, B, C, 3, 5), [sram(0x20, 3, 10), sram(0x30, 1, 2050)], [sram(0x10, 3, 10)]),
    (
        Share(A, 3, 24, 128),
        [sram(0x10 + 3, 3, 24, 128)],
        [sram(0x10, 3, 48, 128), sram(0x10 + 4.5, 3, 48, 128)],
    ),
    (Cvt(A, B, 3, 5, wide=True), [sram(0x20, 3, 20, 32)], [sram(0x10, 3, 10)]),
    (Cvt(A, B, 3, 5, Function.TANH), [sram(0x20, 3, 10)], [sram(0x10, 3, 10)]),
    (
        Lstm(A, B, C, D, 3, 10, 2, ElementType.F16, lengths=True),
        [
            sram(0x40, 1, 64),
            sram(0x20, 3, 160),
            sram(0x30, 3, 80, 80),
            sram(0x202, 1, 12),
            sram(0x203, 3, 40, 48),
        ],
        [sram(0x10, 3, 20, 32), sram(0x203, 3, 40, 48)],
    ),
    (Copy(A, B, 3, 5, 6, 7), [sram(0x20, 3, 5, 7)], [sram(0x10, 3, 5, 6)]),
    (Fill(A, 3, 5, 6, 7), [], [sram(0x10, 3, 5, 6)]),
    (
        Lstm(A, B, C, D, 3, 10, 2, ElementType.I4, lengths=True),
        [
            sram(0x40, 1, 64 + 160),
            sram(0x20, 3, 160),
            sram(0x30, 3, 80, 80),
            sram(0x100, 1, 2050),
            sram(0x181, 1, 2050),
            sram(0x202, 1, 12),
            sram(0x203, 3, 20, 32),
        ],
        [sram(0x10, 3, 5, 16), sram(0x203, 3, 20, 32)],
    ),
    (
        Lstm(A, B, C, D, 3, 10, 0, ElementType.I8, wide=True),
        [
            sram(0x40, 1, 64 + 160),
            sram(0x20, 3, 160),
            sram(0x30, 3, 160, 80),
            sram(0x181, 1, 4100),
            sram(0x203, 3, 40, 32),
        ],
        [sram(0x10, 3, 10, 16), sram(0x203, 3, 40, 32)],
    ),
]


@pytest.mark.parametrize(
    "word, reads, writes", CASES, ids=lambda each: getattr(each, "mnemonic", "")
)
def test_by_hand(word, reads, writes):
    assert effects(word, AT) == Effects(tuple(reads), tuple(writes))


@pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.mnemonic)
def test_each_has_the_effects_of_its_operands(kind):
    """One engine writes DRAM, one reads it; who has addresses touches them, others nothing."""

    @given(instructions(kind))
    def holds(x):
        found = effects(x, AT)
        placed = {
            (field.kind if isinstance(field.kind, Located) else field.kind.located).memory
            for field in fields_of(kind)
            if isinstance(field.kind, Located | MaybeLocated)
        }
        assert {region.memory for region in (*found.reads, *found.writes)} <= placed
        written = {region.memory for region in found.writes}
        read = {region.memory for region in found.reads}
        assert Memory.DRAM not in written or x.engine is Engine.ST
        assert Memory.DRAM not in read or x.engine is Engine.LD
        touched = {region.start for region in (*found.reads, *found.writes)}
        operands = {AT.start(getattr(x, "to", Address(0)))}
        assert not found.writes or operands <= touched

    holds()


@pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.mnemonic)
def test_no_rows_no_effects(kind):
    if "rows" not in [field.name for field in fields_of(kind)]:
        return

    @given(instructions(kind), st.sampled_from([0, Scalar(0)]))
    def holds(x, rows):
        values = {field.name: getattr(x, field.name) for field in fields_of(kind)}
        assert effects(kind(**values | {"rows": rows}), AT) == Effects((), ())

    holds()


def test_one_core_shares_nothing():
    assert effects(Share(A, 3, 24, 128), replace(AT, core=0, cores=1)) == Effects((), ())


def test_conflicts_are_those_of_writes():
    load, product, other = (
        effects(x, AT)
        for x in (
            Ldd(B, A, 3, 16, 16, 16),
            Mm(A, B, C, None, 3, 5, 32, Precision.INT4),
            Mm(D, B, C, None, 3, 5, 32, Precision.INT4),
        )
    )
    assert load.conflict(product) == (sram(0x20, 3, 16), sram(0x20, 3, 16))
    assert product.conflict(load) == (sram(0x20, 3, 16), sram(0x20, 3, 16))
    assert product.conflict(product) == (sram(0x10, 3, 20), sram(0x10, 3, 20))
    assert product.conflict(other) is None


def test_an_unknown_block_is_our_bug():
    (lstm,) = (x for x in SMALL.code if isinstance(x, Lstm) and not x.wide)
    with pytest.raises(ValueError, match="no LSTM block of 10 units is known at SRAM byte 24576"):
        effects(lstm, Registers())
