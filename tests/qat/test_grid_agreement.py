"""A grid in evaluation is QuantizeLinear and DequantizeLinear of onnxruntime, bit for bit."""

from functools import lru_cache

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from onnx import TensorProto, helper

from q4compile.numerics.formats import format_named
from q4compile.qat import Activation

STORED = {
    "int2": (TensorProto.INT4, 0),
    "int3": (TensorProto.INT4, 0),
    "int4": (TensorProto.INT4, 0),
    "uint4": (TensorProto.UINT4, 0),
    "int8": (TensorProto.UINT8, 128),
    "uint8": (TensorProto.UINT8, 0),
    "int16": (TensorProto.INT16, 0),
}
"""Type of the codes in the file, and what is added to them."""
SCALES = st.floats(2.0**-20, 2.0**20, width=32)
NUMBERS = st.floats(allow_nan=False, width=32)


@lru_cache
def session(format, zero_point):
    """``DQ(Q(x))``; formats of 2 and 3 bits are bounded before INT4 codes."""
    kind, offset = STORED[format]
    nodes, value = [], "x"
    if format_named(format).bits < 4:
        nodes = [
            helper.make_node("Max", ["x", "low"], ["raised"]),
            helper.make_node("Min", ["raised", "high"], ["bounded"]),
        ]
        value = "bounded"
    nodes += [
        helper.make_node("QuantizeLinear", [value, "scale", "zero_point"], ["codes"]),
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero_point"], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n"]), ("scale", []), ("low", []), ("high", []))
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    zero = helper.make_tensor("zero_point", kind, [], [zero_point + offset])
    graph = helper.make_graph(nodes, "grid", inputs, [output], [zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def in_onnxruntime(x, quantizer):
    scale, zero_point = quantizer.encoding()
    low, high = (np.float32(end - zero_point) for end in (quantizer.lo, quantizer.hi))
    scalar = np.float32(scale)
    feeds = {"x": x.ravel(), "scale": scalar, "low": low * scalar, "high": high * scalar}
    feeds = {name: np.asarray(value) for name, value in feeds.items()}
    (y,) = session(quantizer.format.name, zero_point).run(None, feeds)
    return y.reshape(x.shape)


def grid(format, scale, zero_point):
    quantizer = Activation("x", format, "lsq", symmetric=not zero_point, zero_point=zero_point)
    with torch.no_grad():
        quantizer.scale.fill_(scale)
    return quantizer.eval()


def agree(x, quantizer):
    expected = in_onnxruntime(x, quantizer)
    np.testing.assert_array_equal(quantizer(torch.from_numpy(x)).detach(), expected)


every_format = pytest.mark.parametrize("format", sorted(STORED))


@every_format
@given(st.data())
@settings(max_examples=30)
def test_any_number(format, data):
    lo, hi = format_named(format).codes()
    zero_point = data.draw(st.sampled_from([0, lo, hi, (lo + hi) // 2 + 1]))
    quantizer = grid(format, data.draw(SCALES), zero_point)
    shape = array_shapes(min_dims=1, max_dims=2, max_side=12)
    agree(data.draw(arrays(np.float32, shape, elements=NUMBERS)), quantizer)


@every_format
@given(SCALES, st.integers(0, 2**32))
@settings(max_examples=30)
def test_every_tie_and_both_ends(format, scale, seed):
    lo, hi = format_named(format).codes()
    zero_point = int(np.random.default_rng(seed).choice([0, lo, hi]))
    halves = np.arange(2 * max(lo, -300) - 5, 2 * min(hi, 300) + 6, dtype=np.float32)
    halves = np.concatenate([halves, np.float32([2 * lo - 1, 2 * hi - 1, 2 * hi + 1])])
    x = (halves - 2 * zero_point) * np.float32(scale) / np.float32(2)
    near = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
    agree(near.astype(np.float32), grid(format, scale, zero_point))


@every_format
def test_infinity_saturates_on_both_sides(format):
    x = np.float32([np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0])
    agree(x, grid(format, 0.01, 0))
