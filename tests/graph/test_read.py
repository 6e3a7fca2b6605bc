"""Files of both exporters come in as one kind of graph, and compute what they computed before."""

import logging
import os

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from q4compile.errors import ModelError
from q4compile.graph.read import component_of, read_model, read_models
from q4compile.graph.write import write_model

EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
MODELS = pytest.mark.parametrize("name", ["transducer", "convolutional"])


@EXPORTERS
@MODELS
def test_reading_changes_no_output(exported, feeds, run, name, exporter):
    """Bit for bit under onnxruntime, and 1e-5 from torch, at lengths other than the example's."""
    made = exported(name, exporter)
    given = feeds(name)
    before = run(made.path, given)
    after = run(read_model(made.path), given)
    assert list(after) == ["logits"]
    np.testing.assert_array_equal(after["logits"], before["logits"])
    np.testing.assert_allclose(after["logits"], made.torch(given), rtol=0, atol=1e-5)


@EXPORTERS
@MODELS
def test_the_form_that_reading_promises(exported, name, exporter):
    model = read_model(exported(name, exporter).path)
    assert model.opset_imports[""] == 21
    assert not [node for node in model.graph if node.op_type == "Constant"]
    for node in model.graph:
        if node.op_type in ("LSTM", "GRU"):
            assert all(value.const_value is not None for value in node.inputs[1:4])
            assert "layout" not in node.attributes
    names = [node.name for node in model.graph]
    assert all(names) and len(set(names)) == len(names)


def test_the_dynamo_exporter_does_leave_weights_in_chains(exported):
    """The case the folding is for: without it this file has no LSTM weight in an initializer."""
    proto = onnx.load(exported("transducer", "dynamo").path, load_external_data=False)
    stored = {tensor.name for tensor in proto.graph.initializer}
    first = next(node for node in proto.graph.node if node.op_type == "LSTM")
    assert first.input[1] not in stored


def test_dynamo_declares_the_examples_length_and_reading_drops_it(exported):
    path = exported("transducer", "dynamo").path
    declared = onnx.load(path, load_external_data=False).graph.output[0].type.tensor_type.shape
    assert [axis.dim_value for axis in declared.dim] == [0, 30, 6, 11]
    model = read_model(path)
    assert [str(axis) for axis in model.graph.outputs[0].shape] == ["B", "T", "U", "11"]


@pytest.mark.parametrize("opset", [11, 13, 16, 17, 18, 20, 21, 23])
def test_every_opset_comes_out_at_21_or_newer(tmp_path, run, opset):
    """ReduceMean and Unsqueeze took attributes that later became inputs; metadata stays."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    mean = {"axes": [1]} if opset < 18 else {}
    lift = {"axes": [0]} if opset < 13 else {}
    axis = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])] if opset >= 18 else []
    front = [helper.make_tensor("front", TensorProto.INT64, [1], [0])] if opset >= 13 else []
    nodes = [
        helper.make_node("ReduceMean", ["x", *(["axis"] if axis else [])], ["m"], "mean", **mean),
        helper.make_node("Unsqueeze", ["m", *(["front"] if front else [])], ["y"], "lift", **lift),
    ]
    nodes[0].metadata_props.add(key="layer", value="7")
    graph = helper.make_graph(nodes, "g", [x], [y], [*axis, *front])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx", opset)])
    model.ir_version = 10
    model.metadata_props.add(key="author", value="somebody")
    path = save(model, tmp_path / "m.onnx")
    read = read_model(path)
    assert read.opset_imports[""] == max(21, opset)
    assert read.metadata_props["author"] == "somebody"
    assert read.graph.node("mean").metadata_props["layer"] == "7"
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    np.testing.assert_array_equal(run(read, feeds)["y"], run(path, feeds)["y"])


def test_layers_inside_functions_come_to_light(tmp_path, run):
    """A MatMul in a model-local function of a foreign domain is inlined; ours stays a call."""
    functions = [
        helper.make_function(
            domain,
            "Layer",
            ["x", "w"],
            ["y"],
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            [helper.make_opsetid("", 21)],
        )
        for domain in ("theirs", "q4compile")
    ]
    w = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Layer", ["x", "w"], ["h"], "one", domain="theirs"),
            helper.make_node("Layer", ["h", "w"], ["y"], "two", domain="q4compile"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [w],
    )
    opsets = [
        helper.make_opsetid(domain, 21 if not domain else 1)
        for domain in ("", "theirs", "q4compile")
    ]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)
    path = save(model, tmp_path / "m.onnx")
    read = read_model(path)
    assert [(node.domain, node.op_type) for node in read.graph] == [
        ("", "MatMul"),
        ("q4compile", "Layer"),
    ]
    feeds = {"x": np.ones((2, 3), np.float32)}
    np.testing.assert_array_equal(run(read, feeds)["y"], feeds["x"])


def test_folding_keeps_quantized_weights_quantized(tmp_path):
    """An INT4 tensor behind Cast, Transpose or DequantizeLinear is not decoded into floats."""
    codes = helper.make_tensor("codes", TensorProto.INT4, [2, 4], [1, -2, 3, -4, 5, -6, 7, 0])
    scale = numpy_helper.from_array(np.array([0.5, 2], np.float32), "scale")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["codes"], ["w"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
            helper.make_node("DequantizeLinear", ["codes", "scale"], ["v"], axis=0),
            helper.make_node("Transpose", ["v"], ["vt"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "wt"], ["a"]),
            helper.make_node("MatMul", ["x", "vt"], ["b"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "ab"],
        [codes, scale],
    )
    read = read_model(save(standard(graph), tmp_path / "m.onnx"))
    assert [value.dtype for value in read.graph.initializers.values()] == [
        ir.DataType.INT4,
        ir.DataType.FLOAT,
    ]
    assert len(read.graph) == 6


@pytest.mark.parametrize("codes", [np.int8, np.int16, np.int32])
def test_folding_keeps_the_granularity_of_scales(codes, tmp_path):
    """Two scales that are repeated for four columns stay two, and codes of any width stay codes."""
    constants = {
        "codes": np.arange(8, dtype=codes).reshape(2, 4),
        "scale": np.array([0.5, 2], np.float32),
        "column": np.array([-1, 1]),
        "twice": np.array([2, 2]),
        "flat": np.array([-1]),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["scale", "column"], ["rows"]),
            helper.make_node("Expand", ["rows", "twice"], ["repeated"]),
            helper.make_node("Reshape", ["repeated", "flat"], ["scales"]),
            helper.make_node("DequantizeLinear", ["codes", "scales"], ["w"], axis=1),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    read = read_model(save(standard(graph), tmp_path / "m.onnx"))
    kinds = {np.int32: 2}.get(codes, 5)  # nothing but int32 codes says that this is no float model
    assert len(read.graph) == kinds
    assert read.graph.initializers["codes"].dtype == ir.DataType.from_numpy(np.dtype(codes))


def test_weights_in_constants_become_initializers(tmp_path):
    w = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], ["w"], value=w),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    read = read_model(save(standard(graph), tmp_path / "m.onnx"))
    assert list(read.graph.initializers) == ["w"]


def test_external_data_is_mapped_and_survives_rewriting(exported, tmp_path, run, feeds):
    given = feeds("transducer")
    model = read_model(exported("transducer", "torchscript").path)
    expected = run(model, given)["logits"]
    path = tmp_path / "m.onnx"
    write_model(model, path, single_file_limit_bytes=1000)
    assert (tmp_path / "m.data").stat().st_size > 100_000
    mapped = read_model(path)
    weight = max(mapped.graph.initializers.values(), key=lambda value: value.const_value.nbytes)
    assert isinstance(weight.const_value, ir.ExternalTensor)
    write_model(mapped, path, single_file_limit_bytes=1000)  # over the file it is mapped from
    np.testing.assert_array_equal(run(mapped, given)["logits"], expected)
    np.testing.assert_array_equal(run(path, given)["logits"], expected)


def test_batch_first_recurrence_equals_torch(tmp_path, run):
    """layout=1, which onnxruntime refuses to run, comes out as layout=0 and runs."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(5, 4, batch_first=True)
    x, h, c = torch.randn(3, 7, 5), torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    with torch.no_grad():
        expected = [y.numpy() for y in (lambda y, s: (y, *s))(*lstm(x, (h, c)))]
    order = [0, 3, 1, 2]  # torch: input, forget, cell, output; ONNX: input, output, forget, cell

    def gates(name):
        return np.concatenate(
            [getattr(lstm, name).detach().numpy().reshape(4, 4, -1)[g] for g in order]
        )

    weights = {
        "W": gates("weight_ih_l0")[None],
        "R": gates("weight_hh_l0")[None],
        "B": np.concatenate([gates("bias_ih_l0"), gates("bias_hh_l0")]).reshape(1, -1),
    }
    real = {"X": [3, 7, 5], "h": [3, 1, 4], "c": [3, 1, 4]}
    results = {"Y": [3, 7, 1, 4], "Yh": [3, 1, 4], "Yc": [3, 1, 4]}
    node = helper.make_node(
        "LSTM", ["X", "W", "R", "B", "", "h", "c"], list(results), "lstm", hidden_size=4, layout=1
    )
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in real.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in results.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = save(standard(graph), tmp_path / "m.onnx")
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="layout"):
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"X": x.numpy(), "h": h.transpose(0, 1).numpy(), "c": c.transpose(0, 1).numpy()}
    got = run(read_model(path), feeds)
    np.testing.assert_allclose(got["Y"][:, :, 0], expected[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(got["Yh"], expected[1].transpose(1, 0, 2), rtol=0, atol=1e-6)
    np.testing.assert_allclose(got["Yc"], expected[2].transpose(1, 0, 2), rtol=0, atol=1e-6)


def test_reading_is_silent(exported, capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        read_model(exported("transducer", "torchscript").path)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("stem", "component"),
    [
        ("encoder", "encoder"),
        ("encoder-epoch-99-avg-1.int8", "encoder"),
        ("decoder-epoch-99", "predictor"),
        ("decoder_joint-model", "decoder_joint"),
        ("Joiner", "joint"),
        ("lm", "lm"),
        ("encodings", "encodings"),
    ],
)
def test_file_names_of_other_stacks(stem, component):
    assert component_of(stem) == component


def test_a_folder_is_a_model_of_components(exported, tmp_path, golden):
    source = exported("convolutional", "torchscript").path
    for name in ("encoder-epoch-9", "lm"):
        os.link(source, tmp_path / f"{name}.onnx")
    assert list(read_models(tmp_path)) == ["encoder", "lm"]
    os.link(source, tmp_path / "encoder.onnx")
    with pytest.raises(ModelError) as caught:
        read_models(tmp_path)
    golden("errors/Q112-two-files.txt", str(caught.value), path=tmp_path)


def test_an_empty_folder(tmp_path, golden):
    with pytest.raises(ModelError) as caught:
        read_models(tmp_path)
    golden("errors/Q112-no-models.txt", str(caught.value), path=tmp_path)


def standard(graph):
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def save(model, path):
    path.write_bytes(model.SerializeToString())
    return path
