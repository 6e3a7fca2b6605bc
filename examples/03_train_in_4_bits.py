"""A graph of one's own: quantized, trained as the torch package written from it, folded back.

    python examples/03_train_in_4_bits.py

    switch.onnx ─quantize→ switch.q4.onnx ─qat→ switch_qat/ ─train─┐
                                └───────────absorb─────────────────┴→ trained.q4.onnx ─lower→ sim

A convolution, a GRU and a linear layer watch two noisy lines. A pulse on one switches a lamp on, a
pulse on the other switches it off; at every step the network says whether the lamp is on.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.isa.target import load_target
from q4compile.lower.lower import lower
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.absorb_files import absorb_file
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe
from q4compile.sim.simulator import Simulator

RECIPE = """\
version: 1
name: switch
rules:
  - {name: h and inputs, match: {role: [hidden, input]}, scheme: {format: int4, range: lsq}}
  - name: weights
    match: {role: [weight, recurrent_weight]}
    scheme: {format: int2, granularity: per_channel, range: sawb}
  - {name: biases, match: {role: bias}, scheme: {format: fp16}}
  - {name: rest, match: {}, scheme: {format: fp32}}
"""
UNITS = 12


class Switch(nn.Module):
    """float[batch, 2, time] → logits [batch, time, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 3, padding=1)
        self.gru = nn.GRU(8, UNITS, batch_first=True)
        self.linear = nn.Linear(UNITS, 2)

    def forward(self, x: Tensor) -> Tensor:
        seen, _ = self.gru(F.relu(self.conv(x)).transpose(1, 2))
        return self.linear(seen.reshape(-1, UNITS)).reshape(x.shape[0], -1, 2)


def lamps(seed: int, batch: int = 32, steps: int = 60) -> tuple[Tensor, Tensor]:
    """Pulses in noise, and whether the lamp is on after each step."""
    rng = np.random.default_rng(seed)
    pulses = rng.random((batch, 2, steps)) < 0.08
    on = np.zeros((batch, steps), np.int64)
    lit = np.zeros(batch, bool)
    for t in range(steps):
        lit = (lit | pulses[:, 0, t]) & ~pulses[:, 1, t]
        on[:, t] = lit
    x = pulses + 0.25 * rng.standard_normal(pulses.shape)
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(on)


def train(model: nn.Module, steps: int, rate: float, first: int) -> None:
    """The usual loop: nothing in it knows of quantization."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for step in range(steps):
        x, on = lamps(first + step)
        loss = F.cross_entropy(model(x).flatten(0, 1), on.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


def export(model: nn.Module, path: Path) -> None:
    axes = {"x": {0: "batch", 2: "time"}, "logits": {0: "batch", 1: "time"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (lamps(0)[0],),
            path,
            dynamo=False,
            input_names=["x"],
            output_names=["logits"],
            dynamic_axes=axes,
        )


def right(logits: Tensor | NDArray[np.float32], on: Tensor) -> float:
    """Share of steps at which the network knows about the lamp."""
    return float((np.asarray(logits).argmax(-1) == on.numpy()).mean())


def main() -> None:
    torch.manual_seed(0)
    x, on = lamps(1_000_000, batch=256)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        network = Switch()
        train(network, 200, 2e-2, first=0)
        export(network, folder / "switch.onnx")

        (folder / "switch.yaml").write_text(RECIPE)
        feeds = [{"x": lamps(seed)[0].numpy()} for seed in range(4)]
        model = read_model(folder / "switch.onnx")
        low = quantize(model, load_recipe(str(folder / "switch.yaml")), feeds).model
        write_model(low, folder / "switch.q4.onnx")

        written = emit_file(folder / "switch.q4.onnx", weights=folder / "switch.onnx")
        sys.path.insert(0, str(folder))
        from switch_qat import Model  # type: ignore[import-not-found]

        package = Model()
        train(package, 120, 1e-2, first=1000)
        package.save(written.folder / "weights.safetensors")
        trained = absorb_file(written.folder, folder / "switch.q4.onnx").output

        feed = {"x": x.numpy()}
        runs = {each: session(read_model(each)) for each in (folder / "switch.q4.onnx", trained)}
        before, after = (run.run(None, feed)[0] for run in runs.values())
        with torch.no_grad():
            floating, ours = right(network(x), on), package(x).numpy()
        few, target = slice(32), load_target("rapid1")
        program = lower([("switch", read_network(read_model(trained)))], target)
        machine = Simulator(program, sram_bytes=target.sram.size_bytes)
        simulated = machine.run("switch", {"x": feed["x"][few]}).outputs["logits"]
        code = (written.folder / "switch.py").read_text()
        print(code[code.index("    def forward") :])
        print(f"right in float32:                    {floating:.1%}")
        print(f"right with 2-bit weights, 4-bit h:   {right(before, on):.1%}")
        print(f"right after training the package:    {right(after, on):.1%}")
        print(f"right on the machine, 32 of them:    {right(simulated, on[few]):.1%}")
        print(f"package and trained file differ by:  {np.abs(ours - after).max():.1e}")
        assert floating - right(after, on) < (floating - right(before, on)) / 2
        assert right(after[few], on[few]) - right(simulated, on[few]) < 0.01
        assert np.array_equal(ours.argmax(-1), after.argmax(-1))


if __name__ == "__main__":
    main()
