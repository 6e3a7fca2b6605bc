"""Second moments: exact on integers, whatever the split."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.moments import SecondMoments

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))


def integers(shape, seed):
    """Sums of products of small integers are exact in float32 and float64."""
    return np.random.default_rng(seed).integers(-50, 50, shape).astype(np.float32)


@given(SHAPES, st.integers(0, 9))
def test_sum_of_outer_products(shape, seed):
    x = integers(shape, seed)
    moments = SecondMoments()
    moments.add(x)
    wanted = sum(np.outer(v, v) for v in x.reshape(-1, shape[-1]).astype(np.int64))
    assert np.array_equal(moments.sums, wanted[None])


@given(SHAPES, st.integers(0, 9))
def test_directions_are_kept_apart(shape, seed):
    x = integers(shape, seed)
    apart = SecondMoments(split_axis=1)
    apart.add(x)
    for d in range(shape[1]):
        one = SecondMoments()
        one.add(x[:, d])
        assert np.array_equal(apart.sums[d], one.sums[0])


@given(st.integers(1, 6), st.integers(0, 9))
def test_any_split_gives_the_same(parts, seed):
    x = integers((12, 4), seed)
    whole, pieces = SecondMoments(), SecondMoments()
    whole.add(x)
    for piece in np.array_split(x, parts):
        pieces.add(piece)
    assert np.array_equal(whole.sums, pieces.sums)
