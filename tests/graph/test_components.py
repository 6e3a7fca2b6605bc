"""Encoder, predictor and joint are found by what reaches them, and each runs alone."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx_text import from_text

from q4compile.errors import ModelError
from q4compile.graph.components import Component, components, driving_inputs
from q4compile.graph.extract import extract
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model

EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])


def parts_of(model, name="model"):
    return {part.name: part for part in components(model, name)}


@EXPORTERS
def test_a_transducer_has_three_parts(exported, exporter):
    model = read_model(exported("transducer", exporter).path)
    parts = parts_of(model)
    assert list(parts) == ["encoder", "predictor", "joint"]
    ops = {
        name: sorted(
            op
            for op in (model.graph.node(n).op_type for n in part.nodes)
            if op in ("LSTM", "MatMul", "Tanh")
        )
        for name, part in parts.items()
    }
    assert ops == {
        "encoder": ["LSTM", "LSTM", "MatMul"],
        "predictor": ["LSTM", "MatMul"],
        "joint": ["MatMul", "Tanh"],
    }
    assert parts["encoder"].inputs[0] == "features"
    assert parts["predictor"].inputs == ("tokens",)
    assert parts["joint"].inputs == parts["encoder"].outputs + parts["predictor"].outputs
    assert parts["joint"].outputs == ("logits",)


@EXPORTERS
@pytest.mark.parametrize("model", ["transducer", "convolutional"])
def test_every_node_belongs_to_one_component(exported, model, exporter):
    read = read_model(exported(model, exporter).path)
    owned = [node for part in components(read) for node in part.nodes]
    assert sorted(owned) == sorted(node.name for node in read.graph)


@EXPORTERS
def test_the_parts_run_alone_and_make_the_whole(exported, feeds, run, exporter):
    """Bit for bit, although the dynamo file takes the encoder's batch from Shape(tokens)."""
    model = read_model(exported("transducer", exporter).path)
    values = dict(feeds("transducer"))
    whole = run(model, values)["logits"]
    for part in components(model):
        values |= run(extract(model, part), {name: values[name] for name in part.inputs})
    np.testing.assert_array_equal(values["logits"], whole)


def test_extraction_leaves_the_model_as_it_was(exported):
    model = read_model(exported("transducer", "dynamo").path)
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    for part in components(model):
        extract(model, part)
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before


def test_parts_share_weights_with_the_model(exported):
    model = read_model(exported("transducer", "torchscript").path)
    part = extract(model, components(model)[0])
    for name, value in part.graph.initializers.items():
        assert value.const_value is model.graph.initializers[name].const_value


@pytest.mark.parametrize("name", ["encoder", "predictor", "joint", "lm", "source_lm"])
def test_a_named_file_is_one_component(exported, name):
    model = read_model(exported("transducer", "torchscript").path)
    assert list(parts_of(model, name)) == [name]


def test_one_input_is_one_component_of_the_callers_name(exported):
    model = read_model(exported("convolutional", "torchscript").path)
    assert list(parts_of(model, "birdsong")) == ["birdsong"]
    assert list(parts_of(model)) == ["model"]


JOINT = """
<ir_version: 10, opset_import: ["" : 21]>
decoder_joint (float[B,T,8] encoder_outputs, int64[B,U] targets, int64[B] target_length,
               float[1,B,4] h0, float[1,B,4] c0) => (float[B,T,U,3] logits, int64[B] lengths)
<float[5,2] table = {0.5}, float[1,16,2] W = {0.5}, float[1,16,4] R = {0.5},
 float[8,4] projection = {0.5}, float[4,3] output = {0.5}, int64[1] one = {1}, int64[1] two = {2}>
{
  embedded = Gather (table, targets)
  steps = Transpose <perm = [1, 0, 2]> (embedded)
  hidden, h1, c1 = LSTM <hidden_size = 4> (steps, W, R, , , h0, c0)
  squeezed = Squeeze (hidden, one)
  predicted = Transpose <perm = [1, 0, 2]> (squeezed)
  encoded = MatMul (encoder_outputs, projection)
  left = Unsqueeze (encoded, two)
  right = Unsqueeze (predicted, one)
  sum = Add (left, right)
  logits = MatMul (sum, output)
  lengths = Identity (target_length)
}
"""


def test_a_decoder_joint_file_is_predictor_and_joint():
    """NeMo's second file: the encoder's output is features, and its projection the joint's."""
    model = from_text(JOINT)
    assert [value.name for value in driving_inputs(model)] == ["encoder_outputs", "targets"]
    parts = parts_of(model, "decoder_joint")
    assert set(parts) == {"predictor", "joint"}
    assert parts["predictor"].inputs == ("targets", "h0", "c0")
    assert parts["predictor"].outputs == ("right",)
    assert "encoded" in parts["joint"].nodes
    assert parts["joint"].outputs == ("logits", "lengths")


def test_other_names_and_a_state_input():
    """In any other file the same graph has an encoder; states are not features."""
    parts = parts_of(from_text(JOINT))
    assert parts["encoder"].nodes == ("encoded", "left", "lengths")
    assert parts["encoder"].inputs == ("encoder_outputs", "target_length")


LOOKED_UP = """
<ir_version: 10, opset_import: ["" : 21]>
main (float[B,T,4] x, int64[B,U] labels) => (float[B,T,V] y)
<float[5,4] table = {0.5}, int64[1] one = {1}>
{
  embedded = Gather (table, labels)
  summed = ReduceMean <keepdims = 1> (embedded, one)
  length = Shape <start = 1, end = 2> (labels)
  ones = ConstantOfShape (length)
  total = ReduceSum (ones)
  scaled = Mul (x, total)
  y = Add (scaled, summed)
}
"""


def test_a_length_the_component_cannot_have(golden):
    """The encoder's values depend on the number of labels: not a component that runs alone."""
    model = from_text(LOOKED_UP)
    encoder = parts_of(model)["encoder"]
    assert encoder.inputs == ("x",)
    with pytest.raises(ModelError) as caught:
        extract(model, encoder)
    golden("errors/Q113-length.txt", str(caught.value))


BRANCH = """
<ir_version: 10, opset_import: ["" : 21]>
main (float[B,T,4] x, int64[B,U] labels, bool flag) => (float[B,T,4] y, float[B,U,4] z)
<float[5,4] table = {0.5}>
{
  negative = Neg (x)
  y = If (flag) <
    then_branch = yes () => (float[B,T,4] a) { a = Relu (negative) },
    else_branch = no () => (float[B,T,4] b) { b = Abs (x) }
  >
  z = Gather (table, labels)
}
"""


def test_what_a_branch_captures_counts_as_its_owners(run):
    model = from_text(BRANCH)
    parts = parts_of(model)
    assert parts["encoder"] == Component("encoder", ("x", "flag"), ("y",), ("negative", "y"))
    part = extract(model, parts["encoder"])
    x = np.array([[[1, -2, 3, -4]]], np.float32)
    for flag in (True, False):
        expected = np.maximum(-x, 0) if flag else np.abs(x)
        got = run(part, {"x": x, "flag": np.array(flag)})["y"]
        np.testing.assert_array_equal(got, expected)


def test_extracted_parts_pass_the_checker(exported, tmp_path):
    model = read_model(exported("transducer", "dynamo").path)
    for part in components(model):
        path = tmp_path / f"{part.name}.onnx"
        write_model(extract(model, part), path)
        onnx.checker.check_model(path, full_check=True)
