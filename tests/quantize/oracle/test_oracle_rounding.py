"""One rounding, compared with exact rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.quantize.oracle.rounding import exact_product, rne, sat16

CODES = st.integers(-(2**62), 2**62)


@given(CODES, st.integers(0, 62))
def test_rne_is_the_nearest_integer_ties_to_even(p, s):
    assert int(rne(p, s)) == round(Fraction(p, 2**s))


@given(st.integers(-(2**20), 2**20), st.integers(1, 40))
def test_ties_go_to_the_even_side(odd, s):
    tie = (2 * odd + 1) * 2 ** (s - 1)
    assert int(rne(tie, s)) % 2 == 0


def test_rne_broadcasts_shifts():
    assert rne([[5, 6], [7, -6]], [1, 2]).tolist() == [[2, 2], [4, -2]]


@given(st.lists(st.lists(st.integers(-128, 127), min_size=4, max_size=4), min_size=1, max_size=3))
def test_products_are_exact(rows):
    x, w = np.array(rows), np.array([[7, -7, 3, 1], [-128, 127, 0, 5]])
    by_hand = [[sum(a * b for a, b in zip(row, col, strict=True)) for col in w] for row in rows]
    assert exact_product(x, w).tolist() == by_hand


def test_products_that_would_be_rounded_are_our_bug():
    big = np.full((1, 2), 2**26)
    assert exact_product(big, big[:, :1] // 2 @ np.ones((1, 2), int)).item() == 2**52
    with pytest.raises(ValueError, match="not exact"):
        exact_product(big, big)


def test_saturation():
    assert sat16([-(2**40), -32769, -32768, 32767, 32768]).tolist() == [
        *(-32768, -32768, -32768, 32767, 32767)
    ]
