"""Models as users have them: both of torch's exporters, and every shipped recipe."""

import contextlib
import io
import warnings

import numpy as np
import pytest
import torch
from network_tensors import stored, tensors_of
from torch import nn

from q4compile.graph.inspect import inspect
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.absorb import absorb
from q4compile.quantize.emit import FORMS
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.shipped import shipped_recipes

FEATURES, HIDDEN, VOCABULARY = 8, 12, 9


class Transducer(nn.Module):
    """Features through a bi-LSTM, labels through an LSTM, and a multiplicative joint of both."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True, bidirectional=True)
        self.embedding = nn.Embedding(VOCABULARY, 6)
        self.predictor = nn.LSTM(6, HIDDEN, batch_first=True)
        self.from_encoder = nn.Linear(2 * HIDDEN, 10)
        self.from_predictor = nn.Linear(HIDDEN, 10)
        self.output = nn.Linear(10, VOCABULARY)

    def forward(self, features, tokens):
        encoded, _ = self.encoder(features)
        predicted, _ = self.predictor(self.embedding(tokens))
        joined = self.from_encoder(encoded)[:, :, None] * self.from_predictor(predicted)[:, None]
        return self.output(torch.tanh(joined))


def feed(seed, batch=2, frames=7, labels=4):
    rng = np.random.default_rng(seed)
    return {
        "features": rng.standard_normal((batch, frames, FEATURES)).astype(np.float32),
        "tokens": rng.integers(0, VOCABULARY, (batch, labels)),
    }


def exported(path, dynamo):
    torch.manual_seed(0)
    module, example = Transducer().eval(), feed(0)
    axes = {"features": {0: "B", 1: "T"}, "tokens": {0: "B", 1: "U"}}
    shapes = {"dynamic_shapes": tuple(axes.values())} if dynamo else {"dynamic_axes": axes}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(map(torch.from_numpy, example.values())),
            path,
            dynamo=dynamo,
            opset_version=18 if dynamo else 17,
            input_names=list(example),
            output_names=["logits"],
            **shapes,
        )


@pytest.fixture(scope="session")
def torchscript(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "torchscript.onnx"
    exported(path, dynamo=False)
    return read_model(path)


@pytest.fixture(scope="session")
def dynamo(tmp_path_factory, fresh):
    path = tmp_path_factory.mktemp("whole") / "dynamo.onnx"
    fresh(__file__, f"exported({str(path)!r}, dynamo=True)")
    return read_model(path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_all_lstm_weights_of_an_export_are_int4(exporter, form, request, run, tmp_path):
    model = request.getfixturevalue(exporter)
    made = quantize(model, load_recipe("rnnt"), [feed(seed) for seed in range(3)], form=form)
    assert inspect(made.model, "m").lstm_int4_share == 1.0
    write_model(made.model, tmp_path / "model.q4.onnx")
    again = read_model(tmp_path / "model.q4.onnx")
    assert inspect(again, "m").lstm_int4_share == 1.0
    other = feed(9, batch=3, frames=11, labels=2)
    logits, near = run(made.model, other)["logits"], run(model, other)["logits"]
    assert logits.shape == near.shape == (3, 11, 2, VOCABULARY)
    assert np.corrcoef(logits.ravel(), near.ravel())[0, 1] > 0.97
    assert np.abs(logits - near).max() > 0  # it is not the float model that ran


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_the_network_of_an_export_is_read_back(exporter, request, tmp_path):
    model = request.getfixturevalue(exporter)
    made = quantize(model, load_recipe("rnnt"), [feed(seed) for seed in range(3)])
    write_model(made.model, tmp_path / "model.q4.onnx")
    again = read_model(tmp_path / "model.q4.onnx")
    network = read_network(again)
    kept = {node.name: node.op for node in network.nodes}
    assert kept == {node.name: node.op_type for node in model.graph}
    assert network.components == read_network(model).components
    assert stored(absorb(again, tensors_of(network))) == stored(again)


def test_every_input_of_the_export_is_on_a_grid(torchscript):
    """The features pass a Transpose on their way into the LSTM: quantized all the same."""
    made = quantize(torchscript, load_recipe("rnnt"), [feed(seed) for seed in range(3)])
    inputs = [each for each in made.plan.entries if each.site.role == "input"]
    assert inputs
    assert all(each.encoding is not None for each in inputs)
    first = next(each for each in inputs if each.site.component == "encoder")
    assert first.encoding.format.name == "int8"
    quantizers = [node for node in made.model.graph if node.op_type == "QuantizeLinear"]
    assert first.site.value_name in {node.inputs[0].name for node in quantizers}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_runs(name, form, torchscript, run):
    made = quantize(torchscript, load_recipe(name), [feed(seed) for seed in range(3)], form=form)
    assert made.plan.unused() == []
    logits = run(made.model, feed(7))["logits"]
    near = run(torchscript, feed(7))["logits"]
    assert np.isfinite(logits).all()
    floor = 0.999 if name == "w8a8" else 0.97 if "4" in name and "w2" not in name else 0.5
    assert np.corrcoef(logits.ravel(), near.ravel())[0, 1] > floor
