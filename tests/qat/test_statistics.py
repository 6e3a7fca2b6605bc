"""Ranges from the numbers themselves are those that `quantize` finds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.numerics.formats import format_named
from q4compile.qat.statistics import minmax_clips, moments, sawb_clips
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.ranges.sawb import COEFFICIENTS
from q4compile.recipe.scheme import Scheme

FORMATS = [f"int{bits}" for bits in sorted(COEFFICIENTS)]
rows = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 40)),
    elements=st.floats(-100, 100, width=32),
)


@given(rows, st.sampled_from(FORMATS))
def test_sawb_clips_are_those_of_quantize(x, format):
    expected = range_setter("sawb").of_rows(x, Scheme(format_named(format), range="sawb"))
    found = sawb_clips(torch.from_numpy(x), format_named(format).bits).numpy()
    # √E[x²] and E|x| all but cancel where |x| is nearly constant, so roundings weigh more
    # than one unit, and on the edge of flatness the two branches may differ.
    rms, mean = np.sqrt((x.astype(float) ** 2).mean(1)), np.abs(x).astype(float).mean(1)
    off_edge = np.abs(rms - 1.15 * mean) > 1e-5 * mean
    slack = 1e-5 * (sum(map(abs, COEFFICIENTS[format_named(format).bits])) * rms + 1e-30)
    assert np.all(np.abs(found - expected)[off_edge] <= slack[off_edge])


@given(rows)
def test_minmax_clips_are_those_of_quantize(x):
    expected = range_setter("minmax").of_rows(x, Scheme(format_named("int4"), range="minmax"))
    np.testing.assert_array_equal(minmax_clips(torch.from_numpy(x), 4).numpy(), expected)


@given(rows)
def test_compiled_moments_are_those_of_torch(x):
    for found, expected in zip(
        moments(torch.from_numpy(x)), moments(torch.from_numpy(x).double()), strict=True
    ):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-30)


def test_moments_of_many_numbers_keep_their_bits():
    x = torch.full((1, 5_000_000), 1.1)
    mean, mean_square, largest = (float(each) for each in moments(x))
    assert (mean, mean_square) == pytest.approx((1.1, 1.21), rel=1e-6)
    assert largest == np.float32(1.1)


def test_numbers_that_are_none_are_not_hidden():
    mean, mean_square, _ = moments(torch.tensor([[1.0, torch.nan, 3.0]]))
    assert torch.isnan(mean)
    assert torch.isnan(mean_square)
