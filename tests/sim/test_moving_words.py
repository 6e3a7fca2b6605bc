"""Ldd, Ldc, Std, Gath, Copy, Fill against loops over bytes."""

import numpy as np
from equations import UNIT
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import EVERYTHING, SRAM_BYTES, after, image, stopped

from q4compile.isa.instructions import Bar, Copy, Fill, Gath, Ldc, Ldd, SetA, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.numerics.coded_stream import encode

units = st.integers(0, 100)
rows = st.integers(0, 9)
row_bytes = st.integers(0, 70)
pitches = st.integers(0, 100)
EXTRA = image(7, 4096)
EXTRA_UNITS = SRAM_BYTES // UNIT


def moved(memory, to, source, count, width, to_pitch, source_pitch, other=None):
    """Row after row, each read whole before it is written."""
    result = memory.copy()
    for row in range(count):
        start = source * UNIT + row * source_pitch
        read = (result if other is None else other)[start : start + width].copy()
        result[to * UNIT + row * to_pitch : to * UNIT + row * to_pitch + width] = read
    return result


@given(units, units, rows, row_bytes, pitches, pitches)
def test_ldd(to, source, count, width, to_pitch, source_pitch):
    sram = image(0)
    word = Ldd(
        *(Address(to), Address(EXTRA_UNITS + source), Scalar(0), width),
        *(to_pitch, source_pitch),
    )
    expected = moved(sram, to, source, count, width, to_pitch, source_pitch, EXTRA)
    assert after([word], sram, scalars=[count], extra=EXTRA.tobytes()).tolist() == expected.tolist()


@given(units, units, rows, row_bytes, pitches, pitches)
def test_std(to, source, count, width, to_pitch, source_pitch):
    """Stored behind the image and loaded back whole, to another place."""
    sram, stored = (
        image(1),
        moved(EXTRA, to, source, count, width, to_pitch, source_pitch, image(1)),
    )
    words = [
        Std(
            *(Address(EXTRA_UNITS + to), Address(source), count, width),
            *(to_pitch, source_pitch),
        ),
        Bar(EVERYTHING),
        Ldd(Address(0), Address(EXTRA_UNITS), 4, 1024, 1024, 1024),
    ]
    held = after(words, sram, extra=EXTRA.tobytes())
    assert held[:4096].tolist() == stored.tolist()
    assert held[4096:].tolist() == sram[4096:].tolist()


@given(st.lists(st.integers(0, 19), max_size=9), row_bytes, pitches, units)
def test_gath(ids, width, table_pitch, to):
    sram = image(2)
    sram[4096 : 4096 + 4 * len(ids)] = np.array(ids, np.int32).view(np.uint8)
    expected = sram.copy()
    for row, chosen in enumerate(ids):
        start = to * UNIT + row * -(-width // UNIT) * UNIT
        read = EXTRA[chosen * table_pitch : chosen * table_pitch + width]
        expected[start : start + width] = read
    word = Gath(
        *(Address(to), Address(EXTRA_UNITS), Address(4096 // UNIT), len(ids)),
        *(width, table_pitch, 20),
    )
    assert after([word], sram, extra=EXTRA.tobytes()).tolist() == expected.tolist()


def test_gath_reads_its_ids_before_it_writes():
    sram = np.zeros(SRAM_BYTES, np.uint8)
    sram[:16].view(np.int32)[:] = [3, 2, 1, 0]
    held = after(
        [Gath(Address(0), Address(EXTRA_UNITS), Address(0), 4, 16, 16, 4)],
        sram,
        extra=EXTRA.tobytes(),
    )
    assert held[:64].tolist() == EXTRA[:64].reshape(4, 16)[::-1].ravel().tolist()


@settings(max_examples=200)
@given(units, units, rows, row_bytes, pitches, pitches)
def test_copy_goes_row_by_row_even_onto_itself(to, source, count, width, to_pitch, source_pitch):
    sram = image(3)
    word = Copy(Address(to), Address(source), count, width, to_pitch, source_pitch)
    expected = moved(sram, to, source, count, width, to_pitch, source_pitch)
    assert after([word], sram).tolist() == expected.tolist()


def test_copy_of_a_row_onto_itself_ends_however_often():
    """The same overlapping row two thousand million times: nothing changes after 40 of them."""
    sram = image(4)
    word = Copy(Address(1), Address(0), Scalar(0), 40, 0, 0)
    expected = moved(sram, 1, 0, 100, 40, 0, 0)
    assert after([word], sram, scalars=[2**31 - 1]).tolist() == expected.tolist()


@given(units, rows, row_bytes, pitches, st.integers(0, 255))
def test_fill(to, count, width, to_pitch, value):
    sram = image(5)
    expected = sram.copy()
    for row in range(count):
        start = to * UNIT + row * to_pitch
        expected[start : start + width] = value
    word = Fill(Address(to), count, width, to_pitch, value)
    assert after([word], sram).tolist() == expected.tolist()


def test_an_id_outside_its_table_is_named():
    sram = np.zeros(SRAM_BYTES, np.uint8)
    sram[:12].view(np.int32)[:] = [0, 3, -1]
    word = Gath(Address(16), Address(0), Address(0), 3, 16, 16, 3)
    finding = stopped([word], sram)
    assert (finding.code, finding.need, finding.got) == ("Q365", "ids[1] in [0, 3)", "3")


def test_address_registers_and_counts_of_scalars():
    """A3 = 2 · S1 + 5 · S2 + 3, rows in S1."""
    sram = image(6)
    words = [SetA(3, 3, 2, 1, 5, 2), Fill(Address(1, 3), Scalar(1), 16, 32, 9)]
    held = after(words, sram, scalars=[0, 2, 4])
    expected = sram.copy()
    for start in (16 * 28, 16 * 30):
        expected[start : start + 16] = 9
    assert held.tolist() == expected.tolist()


@given(st.lists(st.binary(max_size=90), min_size=1, max_size=3).filter(any), units)
def test_ldc(fields, to):
    sram, data = image(3), b"".join(fields)
    stream = encode([np.frombuffer(each, np.uint8) for each in fields])
    expected = sram.copy()
    expected[to * UNIT : to * UNIT + len(data)] = np.frombuffer(data, np.uint8)
    word = Ldc(Address(to), Address(EXTRA_UNITS), len(data), len(stream) + 2)
    assert after([word], sram, extra=stream + bytes(2)).tolist() == expected.tolist()
