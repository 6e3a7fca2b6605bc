"""Leaving weights in the file changes where they are, never what they are."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from q4compile.graph.read import read_model
from q4compile.graph.thin import LARGE_BYTES, fields, thin, varint
from q4compile.graph.write import write_model


def model_with(*tensors):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    adds = [helper.make_node("Add", ["x", w.name], [f"sum{i}"]) for i, w in enumerate(tensors)]
    nodes = [*adds, helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def large(name="large", seed=0):
    rng = np.random.default_rng(seed)
    return numpy_helper.from_array(rng.standard_normal((5000, 4)).astype(np.float32), name)


@given(st.lists(st.sampled_from([0, 1, 16, LARGE_BYTES // 16, LARGE_BYTES // 16 + 1]), max_size=5))
def test_put_back_it_is_the_same_model(rows):
    """Every byte left in the file, read from where thin says, restores the message."""
    tensors = [
        numpy_helper.from_array(np.full((count, 4), i, np.float32), f"w{i}")
        for i, count in enumerate(rows)
    ]
    whole = model_with(*tensors)
    data = whole.SerializeToString()
    thinned = onnx.ModelProto.FromString(thin(memoryview(data), "/file"))
    for tensor in thinned.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place["location"] == "/file" and int(place["length"]) > 0
            start = int(place["offset"])
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = data[start : start + int(place["length"])]
    assert thinned == whole
    assert len(thin(memoryview(data), "/file")) < LARGE_BYTES * (len(rows) + 1)


@given(st.integers(0, 2**63 - 1), st.binary(max_size=3))
def test_numbers(value, prefix):
    digits, rest = bytearray(prefix), value
    while rest > 127:
        digits.append(rest & 127 | 128)
        rest >>= 7
    digits.append(rest)
    assert varint(memoryview(digits), len(prefix)) == (value, len(digits))


@given(st.data())
def test_a_message_cut_short_is_an_error(data):
    whole = model_with(large()).SerializeToString()
    cut = data.draw(st.integers(1, len(whole) - 1))
    try:
        ended = [field.end for field in fields(memoryview(whole[:cut]), 0, cut)]
    except ValueError:
        return
    assert ended[-1] == cut  # between two fields


def test_large_weights_stay_in_the_file(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model_with(large()).SerializeToString())
    model = ir.load(path)
    read = next(iter(read_model_with_output(path).graph.initializers.values()))
    assert isinstance(read.const_value, ir.ExternalTensor)
    expected = model.graph.initializers["large"].const_value.numpy()
    np.testing.assert_array_equal(read.const_value.numpy(), expected)


def read_model_with_output(path):
    """The model read, its sum kept alive as the output."""
    proto = onnx.load(path)
    proto.graph.node[-1].input[0] = "sum0"
    path.write_bytes(proto.SerializeToString())
    return read_model(path)


def test_a_model_may_replace_the_file_it_was_read_from(tmp_path):
    """The old weights stay mapped: what is written is what was read."""
    path = tmp_path / "m.onnx"
    path.write_bytes(model_with(large()).SerializeToString())
    model = read_model_with_output(path)
    expected = numpy_helper.to_array(large()).copy()
    for _ in range(2):
        write_model(model, path)
        stored = onnx.load(path).graph.initializer[0]
        np.testing.assert_array_equal(numpy_helper.to_array(stored), expected)


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
def test_four_bit_tensors_are_kept(kind):
    codes = helper.make_tensor("codes", kind, [400_000], bytes(200_000), raw=True)
    data = model_with(codes).SerializeToString()
    assert thin(memoryview(data), "/file") == data
