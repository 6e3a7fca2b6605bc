"""Regions against the sets of bytes that they stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.element_type import ElementType
from q4compile.isa.region import Memory, Region

REGIONS = st.builds(
    Region,
    st.sampled_from(Memory),
    st.integers(0, 30),
    st.integers(-1, 5),
    st.integers(0, 9),
    st.integers(0, 12),
)


@pytest.mark.parametrize(
    "kind, columns, row_bytes, pitch",
    [
        ("I4", 33, 17, 32),
        ("I8", 16, 16, 16),
        ("I16", 9, 18, 32),
        ("I32", 4, 16, 16),
        ("F32", 0, 0, 0),
    ],
)
def test_rows_of_elements(kind, columns, row_bytes, pitch):
    found = ElementType[kind]
    assert (found.row_bytes(columns), found.pitch_bytes(columns)) == (row_bytes, pitch)


def bytes_in(region):
    return {
        region.start + row * region.pitch_bytes + index
        for row in range(region.rows)
        for index in range(region.row_bytes)
    }


@given(REGIONS)
def test_intervals_are_its_bytes(region):
    found = [byte for start, stop in region.intervals() for byte in range(start, stop)]
    assert sorted(found) == sorted(bytes_in(region))
    assert region.is_empty == (not found)
    assert region.stop == max(bytes_in(region), default=region.start - 1) + 1


@given(REGIONS, st.integers(0, 60), st.integers(0, 60))
def test_meets_an_interval(region, start, stop):
    assert region.meets(start, stop) == bool(bytes_in(region) & set(range(start, stop)))


@given(REGIONS, REGIONS)
def test_overlaps(one, other):
    expected = one.memory is other.memory and bool(bytes_in(one) & bytes_in(other))
    assert one.overlaps(other) == other.overlaps(one) == expected


def test_interleaved_halves_of_rows_do_not_overlap():
    """What two directions of a layer write, and no list of a million rows is made of it."""
    forward = Region(Memory.SRAM, 0, 10**6, 320, 640)
    backward = Region(Memory.SRAM, 320, 2, 320, 640)
    assert not forward.overlaps(backward)
    assert forward.overlaps(Region(Memory.SRAM, 319, 1, 1, 1))
