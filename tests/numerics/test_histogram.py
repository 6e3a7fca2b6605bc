import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.numerics.histogram import BINS, CHUNK, FINEST, Histogram, MinMax

MOMENT_RTOL = 1e-9  # float64 sums in another order

values = arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.floats(-(2.0**30), 2.0**30, width=32)
    | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**20, -(2.0**20), -1e-45, 2047.99, 2048.0]),
)


def histogram_of(*batches):
    histogram = Histogram()
    for batch in batches:
        histogram.add(batch)
    return histogram


def normal(count=200_000, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1.5, count).astype(np.float32)


def same(one, other):
    assert one.exponent == other.exponent
    assert np.array_equal(one.counts, other.counts)
    assert vars(one.extent) == vars(other.extent)
    assert one.zeros == other.zeros
    scale = np.abs(one.power_sums) + one.extent.count * one.extent.max_abs ** np.arange(1, 5)
    assert np.all(np.abs(one.power_sums - other.power_sums) <= MOMENT_RTOL * scale)


@given(values, st.randoms(use_true_random=False), st.lists(st.integers(0, 60), max_size=5))
@example(np.float32([-1e-45, 2.0**29]), None, [1])
def test_any_split_and_order_gives_the_same_histogram(data, random, cuts):
    shuffled = list(data)
    if random is not None:
        random.shuffle(shuffled)
    batches = np.split(np.array(shuffled, np.float32), sorted(min(cut, len(data)) for cut in cuts))
    same(histogram_of(data), histogram_of(*batches))


@given(values, st.integers(0, 60))
def test_merging_is_adding(data, cut):
    one, other = histogram_of(data[:cut]), histogram_of(data[cut:])
    one.merge(other)
    same(one, histogram_of(data))


@given(values)
def test_counts_are_those_of_numpy(data):
    histogram = histogram_of(data)
    expected, _ = np.histogram(data.astype(np.float64), histogram.edges)
    assert np.array_equal(histogram.counts, expected)
    assert histogram.counts.sum() == data.size
    assert histogram.zeros == np.sum(data == 0)


@given(values.filter(lambda data: data.size and np.abs(data).max() > 2.0**-20))
def test_the_bins_are_as_fine_as_the_data_allow(data):
    histogram = histogram_of(data)
    half = histogram.width / 2
    outside = (data < -BINS / 2 * half) | (data >= BINS / 2 * half)
    assert histogram.exponent == FINEST or outside.any()


def test_moments_are_those_of_the_data():
    data = np.random.default_rng(1).gamma(2.0, 1.5, 3 * CHUNK + 7).astype(np.float32)
    histogram = histogram_of(data)
    x = data.astype(np.float64)
    central = x - x.mean()
    assert histogram.mean == pytest.approx(x.mean(), rel=MOMENT_RTOL)
    assert histogram.variance == pytest.approx(x.var(), rel=MOMENT_RTOL)
    assert histogram.skew == pytest.approx((central**3).mean() / x.std() ** 3, rel=MOMENT_RTOL)
    assert histogram.kurtosis == pytest.approx((central**4).mean() / x.var() ** 2, rel=MOMENT_RTOL)


@pytest.mark.parametrize("percent", [0.1, 1, 25, 50, 75, 99, 99.9, 99.99])
def test_percentile_is_within_a_bin(percent):
    data = normal()
    histogram = histogram_of(data)
    exact = np.percentile(data, percent)
    assert abs(histogram.percentile(percent) - exact) <= histogram.width


@given(values.filter(len), st.floats(0, 100))
def test_percentile_stays_inside_the_data(data, percent):
    histogram = histogram_of(data)
    assert data.min() <= histogram.percentile(percent) <= data.max()
    assert histogram.percentile(0) == data.min()
    assert histogram.percentile(100) == data.max()


@given(values.filter(len), st.floats(0, 100), st.floats(0, 100))
def test_percentile_is_monotone(data, one, other):
    histogram = histogram_of(data)
    assert histogram.percentile(min(one, other)) <= histogram.percentile(max(one, other))


@pytest.mark.parametrize("sigmas", [1.0, 2.0, 3.0])
def test_outlier_share_of_normal_data_is_the_tail(sigmas):
    share = histogram_of(normal()).outlier_share(sigmas)
    assert share == pytest.approx(math.erfc(sigmas / math.sqrt(2)), rel=0.06)


@given(values, st.floats(1.0, 6.0))
def test_outlier_share_obeys_chebyshev(data, sigmas):
    assert 0 <= histogram_of(data).outlier_share(sigmas) <= 1 / sigmas**2


def test_constant_and_empty_data_have_no_shape():
    for histogram in (histogram_of(), histogram_of(np.full(5, 2.5, np.float32))):
        assert (histogram.variance, histogram.skew, histogram.kurtosis) == (0.0, 0.0, 0.0)
        assert histogram.outlier_share(4.0) == 0.0
    assert histogram_of().extent.max_abs == 0.0


@pytest.mark.parametrize(("data", "percent"), [([], 50), ([1.0], 101), ([1.0], -1)])
def test_percentile_refuses(data, percent):
    with pytest.raises(ValueError, match="percentile"):
        histogram_of(np.float32(data)).percentile(percent)


def test_nonfinite_values_are_counted_and_left_out():
    histogram = histogram_of(np.float32([[1.0, np.nan], [np.inf, -2.0]]), np.float32([-np.inf]))
    assert (histogram.extent.nonfinite, histogram.extent.count) == (3, 2)
    assert (histogram.extent.minimum, histogram.extent.maximum) == (-2.0, 1.0)
    assert histogram.counts.sum() == 2


def test_min_max_alone():
    extent, other = MinMax(), MinMax()
    extent.add(np.float32([[1, -3], [2, 0]]))
    other.add(np.float32([7]))
    extent.merge(other)
    assert vars(extent) == {"count": 5, "nonfinite": 0, "minimum": -3.0, "maximum": 7.0}
    assert extent.max_abs == 7.0


def test_memory_is_flat():
    histogram = histogram_of(*(normal(1000, seed) * 4.0**seed for seed in range(12)))
    assert histogram.counts.shape == (BINS,)
    assert histogram.extent.count == 12_000
