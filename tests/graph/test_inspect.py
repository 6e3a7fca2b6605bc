"""What a model is made of, counted by hand beside the program."""

import dataclasses
import json

import onnx
import onnxruntime.quantization as ort_quantization
import pytest
import torch
from onnx_text import from_text

from q4compile.graph.inspect import Port, inspect
from q4compile.graph.read import read_model

EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])


@EXPORTERS
def test_a_float_transducer(exported, exporter):
    made = exported("transducer", exporter)
    seen = inspect(read_model(made.path))
    numbers = sum(parameter.numel() for parameter in made.module.parameters())
    assert seen.parameters == numbers
    assert seen.parameter_bytes_as_float32 == 4 * numbers
    lstms = (m for m in made.module.modules() if isinstance(m, torch.nn.LSTM))
    weights = [p for lstm in lstms for n, p in lstm.named_parameters() if n.startswith("weight")]
    assert seen.lstm_elements_by_dtype == {"FLOAT": sum(weight.numel() for weight in weights)}
    assert seen.lstm_int4_share == 0
    encoder, predictor, joint = seen.components
    assert [part.name for part in seen.components] == ["encoder", "predictor", "joint"]
    layers = sum(2 * (4 * 48 * (inputs + 48) + 8 * 48) for inputs in (64, 96))
    assert encoder.parameters_by_dtype == {"FLOAT": layers + 96 * 14 + 14}
    assert [layer.hidden_size for layer in encoder.recurrent] == [48, 48]
    assert predictor.nodes_by_op["LSTM"] == 1
    assert joint.bytes_by_dtype == {"FLOAT": 4 * (14 * 11 + 11)}
    assert encoder.inputs[0] == Port("features", "FLOAT", ("B", "T", 64))


def test_it_is_json(exported):
    seen = inspect(read_model(exported("transducer", "torchscript").path))
    assert json.loads(json.dumps(dataclasses.asdict(seen)))["parameters"] == seen.parameters


def test_the_name_is_the_callers(exported):
    model = read_model(exported("convolutional", "torchscript").path)
    assert [part.name for part in inspect(model, "lm").components] == ["lm"]


QUANTIZED = """
<ir_version: 10, opset_import: ["" : 21, "q4compile": 1]>
main (float[T,B,2] x) => (float[T,1,B,4] y, float[T,1,B,4] z)
<int4[1,16,2] W = {CODES2}, int4[1,16,4] R = {CODES4}, float[16] scale = {SCALE},
 float[1,16,2] V = {CODES2}, int8[1,16,4] S = {CODES4}, float[1,16,1] column = {SCALE}>
{
  w = DequantizeLinear <axis = 1> (W, scale)
  r8 = Cast <to = 1> (S)
  r = Mul (r8, column)
  y = LSTM <hidden_size = 4> (x, w, r)
  z = q4compile.LSTM <hidden_size = 4> (x, V, R, , , , , scale)
}
"""


def test_shares_by_stored_type():
    """W of y is 32 × INT4 behind DequantizeLinear, R 64 × INT8 behind Cast and Mul; z has both."""
    text = QUANTIZED
    for name, count in (("CODES2", 32), ("CODES4", 64), ("SCALE", 16)):
        text = text.replace(name, ", ".join(["1"] * count))
    seen = inspect(from_text(text))
    assert seen.lstm_elements_by_dtype == {"FLOAT": 32, "INT4": 32 + 64, "INT8": 64}
    assert seen.lstm_int4_share == 96 / 192
    (part,) = seen.components
    assert part.nodes_by_op == {
        "Cast": 1,
        "DequantizeLinear": 1,
        "LSTM": 1,
        "Mul": 1,
        "q4compile::LSTM": 1,
    }
    assert part.parameters_by_dtype["INT4"] == 96
    assert part.bytes_by_dtype["INT4"] == 48


class Feeds(ort_quantization.CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter([feeds])

    def get_next(self):
        return next(self.feeds, None)


def test_a_file_of_another_tool(exported, feeds, tmp_path):
    """onnxruntime's own static quantization, LSTM included, 4-bit activations and weights."""
    source, target = exported("transducer", "torchscript").path, tmp_path / "q.onnx"
    upgraded = tmp_path / "opset21.onnx"
    onnx.save(onnx.version_converter.convert_version(onnx.load(source), 21), upgraded)
    ort_quantization.quantize_static(
        upgraded,
        target,
        Feeds(feeds("transducer")),
        op_types_to_quantize=["LSTM"],
        activation_type=ort_quantization.QuantType.QInt4,
        weight_type=ort_quantization.QuantType.QInt4,
    )
    seen = inspect(read_model(target))
    assert seen.lstm_int4_share == 1
    assert set(seen.lstm_elements_by_dtype) == {"INT4"}
    original = inspect(read_model(source))
    assert sum(seen.lstm_elements_by_dtype.values()) == original.lstm_elements_by_dtype["FLOAT"]
    assert seen.parameters == original.parameters
    assert seen.stored_bytes < original.stored_bytes / 4


def test_onnxruntimes_dynamic_lstm_counts_as_eight_bit(exported, tmp_path):
    source, target = exported("transducer", "torchscript").path, tmp_path / "q.onnx"
    ort_quantization.quantize_dynamic(source, target, op_types_to_quantize=["LSTM"])
    seen = inspect(read_model(target))
    assert set(seen.lstm_elements_by_dtype) == {"INT8"}
    assert seen.lstm_int4_share == 0


def test_no_recurrence_no_share():
    text = """
    <ir_version: 10, opset_import: ["" : 21]>
    main (float[N,2] x) => (float[N,2] y) <float[2] half = {0.5, 0.5}> { y = Mul (x, half) }
    """
    seen = inspect(from_text(text))
    assert seen.lstm_int4_share is None
    assert seen.parameters == 2
