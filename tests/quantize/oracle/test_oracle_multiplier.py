"""A multiplier has 24 significant bits, and multiplying rounds once."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.quantize.oracle.multiplier import TooLarge, multiplier, multipliers

RATIOS = st.fractions(Fraction(1, 2**38), Fraction(2**23)).filter(lambda r: r > 0)


@given(RATIOS)
def test_it_is_the_nearest_of_24_bits(ratio):
    mul, shift = multiplier(ratio)
    assert 2**23 <= mul < 2**24
    assert 0 <= shift <= 62
    assert abs(Fraction(mul, 2**shift) / ratio - 1) <= Fraction(1, 2**24)


@given(RATIOS, st.integers(-(2**31), 2**31))
def test_times_rounds_once(ratio, x):
    mul, shift = multiplier(ratio)
    assert int(multipliers([ratio]).times(x)[0]) == round(Fraction(x * mul, 2**shift))


def test_by_hand():
    assert multiplier(Fraction(1)) == (2**23, 23)
    assert multiplier(Fraction(3, 8)) == (3 * 2**22, 25)
    assert multiplier(Fraction(1, 3)) == (round(Fraction(2**25, 3)), 25)


def test_rounding_up_to_a_power_of_two_takes_a_shift():
    assert multiplier(1 - Fraction(1, 2**30)) == (2**23, 23)
    assert multiplier(Fraction(2**24 - 1)) == (2**24 - 1, 0)


def test_the_ends_of_the_range():
    assert multiplier(Fraction(2**23, 2**62)) == (2**23, 62)
    assert multiplier(Fraction(2**23, 2**63)) == (0, 0)
    for ratio in (Fraction(2**24), Fraction(2**25 - 1, 2)):  # the second rounds up to the first
        with pytest.raises(TooLarge):
            multiplier(ratio)


def test_no_number_below_zero():
    with pytest.raises(ValueError, match="positive"):
        multiplier(Fraction(0))
