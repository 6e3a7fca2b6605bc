"""Constants in the emitted file: what onnxruntime reads is what the codes and scales say."""

from collections import namedtuple

import numpy as np
import onnx_ir as ir
import pytest

from q4compile.graph.components import components
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.quantize import quantize
from q4compile.quantize.weights import storage_type

Case = namedtuple("Case", "text shape channel_axis gates feeds")
RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def recurrent(kind, direction, gates, hidden=4, width=8):
    d = 2 if direction == "bidirectional" else 1
    rows = gates * hidden
    text = f"""main (float[T,B,{width}] x) => (float[T,{d},B,{hidden}] y)
        {{ y = {kind} <hidden_size = {hidden}, direction = "{direction}"> (x, W, R) }}"""
    return Case(text, (d, rows, width), (0, 1), gates, {"x": normal(3, 2, width)})


CASES = {
    "lstm": recurrent("LSTM", "forward", 4),
    "lstm-reverse": recurrent("LSTM", "reverse", 4),
    "lstm-bidirectional": recurrent("LSTM", "bidirectional", 4),
    "gru": recurrent("GRU", "bidirectional", 3),
    "rnn": recurrent("RNN", "forward", 1),
    "matmul": Case(
        "main (float[B,8] x) => (float[B,6] y) { y = MatMul (x, W) }",
        *((8, 6), (1,), 0, {"x": normal(2, 8)}),
    ),
    "matmul-left": Case(
        "main (float[8,B] x) => (float[6,B] y) { y = MatMul (W, x) }",
        *((6, 8), (0,), 0, {"x": normal(8, 2)}),
    ),
    "matmul-batched": Case(
        "main (float[2,B,8] x) => (float[2,B,6] y) { y = MatMul (x, W) }",
        *((2, 8, 6), (2,), 0, {"x": normal(2, 3, 8)}),
    ),
    "gemm": Case(
        "main (float[B,8] x) => (float[B,6] y) { y = Gemm (x, W) }",
        *((8, 6), (1,), 0, {"x": normal(2, 8)}),
    ),
    "gemm-transposed": Case(
        "main (float[B,8] x) => (float[B,6] y) { y = Gemm <transB = 1> (x, W) }",
        *((6, 8), (0,), 0, {"x": normal(2, 8)}),
    ),
    "conv": Case(
        "main (float[B,3,9] x) => (float[B,6,6] y) { y = Conv (x, W) }",
        *((6, 3, 4), (0,), 0, {"x": normal(2, 3, 9)}),
    ),
    "conv-2d": Case(
        "main (float[B,3,5,9] x) => (float[B,6,4,6] y) { y = Conv (x, W) }",
        *((6, 3, 2, 4), (0,), 0, {"x": normal(2, 3, 5, 9)}),
    ),
    "gather": Case(
        "main (int64[B] x) => (float[B,8] y) { y = Gather (W, x) }",
        *((6, 8), (0,), 0, {"x": np.array([5, 0])}),
    ),
}
GRANULARITIES = ["per_tensor", "per_channel", "per_gate", "per_group(4)", "per_group(2)"]
FITTING = [
    (case, granularity)
    for case in CASES
    for granularity in GRANULARITIES
    if granularity != "per_gate" or CASES[case].gates
]


def model_of(case, from_text, **constants):
    constants = {"W": normal(*case.shape), **constants}
    if case.gates:
        constants["R"] = normal(*case.shape[:2], case.shape[1] // case.gates)
    return from_text(case.text, **constants)


def dequantized(codes, scales, case, granularity):
    """``code · scale`` with the scales spread by the definition of each granularity."""
    if granularity == "per_tensor":
        return codes * scales
    if granularity.startswith("per_group"):
        size = int(granularity[10:-1])
        order = [*case.channel_axis, *(a for a in range(codes.ndim) if a not in case.channel_axis)]
        ordered = codes.transpose(order)
        spread = np.repeat(scales, size).reshape(ordered.shape)
        return (ordered * spread).transpose(np.argsort(order))
    if granularity == "per_gate":
        scales = np.repeat(scales, case.shape[1] // case.gates)
    shape = [n if axis in case.channel_axis else 1 for axis, n in enumerate(codes.shape)]
    return codes * scales.reshape(shape)


def exposed(model, names):
    """The model with the values called `names` as further outputs."""
    by_name = {value.name: value for node in model.graph for value in node.outputs}
    for name in names:
        value = by_name[name]
        value.shape = value.shape or ir.Shape([None])
        model.graph.outputs.append(value)
    return model


def stored(model, name):
    return model.graph.initializers[name].const_value


@pytest.mark.parametrize("format", ["int4", "int8", "int3"])
@pytest.mark.parametrize(("name", "granularity"), FITTING)
def test_dequantized_weights_are_codes_times_scales(
    name, granularity, format, from_text, recipe, run
):
    case = CASES[name]
    model = model_of(case, from_text)
    scheme = f"format: {format}, granularity: {granularity}"
    chosen = recipe(weight__recurrent_weight__table=scheme, rest="format: fp32")
    made = quantize(model, chosen, [case.feeds])
    assert stored(made.model, "W").dtype == storage_type(FORMATS[format])
    names = ["W", "R"] if case.gates else ["W"]
    outputs = run(exposed(made.model, [f"{each}.dequantized" for each in names]), case.feeds)
    for each in names:
        codes = stored(made.model, each).numpy().astype(np.float32)
        scales = stored(made.model, f"{each}.scale")
        assert scales.dtype == ir.DataType.FLOAT16
        expected = dequantized(codes, scales.numpy().astype(np.float32), case, granularity)
        np.testing.assert_array_equal(outputs[f"{each}.dequantized"], expected)
        original = model.graph.initializers[each].const_value.numpy()
        largest = scales.numpy().astype(np.float32).max()
        assert np.abs(expected - original).max() <= 0.57 * largest  # float16: 127 · 2**-11 beyond


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.gates])
def test_folded_weights_equal_dequantized_ones(name, granularity, from_text, recipe, run):
    case = CASES[name]
    model = model_of(case, from_text)
    weights = f"format: int4, granularity: {granularity}"
    floats = {"rest": "format: fp32"}
    outside = recipe(weight__recurrent_weight=weights, **floats)
    inside = recipe(weight__recurrent_weight=weights, hidden="format: int8", **floats)
    plain = quantize(model, outside, [case.feeds]).model
    loop = quantize(model, inside, [case.feeds]).model
    one = run(exposed(plain, ["R.dequantized"]), case.feeds)["R.dequantized"]
    other = run(exposed(loop, ["R.folded"]), case.feeds)["R.folded"]
    np.testing.assert_array_equal(one, other)


def test_scales_too_small_for_float16_stay_float32(from_text, recipe, run):
    case = CASES["matmul"]
    weight = normal(8, 6) * np.float32(1e-6)
    model = model_of(case, from_text, W=weight)
    chosen = recipe(weight="format: int4, granularity: per_channel", rest="format: fp32")
    made = quantize(model, chosen, [case.feeds]).model
    scales = stored(made, "W.scale")
    assert scales.dtype == ir.DataType.FLOAT
    outputs = run(exposed(made, ["W.dequantized"]), case.feeds)
    expected = stored(made, "W").numpy().astype(np.float32) * scales.numpy()
    np.testing.assert_array_equal(outputs["W.dequantized"], expected)
    assert np.abs(expected - weight).max() <= 0.51 * scales.numpy().max()


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel", "per_gate"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_integer_biases_of_a_recurrence(direction, granularity, from_text, recipe, run):
    """B [D, 2·G·H] on a grid: still what codes and scales say, to half a step."""
    d = 2 if direction == "bidirectional" else 1
    bias = normal(d, 32)
    text = f"""main (float[T,B,8] x) => (float[T,{d},B,4] y)
        {{ y = LSTM <hidden_size = 4, direction = "{direction}"> (x, W, R, B) }}"""
    model = from_text(text, W=normal(d, 16, 8), R=normal(d, 16, 4), B=bias)
    feeds = {"x": normal(3, 2, 8)}
    chosen = recipe(bias=f"format: int8, granularity: {granularity}", rest="format: fp32")
    made = quantize(model, chosen, [feeds]).model
    found = run(exposed(made, ["B.dequantized"]), feeds)["B.dequantized"]
    largest = stored(made, "B.scale").numpy().astype(np.float32).max()
    assert np.abs(found - bias).max() <= 0.57 * largest  # float16 scales: 127 · 2**-11 beyond


def test_float16_constants_are_stored_in_half_the_bytes(from_text, recipe, run):
    case = CASES["matmul"]
    model = model_of(case, from_text)
    made = quantize(model, recipe(rest="format: fp16"), [case.feeds]).model
    half = stored(made, "W")
    assert half.dtype == ir.DataType.FLOAT16
    original = model.graph.initializers["W"].const_value.numpy()
    np.testing.assert_array_equal(half.numpy(), original.astype(np.float16))
    x = case.feeds["x"].astype(np.float16).astype(np.float32)
    expected = x @ half.numpy().astype(np.float32)
    np.testing.assert_allclose(run(made, case.feeds)["y"], expected, rtol=1e-5, atol=1e-6)


def test_components_see_the_quantized_model(from_text, recipe):
    """What quantize made is a model that the graph package reads like any other."""
    case = CASES["gather"]
    made = quantize(model_of(case, from_text), recipe(rest="format: int4"), [case.feeds]).model
    assert [part.name for part in components(made, "m")] == ["m"]
