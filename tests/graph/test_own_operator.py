"""A quantized recurrence of ours, a function around a Scan, in every part of the package."""

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from onnx_text import from_text

from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.inspect import inspect
from q4compile.graph.read import read_model
from q4compile.graph.sites import sites
from q4compile.graph.state import expose_state
from q4compile.graph.write import write_model

TEXT = """
<ir_version: 10, opset_import: ["" : 21, "q4compile" : 1]>
main (float[B,T,2] x) => (float[T,1,B,2] y)
<float[1,2,2] W = {0, 0, 0, 0}, float[1,2,2] R = {0, 0, 0, 0}, float scale = {0.25},
 int64[1] one = {1}, int64[1] two = {2}>
{
  steps = Transpose <perm = [1, 0, 2]> (x)
  batch = Shape <start = 1, end = 2> (steps)
  size = Concat <axis = 0> (one, batch, two)
  start = ConstantOfShape (size)
  y, last = q4compile.RNN <hidden_size = 2> (steps, W, R, , , start, , scale)
}
<domain: "q4compile", opset_import: ["" : 21]>
RNN <hidden_size> (X, W, R, B, lengths, h0, unused, scale) => (Y, Y_h)
{
  one = Constant <value = int64[1] {1}> ()
  zero = Constant <value = int64[1] {0}> ()
  w0 = Cast <to = 1> (W)
  w1 = Squeeze (w0, zero)
  w = Transpose <perm = [1, 0]> (w1)
  r0 = Cast <to = 1> (R)
  r1 = Squeeze (r0, zero)
  r = Transpose <perm = [1, 0]> (r1)
  start = Squeeze (h0, zero)
  Y_last, ys = Scan <
    num_scan_inputs = 1,
    body = step (float[B,K] h, float[B,K] x) => (float[B,K] out, float[B,K] again) {
      xw = MatMul (x, w)
      hr = MatMul (h, r)
      both = Add (xw, hr)
      scaled = Mul (both, scale)
      act = Tanh (scaled)
      code = QuantizeLinear <output_dtype = 22> (act, scale)
      out = DequantizeLinear (code, scale)
      again = Identity (out)
    }
  > (start, X)
  Y = Unsqueeze (ys, one)
  Y_h = Unsqueeze (Y_last, zero)
}
"""
W, R = np.array([[3, -2], [1, 5]]), np.array([[-4, 2], [7, 1]])


@pytest.fixture
def path(tmp_path):
    model = from_text(TEXT)
    for name, codes in (("W", W), ("R", R)):
        value = model.graph.initializers[name]
        value.const_value = ir.tensor(codes[None].astype(ml_dtypes.int4), name=name)
        value.dtype = ir.DataType.INT4
    write_model(model, tmp_path / "own.onnx")
    return tmp_path / "own.onnx"


@pytest.fixture
def model(path):
    return read_model(path)


def expected(x):
    """The recurrence in numpy: tanh, then h on the grid of steps 0.25 from −8 to 7."""
    h, steps = np.zeros((x.shape[0], 2)), []
    for t in range(x.shape[1]):
        act = np.tanh((x[:, t] @ W.T + h @ R.T) * 0.25)
        h = np.clip(np.rint(act / 0.25), -8, 7) * 0.25
        steps.append(h)
    return np.array(steps)[:, None]


def test_it_survives_reading_and_extraction(path, model, run):
    x = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    assert [(domain, name) for domain, name, _ in model.functions] == [("q4compile", "RNN")]
    assert model.graph.initializers["W"].dtype == ir.DataType.INT4
    for version in (path, model, extract(model, components(model)[0])):
        np.testing.assert_array_equal(run(version, {"x": x})["y"], expected(x).astype(np.float32))


def test_steps_make_the_sequence(model, run):
    """Exactly: h is on a grid, so that carrying it loses nothing."""
    x = np.random.default_rng(1).standard_normal((3, 5, 2)).astype(np.float32)
    stepwise, (port,) = expose_state(model)
    state, steps = np.zeros((1, 3, 2), np.float32), []
    for t in range(5):
        out = run(stepwise, {"x": x[:, t : t + 1], port.input_name: state})
        state = out[port.output_name]
        steps.append(out["y"])
    np.testing.assert_array_equal(np.concatenate(steps), expected(x).astype(np.float32))


def test_it_is_seen(model):
    assert inspect(model).lstm_int4_share == 1
    assert inspect(model).parameters == 8
    roles = [site.role for site in sites(model, components(model))]
    assert roles == ["input", "weight", "recurrent_weight", "hidden", "gate"]


def test_its_state_becomes_ports(model):
    exposed, (port,) = expose_state(model)
    assert (port.kind, port.shape) == ("h", (1, "B", 2))
    node = next(node for node in exposed.graph if node.domain)
    assert node.inputs[5].name == port.input_name and node.outputs[1].name == port.output_name
    assert node.inputs[7].name == "scale"
