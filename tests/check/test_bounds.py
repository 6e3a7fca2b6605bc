"""Bounds: what each kind allows, exactly as decimals, and that a wider limit never refuses more."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.check.bounds import KIND_NAMED, KINDS, Bound, exact, shown

FIGURES = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12)
WIDTHS = st.integers(0, 10**6) | st.floats(0, 1e6)

HOLDS = [
    ("min", 7.6, None, 7.6, True),
    ("min", 7.6, None, 7.5999999, False),
    ("max", 11, None, 11.0, True),
    ("max", 11, None, 11.0000001, False),
    ("equals", 0, None, 0.0, True),
    ("equals", 0, None, -1, False),
    ("max_increase", 0.1, 0.7, 0.8, True),
    ("max_increase", 0.1, 0.7, 0.80001, False),
    ("max_increase", 0, 5, 4, True),
    ("max_decrease", 0.1, 0.3, 0.2, True),
    ("max_decrease", 0.1, 0.3, 0.1999, False),
    ("max_increase_percent", 1, 100, 101, True),
    ("max_increase_percent", 1, 100, 101.01, False),
    ("max_increase_percent", 10, -100, -90, True),
    ("max_increase_percent", 10, -100, -89, False),
    ("max_increase_percent", 5, 0, 0, True),
    ("max_increase_percent", 5, 0, 1e-9, False),
    ("max_decrease_percent", 1, 100, 99, True),
    ("max_decrease_percent", 1, 100, 98.99, False),
]


@pytest.mark.parametrize(("kind", "limit", "base", "value", "expected"), HOLDS)
def test_what_a_bound_allows(kind, limit, base, value, expected):
    assert Bound(KIND_NAMED[kind], limit).holds(value, base) is expected


def test_kinds_are_sorted():
    assert [kind.name for kind in KINDS] == sorted(KIND_NAMED)


@given(FIGURES, WIDTHS, WIDTHS, FIGURES)
def test_a_wider_tolerance_allows_no_less(value, width, more, base):
    for kind in KINDS:
        if kind.relative and Bound(kind, width).holds(value, base):
            assert Bound(kind, max(width, more)).holds(value, base)


@given(FIGURES, FIGURES, FIGURES)
def test_a_looser_bound_allows_no_less(value, limit, other):
    low, high = sorted([limit, other])
    assert Bound(KIND_NAMED["max"], low).holds(value, None) <= Bound(KIND_NAMED["max"], high).holds(
        value, None
    )
    assert Bound(KIND_NAMED["min"], high).holds(value, None) <= Bound(KIND_NAMED["min"], low).holds(
        value, None
    )


@given(FIGURES)
def test_no_change_is_within_every_tolerance(value):
    """Up to the 28 digits that decimals keep, and figures have at most 17."""
    for kind in KINDS:
        if kind.relative:
            assert Bound(kind, 0).holds(value, value)


@given(FIGURES, FIGURES)
def test_equals_is_min_and_max(value, limit):
    both = [Bound(KIND_NAMED[name], limit).holds(value, None) for name in ("min", "max")]
    assert Bound(KIND_NAMED["equals"], limit).holds(value, None) == all(both)


def test_a_tolerance_without_a_baseline_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="max_increase needs a baseline"):
        Bound(KIND_NAMED["max_increase"], 1).holds(1, None)


def test_numbers_are_shown_as_they_were_written():
    assert [shown(number) for number in (7.6, 12, Decimal("0.80"), 123456789012, 1e-7)] == [
        "7.6",
        "12",
        "0.8",
        "123456789012",
        "1e-07",
    ]
    assert exact(0.1) == Decimal("0.1")
