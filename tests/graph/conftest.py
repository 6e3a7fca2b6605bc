"""Models as users export them, by both of torch's exporters; each is exported once per run."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from q4compile.graph.write import write_model

FEATURES, HIDDEN, VOCABULARY = 64, 48, 11


class Transducer(nn.Module):
    """A 2-layer bi-LSTM encoder, an LSTM predictor and a multiplicative joint."""

    def __init__(self, packed):
        super().__init__()
        self.packed = packed
        self.encoder = nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True, bidirectional=True)
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.predictor = nn.LSTM(8, 20, batch_first=True)
        self.from_encoder = nn.Linear(2 * HIDDEN, 14)
        self.from_predictor = nn.Linear(20, 14)
        self.output = nn.Linear(14, VOCABULARY)

    def forward(self, features, feature_lengths, tokens):
        if self.packed:
            features = nn.utils.rnn.pack_padded_sequence(
                features, feature_lengths, batch_first=True, enforce_sorted=False
            )
        encoded, _ = self.encoder(features)
        if self.packed:
            encoded, _ = nn.utils.rnn.pad_packed_sequence(encoded, batch_first=True)
        predicted, _ = self.predictor(self.embedding(tokens))
        joined = self.from_encoder(encoded)[:, :, None] * self.from_predictor(predicted)[:, None]
        return self.output(torch.tanh(joined))


class Convolutional(nn.Module):
    """A convolution over frames, then a GRU and a linear layer."""

    def __init__(self):
        super().__init__()
        self.front = nn.Conv1d(FEATURES, 40, 3, padding=1)
        self.gru = nn.GRU(40, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, features):
        frames = torch.relu(self.front(features.transpose(1, 2))).transpose(1, 2)
        frames, _ = self.gru(frames)
        return self.output(frames)


class Plain(nn.Module):
    """A bidirectional ReLU RNN and a linear layer; dynamo would unroll it into matrix products."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(FEATURES, 24, batch_first=True, bidirectional=True, nonlinearity="relu")
        self.output = nn.Linear(48, VOCABULARY)

    def forward(self, features):
        return self.output(self.rnn(features)[0])


@dataclass(frozen=True)
class Exported:
    path: Path
    module: nn.Module

    def torch(self, feeds):
        with torch.no_grad():
            return self.module(*map(torch.from_numpy, feeds.values())).numpy()


def transducer_feeds(batch=3, frames=17, labels=5):
    rng = np.random.default_rng(1)
    return {
        "features": rng.standard_normal((batch, frames, FEATURES)).astype(np.float32),
        "feature_lengths": np.array([frames, frames - 4, frames - 9][:batch]),
        "tokens": rng.integers(0, VOCABULARY, (batch, labels)),
    }


def frame_feeds():
    rng = np.random.default_rng(2)
    return {"features": rng.standard_normal((3, 17, FEATURES)).astype(np.float32)}


AXES = {"features": ("B", "T"), "feature_lengths": ("B",), "tokens": ("B", "U")}


def export(module, feeds, path, dynamo):
    module.eval()
    names = list(feeds)
    axes = {name: dict(enumerate(AXES[name])) for name in names}
    if dynamo and isinstance(module, Convolutional):
        axes = {name: {0: "B"} for name in names}  # torch.export traces a GRU at one length
    shapes = {"dynamic_shapes": tuple(axes.values())} if dynamo else {"dynamic_axes": axes}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(map(torch.from_numpy, feeds.values())),
            path,
            dynamo=dynamo,
            opset_version=18 if dynamo else 17,
            input_names=names,
            output_names=["logits"],
            **shapes,
        )


def module_and_feeds(model, dynamo):
    """The torch module called `model`, always with the same weights, and what it is traced with."""
    torch.manual_seed(0)
    return {
        "transducer": lambda: (Transducer(packed=not dynamo), transducer_feeds(2, 30, 6)),
        "convolutional": lambda: (Convolutional(), frame_feeds()),
        "plain": lambda: (Plain(), frame_feeds()),
    }[model]()


def export_file(model, path, dynamo):
    export(*module_and_feeds(model, dynamo), path, dynamo)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, fresh):
    """`exported(model, exporter)`: a file, made on first use; `model` is a key of `feeds`."""
    folder = tmp_path_factory.mktemp("exported")
    made = {}

    def get(model, exporter):
        if (model, exporter) not in made:
            dynamo = exporter == "dynamo"
            path = folder / f"{model}-{exporter}.onnx"
            fresh(__file__, f"export_file({model!r}, {str(path)!r}, {dynamo})")
            module, _ = module_and_feeds(model, dynamo)
            made[model, exporter] = Exported(path, module.eval())
        return made[model, exporter]

    return get


@pytest.fixture
def feeds():
    """`feeds(model)`: inputs by name, with other lengths than those it was exported with."""
    made = {
        "transducer": transducer_feeds(),
        "convolutional": frame_feeds(),
        "plain": frame_feeds(),
    }
    return made.get


@pytest.fixture
def run(tmp_path):
    """`run(model_or_path, feeds)`: outputs by name under onnxruntime; extra feeds are ignored."""

    def outputs(model, feeds):
        path = model
        if not isinstance(model, Path):
            path = tmp_path / "run.onnx"
            write_model(model, path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        wanted = {port.name: feeds[port.name] for port in session.get_inputs()}
        names = [port.name for port in session.get_outputs()]
        return dict(zip(names, session.run(names, wanted), strict=True))

    return outputs
