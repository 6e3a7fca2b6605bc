"""What a rule means where tensors share a grid, where nothing needs data, and what is refused."""

import numpy as np
import pytest

from q4compile.errors import ModelError
from q4compile.graph.components import components
from q4compile.quantize.quantize import plan_for, quantize
from q4compile.recipe.read_recipe import load_recipe

TWO_LAYERS = """m (float[T,B,6] x) => (float[T,1,B,5] z) {
  y = LSTM <hidden_size = 5> (x, W, R)
  axes = Constant <value_ints = [1]> ()
  s = Squeeze (y, axes)
  z = LSTM <hidden_size = 5> (s, V, U)
}"""
CONVOLUTION = "m (float[n, 3, t] x) => (float[n, 4, u] y) { y = Conv (x, w) }"


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.fixture
def layers(from_text):
    weights = {"W": normal(1, 20, 6), "R": normal(1, 20, 5), "V": normal(1, 20, 5)}
    return from_text(TWO_LAYERS, **weights, U=normal(1, 20, 5) / 2)


def plan(model, tmp_path, rules, feeds):
    path = tmp_path / "recipe.yaml"
    path.write_text("version: 1\nname: r\nrules:\n" + "".join(f"  - {rule}\n" for rule in rules))
    return plan_for(model, load_recipe(str(path)), feeds, components(model))


def rules(hidden, inputs):
    return [
        f"{{name: h, match: {{role: hidden}}, scheme: {{format: {hidden}}}}}",
        f"{{name: x, match: {{role: input}}, scheme: {{format: {inputs}}}}}",
        "{name: w, match: {role: [weight, recurrent_weight]}, scheme: {format: int4}}",
        "{name: rest, match: {}, scheme: {format: fp32}}",
    ]


@pytest.mark.parametrize(
    ("hidden", "inputs", "inherits"),
    [
        ("int4", "int4", True),
        ("int4", "int16", True),
        ("int4", "fp32", True),
        ("int8", "int4", False),
    ],
)
def test_an_input_stays_on_its_grid_unless_a_rule_wants_a_narrower_one(
    hidden, inputs, inherits, layers, tmp_path
):
    made = plan(layers, tmp_path, rules(hidden, inputs), [{"x": normal(7, 2, 6)}])
    second = [entry for entry in made.entries if entry.site.role == "input"][1]
    assert (second.inherits is not None) == inherits
    assert second.encoding.format.name == (hidden if inherits else inputs)


def test_weights_alone_need_no_data(layers, tmp_path):
    weights_only = rules("fp32", "fp32")
    made = plan(layers, tmp_path, weights_only, iter(()))
    assert {str(e.scheme.format) for e in made.entries if e.site.is_constant} == {"int4"}


def test_a_convolution_is_rounded_to_nearest_and_shown_so(from_text):
    model = from_text(CONVOLUTION, w=normal(4, 3, 2))
    feeds = [{"x": normal(1, 3, t)} for t in (9, 6)]
    made = plan_for(model, load_recipe("rnnt"), feeds, components(model))
    (weight,) = (entry for entry in made.entries if entry.site.role == "weight")
    assert weight.decision.rule.scheme.rounding == "gptq"
    assert weight.scheme.rounding == "nearest"
    assert weight.encoding.codes is None
    assert "gptq" not in str(weight.scheme)


def test_a_quantized_model_is_refused(layers, golden):
    feeds = [{"x": normal(7, 2, 6)}]
    done = quantize(layers, load_recipe("w4a4-naive"), feeds)
    with pytest.raises(ModelError) as caught:
        quantize(done.model, load_recipe("w4a4-naive"), feeds)
    golden("errors/Q131-quantized-already.txt", str(caught.value))
