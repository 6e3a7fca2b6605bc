import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.numerics.matmul import EXACT, exact_matmul

codes8 = st.integers(-128, 127)


@given(st.data(), st.integers(1, 5), st.integers(1, 40), st.integers(1, 5))
def test_matches_int64(data, m, k, n):
    a = data.draw(arrays(np.int8, (m, k), elements=codes8))
    w = data.draw(arrays(np.int8, (k, n), elements=codes8))
    expected = a.astype(np.int64) @ w.astype(np.int64)
    assert np.array_equal(exact_matmul(a, w), expected)
    assert np.array_equal(exact_matmul(a.astype(np.float32), w), expected)


def test_matches_int64_at_the_bound():
    """K·8·7 just below 2**24 with every term as large as it can be: the worst case of W4A4."""
    depth = EXACT // (8 * 7)
    a, w = np.full((2, depth), -8, np.int8), np.full((depth, 3), 7, np.int8)
    w[::2, 1] = -7
    assert np.array_equal(exact_matmul(a, w), a.astype(np.int64) @ w.astype(np.int64))


def test_refuses_beyond_the_bound():
    depth = EXACT // (8 * 7) + 1
    with pytest.raises(ValueError, match=rf"{depth}·8·7 exceeds 2\*\*24"):
        exact_matmul(np.full((1, depth), -8), np.full((depth, 1), 7))


def test_batches_and_empty_products():
    rng = np.random.default_rng(0)
    a, w = rng.integers(-8, 8, (4, 3, 16)), rng.integers(-7, 8, (4, 16, 5))
    assert np.array_equal(exact_matmul(a, w), a @ w)
    assert exact_matmul(np.zeros((2, 0)), np.zeros((0, 3))).tolist() == [[0, 0, 0]] * 2
