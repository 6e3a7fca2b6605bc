"""One graph for whole sequences and single steps."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx_text import from_text

from q4compile.errors import ModelError
from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.read import read_model
from q4compile.graph.state import StatePort, expose_state, is_zero

EXPORTERS = pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])


def zeros(ports, batch):
    return {
        port.input_name: np.zeros((port.shape[0], batch, port.shape[2]), np.float32)
        for port in ports
    }


def predictor(exported, exporter):
    model = read_model(exported("transducer", exporter).path)
    part = next(part for part in components(model) if part.name == "predictor")
    return extract(model, part), part


@EXPORTERS
def test_steps_make_the_sequence(exported, feeds, run, exporter):
    """T calls with one label each, state carried, equal one call with T labels within 1e-6."""
    model, part = predictor(exported, exporter)
    tokens = feeds("transducer")["tokens"]
    whole = run(model, {"tokens": tokens})[part.outputs[0]]
    stepwise, ports = expose_state(model)
    assert [port.kind for port in ports] == ["h", "c"]
    state, steps = zeros(ports, len(tokens)), []
    for position in range(tokens.shape[1]):
        out = run(stepwise, {"tokens": tokens[:, position : position + 1], **state})
        state = {port.input_name: out[port.output_name] for port in ports}
        steps.append(out[part.outputs[0]])
    np.testing.assert_allclose(np.concatenate(steps, axis=2), whole, rtol=0, atol=1e-6)
    assert np.abs(whole).max() > 0.01


@EXPORTERS
@pytest.mark.parametrize("model", ["transducer", "convolutional"])
def test_zero_state_is_what_the_model_had(exported, feeds, run, model, exporter):
    """Bidirectional layers included: exposing changes no output."""
    read = read_model(exported(model, exporter).path)
    given = feeds(model)
    exposed, ports = expose_state(read)
    assert {port.kind for port in ports} == ({"h", "c"} if model == "transducer" else {"h"})
    got = run(exposed, given | zeros(ports, len(given["features"])))
    np.testing.assert_array_equal(got["logits"], run(read, given)["logits"])
    assert set(got) == {"logits"} | {port.output_name for port in ports}


def test_names_and_shapes_of_ports(exported):
    model, _ = predictor(exported, "torchscript")
    _, ports = expose_state(model)
    node = "/predictor/LSTM"
    assert ports == tuple(
        StatePort(node, kind, f"{node}.{kind}_in", f"{node}.{kind}_out", (1, "B", 20))
        for kind in "hc"
    )


def test_exposing_leaves_the_model_as_it_was(exported):
    model, _ = predictor(exported, "dynamo")
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    expose_state(model)
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before


GRU = """
<ir_version: 10, opset_import: ["" : 21, "q4compile": 1]>
main (float[T,B,2] x, float[1,B,4] before) => (float[T,1,B,4] y, float[1,B,4] after)
<float[1,12,2] W = {0.5}, float[1,12,4] R = {0.5}>
{
  y, after = GRU <hidden_size = 4> (x, W, R, , , before)
}
"""


def test_states_that_are_ports_already_keep_their_names():
    _, ports = expose_state(from_text(GRU))
    assert ports == (StatePort("y", "h", "before", "after", (1, "B", 4)),)


def test_our_own_quantized_operator_has_states_too():
    text = GRU.replace("GRU <", "q4compile.LSTM <").replace(" before)\n", " before, before)\n")
    exposed, ports = expose_state(from_text(text))
    assert [port.input_name for port in ports] == ["before", "before"]
    assert [port.output_name for port in ports] == ["after", "y.c_out"]
    assert exposed.graph.node("y").domain == "q4compile"


def test_a_learned_initial_state_is_refused(golden):
    text = GRU.replace("before)\n{", "before)\n{").replace(
        "float[1,12,4] R = {0.5}>", "float[1,12,4] R = {0.5}, float[1,1,4] start = {0.25}>"
    )
    text = text.replace("  y, after", "  learned = Add (before, start)\n  y, after").replace(
        ", , before)\n}", ", , learned)\n}"
    )
    with pytest.raises(ModelError) as caught:
        expose_state(from_text(text))
    golden("errors/Q114-learned-state.txt", str(caught.value))


ZERO = """
<ir_version: 10, opset_import: ["" : 21]>
main (int64[3] shape, float[1,2,3] x) => (float[a,b,c] zero, float[a,b,c] fill, float[1,2,3] y)
<float[1] nothing = {0}, int64[1] one = {1}>
{
  blank = ConstantOfShape (shape)
  zero = Expand (blank, shape)
  fill = ConstantOfShape <value = float[1] {0.5}> (shape)
  y = Neg (x)
}
"""


@pytest.mark.parametrize(("name", "expected"), [("zero", True), ("fill", False), ("y", False)])
def test_what_is_known_to_be_zero(name, expected):
    graph = from_text(ZERO).graph
    value = next(value for value in graph.outputs if value.name == name)
    assert is_zero(value) is expected
    assert is_zero(graph.initializers["nothing"])
    assert not is_zero(graph.initializers["one"])
