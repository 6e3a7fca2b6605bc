"""Grids: what they reach, where zero lies, and how scales are stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.numerics.formats import FORMATS
from q4compile.quantize.encoding import (
    SMALLEST_FP16_SCALE,
    affine,
    encode_activation,
    encode_rows,
    weight_codes,
)
from q4compile.quantize.rows import Blocking

INTEGERS = [format for format in FORMATS.values() if not format.is_float]
formats = st.sampled_from(INTEGERS)
signed = st.sampled_from([format for format in INTEGERS if format.signed])
reaches = st.floats(0, 2.0**100, width=32)


@given(reaches.map(lambda x: -x), reaches, formats)
def test_an_asymmetric_grid_covers_its_range_and_holds_zero(low, high, format):
    encoding = encode_activation(low, high, format, symmetric=False)
    assert encoding.lo <= encoding.zero_point <= encoding.hi  # zero is a code
    assert encoding.scale > 0
    reached_low, reached_high = encoding.clip
    slack = encoding.scale * 0.501 + 1e-6 * (high - low)  # zero point and scale are rounded
    assert reached_low <= low + slack
    assert reached_high >= high - slack


@given(reaches.map(lambda x: -x), reaches, formats)
def test_a_symmetric_grid_has_its_zero_at_zero(low, high, format):
    encoding = encode_activation(low, high, format, symmetric=True)
    assert encoding.zero_point == 0
    assert encoding.scale > 0
    largest = max(-low, high)
    if largest / format.code_max >= np.finfo(np.float32).tiny:
        assert abs(encoding.clip[1] / largest - 1) < 1e-6  # one rounding to float32


@pytest.mark.parametrize("symmetric", [False, True])
def test_an_empty_range_is_a_grid_of_scale_one(symmetric):
    assert affine(0.0, 0.0, -8, 7, symmetric)[0] == 1
    assert affine(-1e-45, 1e-45, -8, 7, symmetric)[0] == 1  # float32 holds no scale so small


def test_a_known_grid():
    assert affine(-1.0, 2.0, -8, 7, False) == (0.2, -3)
    assert affine(-3.5, 0.7, -8, 7, True) == (0.5, 0)
    assert affine(0.0, 3.0, 0, 15, False) == (0.2, 0)


@st.composite
def weights(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    magnitude = 2.0 ** draw(st.integers(-40, 12))
    elements = st.floats(-1, 1, width=32).map(lambda x: np.float32(x * magnitude))
    return draw(arrays(np.float32, shape, elements=elements))


@given(weights(), signed)
def test_weights_are_within_half_a_step_of_their_codes(weight, format):
    clips = np.abs(weight).max(axis=1)
    encoding = encode_rows(clips, format)
    codes = weight_codes(weight, Blocking(weight.shape, (0,), weight.shape[1]), encoding)
    assert codes.min() >= -format.code_max
    assert codes.max() <= format.code_max
    error = np.abs(codes * encoding.scales[:, None].astype(np.float64) - weight)
    # A scale rounded down to float16 leaves the extreme value up to hi · 2**-11 beyond its code.
    room = np.maximum(0.5, format.code_max * 2.0**-11) * 1.0001
    assert np.all(error <= room * encoding.scales[:, None])


@given(weights(), signed)
def test_the_negative_of_a_weight_has_the_negative_code(weight, format):
    encoding = encode_rows(np.abs(weight).max(axis=1), format)
    rows = Blocking(weight.shape, (0,), weight.shape[1])
    plus, minus = (weight_codes(sign * weight, rows, encoding) for sign in (1, -1))
    np.testing.assert_array_equal(plus.astype(np.int32), -minus.astype(np.int32))


clips_of_rows = st.one_of(st.just(0.0), st.floats(2.0**-100, 2.0**20, width=32))


@given(arrays(np.float32, st.integers(1, 6), elements=clips_of_rows), signed)
def test_scales_are_float16_wherever_all_of_them_fit(clips, format):
    scales = encode_rows(clips, format).scales
    assert np.all(scales > 0)
    assert scales.dtype == np.float32
    wanted = np.where(clips / format.code_max > 0, clips / format.code_max, 1)
    if wanted.min() >= SMALLEST_FP16_SCALE and wanted.max() <= 65504:
        np.testing.assert_array_equal(scales.astype(np.float16).astype(np.float32), scales)
    elif clips.min() > 0:
        np.testing.assert_allclose(scales, wanted, rtol=2**-10)
