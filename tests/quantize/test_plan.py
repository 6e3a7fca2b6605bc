"""What is decided about every tensor, by which rule, and what is refused."""

import numpy as np
import pytest
from small_models import MODELS, normal, vectors

from q4compile.errors import ModelError, RecipeError
from q4compile.graph.components import components
from q4compile.graph.lineage import quantized_once
from q4compile.graph.sites import sites
from q4compile.quantize.demand import demand
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe

WIDE = {"weight__recurrent_weight": "format: int4, range: mse", "rest": "format: int8"}
SUITED = [name for name in MODELS if name != "matmul-vector"]


def small(name, from_text):
    return from_text(MODELS[name].text, **MODELS[name].constants)


def plan_of(name, chosen, from_text):
    return quantize(small(name, from_text), chosen, MODELS[name].feeds).plan


def entry(plan, node, role):
    (found,) = [e for e in plan.entries if (e.site.node_name, e.site.role) == (node, role)]
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_has_one_entry(name, from_text, recipe):
    model = small(name, from_text)
    plan = plan_of(name, recipe(**WIDE), from_text)
    expected = sites(model, components(model, "model"))
    assert [each.site for each in plan.entries] == list(expected)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_left_a_float_in_silence(name, from_text, recipe):
    """An integer rule makes an integer tensor, wherever it stands and whatever stands before it."""
    for each in plan_of(name, recipe(**WIDE), from_text).entries:
        assert each.encoding is not None, each.site
        assert each.scheme.format == each.encoding.format


def test_an_input_behind_a_layout_change_has_a_grid_of_its_own(from_text, recipe):
    """The transposed input of a batch-first LSTM is quantized like any other."""
    text = """main (float[B,T,6] x) => (float[T,1,B,4] y)
        { t = Transpose <perm = [1, 0, 2]> (x)  y = LSTM <hidden_size = 4> (t, W, R) }"""
    constants = {"W": normal(1, 16, 6), "R": normal(1, 16, 4)}
    feeds = [{"x": normal(2, 3, 6, seed=seed)} for seed in range(2)]
    plan = quantize(from_text(text, **constants), recipe(rest="format: int8"), feeds).plan
    found = entry(plan, "y", "input")
    assert found.inherits is None
    assert found.encoding.scale == pytest.approx(
        max(np.abs(each["x"]).max() for each in feeds) / 127, rel=1e-6
    )


def test_the_second_layer_is_on_the_grid_of_the_first(from_text, recipe):
    plan = plan_of("two-bilstms", recipe(**WIDE), from_text)
    hidden, second = entry(plan, "h", "hidden"), entry(plan, "y", "input")
    assert second.inherits == "h"
    assert second.encoding is hidden.encoding
    assert second.seen == hidden.seen


@pytest.mark.parametrize("hidden", ["fp16", "fp32"])
def test_a_float_h_lends_no_grid(hidden, from_text, recipe):
    """The second layer's input is then quantized by itself, as its own rule says."""
    chosen = recipe(hidden=f"format: {hidden}", input="format: int4", rest="format: int8")
    second = entry(plan_of("two-bilstms", chosen, from_text), "y", "input")
    assert second.inherits is None
    assert second.encoding.format.name == "int4"


@pytest.mark.parametrize(("granularity", "inherits"), [("per_tensor", "e"), ("per_channel", None)])
def test_an_embedding_of_one_scale_is_on_a_grid(granularity, inherits, from_text, recipe):
    chosen = recipe(table=f"format: int4, granularity: {granularity}", rest="format: int8")
    found = entry(plan_of("embedding-lstm", chosen, from_text), "y", "input")
    assert found.inherits == inherits
    assert found.encoding.format.name == ("int4" if inherits else "int8")


def test_the_first_rule_that_matches_decides(from_text, tmp_path):
    path = tmp_path / "ordered.yaml"
    path.write_text("""
version: 1
name: ordered
rules:
  - {name: tables, match: {op: [Gather]}, scheme: {format: int2, range: mse}}
  - {name: recurrent, match: {role: recurrent_weight}, scheme: {format: int3, range: mse}}
  - {name: weights, match: {role: [weight, recurrent_weight]}, scheme: {format: int4}}
  - {name: rest, match: {}, scheme: {format: int8}}
""")
    plan = plan_of("embedding-lstm", load_recipe(path), from_text)
    found = {
        each.site.role: (each.decision.rule.name, str(each.scheme.format)) for each in plan.entries
    }
    assert found == {
        "table": ("tables", "int2"),
        "input": ("rest", "int2"),  # on the grid of the table's rows
        "weight": ("weights", "int4"),
        "recurrent_weight": ("recurrent", "int3"),
        "bias": ("rest", "int8"),
        "hidden": ("rest", "int8"),
        "cell": ("rest", "int8"),
        "gate": ("rest", "int8"),
    }
    declined = [rule.name for rule, _ in entry(plan, "y", "bias").decision.declined]
    assert declined == ["tables", "recurrent", "weights"]


def test_rules_that_look_at_statistics(from_text, tmp_path):
    path = tmp_path / "measured.yaml"
    path.write_text("""
version: 1
name: measured
rules:
  - {name: wide, match: {max_abs: {min: 4}}, scheme: {format: int8}}
  - {name: rest, match: {}, scheme: {format: int4}}
""")
    feeds = [{"x": feed["x"] / np.abs(feed["x"]).max() * 5} for feed in vectors()]
    plan = quantize(small("matmul-add", from_text), load_recipe(path), feeds).plan
    found = {each.site.role: each.decision.rule.name for each in plan.entries}
    assert found == {"input": "wide", "weight": "rest", "bias": "rest"}


def test_calibration_is_asked_for_no_more_than_needed(from_text, recipe):
    model = small("two-bilstms", from_text)
    found, origins = sites(model, components(model, "model")), quantized_once(model)
    searched = demand(
        found, recipe(hidden="format: int4, range: mse", rest="format: int8"), origins
    )
    assert searched.full == ("h", "y")
    assert set(searched.extremes) == {"x", "h.c", "h.gates", "y.c", "y.gates"}
    floats = demand(found, recipe(rest="format: fp32"), origins)
    assert floats.full == ()
    assert floats.extremes == (), "nothing is on a grid, so nothing is measured"


def refused(golden, slug, name, chosen, from_text):
    with pytest.raises(RecipeError) as caught:
        plan_of(name, chosen, from_text)
    golden(f"errors/{slug}.txt", str(caught.value), folder=chosen.file.parent)
    return caught.value.findings


def test_every_tensor_without_a_rule_is_named(from_text, recipe, golden):
    chosen = recipe(weight__recurrent_weight="format: int4")
    findings = refused(golden, "Q208-plan", "embedding-lstm", chosen, from_text)
    assert len(findings) == 6


def test_groups_that_do_not_divide(from_text, recipe, golden):
    chosen = recipe(
        weight__recurrent_weight="format: int4, granularity: per_group(4)", rest="format: int8"
    )
    findings = refused(golden, "Q203-plan-group", "gru", chosen, from_text)
    assert [finding.got for finding in findings] == ["6 % 4 == 2"]


@pytest.mark.parametrize("name", ["conv", "matmul-add", "gemm"])
def test_groups_run_along_the_axis_that_is_summed(name, from_text, recipe):
    chosen = recipe(weight="format: int4, granularity: per_group(4)", rest="format: int8")
    with pytest.raises(RecipeError) as caught:
        plan_of(name, chosen, from_text)
    summed = 3 if name == "conv" else 6
    (finding,) = caught.value.findings
    assert finding.got == f"{summed} % 4 == {summed % 4}"


def test_constants_and_activations_of_a_wrong_kind(from_text, recipe, golden):
    """A weight has no zero point, an activation one scale, a MatMul no gates: all said at once."""
    chosen = recipe(
        weight="format: uint4, symmetric: false",
        recurrent_weight="format: int4, symmetric: false",
        hidden="format: int4, granularity: per_channel",
        rest="format: int8",
    )
    findings = refused(golden, "Q203-plan-kinds", "two-bilstms", chosen, from_text)
    assert len(findings) == 6  # three for each of the two layers


@pytest.mark.parametrize("dtype", ["float16", "double"])
def test_other_float_types_are_refused(dtype, from_text, recipe, golden):
    """ONNX has QuantizeLinear of float16 with float16 scales only, and none of float64."""
    text = f"main ({dtype}[B,6] x) => ({dtype}[B,5] y) {{ y = MatMul (x, W) }}"
    weight = normal(6, 5).astype({"double": np.float64}.get(dtype, dtype))
    feeds = [{"x": normal(2, 6).astype(weight.dtype)}]
    with pytest.raises(ModelError) as caught:
        quantize(from_text(text, W=weight), recipe(rest="format: int8"), feeds)
    golden(f"errors/Q129-{dtype}.txt", str(caught.value))


def test_rules_that_decided_nothing_are_told(from_text, recipe):
    chosen = recipe(table="format: int4", rest="format: int8")
    (finding,) = plan_of("gru", chosen, from_text).unused()
    assert finding.code == "Q209"
    assert plan_of("embedding-lstm", chosen, from_text).unused() == []
