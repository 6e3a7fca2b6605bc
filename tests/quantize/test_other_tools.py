"""Files that other tools have quantized: read, absorbed into, or refused by name."""

import numpy as np
import onnx_ir as ir
import pytest
from network_interpreter import outputs_of
from network_tensors import stored, tensors_of
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from small_models import normal

from q4compile.errors import ModelError
from q4compile.graph.read import read_model
from q4compile.quantize.absorb import absorb
from q4compile.quantize.network_read import read_network

TEXT = """main (float[B,3,9] x) => (float[B,5] y) { c = Conv <pads = [1, 1]> (x, W, b)
    r = Relu (c)  p = MaxPool <kernel_shape = [3], strides = [2], pads = [1, 1]> (r)
    f = Flatten (p)  m = MatMul (f, V)  a = Add (m, v)  t = Tanh (a)
    y = Gemm <transB = 1> (t, U, u) }"""
CONSTANTS = {
    "W": normal(4, 3, 3),
    "b": normal(4),
    "V": normal(20, 6),
    "v": normal(6),
    "U": normal(5, 6),
    "u": normal(5),
}
FEEDS = [{"x": normal(2, 3, 9, seed=seed)} for seed in range(4)]
SYMMETRIC = {"ActivationSymmetric": True, "WeightSymmetric": True}
WAYS = {
    "default": {},
    "per-channel": {"per_channel": True},
    "symmetric": {"activation_type": QuantType.QInt8, "extra_options": SYMMETRIC},
    "uint8": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8},
    "uint8-symmetric": {
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QUInt8,
        "extra_options": {"WeightSymmetric": True},
    },
    "int16": {"activation_type": QuantType.QInt16, "extra_options": SYMMETRIC},
    "int4": {"weight_type": QuantType.QInt4, "per_channel": True},
}


class Reader(CalibrationDataReader):
    def __init__(self):
        self.feeds = iter(FEEDS)

    def get_next(self):
        return next(self.feeds, None)


@pytest.fixture(scope="module", params=WAYS)
def quantized_by_onnxruntime(request, from_text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnxruntime")
    ir.save(from_text(TEXT, **CONSTANTS), folder / "float.onnx")
    paths = (folder / "float.onnx", folder / "int8.onnx")
    quantize_static(*paths, Reader(), quant_format=QuantFormat.QDQ, **WAYS[request.param])
    return read_model(paths[1])


def test_static_quantization_of_onnxruntime(quantized_by_onnxruntime, run):
    network = read_network(quantized_by_onnxruntime)
    assert not {node.op for node in network.nodes} & {"QuantizeLinear", "DequantizeLinear"}
    assert len(network.grids) >= 6
    theirs, ours = run(quantized_by_onnxruntime, FEEDS[0], "off"), outputs_of(network, FEEDS[0])
    np.testing.assert_array_equal(ours["y"], theirs["y"])
    np.testing.assert_array_equal(
        sorted({grid.range for grid in (*network.grids.values(), *network.weights.values())}),
        ["lsq"],
    )


def test_untrained_numbers_change_nothing_there(quantized_by_onnxruntime):
    tensors = tensors_of(read_network(quantized_by_onnxruntime))
    again = absorb(quantized_by_onnxruntime, tensors)
    assert stored(again) == stored(quantized_by_onnxruntime)


EVERYWHERE = """main (float[B,6] x) => (float[B,5] y) {
    xq = QuantizeLinear (x, xs, xz)  xd = DequantizeLinear (xq, xs2, xz2)
    wq = QuantizeLinear <axis = 1> (W, ws, wz)  wd = DequantizeLinear <axis = 1> (wq, ws, wz)
    bq = QuantizeLinear (b, bs, bz)  bd = DequantizeLinear (bq, bs, bz)
    m = MatMul (xd, wd)
    mq = QuantizeLinear (m, ms, xz)  md = DequantizeLinear (mq, ms, xz)
    a = Add (md, bd)
    aq = QuantizeLinear (a, as, xz)  ad = DequantizeLinear (aq, as, xz)
    r = Relu (ad)
    rq = QuantizeLinear (r, as, xz)  rd = DequantizeLinear (rq, as, xz)
    y = Identity (rd) }"""
"""As AIMET exports: float weights quantized in the graph, a quantizer behind every operator."""
QUANTIZERS = {
    "W": normal(6, 5),
    "b": normal(5),
    "xs": np.float32(0.02),
    "xs2": np.float32(0.02),
    "xz": np.uint8(120),
    "xz2": np.uint8(120),
    "ws": np.linspace(0.01, 0.02, 5, dtype=np.float32),
    "wz": np.zeros(5, np.int8),
    "bs": np.float32(0.01),
    "bz": np.uint8(100),
    "ms": np.float32(0.05),
    "as": np.float32(0.04),
}
VECTORS = {"x": normal(4, 6)}


@pytest.fixture(scope="module")
def everywhere(from_text):
    return from_text(EVERYWHERE, **QUANTIZERS)


def test_quantizers_everywhere(everywhere, run):
    network = read_network(everywhere)
    read = {node.name: [(each.value, each.grid) for each in node.inputs] for node in network.nodes}
    assert read == {
        "m": [("x", "x"), ("W", None)],
        "a": [("m", "m"), ("b", "b")],
        "r": [("a", "a")],
        "y": [("r", "a")],
    }
    weight = network.weights["W"]
    assert (weight.format, weight.channel_axes, weight.row_elements) == ("int8", (1,), 6)
    assert (weight.narrow, weight.half_scales) == (False, False)
    np.testing.assert_array_equal(network.constants["W"], QUANTIZERS["W"])
    theirs, ours = run(everywhere, VECTORS, "off"), outputs_of(network, VECTORS)
    np.testing.assert_array_equal(ours["y"], theirs["y"])


def test_trained_numbers_go_into_every_copy(everywhere, run):
    """Two nodes have constants of their own for the scale of x, float weights are kept as such."""
    tensors = tensors_of(read_network(everywhere))
    assert stored(absorb(everywhere, tensors)) == stored(everywhere)
    tensors |= {"x.scale": np.array(0.03, np.float32), "x.zero_point": np.array(7, np.int32)}
    tensors |= {"W": normal(6, 5, seed=1), "W.scale": np.full(5, 0.013, np.float32)}
    trained = absorb(everywhere, tensors)
    held = trained.graph.initializers
    assert [held[name].const_value.numpy() for name in ("xs", "xs2")] == [np.float32(0.03)] * 2
    np.testing.assert_array_equal(held["W"].const_value.numpy(), tensors["W"])
    theirs = run(trained, VECTORS, "off")
    ours = outputs_of(read_network(trained), VECTORS)
    np.testing.assert_array_equal(ours["y"], theirs["y"])


def test_a_bias_follows_the_scales_of_its_product(quantized_by_onnxruntime):
    """A fused convolution adds int32 codes without a look at their scale."""
    network = read_network(quantized_by_onnxruntime)
    conv = network.nodes[0]
    x, weight, bias = conv.inputs[0].grid, conv.inputs[1].value, conv.inputs[2].value
    if weight not in network.weights:
        pytest.skip("a weight with a zero point")
    tensors = tensors_of(network)
    tensors[f"{x}.scale"] = tensors[f"{x}.scale"] * np.float32(1.5)
    tensors[f"{weight}.scale"] = tensors[f"{weight}.scale"] * np.float32(1.25)
    trained = absorb(quantized_by_onnxruntime, tensors)
    old, new = (
        model.graph.initializers["b_quantized_scale"].const_value.numpy()
        for model in (quantized_by_onnxruntime, trained)
    )
    np.testing.assert_allclose(new, old * 1.5 * 1.25, 1e-6)
    change = np.abs(read_network(trained).constants[bias] - network.constants[bias])
    assert np.all(change <= new * np.float32(0.501))


REFUSED = {
    "dynamic": """main (float[B,6] x) => (float[B,5] y) { q, s, z = DynamicQuantizeLinear (x)
        d = DequantizeLinear (q, s, z)  y = MatMul (d, W) }""",
    "computed-scale": """main (float[B,6] x) => (float[B,6] y) { s = ReduceMax <keepdims = 0> (x)
        q = QuantizeLinear (x, s)  y = DequantizeLinear (q, s) }""",
    "per-channel-activation": """main (float[B,6] x) => (float[B,6] y)
        { q = QuantizeLinear (x, many)  y = DequantizeLinear (q, many) }""",
    "two-scales": """main (float[B,6] x) => (float[B,6] y)
        { q = QuantizeLinear (x, xs)  y = DequantizeLinear (q, ms) }""",
    "codes-that-are-read": """main (float[B,6] x) => (float[B,6] y)
        { q = QuantizeLinear (x, xs)  t = Identity (q)  y = DequantizeLinear (t, xs) }""",
    "16-bit-types": """main (float[B,6] x) => (float[B,6] y)
        { q = QuantizeLinear (x, xs, wide)  y = DequantizeLinear (q, xs, wide) }""",
    "zero-points-by-row": """main (float[B,6] x) => (float[B,5] y)
        { d = DequantizeLinear <axis = 1> (codes, ws, zeros)  y = MatMul (x, d) }""",
    "one-constant-on-two-grids": """main (float[B,6] x) => (float[B,5] y)
        { d = DequantizeLinear (codes, xs)  e = DequantizeLinear (codes, ms)
        m = MatMul (x, d)  n = MatMul (x, e)  y = Add (m, n) }""",
    "a-constant-read-twice": """main (float[B,6] x) => (float[B,5] y)
        { wq = QuantizeLinear (W, xs, z)  d = DequantizeLinear (wq, xs, z)
        m = MatMul (x, d)  n = MatMul (x, W)  y = Add (m, n) }""",
    "several-at-once": """main (float[B,6] x) => (float[B,6] y, float[B,6] z)
        { q, s, o = DynamicQuantizeLinear (x)  y = DequantizeLinear (q, s, o)
        p = QuantizeLinear (x, many)  z = DequantizeLinear (p, many) }""",
}
OTHERS = {
    "many": np.full(6, 0.1, np.float32),
    "wide": np.uint16(7),
    "z": np.int8(0),
    "codes": np.arange(30, dtype=np.int8).reshape(6, 5),
    "zeros": np.arange(5, dtype=np.int8),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, from_text, golden):
    words = REFUSED[name].replace("(", " ").replace(")", " ").replace(",", " ").split()
    constants = {key: each for key, each in (QUANTIZERS | OTHERS).items() if key in words}
    with pytest.raises(ModelError) as error:
        read_network(from_text(REFUSED[name], **constants))
    golden(f"errors/Q132-{name}.txt", str(error.value))
