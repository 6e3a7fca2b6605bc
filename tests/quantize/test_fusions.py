"""What onnxruntime's optimizer makes of our files: nothing that rounds differently."""

import onnx
import onnxruntime
import pytest

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.emit import FORMS
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("fusions") / "model.onnx"
    export_rnnt(load_rnnt(shipped("small")), path)
    return read_model(path)


def operators(graph):
    """Every operator of a graph and of the graphs inside its nodes."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from operators(attribute.g)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("recipe", ["rnnt", "w4a8"])
def test_activations_are_not_rounded_behind_our_back(recipe, form, model, tmp_path):
    """MatMulNBits would round float activations to 8 bits; LSTM would be a float recurrence."""
    metadata = read_metadata(model.metadata_props, "model")
    feeds = speech_feeds(metadata, limit=2)
    write_model(quantize(model, load_recipe(recipe), feeds, form=form).model, tmp_path / "q4.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    providers = ["CPUExecutionProvider"]
    onnxruntime.InferenceSession(tmp_path / "q4.onnx", options, providers=providers)
    found = set(operators(onnx.load(tmp_path / "optimized.onnx").graph))
    assert "Scan" in found
    assert not found & {"MatMulNBits", "DynamicQuantizeMatMul", "LSTM", "DynamicQuantizeLSTM"}
