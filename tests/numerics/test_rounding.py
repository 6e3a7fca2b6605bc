import doctest
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto

from q4compile.numerics import rounding
from q4compile.numerics.formats import FORMATS
from q4compile.numerics.rounding import (
    code_dtype,
    dequantize,
    fake_quantize,
    quantize,
    rne_shift,
    round_half_even,
)

floats = st.floats(-1e6, 1e6, width=32)
scales = st.floats(2.0**-20, 2.0**10, width=32)
INTEGER_FORMATS = [each for each in FORMATS.values() if not each.is_float]


def quantized_by_hand(x, scale, zero_point, lo, hi):
    """The law in exact arithmetic; the one float32 operation is the division."""
    ratio = Fraction(float(np.float32(x) / np.float32(scale)))
    return min(max(round(ratio) + zero_point, lo), hi)  # Fraction rounds half to even


@given(floats, scales, st.sampled_from(INTEGER_FORMATS), st.data())
def test_quantize_is_the_law(x, scale, fmt, data):
    lo, hi = fmt.codes()
    zero_point = data.draw(st.integers(lo, hi))
    assert int(quantize(x, scale, zero_point, lo, hi)) == quantized_by_hand(
        x, scale, zero_point, lo, hi
    )


@given(st.integers(-40, 40), st.sampled_from([-1, 0, 1]))
def test_ties_and_their_neighbours(half_steps, ulps):
    """At k + 1/2 the even code wins; one float32 above or below, the nearer one."""
    x = np.float32(half_steps / 2)
    if ulps:
        x = np.nextafter(x, np.float32(ulps * np.inf))
    assert int(quantize(x, 1.0, 0, -128, 127)) == round(Fraction(float(x)))


def test_division_differs_from_the_reciprocal():
    """Why the law says divide: at these ties the product with 1/scale rounds the other way."""
    scale = np.linspace(0.01, 1, 100, dtype=np.float32)[:, None]
    x = scale * (np.arange(-2000, 2000, dtype=np.float32) + np.float32(0.5))
    quotient, product = np.rint(x / scale), np.rint(x * (np.float32(1) / scale))
    assert np.any(quotient != product)
    assert np.array_equal(quantize(x, scale, 0, -32768, 32767), quotient)


def test_saturates_infinities_and_maps_nan_to_the_lowest_code():
    codes = quantize([np.inf, -np.inf, np.nan, 1e30], 0.5, 0, -7, 7)
    assert codes.tolist() == [7, -7, -7, 7]


@given(arrays(np.float32, (3, 4), elements=floats), arrays(np.float32, (3, 1), elements=scales))
def test_per_channel_is_each_channel_alone(x, scale):
    together = quantize(x, scale, 0, -7, 7)
    for row in range(3):
        assert np.array_equal(together[row], quantize(x[row], scale[row, 0], 0, -7, 7))


@given(arrays(np.float32, 16, elements=floats), scales, st.sampled_from(INTEGER_FORMATS), st.data())
def test_fake_quantize_is_the_round_trip(x, scale, fmt, data):
    lo, hi = fmt.codes()
    zero_point = data.draw(st.integers(lo, hi))
    codes = quantize(x, scale, zero_point, lo, hi)
    assert np.array_equal(
        fake_quantize(x, scale, zero_point, lo, hi), dequantize(codes, scale, zero_point)
    )


@given(st.sampled_from(INTEGER_FORMATS), scales, st.data())
def test_codes_survive_the_round_trip(fmt, scale, data):
    lo, hi = fmt.codes()
    zero_point = data.draw(st.integers(lo, hi))
    every = np.arange(lo, hi + 1)
    again = quantize(dequantize(every, scale, zero_point), scale, zero_point, lo, hi)
    assert np.array_equal(again, every)
    assert again.dtype == code_dtype(lo, hi)


@given(st.floats(-1e9, 1e9, width=32))
def test_round_half_even_matches_python(x):
    assert float(round_half_even(x)) == round(x)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 62))
def test_rne_shift_is_the_exact_rational(p, s):
    assert int(rne_shift(p, s)) == round(Fraction(p, 2**s))


@given(st.integers(-(2**40), 2**40), st.integers(1, 20))
def test_rne_shift_at_ties(k, s):
    tie = (2 * k + 1) * 2 ** (s - 1)
    assert int(rne_shift(tie, s)) == round(Fraction(tie, 2**s))


def test_rne_shift_broadcasts():
    assert rne_shift([[6], [10]], [1, 2]).tolist() == [[3, 2], [5, 2]]


def test_no_code_type_beyond_16_bits():
    with pytest.raises(ValueError, match=r"\[-40000, 40000\]"):
        code_dtype(-40000, 40000)


def onnxruntime_codes(kind, x, scale, zero_point):
    """What QuantizeLinear of opset 21 gives, as int32."""
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("Cast", ["q"], ["y"], to=TensorProto.INT32),
        ],
        "graph",
        [onnx.helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(x)])],
        [onnx.helper.make_tensor_value_info("y", TensorProto.INT32, [len(x)])],
        [
            onnx.helper.make_tensor("s", TensorProto.FLOAT, [], [scale]),
            onnx.helper.make_tensor("z", kind, [], [zero_point]),
        ],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("name", ["int4", "uint4", "int8", "uint8", "int16"])
def test_onnxruntime_agrees(name):
    """Differential, with every tie in reach and its float32 neighbours; NaN at int4."""
    rng = np.random.default_rng(1)
    lo, hi = FORMATS[name].codes()
    scale, zero_point = np.float32(rng.uniform(0.01, 0.3)), int(rng.integers(lo // 4, hi // 4 + 1))
    ties = (np.arange(-300, 300, dtype=np.float32) + np.float32(0.5)) * scale
    above, below = (np.nextafter(ties, np.float32(to)) for to in (np.inf, -np.inf))
    normal = rng.normal(0, 5, 100_000).astype(np.float32)
    x = np.concatenate([ties, above, below, normal, np.float32([np.inf, -np.inf])])
    if name == "int4":
        x = np.append(x, np.float32(np.nan))
    theirs = onnxruntime_codes(TensorProto.DataType.Value(name.upper()), x, scale, zero_point)
    assert np.array_equal(quantize(x, scale, zero_point, lo, hi), theirs)


def test_examples_in_the_docstrings():
    assert doctest.testmod(rounding).failed == 0
