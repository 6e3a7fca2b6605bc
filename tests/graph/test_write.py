"""Models are written whole or not at all, and every tool reads them."""

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx_text import from_text

from q4compile.errors import ModelError, OutputError
from q4compile.graph.read import read_model
from q4compile.graph.write import weight_bytes, write_model

TEXT = """
<ir_version: 10, opset_import: ["" : 21]>
main (float[N,4] x) => (float[N,6] y)
<float[4,6] w, float[6] scale = {1, 2, 3, 4, 5, 6}>
{
  decoded = DequantizeLinear <axis = 1> (w, scale)
  y = MatMul (x, decoded)
}
"""
CODES = np.arange(-12, 12).clip(-8, 7).reshape(4, 6)


def quantized():
    model = from_text(TEXT.replace("float[4,6] w, ", "").replace("(w, scale)", "(scale, scale)"))
    tensor = ir.tensor(CODES.astype(ml_dtypes.int4), name="w")
    weight = ir.Value(
        name="w", type=ir.TensorType(tensor.dtype), shape=ir.Shape([4, 6]), const_value=tensor
    )
    model.graph.register_initializer(weight)
    model.graph[0].replace_input_with(0, weight)
    return model


@pytest.mark.parametrize("limit", [1 << 31, 1])
def test_four_bit_tensors_take_four_bits(tmp_path, run, limit):
    """24 codes are 12 bytes, inside the file or beside it, low nibble first."""
    path = tmp_path / "q.onnx"
    assert weight_bytes(quantized()) == 12 + 24
    write_model(quantized(), path, limit)
    assert (tmp_path / "q.data").exists() == (limit == 1)
    onnx.checker.check_model(path, full_check=True)
    stored = onnx.load(path).graph.initializer
    raw = next(tensor.raw_data for tensor in stored if tensor.name == "w")
    pairs = CODES.reshape(-1, 2)
    assert raw == bytes((int(low) & 15) | (int(high) & 15) << 4 for low, high in pairs)
    codes = read_model(path).graph.initializers["w"].const_value.numpy()
    np.testing.assert_array_equal(codes.astype(int), CODES)
    x = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(run(path, {"x": x})["y"], CODES * np.arange(1.0, 7))


def test_limit_is_inclusive(tmp_path):
    write_model(quantized(), tmp_path / "a.onnx", single_file_limit_bytes=37)
    write_model(quantized(), tmp_path / "b.onnx", single_file_limit_bytes=36)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.data", "b.onnx"]


def test_the_same_model_is_the_same_bytes(exported, tmp_path):
    path = exported("transducer", "dynamo").path
    for name in ("a.onnx", "b.onnx"):
        write_model(read_model(path), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_reading_what_was_written_changes_nothing(exported, tmp_path):
    write_model(read_model(exported("transducer", "dynamo").path), tmp_path / "a.onnx")
    write_model(read_model(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_an_invalid_model_leaves_the_old_file(tmp_path, golden):
    path = tmp_path / "q.onnx"
    write_model(quantized(), path)
    before = path.read_bytes()
    broken = quantized()
    broken.graph[1].op_type = "MatMull"
    with pytest.raises(ModelError) as caught:
        write_model(broken, path)
    golden("errors/Q115-invalid.txt", str(caught.value), folder=tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def interrupted():
    """A weight during whose writing somebody presses Ctrl-C."""

    def evaluate():
        raise KeyboardInterrupt

    tensor = ir.LazyTensor(evaluate, dtype=ir.DataType.FLOAT, shape=ir.Shape([999]), name="big")
    kind = ir.TensorType(tensor.dtype)
    return ir.Value(name="big", type=kind, shape=ir.Shape([999]), const_value=tensor)


@pytest.mark.parametrize("limit", [1 << 31, 1])
def test_an_interruption_leaves_the_old_files(tmp_path, limit):
    path = tmp_path / "q.onnx"
    write_model(quantized(), path, limit)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    model = quantized()
    model.graph.register_initializer(interrupted())
    with pytest.raises(KeyboardInterrupt):
        write_model(model, path, limit)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "occupied").write_text("x")
    with pytest.raises(OutputError):
        write_model(quantized(), tmp_path / "occupied" / "q.onnx")
