"""What is left over: constants that no plan entry decides, by name, size and reader."""

import numpy as np
import pytest
from small_models import MODELS, normal

from q4compile.graph.components import components
from q4compile.graph.lineage import quantized_once
from q4compile.graph.read import read_model
from q4compile.graph.sites import sites
from q4compile.quantize.leftover import leftover, parameters, unquantized
from q4compile.quantize.plan import make_plan
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_checkpoint, shipped
from q4compile.speech.export import export

SEVERAL = """main (float[B,6] x) => (float[B,5] y, float[B,6] p) {
    n = LayerNormalization (x, gamma, beta)  p = PRelu (n, slope)
    e = Einsum <equation = "bi,ij->bj"> (p, E)  m = MatMul (e, W)  a = Add (m, b)
    s = Mul (a, two)  y = Add (s, user) }"""
SHAPES = {"gamma": 6, "beta": 6, "slope": 6, "E": (6, 6), "W": (6, 5), "b": 5, "two": 1, "user": 5}
CONSTANTS = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}


def left_of(model, recipe):
    parts = components(model, "model")
    plan = make_plan(model, sites(model, parts), recipe, quantized_once(model), None)
    return leftover(model, plan)


def test_each_is_named_with_its_reader_and_share(from_text, recipe):
    """A rule that says fp32 decides as well; a single number is no parameter tensor."""
    for scheme in ("int4", "fp32"):
        found = left_of(from_text(SEVERAL, **CONSTANTS), recipe(rest=f"format: {scheme}"))
        assert [(each.tensor, each.node, each.op, each.elements) for each in found] == [
            ("E", "e", "Einsum", 36),
            ("gamma", "n", "LayerNormalization", 6),
            ("beta", "n", "LayerNormalization", 6),
            ("slope", "p", "PRelu", 6),
            ("user", "y", "Add", 5),
        ]
        assert parameters(found) == 59
        total = sum(array.size for array in CONSTANTS.values())
        assert sum(each.share for each in found) == pytest.approx(59 / total)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "shared-with-others"])
def test_layers_leave_nothing(name, from_text, recipe):
    model = from_text(MODELS[name].text, **MODELS[name].constants)
    assert left_of(model, recipe(rest="format: int8")) == ()


def test_a_weight_that_another_operator_reads_as_it_is(from_text, recipe):
    small = MODELS["shared-with-others"]
    (found,) = left_of(from_text(small.text, **small.constants), recipe(rest="format: int8"))
    assert (found.tensor, found.node, found.op) == ("W", "z", "Exp")


def test_a_constant_of_a_branch_and_one_that_nobody_reads(from_text, recipe):
    text = """main (float[B,6] x, bool c) => (float[B,6] y)
        <float[2] nobody = {1, 2}, float[6] V = {1, 2, 3, 4, 5, 6}> {
        m = MatMul (x, W)
        y = If (c) <
            then_branch = a () => (float[B,6] t) <float[6] U = {1, 2, 3, 4, 5, 6}> {
                s = Mul (m, V)  t = Add (s, U) },
            else_branch = b () => (float[B,6] e) { e = Identity (m) }> }"""
    found = left_of(from_text(text, W=normal(6, 6)), recipe(rest="format: int8"))
    assert [(each.tensor, each.op) for each in found] == [("V", "Mul"), ("U", "Add")]


def test_the_scales_of_quantizers_are_no_parameters(from_text, recipe):
    text = """main (float[B,6] x) => (float[B,5] y)
        { w = DequantizeLinear <axis = 1> (codes, scales)  y = MatMul (x, w) }"""
    codes, scales = np.ones((6, 5), np.int8), np.ones(5, np.float32)
    assert left_of(from_text(text, codes=codes, scales=scales), recipe(rest="format: int8")) == ()


def test_the_text(from_text, recipe, golden):
    found = left_of(from_text(SEVERAL, **CONSTANTS), recipe(rest="format: int8"))
    (finding,) = unquantized(found, "model.onnx")
    golden("errors/Q213-left-over.txt", finding.render("warning"))
    (long,) = unquantized(found * 4, "model.onnx")
    assert long.got.startswith("20 constants, ")
    assert long.got.endswith("and 10 more")
    assert long.got.count("\n") == 11
    assert unquantized([], "model.onnx") == []


@pytest.mark.parametrize("name", ["small", "lm"])
def test_the_bundled_networks_leave_nothing(name, tmp_path):
    export(load_checkpoint(shipped(name)), tmp_path / "model.onnx")
    assert left_of(read_model(tmp_path / "model.onnx"), load_recipe("rnnt")) == ()
