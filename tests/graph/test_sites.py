"""Every quantizable tensor is a site, whichever exporter wrote the file; the rest is refused."""

from collections import Counter

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_text import from_text

from q4compile.errors import ModelError
from q4compile.graph.components import components
from q4compile.graph.lineage import quantized_once
from q4compile.graph.operators import OPERATORS
from q4compile.graph.read import read_model
from q4compile.graph.sites import sites

EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])


def sites_of(model):
    return sites(model, components(model))


def essence(site):
    """A site without names, and with dynamic axes alike."""
    return (
        *(site.component, site.op, site.role, site.is_constant, site.position),
        tuple(axis if isinstance(axis, int) else None for axis in site.shape)
        if site.is_constant
        else len(site.shape),
        *(site.channel_axis, site.gates),
    )


def test_both_exporters_give_the_same_sites(exported):
    found = [
        sites_of(read_model(exported("transducer", e).path)) for e in ("torchscript", "dynamo")
    ]
    assert [essence(site) for site in found[0]] == [essence(site) for site in found[1]]
    assert len(found[0]) == 31


def test_both_exporters_give_the_same_sites_with_convolution_and_gru(exported):
    found = [
        sites_of(read_model(exported("convolutional", e).path)) for e in ("torchscript", "dynamo")
    ]
    assert [essence(site) for site in found[0]] == [essence(site) for site in found[1]]
    assert [(site.op, site.role) for site in found[0]] == [
        *(("Conv", role) for role in ("input", "weight", "bias")),
        *(
            ("GRU", role)
            for role in ("input", "weight", "recurrent_weight", "bias", "hidden", "gate")
        ),
        *(("MatMul", role) for role in ("input", "weight", "bias")),
    ]


@EXPORTERS
def test_sites_of_a_transducer(exported, exporter):
    found = sites_of(read_model(exported("transducer", exporter).path))
    assert Counter((site.component, site.op, site.role) for site in found) == Counter(
        {("encoder", "LSTM", role): 2 for role in LSTM_ROLES}
        | {("predictor", "LSTM", role): 1 for role in LSTM_ROLES}
        | {("predictor", "Gather", "table"): 1}
        | {
            (component, "MatMul", role): 1
            for component in ("encoder", "predictor", "joint")
            for role in ("input", "weight", "bias")
        }
    )
    first = [site for site in found if site.component == "encoder" and "first" in site.position]
    assert {site.op for site in first} == {"LSTM"} and len(first) == len(LSTM_ROLES)
    shapes = {site.role: site.shape for site in first}
    assert shapes["weight"] == (2, 192, 64)
    assert shapes["recurrent_weight"] == (2, 192, 48)
    assert shapes["bias"] == (2, 384)
    assert shapes["input"][0] == "T" and shapes["input"][2] == 64
    assert shapes["hidden"] == ("T", 2, shapes["input"][1], 48) == shapes["cell"]
    assert shapes["gate"] == ("T", 2, shapes["input"][1], 192)
    joint = {frozenset(site.position) for site in found if site.component == "joint"}
    assert joint == {frozenset({"first", "last"})}


LSTM_ROLES = ("input", "weight", "recurrent_weight", "bias", "hidden", "cell", "gate")


def test_a_plain_rnn(exported):
    found = sites_of(read_model(exported("plain", "torchscript").path))
    assert [(site.role, site.gates) for site in found if site.op == "RNN"] == [
        *(("input", 1), ("weight", 1), ("recurrent_weight", 1)),
        *(("bias", 1), ("hidden", 1), ("gate", 1)),
    ]


@EXPORTERS
def test_h_is_quantized_once(exported, exporter):
    """The input of layer 2 and of the encoder's projection is h of the layer before."""
    model = read_model(exported("transducer", exporter).path)
    found = sites_of(model)
    origins = quantized_once(model)
    value = {(s.component, s.op, s.role, "first" in s.position): s.value_name for s in found}
    hidden = [s.value_name for s in found if s.component == "encoder" and s.role == "hidden"]
    inputs = [s.value_name for s in found if s.component == "encoder" and s.role == "input"]
    assert [origins[name] for name in inputs] == ["features", *hidden]
    table = next(s for s in found if s.role == "table").node_name
    embedded = model.graph.node(table).outputs[0].name
    assert origins[value["predictor", "LSTM", "input", False]] == embedded
    product = value["joint", "MatMul", "input", True]
    assert origins[product] == product
    assert set(origins) == {s.value_name for s in found if s.role == "input"}


def layout_model(chain, weights=""):
    return from_text(f"""
    <ir_version: 10, opset_import: ["" : 21]>
    main (float[T,B,4] x, float[T,B,4] other) => (float[a,b,c] y)
    <float[4,4] w = {{0.5}}, float[4,4] v = {{0.25}}, int64[1] one = {{1}}, int64[1] zero = {{0}},
     int64[6] pads = {{1, 0, 0, 0, 0, 0}}, float fill = {{0.5}},
     float[1,1,4] blank = {{0, 0, 0, 0}},
     int64[3] wide = {{1, 1, 4}}{weights}>
    {{
      h = MatMul (x, w)
      {chain}
      y = MatMul (last, v)
    }}""")


@pytest.mark.parametrize(
    ("chain", "origin"),
    [
        ("last = Identity (h)", "h"),
        ("a = Transpose (h)  b = Unsqueeze (a, one)  c = Squeeze (b, one)  last = Neg (c)", "last"),
        ("a = Transpose (h)  b = Unsqueeze (a, one)  last = Squeeze (b, one)", "h"),
        ("a = Slice (h, zero, one)  last = Concat <axis = 0> (a, h)", "h"),
        ("last = Concat <axis = 0> (other, h)", "last"),
        ("last = Concat <axis = 0> (blank, h)", "h"),
        ("last = Pad (h, pads)", "h"),
        ("last = Pad (h, pads, fill)", "last"),
        ("last = Pad <mode = \"edge\"> (h, pads)", "h"),
        ("last = Expand (h, wide)", "h"),
        ("last = Gather (h, one)", "h"),
        ("a, b = Split <num_outputs = 2> (h)  last = Concat <axis = 0> (b, a)", "h"),
        ("last = Add (h, other)", "last"),
        ("last = Reshape (x, wide)", "x"),
    ],
)  # fmt: skip
def test_grids_are_inherited_through_layout_only(chain, origin):
    assert quantized_once(layout_model(chain)) == {"x": "x", "last": origin}


def nested(n, *, zeros):
    """n Concats, each of the one before with itself; `zeros` puts the zero vector first."""
    steps = ["c0 = Concat <axis = 0> (blank, h)" if zeros else "c0 = Concat <axis = 0> (h, h)"]
    steps += [f"c{i} = Concat <axis = 0> (c{i - 1}, c{i - 1})" for i in range(1, n)]
    return "  ".join([*steps, f"last = Identity (c{n - 1})"])


def long_chain(n):
    """n Identities and Transposes in turn, then a Concat, which asks whether it joins zeros."""
    steps = ["c0 = Identity (h)"]
    steps += [f"c{i} = {('Identity', 'Transpose')[i % 2]} (c{i - 1})" for i in range(1, n)]
    return "  ".join([*steps, f"last = Concat <axis = 0> (blank, c{n - 1})"])


@pytest.mark.parametrize(
    "chain",
    [nested(60, zeros=False), nested(60, zeros=True), long_chain(5000)],
    ids=["60 nested", "60 nested with zeros", "a chain of 5000"],
)
def test_deep_layouts_are_followed_to_their_origin(chain):
    assert quantized_once(layout_model(chain)) == {"x": "x", "last": "h"}


def test_a_weight_behind_a_transpose_is_a_weight(tmp_path):
    """y = x·Wᵀ as older exporters write it: folding makes the transposed weight a constant."""
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "wt"], ["y"], "layer"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 3], range(6))],
    )
    path = tmp_path / "m.onnx"
    opset = [helper.make_opsetid("", 21)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    )
    model = read_model(path)
    weight = next(site for site in sites_of(model) if site.role == "weight")
    assert (weight.shape, weight.channel_axis) == ((3, 2), 1)
    stored = model.graph.initializers[weight.value_name].const_value.numpy()
    np.testing.assert_array_equal(stored, np.arange(6, dtype=np.float32).reshape(2, 3).T)


PRODUCTS = """
<ir_version: 10, opset_import: ["" : 21]>
main (float[N,3] x, float[N,4] z) => (float[N,2] a, float[M,N] b, float[N,2] c, float[3,4] d)
<float[2,3] w = {0.5}, float[2] bias = {0.5}, float[5,3] left = {0.5}>
{
  a = Gemm <transB = 1> (x, w, bias)
  xt = Transpose (x)
  b = MatMul (left, xt)
  c = Gemm <transB = 1> (x, w)
  d = MatMul (xt, z)
}
"""


def test_products():
    """Gemm with a transposed weight, a constant on the left, no bias, two activations."""
    rows = [
        (site.node_name, site.role, site.value_name, site.channel_axis)
        for site in sites_of(from_text(PRODUCTS))
    ]
    assert rows == [
        ("a", "input", "x", None),
        ("a", "weight", "w", 0),
        ("a", "bias", "bias", 0),
        ("b", "input", "xt", None),
        ("b", "weight", "left", 0),
        ("c", "input", "x", None),
        ("c", "weight", "w", 0),
        ("d", "input", "xt", None),
        ("d", "input", "z", None),
    ]


def test_our_own_quantized_operator_has_sites():
    text = """
    <ir_version: 10, opset_import: ["" : 21, "q4compile": 1]>
    main (float[T,B,2] x) => (float[T,1,B,4] y)
    <float[1,16,2] W = {0.5}, float[1,16,4] R = {0.5}>
    { y = q4compile.LSTM <hidden_size = 4> (x, W, R) }
    """
    assert [site.role for site in sites_of(from_text(text))] == [
        role for role in LSTM_ROLES if role != "bias"
    ]


STRANGE = """
<ir_version: 10, opset_import: ["" : 21]>
main (float[T,B,2] x, bool flag) => (float[T,1,B,4] y, float[T,1,B,4] z, float[T,1,B,4] q)
<float[1,16,2] W = {0.5}, float[1,16,4] R = {0.5}, float[1,12] P = {0.5},
 float[1,12,2] V = {0.5}, float[1,12,4] S = {0.5}>
{
  y = LSTM <hidden_size = 4, clip = 3.0, input_forget = 1> (x, W, R, , , , , P)
  z = GRU <hidden_size = 4, activations = ["HardSigmoid", "Tanh"]> (x, V, S)
  q = If (flag) <
    then_branch = yes () => (float[T,1,B,4] a) { a = LSTM <hidden_size = 4> (x, W, R) },
    else_branch = no () => (float[T,1,B,4] b) { b = Identity (y) }
  >
}
"""


def test_what_cannot_be_quantized_is_named_all_at_once(golden):
    with pytest.raises(ModelError) as caught:
        sites_of(from_text(STRANGE))
    golden("errors/Q107-Q108-recurrence.txt", str(caught.value))


def test_operators_are_sorted_and_unique():
    names = [operator.op for operator in OPERATORS]
    assert names == sorted(set(names))


def test_integer_products_and_lookups_are_no_sites():
    text = """
    <ir_version: 10, opset_import: ["" : 21]>
    main (int64[N,3] x) => (int64[N,2] a, int64[N,3,2] b)
    <int64[3,2] w = {1, 2, 3, 4, 5, 6}>
    { a = MatMul (x, w)  b = Gather (w, x) }
    """
    assert sites_of(from_text(text)) == ()
