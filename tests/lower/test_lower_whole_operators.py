"""Networks of torch with convolutions, GRUs, RNNs, layer norms and softmax, from export to machine.

Beside onnxruntime on the QDQ file: what 16 bits inside leave of a recurrence of few bits.
"""

import numpy as np
import pytest
import torch
from agreement import Machine
from torch import nn
from torch.nn import functional as F

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe

RECIPE = """\
version: 1
name: operators
rules:
  - {name: activations, match: {role: [hidden, input]}, scheme: {format: FORM, range: minmax}}
  - name: weights
    match: {role: [weight, recurrent_weight]}
    scheme: {format: int4, granularity: per_channel, range: mse}
  - {name: rest, match: {}, scheme: {format: fp32}}
"""
CHANNELS, UNITS, WIDE, CLASSES = 6, 12, 32, 5
AXES = {"x": {0: "batch", 2: "time"}, "y": {0: "batch", 1: "frames"}}


class Switch(nn.Module):
    """Convolution, GRU, linear layer: float[batch, 6, time] → [batch, time, 5]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(CHANNELS, 8, 3, padding=1)
        self.gru = nn.GRU(8, UNITS, batch_first=True)
        self.linear = nn.Linear(UNITS, CLASSES)

    def forward(self, x):
        seen, _ = self.gru(F.relu(self.conv(x)).transpose(1, 2))
        return self.linear(seen.reshape(-1, UNITS)).reshape(x.shape[0], -1, CLASSES)


class Encoder(nn.Module):
    """Subsampling, LSTM, layer norm, RNN, log softmax."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(CHANNELS, 16, 3, stride=2, padding=1)
        self.lstm = nn.LSTM(16, WIDE, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(2 * WIDE)
        self.rnn = nn.RNN(2 * WIDE, 16, batch_first=True)
        self.linear = nn.Linear(16, CLASSES)

    def forward(self, x):
        seen, _ = self.lstm(F.relu(self.conv(x)).transpose(1, 2))
        seen, _ = self.rnn(self.norm(seen))
        return self.linear(seen).log_softmax(-1)


class FrontEnd(nn.Module):
    """Two convolutions over time and frequency, an LSTM, a linear layer: float[batch, 6, time]."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.lstm = nn.LSTM(16 * 2, WIDE, batch_first=True)
        self.linear = nn.Linear(WIDE, CLASSES)

    def forward(self, x):
        seen = F.relu(self.first(x.transpose(1, 2).unsqueeze(1)))
        seen = F.relu(self.second(seen)).transpose(1, 2)
        seen, _ = self.lstm(seen.flatten(2))
        return self.linear(seen)


class Pooled(nn.Module):
    """Gelu and HardSwish of convolutions, the mean over time of what an LSTM makes of them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, (3, 5), stride=(1, 2), padding=(1, 2))
        self.second = nn.Conv2d(8, 8, 3, groups=2, padding=(1, 0))
        self.lstm = nn.LSTM(8, WIDE, batch_first=True)
        self.linear = nn.Linear(WIDE, CLASSES)

    def forward(self, x):
        seen = F.gelu(self.first(x.transpose(1, 2).unsqueeze(1)))
        seen = F.hardswish(self.second(seen)) * 0.5 + 0.25
        seen, _ = self.lstm(seen.transpose(1, 2).flatten(2))
        most = F.leaky_relu(seen.amax(1, keepdim=True), 0.1)
        return self.linear((1 - most).abs() + seen.mean(1, keepdim=True).clamp(-0.5, 0.5))


def samples(seed, batch, steps):
    x = np.random.default_rng(seed).normal(0, 1, (batch, CHANNELS, steps))
    return x.astype(np.float32)


def quantized(network, folder, form):
    """The quantized model, of `network` with weights by chance."""
    torch.manual_seed(0)
    made, path = network().eval(), folder / "float.onnx"
    torch.onnx.export(
        made,
        (torch.from_numpy(samples(0, 2, 20)),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=AXES,
    )
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.replace("FORM", form))
    feeds = [{"x": samples(seed, 2, 30)} for seed in range(1, 4)]
    low = quantize(read_model(path), load_recipe(str(recipe)), feeds).model
    write_model(low, folder / "low.onnx")
    return read_model(folder / "low.onnx")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("network", [Switch, Encoder, FrontEnd, Pooled])
@pytest.mark.parametrize(("form", "near"), [("int8", 0.02), ("int4", 0.1)])
def test_from_torch_to_the_machine(network, form, near, tmp_path):
    model = quantized(network, tmp_path, form)
    machine = Machine({"model": read_network(model)})
    runtime = session(model)
    apart = []
    for seed, (batch, steps) in enumerate(((1, 1), (3, 2), (2, 31))):
        x = samples(10 + seed, batch, steps)
        ours = machine.agree({"x": x}, seeds=(None, seed))["y"].real
        (theirs,) = runtime.run(None, {"x": x})
        assert ours.shape == theirs.shape
        apart.append(np.abs(ours - theirs).ravel())
    differences = np.concatenate(apart)
    assert np.sqrt(np.mean(differences**2)) < near
    assert differences.any()
