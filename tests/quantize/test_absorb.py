"""Trained numbers into a file: nothing changes untrained, and all that was trained arrives."""

from dataclasses import replace
from functools import cache

import numpy as np
import onnx_ir as ir
import pytest
from network_interpreter import outputs_of
from network_tensors import stored, tensors_of
from small_models import MODELS, normal, weights
from test_emit import SCHEMES, float_model, pairs

from q4compile.errors import ModelError
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.absorb import absorb, changed_codes
from q4compile.quantize.encoding import SMALLEST_FP16_SCALE, Encoding, weight_codes
from q4compile.quantize.network_read import locate, read_network
from q4compile.quantize.pack_int2 import pack_int2
from q4compile.quantize.quantize import quantize
from q4compile.quantize.rows import Blocking
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.shipped import shipped_recipes

SAMPLE = pairs()[4::9]
"""Other pairs than those of test_network_read."""
GRANULARITIES = ("per_tensor", "per_channel", "per_gate", "per_group(2)")
RNNT = """main (float[B,T,6] features, int64[B,U] tokens) => (float[B,T,U,8] logits) {
    xt = Transpose <perm = [1, 0, 2]> (features)
    h = LSTM <hidden_size = 4, direction = "bidirectional"> (xt, W, R, B)
    ht = Transpose <perm = [0, 2, 1, 3]> (h)  hs = Reshape (ht, shape)
    hb = Transpose <perm = [1, 0, 2]> (hs)  f = MatMul (hb, V)  fu = Unsqueeze (f, two)
    e = Gather (table, tokens)  et = Transpose <perm = [1, 0, 2]> (e)
    g = GRU <hidden_size = 6> (et, W2, R2, B2)  gs = Squeeze (g, one)
    gt = Transpose <perm = [1, 0, 2]> (gs)  p = Unsqueeze (gt, one)
    j = Mul (fu, p)  t = Tanh (j)  m = MatMul (t, U)  logits = Add (m, u) }"""
PARTS = {
    **weights("LSTM", directions=2),
    **weights("GRU", width=6, hidden=6, suffix="2"),
    "V": normal(8, 6),
    "table": normal(5, 6),
    "U": normal(6, 8),
    "u": normal(8),
    "shape": np.array([0, 0, 8]),
    "one": np.array([1]),
    "two": np.array([2]),
}
SPEECH = [
    {"features": normal(2, 5, 6, seed=seed), "tokens": np.array([[0, 3, 1], [4, 2, 0]])}
    for seed in range(2)
]


def through_a_file(model, folder):
    write_model(model, folder / "model.q4.onnx")
    return read_model(folder / "model.q4.onnx")


def assert_identity(model):
    """Untrained numbers leave every tensor and the whole graph as they are."""
    tensors = tensors_of(read_network(model))
    again = absorb(model, tensors)
    assert stored(again) == stored(model)
    before, after = (
        [(node.op_type, node.name, [v and v.name for v in node.inputs]) for node in each.graph]
        for each in (model, again)
    )
    assert before == after
    assert changed_codes(model, again, tensors)[0] == 0


@pytest.mark.parametrize(("name", "scheme"), SAMPLE)
def test_untrained_numbers_change_nothing(name, scheme, from_text, recipe):
    made = quantize(float_model(name, from_text), recipe(**SCHEMES[scheme]), MODELS[name].feeds)
    assert_identity(made.model)


@pytest.mark.parametrize("name", shipped_recipes())
def test_untrained_numbers_change_no_shipped_recipe(name, from_text, tmp_path):
    made = quantize(from_text(RNNT, **PARTS), load_recipe(name), SPEECH)
    model = through_a_file(made.model, tmp_path)
    assert set(read_network(model).components) == {"encoder", "predictor", "joint"}
    assert_identity(model)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("format", ["int2", "int8", "int16"])
def test_untrained_numbers_change_no_granularity(format, granularity, from_text, recipe, tmp_path):
    scheme = f"format: {format}, granularity: {granularity}"
    rules = recipe(weight__recurrent_weight=scheme, rest="format: fp16")
    made = quantize(float_model("two-bilstms", from_text), rules, [])
    model = through_a_file(pack_int2(made.model), tmp_path)
    network = read_network(model)
    rows = {"per_tensor": 96, "per_channel": 6, "per_gate": 24, "per_group(2)": 2}[granularity]
    assert network.weights["W"].row_elements == (rows if granularity != "per_tensor" else 192)
    assert_identity(model)


def test_the_file_knows_how_ranges_are_set(from_text, recipe, tmp_path):
    rules = {
        "input": "format: int8, symmetric: false, range: lsq",
        "hidden": "format: int4, range: pact+",
        "weight": "format: int3, range: pact",
        "recurrent_weight": "format: int4, range: sawb",
        "rest": "format: fp16",
    }
    name = "two-bilstms"
    made = quantize(float_model(name, from_text), recipe(**rules), MODELS[name].feeds)
    network = read_network(through_a_file(made.model, tmp_path))
    grids = {key: (each.format, each.range) for key, each in network.grids.items()}
    assert grids == {"x": ("int8", "lsq"), "h": ("int4", "pact+"), "y": ("int4", "pact+")}
    assert [network.grids[key].symmetric for key in ("x", "h")] == [False, True]
    found = {key: (each.format, each.range) for key, each in network.weights.items()}
    assert (found["W"], found["R"]) == (("int3", "pact"), ("int4", "sawb"))


def test_a_float_model_takes_its_parameters(from_text, run):
    model = float_model("gemm", from_text)
    trained = absorb(model, {"W": normal(5, 6, seed=3), "b": normal(5, seed=3)})
    (feed, *_) = MODELS["gemm"].feeds
    expected = feed["x"] @ normal(5, 6, seed=3).T + normal(5, seed=3)
    np.testing.assert_allclose(run(trained, feed)["y"], expected, 1e-5, 1e-6)
    assert changed_codes(model, trained, {"W", "b"}) == (0, 0)
    kept = absorb(model, {"W": normal(5, 6, seed=3)})
    assert stored(kept)["b"] == stored(model)["b"]


@pytest.fixture(scope="module")
def trained_pair(from_text, recipe):
    """A quantized model, and the tensors of its network after some training."""

    @cache
    def made(name, scheme):
        model = quantize(
            float_model(name, from_text), recipe(**SCHEMES[scheme]), MODELS[name].feeds
        ).model
        network, rng = read_network(model), np.random.default_rng(0)
        tensors = tensors_of(network)
        for key, array in tensors.items():
            if key.endswith(".scale") and key not in network.constants:
                tensors[key] = (array * rng.uniform(0.8, 1.25, array.shape)).astype(np.float32)
            elif key.endswith(".zero_point"):
                grid = network.grids[key.removesuffix(".zero_point")]
                tensors[key] = array if grid.symmetric else array + np.int32(1)
            elif array.dtype == np.float32:
                tensors[key] = array + rng.normal(0, 0.4, array.shape).astype(np.float32)
        return model, tensors

    return made


def expected_network(network, tensors):
    """`network` with trained numbers: what the trained module computes."""
    halved = {
        name: np.asarray(array, np.float16).astype(np.float32) if name in network.halves else array
        for name, array in tensors.items()
    }
    weights = {
        name: replace(each, scales=tensors[f"{name}.scale"].astype(np.float16).astype(np.float32))
        for name, each in network.weights.items()
    }
    grids = {
        name: replace(
            each,
            scale=np.float32(tensors[f"{name}.scale"]),
            zero_point=int(tensors[f"{name}.zero_point"]),
        )
        for name, each in network.grids.items()
    }
    constants = {name: halved.get(name, each) for name, each in network.constants.items()}
    return replace(network, constants=constants, weights=weights, grids=grids)


@pytest.mark.parametrize("scheme", ["int2", "int3", "int4", "int8-shifted"])
@pytest.mark.parametrize("name", ["two-bilstms", "conv-relu-pool-conv", "gru", "shared-constant"])
def test_trained_numbers_arrive(name, scheme, trained_pair, run):
    """Codes are the nearest, ends of grids follow their scales, and the file computes all that."""
    model, tensors = trained_pair(name, scheme)
    trained = absorb(model, tensors)
    expected = expected_network(read_network(model), tensors)
    found = locate(trained)
    for key, grid in expected.weights.items():
        lo, hi = FORMATS[grid.format].codes(narrow=True)
        rows = Blocking(tensors[key].shape, grid.channel_axes, grid.row_elements)
        encoding = Encoding(FORMATS[grid.format], grid.scales, 0, lo, hi)
        codes = found.constants[key].stored.const_value.numpy()
        np.testing.assert_array_equal(codes, weight_codes(tensors[key], rows, encoding))
    (feed, *_) = MODELS[name].feeds
    theirs, ours = run(trained, feed, "off"), outputs_of(expected, feed)
    for output, values in theirs.items():
        assert np.mean(~np.isclose(ours[output], values, 2e-5, 2e-5)) <= 0.05
    assert changed_codes(model, trained, tensors)[0] > 0


def test_ends_follow_the_scale(trained_pair):
    model, tensors = trained_pair("two-bilstms", "int3")
    held = absorb(model, tensors).graph.initializers
    scale = tensors["h.scale"]
    assert held["h.scale"].const_value.numpy() == scale
    ends = [held[f"h.{end}_value"].const_value.numpy() for end in ("min", "max")]
    assert ends == [np.float32(-4) * scale, np.float32(3) * scale]


def test_what_calibration_alone_knows_stays(trained_pair):
    model, tensors = trained_pair("lstm-reverse", "int4")
    trained = absorb(model, tensors)
    (before,), (after,) = (
        [node.metadata_props for node in each.graph if node.op_type == "LSTM"]
        for each in (model, trained)
    )
    assert after == before
    assert "q4compile.cell_range" in after


def test_scales_that_float16_cannot_hold_are_stored_in_float32(trained_pair, run):
    model, tensors = trained_pair("matmul-last", "int4")
    small = np.full_like(tensors["W.scale"], SMALLEST_FP16_SCALE / 3)
    trained = absorb(model, tensors | {"W.scale": small})
    scale = trained.graph.initializers["W.scale"]
    assert (scale.dtype, scale.const_value.dtype) == (ir.DataType.FLOAT,) * 2
    np.testing.assert_array_equal(scale.const_value.numpy(), small)
    np.testing.assert_array_equal(read_network(trained).weights["W"].scales, small)
    assert np.isfinite(run(trained, MODELS["matmul-last"].feeds[0])["y"]).all()


def broken(tensors, **changes):
    """`tensors` with some replaced, or left out where None."""
    made = tensors | changes
    return {name: array for name, array in made.items() if array is not None}


def nan(array):
    spoiled = array.copy()
    spoiled.flat[3] = np.nan
    return spoiled


MISTAKES = {
    "Q152-absorb-names": lambda t: broken(t, W=None, Wx=t["W"], **{"h.scale": None, "odd": t["W"]}),
    "Q153-absorb-shapes": lambda t: broken(t, W=t["W"][:1], **{"h.scale": np.ones(2, np.float32)}),
    "Q154-absorb-numbers": lambda t: broken(
        t, W=nan(t["W"]), B=np.full_like(t["B"], np.inf), **{"h.scale": np.float32(np.nan)}
    ),
    "Q155-absorb-clips": lambda t: broken(
        t, **{"h.scale": np.float32(0), "W.scale": -t["W.scale"], "x.scale": np.float32(-1)}
    ),
    "Q157-absorb-another-model": lambda t: {f"decoder.{name}": each for name, each in t.items()},
    "Q157-absorb-nothing": lambda t: {},
    "Q158-absorb-types": lambda t: broken(
        t, shape=t["shape"].astype(np.float32), **{"x.zero_point": np.int32(300)}
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, trained_pair, golden):
    model, tensors = trained_pair("two-bilstms", "int4")
    before = ir.to_proto(model).SerializeToString()
    with pytest.raises(ModelError) as error:
        absorb(model, MISTAKES[mistake](tensors))
    golden(f"errors/{mistake}.txt", str(error.value))
    assert ir.to_proto(model).SerializeToString() == before


def test_a_number_beyond_float16_is_refused(trained_pair, golden):
    model, tensors = trained_pair("two-bilstms", "int2")
    with pytest.raises(ModelError) as error:
        absorb(model, tensors | {"B": np.full_like(tensors["B"], 7e4)})
    golden("errors/Q154-absorb-beyond-float16.txt", str(error.value))


def test_form_exact_is_refused(from_text, recipe, golden):
    made = quantize(
        float_model("two-bilstms", from_text),
        recipe(**SCHEMES["int4"]),
        MODELS["two-bilstms"].feeds,
        form="exact",
    )
    with pytest.raises(ModelError) as error:
        read_network(made.model)
    golden("errors/Q133-exact-recurrence.txt", str(error.value))
    product = quantize(
        float_model("gemm", from_text),
        recipe(**SCHEMES["int8"]),
        MODELS["gemm"].feeds,
        form="exact",
    )
    with pytest.raises(ModelError) as error:
        absorb(product.model, {})
    golden("errors/Q133-exact-product.txt", str(error.value))


def test_a_mask_of_infinities_may_come_back(from_text):
    mask = np.where(np.eye(4), 0, -np.inf).astype(np.float32)
    text = "main (float[4,4] x) => (float[4,4] y) { y = Add (x, mask) }"
    model = from_text(text, mask=mask)
    assert stored(absorb(model, {"mask": mask})) == stored(model)
