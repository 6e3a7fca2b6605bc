"""2-bit weights in 2 bits of the file: the same numbers, in half the bytes."""

import math

import numpy as np
import onnx_ir as ir
import pytest
from onnx import defs
from small_models import MODELS
from test_emit import SCHEMES, UNSUITED, float_model

from q4compile.graph.inspect import inspect
from q4compile.graph.read import read_model
from q4compile.graph.write import weight_bytes, write_model
from q4compile.quantize.emit import FORMS
from q4compile.quantize.network_read import read_network
from q4compile.quantize.pack_int2 import OPSET, pack_int2
from q4compile.quantize.packed_size import packed_bytes
from q4compile.quantize.quantize import quantize

LEVELS = ("off", "all")
SUITED = [name for name in MODELS if ("int2", name) not in UNSUITED][::4]


def quantized(name, scheme, from_text, recipe, form="qdq"):
    feeds = MODELS[name].feeds
    return quantize(float_model(name, from_text), recipe(**SCHEMES[scheme]), feeds, form=form).model


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SUITED)
def test_the_same_outputs_bit_for_bit(name, form, from_text, recipe, run):
    wide = quantized(name, "int2", from_text, recipe, form)
    packed = pack_int2(wide)
    feed = MODELS[name].feeds[0]
    for level in LEVELS:
        ours, theirs = run(packed, feed, level), run(wide, feed, level)
        assert all(np.array_equal(ours[output], theirs[output]) for output in theirs)


def test_the_file_is_smaller_and_reads_back(from_text, recipe, tmp_path):
    wide = quantized("two-bilstms", "int2", from_text, recipe)
    packed = pack_int2(wide)
    write_model(packed, tmp_path / "packed.onnx")
    again = read_model(tmp_path / "packed.onnx")
    assert weight_bytes(ir.load(tmp_path / "packed.onnx")) == packed_bytes(wide)
    assert packed_bytes(again) == packed_bytes(wide) < weight_bytes(wide)
    assert again.opset_imports[""] == OPSET
    assert inspect(again).lstm_int4_share == 1
    ours, theirs = read_network(again), read_network(wide)
    assert {name: each.format for name, each in ours.weights.items()} == dict.fromkeys(
        theirs.weights, "int2"
    )
    for name, array in theirs.constants.items():
        np.testing.assert_array_equal(ours.constants[name], array)


def test_other_formats_stay(from_text, recipe):
    model = quantized("two-bilstms", "int3", from_text, recipe)
    assert pack_int2(model) is model
    assert model.opset_imports[""] == 21


def test_the_given_model_stays_as_it_was(from_text, recipe):
    model = quantized("gru", "int2", from_text, recipe)
    before = ir.to_proto(model).SerializeToString()
    pack_int2(model)
    assert ir.to_proto(model).SerializeToString() == before


def test_operators_only_gain_between_the_two_opsets():
    """Which is why nothing but the number of the opset has to change."""
    for name in {each.name for each in defs.get_all_schemas() if not each.domain}:
        old, new = ((name, version) for version in (21, OPSET))
        if not defs.has(name, max_inclusive_version=21, domain=""):
            continue
        before, after = defs.get_schema(*old), defs.get_schema(*new)
        added = after.attributes.keys() - before.attributes.keys()
        assert before.attributes.keys() <= after.attributes.keys()
        assert not any(after.attributes[each].required for each in added)
        assert len(before.inputs) == len(after.inputs)
        for each in before.attributes:
            assert before.attributes[each].default_value == after.attributes[each].default_value


@pytest.mark.parametrize(("scheme", "bits"), [("int2", 2), ("int3", 3), ("int4", 4)])
def test_packed_bytes_are_those_of_each_width(scheme, bits, from_text, recipe):
    model = quantized("gru", scheme, from_text, recipe)
    stored = {name: value.const_value for name, value in model.graph.initializers.items()}
    rest = sum(tensor.nbytes for name, tensor in stored.items() if name not in ("W", "R"))
    codes = sum(math.ceil(stored[name].size * bits / 8) for name in ("W", "R"))
    assert packed_bytes(model) == codes + rest
    assert packed_bytes(float_model("gru", from_text)) == weight_bytes(
        float_model("gru", from_text)
    )
