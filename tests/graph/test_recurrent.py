"""One description for LSTM, GRU and RNN, in ONNX's form and in ours."""

import pytest
from onnx_text import from_text

from q4compile.graph.read import read_model
from q4compile.graph.recurrent import describe, recurrent_nodes, refusals

TEXT = """
<ir_version: 10, opset_import: ["" : 21, "q4compile": 1]>
main (float[T,B,2] x, int32[B] lengths, float[D,B,4] h0) => (float[T,D,B,4] y)
<float[D,G,2] W, float[D,G,4] R>
{ y, h = NODE }
"""


def ones(count):
    return ", ".join(["1"] * count)


def described(call, directions, rows):
    text = TEXT.replace("NODE", call).replace("<float[D,G,2] W, float[D,G,4] R>", "<WEIGHTS>")
    weights = ", ".join(
        f"float[{directions},{rows},{columns}] {name} = {{{ones(directions * rows * columns)}}}"
        for name, columns in (("W", 2), ("R", 4))
    )
    model = from_text(text.replace("WEIGHTS", weights).replace("[D,", f"[{directions},"))
    (node,) = recurrent_nodes(model)
    return describe(node), refusals(model)


def test_a_standard_lstm():
    about, refused = described(
        'LSTM <hidden_size = 4, direction = "bidirectional"> (x, W, R, , lengths, h0)', 2, 16
    )
    assert (about.node, about.kind, about.domain) == ("y", "LSTM", "")
    assert (about.hidden_size, about.directions, about.gates, about.reverse) == (4, 2, 4, False)
    assert (about.X, about.W, about.R, about.B) == ("x", "W", "R", None)
    assert (about.sequence_lens, about.initial_h, about.initial_c) == ("lengths", "h0", None)
    assert (about.Y, about.Y_h, about.Y_c, about.peepholes) == ("y", "h", None, None)
    assert about.activations == ("Sigmoid", "Tanh", "Tanh") * 2
    assert not refused


@pytest.mark.parametrize(
    ("call", "rows", "gates", "activations"),
    [
        ("GRU <hidden_size = 4, linear_before_reset = 1> (x, W, R)", 12, 3, ("Sigmoid", "Tanh")),
        ('RNN <hidden_size = 4, activations = ["relu"]> (x, W, R)', 4, 1, ("Relu",)),
        ("q4compile.GRU <hidden_size = 4> (x, W, R)", 12, 3, ("Sigmoid", "Tanh")),
        ("q4compile.LSTM (x, W, R, , , h0, h0, W)", 16, 4, ("Sigmoid", "Tanh", "Tanh")),
    ],
)
def test_other_kinds(call, rows, gates, activations):
    about, refused = described(call, 1, rows)
    assert (about.gates, about.activations, about.hidden_size) == (gates, activations, 4)
    assert about.linear_before_reset == ("linear_before_reset" in call)
    assert about.peepholes is None  # input 7 of our own operator is an encoding
    assert not refused


@pytest.mark.parametrize(
    ("call", "got"),
    [
        ("LSTM <hidden_size = 4, clip = 2.5> (x, W, R)", "clip = 2.5"),
        ("LSTM <hidden_size = 4, input_forget = 1> (x, W, R)", "input_forget = 1"),
        ("LSTM <hidden_size = 4> (x, W, R, , , , , h0)", "P = 'h0'"),
        ("LSTM <hidden_size = 4, layout = 1> (x, W, R)", "layout = 1"),
        (
            'LSTM <hidden_size = 4, activations = ["Sigmoid", "Relu", "Tanh"]> (x, W, R)',
            "Sigmoid Relu Tanh",
        ),
    ],
)
def test_unsupported_features_are_named(call, got):
    _, refused = described(call, 1, 16)
    assert [(finding.code, finding.got) for finding in refused] == [("Q107", got)]
    assert refused[0].at == "node 'y' (LSTM)"


def test_torch_gru_is_supported(exported):
    model = read_model(exported("convolutional", "torchscript").path)
    (node,) = recurrent_nodes(model)
    assert describe(node).linear_before_reset
    assert not refusals(model)
