"""Buffers in on-chip memory: none overlap, and a check by other means says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.lower.plan.records import record
from q4compile.lower.plan.sram import Buffer, Layout, allocate, lower_bound, verify

lives = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)
buffers = st.lists(st.tuples(st.integers(0, 500), lives), max_size=12).map(
    lambda found: [Buffer(f"b{n}", size, *life) for n, (size, life) in enumerate(found)]
)


@given(buffers)
def test_no_two_live_buffers_share_a_byte(found):
    layout = allocate(found, 64)
    taken = {}
    for each in found:
        start = layout.offsets[each.name]
        assert start % 64 == 0
        assert start + each.bytes <= layout.peak_bytes
        for time in range(each.first, each.last + 1):
            for byte in range(start, start + each.bytes):
                assert taken.setdefault((time, byte), each.name) == each.name


@given(buffers)
def test_the_peak_is_not_below_the_bound(found):
    layout = allocate(found, 1)
    alive = [
        sum(each.bytes for each in found if each.first <= time <= each.last) for time in range(21)
    ]
    assert layout.lower_bound_bytes == lower_bound(found) == max(alive)
    assert layout.peak_bytes >= layout.lower_bound_bytes


def test_how_far_a_peak_is_above_the_bound():
    assert allocate([Buffer("a", 100), Buffer("b", 28)], 1).over_bound_percent == 0
    assert allocate([], 1).over_bound_percent == 0
    assert Layout({"a": 0, "b": 128}, 192, 128).over_bound_percent == 50


def test_buffers_that_live_always_lie_side_by_side():
    layout = allocate([Buffer("a", 100), Buffer("b", 30), Buffer("c", 64)], 64)
    assert layout.peak_bytes == layout.lower_bound_bytes == 128 + 64 + 64


def test_one_place_serves_two_times():
    layout = allocate([Buffer("a", 64, 0, 1), Buffer("b", 64, 2, 3), Buffer("c", 64, 1, 2)], 64)
    assert layout.peak_bytes == 128


def test_an_overlap_is_found():
    found = [Buffer("a", 64), Buffer("b", 64)]
    verify(found, {"a": 0, "b": 64})
    with pytest.raises(ValueError, match="'a' and 'b' overlap"):
        verify(found, {"a": 0, "b": 63})
    verify([Buffer("a", 64, 0, 1), Buffer("b", 64, 2, 3)], {"a": 0, "b": 0})


def test_fields_of_a_record():
    made = record([("a", 10), ("b", 0), ("c", 33)], 16)
    assert dict(made.offsets) == {"a": 0, "b": 16, "c": 16}
    assert (made.bytes, made.total_units, made.units("c")) == (64, 4, 1)
