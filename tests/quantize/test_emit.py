"""Emitted graphs: valid, the same at every optimization level, and near the float model."""

from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
from small_models import MODELS, normal, vectors

from q4compile.graph.inspect import inspect
from q4compile.quantize.emit import FORMS
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe

EIGHT = {"bias": "format: fp16", "rest": "format: int8"}
SCHEMES = {
    "int8": EIGHT,
    "int8-shifted": {
        "hidden__input": "format: int8, symmetric: false",
        "weight__recurrent_weight": "format: int8, granularity: per_channel",
        **EIGHT,
    },
    "int4": {
        "input": "format: uint4, symmetric: false",
        "hidden": "format: int4, range: mse",
        "weight__recurrent_weight": "format: int4, granularity: per_channel, range: mse",
        "cell__gate": "format: int16",
        "bias": "format: int8",
        "rest": "format: int4",
    },
    "int4-symmetric": {"bias": "format: int8", "rest": "format: int4"},
    "int3": {"bias": "format: int8", "rest": "format: int3"},
    "int2": {
        "input__hidden": "format: int3, range: mse",
        "weight__recurrent_weight": "format: int2, granularity: per_channel, range: sawb",
        "table": "format: int2, range: sawb",
        "rest": "format: fp16",
    },
    "groups": {
        "weight__recurrent_weight": "format: int4, granularity: per_group(2)",
        **EIGHT,
    },
    "weights-alone": {"weight__recurrent_weight__table": "format: int4", "rest": "format: fp32"},
    "halves": {"rest": "format: fp16"},
    "floats": {"rest": "format: fp32"},
}
TOLERANCE = {"int8": 0.06, "int8-shifted": 0.06, "halves": 0.005, "floats": 0}
"""Largest difference to the float model, as a share of its largest output."""
ERROR = {"int4": 0.3, "int4-symmetric": 0.4, "int3": 0.8, "int2": 0.8}
"""Largest root mean square of the difference to the float model, as a share of its own."""
ROUNDED = ("groups", "weights-alone")
"""Float activations beside DequantizeLinear(INT4) weights: onnxruntime rounds them to 8 bits."""
UNSUITED = {
    *(("groups", name) for name in ("conv", "conv-grouped", "conv-relu-pool-conv")),
    ("groups", "matmul-vector"),
    *((scheme, "matmul-vector") for scheme in ("int8-shifted", "int4", "int2")),
}
"""Groups of 2 do not divide 3 elements, and a vector has no channels: Q203."""
PLAIN = {("int8", "matmul-vector")}
PLAIN |= {(scheme, "products-of-products") for scheme in ("int8", "int8-shifted")}
"""What form exact leaves in form qdq, beside groups and products of integers with floats: a vector
weight, and 8 by 8 bits summed over an axis whose length is not known."""
CHANNELLED = [name for name in MODELS if ("int4", name) not in UNSUITED]


def pairs():
    return [
        (model, scheme) for model in MODELS for scheme in SCHEMES if (scheme, model) not in UNSUITED
    ]


def float_model(name, from_text):
    return from_text(MODELS[name].text, **MODELS[name].constants)


def emitted(name, scheme, form, from_text, recipe):
    feeds = MODELS[name].feeds
    return quantize(float_model(name, from_text), recipe(**SCHEMES[scheme]), feeds, form=form).model


def same_but_for_flips(values, others):
    """Whether all but 3 % of the elements, or one, differ by no more than float rounding: 1e-5 of

    the largest value. A code on a border may flip.
    """
    off = np.abs(others - values) > 1e-5 * max(np.abs(values).max(), 1e-3)
    return off.sum() <= max(1, 0.03 * off.size)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "scheme"), pairs())
def test_every_model_in_every_scheme(name, scheme, form, from_text, recipe, run):
    """Near the float model, and the same at every level: bit for bit where sums are exact."""
    model, feeds = emitted(name, scheme, form, from_text, recipe), MODELS[name].feeds[0]
    plain = run(model, feeds, "off")
    for level in ("basic", "extended", "all"):
        for output, values in run(model, feeds, level).items():
            if form == "exact" and scheme not in ROUNDED and (scheme, name) not in PLAIN:
                np.testing.assert_array_equal(values, plain[output])
            elif scheme not in ROUNDED:
                assert same_but_for_flips(plain[output], values)
            assert np.isfinite(values).all()
    for output, values in run(float_model(name, from_text), feeds, "off").items():
        difference = plain[output] - values
        if scheme in TOLERANCE:
            assert np.abs(difference).max() <= TOLERANCE[scheme] * max(np.abs(values).max(), 0.1)
        if scheme in ERROR:
            assert np.square(difference).mean() <= ERROR[scheme] ** 2 * np.square(values).mean()


@pytest.mark.parametrize(("name", "scheme"), pairs())
def test_both_forms_compute_the_same(name, scheme, from_text, recipe, run):
    one, other = (
        run(emitted(name, scheme, form, from_text, recipe), MODELS[name].feeds[0], "off")
        for form in FORMS
    )
    for output, values in one.items():
        assert same_but_for_flips(values, other[output])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CHANNELLED)
def test_inputs_and_outputs_stay(name, form, from_text, recipe):
    before, after = float_model(name, from_text), emitted(name, "int4", form, from_text, recipe)
    for kind in ("inputs", "outputs"):
        old, new = (getattr(model.graph, kind) for model in (before, after))
        assert [(v.name, v.type, v.shape) for v in old] == [(v.name, v.type, v.shape) for v in new]
    names = {node.name for node in after.graph}
    assert {node.name for node in before.graph} <= names
    for node in after.graph:
        assert any(value.uses() or value.is_graph_output() for value in node.outputs)


def unbounded(value):
    """What a quantizer's own Max and Min read."""
    producer = value.producer()
    if producer is not None and producer.op_type in ("Max", "Min"):
        return unbounded(producer.inputs[0])
    return value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CHANNELLED)
def test_every_activation_of_the_plan_has_its_quantizer(name, form, from_text, recipe):
    """By the name it goes by, on the grid it was given, whatever was emitted before it."""
    made = quantize(
        float_model(name, from_text), recipe(**SCHEMES["int4"]), MODELS[name].feeds, form=form
    )
    scales = made.model.graph.initializers
    found = {
        (unbounded(node.inputs[0]).name, float(scales[node.inputs[1].name].const_value.numpy()))
        for node in made.model.graph
        if node.op_type == "QuantizeLinear"
    }
    wanted = {
        (each.site.value_name, each.encoding.scale)
        for each in made.plan.entries
        if each.site.role == "input" and each.inherits is None
    }
    assert wanted <= found


@pytest.mark.parametrize("form", FORMS)
def test_what_is_bounded_before_it_is_quantized(form, from_text, recipe):
    """Only what onnxruntime would fuse with a quantizer; the Relu stays a Relu."""
    for name, scheme, wanted in (
        ("relu", "int4", ["Max"]),
        ("relu-identity", "int4", ["Max"]),
        ("leaky-relu", "int4", []),
        ("relu", "int8", []),
        ("relu-transpose-lstm", "int8", []),
        ("relu-transpose-lstm", "int8-shifted", ["Max"] * (form == "exact")),
        ("leaky-relu", "int3", ["Max", "Min", "Max", "Min"]),
    ):
        nodes = list(emitted(name, scheme, form, from_text, recipe).graph)
        assert [each.op_type for each in nodes if each.op_type in ("Max", "Min")] == wanted
        assert sum(each.op_type in ("Relu", "LeakyRelu") for each in nodes) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CHANNELLED)
def test_emission_repeats(name, form, from_text, recipe):
    """The same model, recipe and feeds make the same bytes."""
    one, other = (
        ir.to_proto(emitted(name, "int4", form, from_text, recipe)).SerializeToString(
            deterministic=True
        )
        for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize("form", FORMS)
def test_the_second_layer_reads_codes_of_the_first(form, from_text, recipe):
    """h is quantized once: in form qdq no quantizer stands between the two layers."""
    model = emitted("two-bilstms", "int4", form, from_text, recipe)
    quantizers = [node for node in model.graph if node.op_type == "QuantizeLinear"]
    assert Counter(node.inputs[0].name for node in quantizers) == (
        {"x": 1} if form == "qdq" else {"x": 1, "f": 1}
    )
    assert {node.inputs[1].name for node in quantizers} == (
        {"x.scale"} if form == "qdq" else {"x.scale", "h.scale"}
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["two-bilstms", "gru-linear", "rnn-relu", "last-state"])
def test_all_recurrent_weights_are_int4(name, form, from_text, recipe):
    model = emitted(name, "int4", form, from_text, recipe)
    assert inspect(model, "m").lstm_int4_share == 1.0


def test_two_grids_for_one_value(from_text, tmp_path, run):
    """One value, two readers, two schemes: each reads its own."""
    small = MODELS["two-readers"]
    path = tmp_path / "two.yaml"
    path.write_text("""
version: 1
name: two
rules:
  - {name: fine, match: {role: input, position: first}, scheme: {format: int8}}
  - {name: coarse, match: {role: input}, scheme: {format: int4, symmetric: false}}
  - {name: rest, match: {}, scheme: {format: int8}}
""")
    chosen = load_recipe(path)
    for form in FORMS:
        made = quantize(float_model("two-readers", from_text), chosen, small.feeds, form=form)
        kinds = {
            str(node.inputs[2].dtype): node.inputs[0].name
            for node in made.model.graph
            if node.op_type == "QuantizeLinear"
        }
        assert kinds == {"UINT8": "x", "INT4": "x"}  # int8 codes, shifted
        outputs = run(made.model, small.feeds[0])
        exact = run(float_model("two-readers", from_text), small.feeds[0])
        fine, coarse = (np.abs(outputs[name] - exact[name]).max() for name in "yz")
        assert 0 < fine < coarse / 2


def test_one_constant_in_two_formats(from_text, recipe, run):
    """A tied table: read as int4 rows by the embedding, as int8 channels by the output layer."""
    small = MODELS["shared-constant"]
    chosen = recipe(
        table="format: int4",
        weight="format: int8, granularity: per_channel",
        rest="format: fp32",
    )
    for form in FORMS:
        made = quantize(float_model("shared-constant", from_text), chosen, small.feeds, form=form)
        stored = made.model.graph.initializers
        assert stored["table"].dtype == ir.DataType.INT4
        assert stored["table.2"].dtype == ir.DataType.INT8
        table = small.constants["table"]
        codes, scales = (stored[each].const_value.numpy() for each in ("table.2", "table.2.scale"))
        assert np.abs(codes * scales.astype(np.float32)[:, None] - table).max() < 0.01
        outputs = run(made.model, small.feeds[0])["y"]
        near = run(float_model("shared-constant", from_text), small.feeds[0])["y"]
        assert np.abs(outputs - near).max() < 0.25 * np.abs(near).max()


@pytest.mark.parametrize("form", FORMS)
def test_one_constant_of_two_layers_in_two_formats(form, from_text, tmp_path):
    """The same rows, other codes: each layer has its own copy."""
    path = tmp_path / "two.yaml"
    path.write_text("""
version: 1
name: two
rules:
  - {name: fine, match: {role: weight, position: first}, scheme: {format: int8}}
  - {name: rest, match: {}, scheme: {format: int4}}
""")
    text = "main (float[B,6] x) => (float[B,6] y) { m = MatMul (x, W)  y = MatMul (m, W) }"
    model = from_text(text, W=normal(6, 6))
    stored = quantize(model, load_recipe(path), vectors(), form=form).model.graph.initializers
    assert stored["W"].dtype == ir.DataType.INT8
    assert stored["W.2"].dtype == ir.DataType.INT4
    fine, coarse = (stored[name].const_value.numpy() for name in ("W.scale", "W.2.scale"))
    assert np.all(fine < coarse)


def test_a_constant_others_read_stays_beside_its_codes(from_text, recipe, run):
    small = MODELS["shared-with-others"]
    model = float_model("shared-with-others", from_text)
    made = quantize(model, recipe(rest="format: int8"), small.feeds).model
    expected = run(model, small.feeds[0])["z"]
    np.testing.assert_array_equal(run(made, small.feeds[0])["z"], expected)


def test_names_the_user_has_taken(from_text, recipe, run):
    """Constants of ours do not collide with initializers and values that are there already."""
    text = """main (float[B,6] x) => (float[B,6] y) { s = Mul (x, taken)  q = Add (s, other)
        y = MatMul (q, W) }"""
    constants = {"taken": normal(6), "other": normal(6), "W": normal(6, 6)}
    renamed = {"taken": "q.scale", "other": "W.scale"}
    model = from_text(text, **constants)
    for old, new in renamed.items():
        model.graph.initializers[old].name = new
    near = run(model, vectors()[0])["y"]
    for form in FORMS:
        made = quantize(model, recipe(rest="format: int8"), vectors(), form=form).model
        for old, new in renamed.items():
            np.testing.assert_array_equal(
                made.graph.initializers[new].const_value.numpy(), constants[old]
            )
        assert np.abs(run(made, vectors()[0])["y"] - near).max() < 0.06 * np.abs(near).max()


def test_what_is_not_quantized_comes_out_as_it_went_in(from_text, recipe):
    text = """main (float[B,6] x) => (float[B,5] y) { a = Elu <alpha = 0.3> (x)
        m = MatMul (a, W)  n = Softmax <axis = -1> (m)  y = Neg (n) }"""
    model = from_text(text, W=normal(6, 5), unused=normal(3))
    model.metadata_props["author"] = "somebody"
    model.producer_name, model.doc_string = "exporter", "a model"
    for node in model.graph:
        node.metadata_props["from"] = node.name
    made = quantize(model, recipe(rest="format: int8"), vectors()).model
    assert made.metadata_props["author"] == "somebody"
    assert (made.producer_name, made.doc_string) == ("exporter", "a model")
    assert "unused" in made.graph.initializers
    after = {node.name: node for node in made.graph}
    for node in model.graph:
        assert after[node.name].op_type == node.op_type
        assert after[node.name].attributes.keys() == node.attributes.keys()
        assert after[node.name].metadata_props == node.metadata_props
    assert after["a"].attributes["alpha"].as_float() == np.float32(0.3)
