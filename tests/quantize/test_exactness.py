"""The bound below which float32 adds integer products exactly: it holds, and it is tight."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.formats import format_named
from q4compile.quantize.encoding import Encoding
from q4compile.quantize.exactness import adds_exactly

ONE = np.ones(1, np.float32)


def grid(lo, hi, zero_point=0):
    return Encoding(format_named("int8"), ONE, zero_point, lo, hi)


def test_four_by_four_bits_reach_far_and_eight_by_eight_do_not():
    four, eight = grid(-8, 7), grid(-128, 127)
    assert adds_exactly(four, grid(-7, 7), 2**24 // 56)
    assert not adds_exactly(four, grid(-7, 7), 2**24 // 56 + 1)
    assert adds_exactly(eight, grid(-127, 127), 1032)
    assert not adds_exactly(eight, grid(-127, 127), 1033)


def test_zero_points_count():
    assert adds_exactly(grid(-128, 127), grid(-7, 7), 10_000)
    assert not adds_exactly(grid(-128, 127, -128), grid(-7, 7), 10_000)


@given(st.integers(1, 600), st.integers(0, 20))
def test_float32_sums_are_those_of_integers(terms, seed):
    x_grid, w_grid = grid(-128, 127, 5), grid(-127, 127)
    assert adds_exactly(x_grid, w_grid, terms)
    rng = np.random.default_rng(seed)
    x = rng.choice([-133, 122, 7], terms)
    w = rng.choice([-127, 127, 3], terms)
    total = np.float32(0)
    for product in rng.permutation(x * w).astype(np.float32):
        total += product
    assert int(total) == int((x * w).sum())
