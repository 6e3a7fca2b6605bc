"""Any model with an LSTM: torch → ONNX → 4 bits inside the recurrence → onnxruntime.

    python examples/01_quantize_an_lstm.py

The recipe is four lines; calibration data are plain arrays.
"""

import os
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

from q4compile.graph.inspect import inspect
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe

RECIPE = """\
version: 1
name: small-lstm
rules:
  - {name: h and inputs, match: {role: [hidden, input]}, scheme: {format: int4, range: mse}}
  - name: weights
    match: {role: [weight, recurrent_weight]}
    scheme: {format: int4, granularity: per_channel, range: mse, rounding: gptq}
  - {name: rest, match: {}, scheme: {format: fp32}}
"""


class Tagger(nn.Module):
    """Two bidirectional LSTM layers and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(20, 32, num_layers=2, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.lstm(x)[0])


def main() -> None:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagger.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            axes = {"x": {0: "batch", 1: "time"}, "y": {0: "batch", 1: "time"}}
            torch.onnx.export(
                Tagger().eval(),
                (torch.randn(2, 9, 20),),
                path,
                dynamo=False,
                input_names=["x"],
                output_names=["y"],
                dynamic_axes=axes,
            )
        (Path(folder) / "lstm.yaml").write_text(RECIPE)
        recipe = load_recipe(str(Path(folder) / "lstm.yaml"))
        model = read_model(path)
        rng = np.random.default_rng(0)
        feeds = [{"x": rng.normal(size=(1, 50, 20)).astype(np.float32)} for _ in range(8)]
        done = quantize(model, recipe, feeds)
        written = Path(folder) / "tagger.q4.onnx"
        write_model(done.model, written)

        share = inspect(done.model).lstm_int4_share
        x = {"x": rng.normal(size=(3, 40, 20)).astype(np.float32)}
        exact, low = (session(each).run(None, x)[0] for each in (model, done.model))
        noise = np.sqrt(np.mean((exact - low) ** 2) / np.mean(exact**2))
        print(f"{path.stat().st_size} bytes → {written.stat().st_size} bytes")
        print(f"LSTM weights at INT4: {share:.0%}")
        print(f"error of the output: {noise:.1%} of its size, on random weights")
        assert share == 1.0 and noise < 0.5


if __name__ == "__main__":
    main()
