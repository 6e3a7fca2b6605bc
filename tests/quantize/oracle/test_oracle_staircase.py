"""Thresholds by inequalities are those that a walk over all accumulators finds."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from q4compile.quantize.oracle.multiplier import multipliers
from q4compile.quantize.oracle.staircase import mul_ratio, nudged, thresholds
from q4compile.quantize.oracle.tensor import Grid


def walked(ratio, grid, reach):
    """min{acc : y ≥ k} by trying every accumulator."""
    codes = {
        acc: max(grid.lo, min(grid.hi, round(acc * ratio) + grid.zero_point))
        for acc in range(reach[0], reach[1] + 1)
    }
    return [
        next((acc for acc, y in codes.items() if y >= k), reach[1] + 1)
        for k in range(grid.lo + 1, grid.hi + 1)
    ]


@st.composite
def staircases(draw):
    ratio = draw(st.fractions(0, 3, max_denominator=64) | st.just(Fraction(1, 2)))
    low = draw(st.integers(-60, 60))
    grid = Grid(Fraction(1), draw(st.integers(-8, 7)), -8, 7)
    return ratio, grid, (low, low + draw(st.integers(0, 90)))


@given(staircases())
def test_thresholds(case):
    assert thresholds(*case) == walked(*case)


@given(staircases())
def test_a_nudge_never_makes_it_worse(case):
    ratio, grid, reach = case
    if ratio == 0:
        return
    made = multipliers([ratio])
    exact = walked(*case)
    before, after = (
        sum(a != b for a, b in zip(walked(mul_ratio(each, 0), grid, reach), exact, strict=True))
        for each in (made, nudged(made, grid, [reach]))
    )
    assert after in (0, before)


def test_ties():
    """Half of 1, 3, 5 is 0.5 → 0, 1.5 → 2, 2.5 → 2: from 2 on 1, from 3 on 2, from 6 on 3."""
    grid = Grid(Fraction(1), 0, -2, 3)
    assert thresholds(Fraction(1, 2), grid, (-100, 100)) == [-2, -1, 2, 3, 6]
    assert thresholds(Fraction(1, 2), grid, (-1, 4)) == [-1, -1, 2, 3, 5]
    assert thresholds(Fraction(0), grid, (-5, 5)) == [-5, -5, 6, 6, 6]


def test_the_nearest_multiplier_is_not_always_the_right_one():
    """T₁ is N, but N + 1 where mul is rounded down; one more mends that."""
    grid, reach = Grid(Fraction(1), 0, -2, 1), (-(10**7), 10**7)
    mended = 0
    for n in range(10**6, 10**6 + 20):
        ratio = 1 / (2 * (n - Fraction(1, 10**9)))
        made = multipliers([ratio])
        exact = thresholds(ratio, grid, reach)
        assert exact[-1] == n
        down = mul_ratio(made, 0) < ratio
        assert (thresholds(mul_ratio(made, 0), grid, reach) == exact) is not down
        other = nudged(made, grid, [reach])
        assert (other.mul - made.mul).tolist() == [down]
        assert thresholds(mul_ratio(other, 0), grid, reach) == exact
        mended += down
    assert 0 < mended < 20


def test_what_no_nudge_mends_stays():
    """1/6 has ties on both sides of 0, which a rounded multiplier pulls the same way."""
    made = multipliers([Fraction(1, 6)])
    grid, reach = Grid(Fraction(1), 0, -8, 7), (-20, 20)
    assert thresholds(mul_ratio(made, 0), grid, reach) != thresholds(made.ratios[0], grid, reach)
    assert nudged(made, grid, [reach]).mul.tolist() == made.mul.tolist()


def test_nudges_stay_inside_24_bits():
    made = multipliers([Fraction(1), Fraction(2**24 - 1)])
    wrong = Grid(Fraction(1), 0, -8, 7)
    for each in (nudged(made, wrong, [(-9, 9)] * 2), nudged(made, wrong, [(-(2**30), 2**30)] * 2)):
        assert (each.mul >= 2**23).all()
        assert (each.mul < 2**24).all()
        assert (np.abs(each.mul - made.mul) <= 1).all()
