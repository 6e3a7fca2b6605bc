"""A network read back from a file: it computes what the file does, on the grids of its plan."""

import numpy as np
import onnx_ir as ir
import pytest
from network_interpreter import outputs_of
from small_models import MODELS
from test_emit import SCHEMES, float_model, pairs

from q4compile.graph.components import components
from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.quantize.encoding import weight_codes
from q4compile.quantize.float_types import QUANTIZERS
from q4compile.quantize.network import HALF
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.quantize.subjects import blocking_of

SAMPLE = pairs()[::9]
"""Of models and schemes: coprime to the number of schemes, so that each of either comes up."""
TOLERANCE = 2e-5
FLIPPED_SHARE = 0.05
"""Numbers that may lie a code apart: sums are taken in another order, and these tensors are small.
"""


@pytest.mark.parametrize(("name", "scheme"), SAMPLE)
def test_it_computes_what_the_file_does(name, scheme, from_text, recipe, run):
    float_one, feeds = float_model(name, from_text), MODELS[name].feeds
    made = quantize(float_one, recipe(**SCHEMES[scheme]), feeds)
    network = read_network(made.model)
    assert_float_graph(network, float_one)
    assert_grids_of_the_plan(network, made.plan)
    ours, theirs = outputs_of(network, feeds[0]), run(made.model, feeds[0], "off")
    for output, expected in theirs.items():
        near = np.isclose(ours[output], expected, TOLERANCE, TOLERANCE)
        assert np.mean(~near) <= (FLIPPED_SHARE if network.grids else 0)


def assert_float_graph(network, model):
    """The nodes are those of the float graph; states and biases it had none of are gone."""
    assert [(node.name, node.op) for node in network.nodes] == [
        (node.name, node.op_type) for node in model.graph
    ]
    for node, original in zip(network.nodes, model.graph, strict=True):
        given = [value is not None for value in original.inputs]
        while given and not given[-1]:
            given.pop()
        assert [bool(operand.value) for operand in node.inputs] == given
        assert node.outputs[: len(original.outputs)] == tuple(
            port.name if port.uses() or port.is_graph_output() else "" for port in original.outputs
        )


def assert_grids_of_the_plan(network, plan):
    """Formats, scales, rows and numbers of every constant; formats and ranges of every grid."""
    grids = {(each.format, float(each.scale), each.zero_point) for each in network.grids.values()}
    weights = list(network.weights.items())
    for entry in plan.entries:
        encoding, scheme = entry.encoding, entry.scheme
        if encoding is None or entry.inherits is not None:
            continue
        if not entry.site.is_constant:
            assert (scheme.format.name, encoding.scale, encoding.zero_point) in grids
            continue
        rows = blocking_of(entry.site, scheme)
        found = [
            (name, grid)
            for name, grid in weights
            if name.startswith(entry.site.value_name)
            and grid.format == scheme.format.name
            and np.array_equal(grid.scales, encoding.scales)
        ]
        name, grid = found[0]
        assert (grid.row_elements, grid.range) == (rows.row_elements, scheme.range)
        assert grid.narrow
        assert grid.half_scales
        if grid.scales.size > 1:
            assert grid.channel_axes == rows.channel_axes
        codes = weight_codes(network.constants[name], rows, encoding)
        assert np.array_equal(
            rows.rows(codes) * encoding.scales[:, None], rows.rows(network.constants[name])
        )


def test_a_float_file_is_its_own_network(from_text, run):
    model = float_model("two-bilstms", from_text)
    network = read_network(model, "lm")
    assert_float_graph(network, model)
    assert (network.components, network.weights, network.grids) == (("lm",), {}, {})
    assert network.halves == frozenset()
    assert all(operand.grid is None for node in network.nodes for operand in node.inputs)
    assert network.nodes[0].attributes == {"hidden_size": 4, "direction": "bidirectional"}
    assert network.nodes[0].hidden is None
    np.testing.assert_array_equal(
        network.constants["W"], MODELS["two-bilstms"].constants["W"], strict=True
    )
    assert network.values["lengths"].dtype == "int32"
    assert network.values["x"].shape == ("T", "B", 6)


def test_a_value_on_two_grids_after_each_other_is_a_node(from_text):
    network = read_network(qdq_chain(from_text, 0.5, 0.25))
    first, product = network.nodes
    assert (first.op, first.inputs[0].grid, first.outputs) == ("Identity", "x", ("d",))
    assert (product.inputs[0].value, product.inputs[0].grid) == ("d", "d")
    assert [float(network.grids[name].scale) for name in ("x", "d")] == [0.5, 0.25]


def test_a_value_quantized_again_on_one_grid_is_quantized_once(from_text):
    model = qdq_chain(from_text, 0.5, 0.5)
    (product,) = read_network(model).nodes
    assert (product.inputs[0].value, product.inputs[0].grid) == ("x", "x")


def qdq_chain(from_text, first, second):
    """x on two grids, one behind the other; equal scales are one constant."""
    name = "s" if first == second else "s2"
    scales = {"s": np.float32(first), name: np.float32(second)}
    return from_text(
        f"""main (float[B,6] x) => (float[B,5] y) {{
        q = QuantizeLinear (x, s, z)  d = DequantizeLinear (q, s, z)
        q2 = QuantizeLinear (d, {name}, z)  d2 = DequantizeLinear (q2, {name}, z)
        y = MatMul (d2, W) }}""",
        W=np.ones((6, 5), np.float32),
        z=np.int8(0),
        **scales,
    )


def test_an_output_on_a_grid_is_a_node(from_text):
    model = from_text(
        """main (float[B,6] x) => (float[B,6] y)
        { t = Tanh (x)  q = QuantizeLinear (t, s, z)  y = DequantizeLinear (q, s, z) }""",
        s=np.float32(0.5),
        z=np.uint8(3),
    )
    network = read_network(model)
    assert [node.op for node in network.nodes] == ["Tanh", "Identity"]
    assert network.nodes[1].inputs[0].grid == "t"
    grid = network.grids["t"]
    assert (grid.format, grid.zero_point, grid.symmetric) == ("uint8", 3, False)


def test_what_a_subgraph_reads_exists_by_its_name(from_text):
    model = from_text(
        """main (float[B] x, bool c) => (float[B] y) { q = QuantizeLinear (x, s)
        d = DequantizeLinear (q, s)
        y = If (c) <then_branch = one () => (float[B] a) { a = Exp (d) },
                    else_branch = two () => (float[B] b) { b = Exp (x) }> }""",
        s=np.float32(0.5),
    )
    nodes = read_network(model).nodes
    assert [(node.op, node.outputs) for node in nodes] == [("Identity", ("d",)), ("If", ("y",))]


def test_nothing_of_the_machinery_is_left(from_text, recipe):
    made = quantize(
        float_model("two-bilstms", from_text),
        recipe(**SCHEMES["int2"]),
        MODELS["two-bilstms"].feeds,
    )
    network = read_network(made.model)
    assert not {(node.domain, node.op) for node in network.nodes} & QUANTIZERS
    assert all(node.domain != OWN_DOMAIN for node in network.nodes)
    assert {operand.grid for node in network.nodes for operand in node.inputs} == {None, "x"}
    assert [(node.hidden, node.cell) for node in network.nodes if node.op == "LSTM"] == [
        ("h", HALF),
        ("y", HALF),
    ]


def test_components_are_those_of_the_graph(torch_export, recipe):
    network = read_network(torch_export)
    parts = components(torch_export)
    assert network.components == tuple(part.name for part in parts)
    owner = {name: part.name for part in parts for name in part.nodes}
    assert all(node.component == owner[node.name] for node in network.nodes)


@pytest.fixture
def torch_export(from_text):
    return from_text(
        """main (float[B,T,6] features, int64[B,U] tokens) => (float[B,T,U,8] logits)
        { f = Unsqueeze (features, two)  e = Gather (table, tokens)  p = Unsqueeze (e, one)
        j = Mul (f, p)  logits = MatMul (j, W) }""",
        table=np.ones((5, 6), np.float32),
        W=np.ones((6, 8), np.float32),
        one=np.array([1]),
        two=np.array([2]),
    )


def test_it_leaves_the_model_as_it_was(from_text, recipe):
    model = quantize(
        float_model("gru", from_text), recipe(**SCHEMES["int4"]), MODELS["gru"].feeds
    ).model
    before = ir.to_proto(model).SerializeToString()
    read_network(model)
    assert ir.to_proto(model).SerializeToString() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[-2.5, 3.0]", (-2.5, 3.0)),
        *((text, None) for text in (None, "[1]", "[0, NaN]", "{", "null", '["a", 2]')),
    ],
)
def test_the_range_of_cell_states_is_read(text, expected, from_text, recipe):
    """The two numbers that calibration left at the node; None for anything else."""
    name = "lstm-reverse"
    made = quantize(float_model(name, from_text), recipe(**SCHEMES["int4"]), MODELS[name].feeds)
    (node,) = (node for node in made.model.graph if node.op_type == "LSTM")
    low, high = read_network(made.model).nodes[0].cell_range
    assert low < 0 < high
    node.metadata_props.pop("q4compile.cell_range")
    if text is not None:
        node.metadata_props["q4compile.cell_range"] = text
    assert read_network(made.model).nodes[0].cell_range == expected
