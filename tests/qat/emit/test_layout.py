"""Statements come out as ruff would lay them out."""

import random
import subprocess
import sys

from q4compile.qat.emit.layout import WIDTH, laid_out

WORDS = ["x", "-1", "0.5", "None", "x.shape[0]", "features", "layers_0_lstm_transpose"]
WORDS += ['"with (brackets"', "'a \"quoted\" name'", '"/encoder/layers.0/lstm/LSTM_output_0"']
CALLS = ["Linear", "torch.cat", "F.pad", "x.reshape", "self.layers_0_lstm", "operators.slices"]
OPTIONS = ["hidden_size", "dim", "value", "eps"]


def expression(rng, depth):
    """A random expression: a word, a call, a tuple or a list."""
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return rng.choice(WORDS)
    parts = [expression(rng, depth - 1) for _ in range(rng.randint(1, 5))]
    if kind < 0.8:
        names = rng.sample(OPTIONS, rng.randint(0, 2))
        parts = parts[rng.randint(0, 1) :] + [f"{n}={expression(rng, depth - 1)}" for n in names]
        return f"{rng.choice(CALLS)}({', '.join(parts)})"
    if kind < 0.9:
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    return f"[{', '.join(parts)}]"


def test_ruff_would_change_nothing(tmp_path):
    rng = random.Random(0)
    lines = ["class Model:", "    def forward(self):"]
    for _ in range(500):
        left = rng.choice(["x = ", "a_longer_name = ", "a, b, _ = ", "self.layer = ", "return "])
        comment = rng.choice(["", "[batch, frames, 120]", "int64 [batch]"])
        lines += laid_out(left + expression(rng, rng.randint(1, 3)), 2, comment)
    path = tmp_path / "code.py"
    path.write_text("\n".join(lines) + "\n")
    assert sum(len(line) > WIDTH for line in lines) == 0
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_a_head_is_broken_at_its_parameters():
    head = "def forward(self, features: Tensor, feature_lengths: Tensor, tokens: Tensor) -> Tensor:"
    assert laid_out(head, 1)[1:] == [
        "        self, features: Tensor, feature_lengths: Tensor, tokens: Tensor",
        "    ) -> Tensor:",
    ]
