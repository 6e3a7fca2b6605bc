"""Multipliers and thresholds, against the definitions; tables, against other arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.multiplier import unpack_multiplier
from q4compile.lower.numbers.kinds import Grid
from q4compile.lower.numbers.multipliers import (
    multiplier_of,
    staircase_multipliers,
    thresholds,
)
from q4compile.lower.numbers.tables import TABLES, table_bytes

ratios = st.fractions(min_value=Fraction(1, 2**38), max_value=Fraction(2**23))
small = st.fractions(min_value=Fraction(1, 100), max_value=Fraction(3), max_denominator=2**12)


@given(ratios)
def test_a_multiplier_is_the_nearest_of_24_bits(ratio):
    mul, shift = unpack_multiplier(multiplier_of(ratio))
    made, unit = Fraction(mul, 2**shift), Fraction(1, 2**shift)
    assert 2**23 <= mul < 2**24
    assert abs(made - ratio) <= unit / 2


def test_ends_of_multipliers():
    assert unpack_multiplier(multiplier_of(Fraction(2**23))) == (2**23, 0)
    assert unpack_multiplier(multiplier_of(Fraction(2**24 - 1))) == (2**24 - 1, 0)
    assert multiplier_of(Fraction(2**24)) is None
    assert multiplier_of(Fraction(2**25 - 1, 2)) is None  # rounds to 2^24
    assert unpack_multiplier(multiplier_of(Fraction(1, 2**39))) == (2**23, 62)
    assert multiplier_of(Fraction(1, 2**39) * Fraction(99, 100)) == 0
    with pytest.raises(ValueError, match="positive"):
        multiplier_of(Fraction(0))


def test_ties_of_multipliers_go_to_even():
    assert unpack_multiplier(multiplier_of(Fraction(2**24 + 1, 2**24)))[0] == 2**23
    assert unpack_multiplier(multiplier_of(Fraction(2**24 + 3, 2**24)))[0] == 2**23 + 2


def staircase(ratio, grid, span):
    low, high = span
    found = []
    for k in range(grid.lo + 1, grid.hi + 1):
        reached = (
            acc
            for acc in range(low, high + 1)
            if min(max(round(acc * ratio) + grid.zero_point, grid.lo), grid.hi) >= k
        )
        found.append(next(reached, high + 1))
    return found


@given(small, st.integers(-8, 7), st.integers(-60, 0), st.integers(0, 60))
def test_thresholds_are_where_codes_begin(ratio, zero_point, low, high):
    grid, span = Grid(Fraction(1), zero_point, -8, 7), (low, high)
    assert thresholds([ratio], grid, [span]).tolist() == [staircase(ratio, grid, span)]


@given(st.lists(small, min_size=1, max_size=4), st.integers(0, 60))
def test_rows_do_not_touch_each_other(many, reach):
    grid = Grid(Fraction(1), 3, 0, 15)
    spans = [(n - reach, n + reach) for n in range(len(many))]
    words = [multiplier_of(ratio) for ratio in many]
    made = staircase_multipliers(words, many, grid, spans)
    rows = zip(words, many, spans, strict=True)
    assert made.tolist() == [staircase_multipliers([w], [r], grid, [s])[0] for w, r, s in rows]


@given(ratios)
def test_a_nudge_is_one_at_most_and_serves(ratio):
    grid, span = Grid(Fraction(1), 0, -8, 7), (-(2**20), 2**20)
    word = multiplier_of(ratio)
    made = staircase_multipliers([word], [ratio], grid, [span]).item()
    (mul, shift), (before, same) = unpack_multiplier(made), unpack_multiplier(word)
    assert shift == same
    assert abs(mul - before) <= 1
    if mul != before:
        of = [ratio, Fraction(mul, 2**shift), Fraction(before, 2**shift)]
        exact, moved, unmoved = thresholds(of, grid, [span] * 3).tolist()
        assert moved == exact != unmoved


def test_a_nudge_happens():
    """Over int32 the 24 bits of a ratio just below a power of two move some threshold by one."""
    grid = Grid(Fraction(1), 0, -8, 7)
    changed = 0
    for numerator in range(1, 2000):
        ratio = Fraction(numerator, 2**30 + 1)
        word = multiplier_of(ratio)
        made = staircase_multipliers([word], [ratio], grid, [(-(2**31), 2**31 - 1)])
        changed += made[0] != word
    assert changed > 0


@pytest.mark.parametrize("operator", sorted(TABLES))
def test_tables(operator):
    data = table_bytes(operator)
    assert len(data) == 2064
    assert not any(data[2050:])
    table = np.frombuffer(data, "<i2", 1025).astype(np.int64)
    x = (np.arange(1025) - 512) / 32
    real = 1 / (1 + np.exp(-x)) if operator == "Sigmoid" else np.tanh(x)
    assert np.abs(table - np.clip(32768 * real, -32768, 32767)).max() <= 0.5 + 1e-9
    assert (np.diff(table) >= 0).all()
    mirrored = table + table[::-1]
    assert set(mirrored[:511]) <= ({32768, 32767} if operator == "Sigmoid" else {0, -1})
