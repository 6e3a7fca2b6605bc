"""Quantization-aware training in Python: 2-bit weights, for an RNN-T and for a language model.

python examples/04_train_at_2_bits.py

Half a minute of it, on bundled speech and text. On the command line, with a corpus of your own:

    q4compile export small -o model.onnx
    q4compile quantize model.onnx --recipe w2a4
    q4compile qat model.q4.onnx --weights model.onnx -o model_qat
    q4compile qat model.onnx -o model_float
    q4compile finetune model_qat --teacher model_float --data an4 --out runs/w2a4
    q4compile absorb runs/w2a4 model.q4.onnx -o trained.q4.onnx
"""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.qat import load_package
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_lm, load_rnnt, shipped
from q4compile.speech.corpus import DEMO
from q4compile.speech.export import export_lm, export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.finetune import FinetuneConfig, Task, finetune
from q4compile.speech.finetune_lm import LmTask
from q4compile.speech.finetune_rnnt import RnntTask
from q4compile.speech.grammar import sentences
from q4compile.speech.material import material
from q4compile.speech.metadata import read_metadata
from q4compile.speech.source import Source

QUICK = FinetuneConfig(epochs=1, peak_rate=1e-3, average_decay=0.9)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        rnnt(Path(name) / "rnnt")
        language_model(Path(name) / "lm")


def rnnt(folder: Path) -> None:
    """Bundled speech: one part to learn from, the other to score on."""
    network = load_rnnt(shipped("small"))
    package, teacher = packages(folder, lambda path: export_rnnt(network, path))
    given = material(network.config, [Source(DEMO, "train")], Source(DEMO, "test"), seed=0)
    train("RNN-T, loss per label", package, RnntTask(given, 0, teacher=teacher), folder)


def language_model(folder: Path) -> None:
    """Sentences of the bundled grammar."""
    network = load_lm(shipped("lm"))
    package, teacher = packages(folder, lambda path: export_lm(network, path))
    texts = sentences(np.random.default_rng(0), 700)
    task = LmTask(network.config.vocabulary, texts[100:], texts[:100], 0, teacher=teacher)
    train("language model, nats per character", package, task, folder)


def packages(folder: Path, export: Any) -> tuple[Path, nn.Module]:
    """The package of the network at 2 bits, and the float network as its teacher."""
    folder.mkdir()
    exported, quantized = folder / "model.onnx", folder / "model.q4.onnx"
    export(exported)
    model = read_model(exported)
    metadata = read_metadata(model.metadata_props, str(exported))
    assert metadata is not None
    done = quantize(model, load_recipe("w2a4"), speech_feeds(metadata, limit=16))
    write_model(done.model, quantized)
    emit_file(exported, folder / "model_float")
    made = emit_file(quantized, folder / "model_qat", weights=exported)
    return made.folder, load_package(folder / "model_float")


def train(what: str, package: Path, task: Task[Any], folder: Path) -> None:
    """Score, train, score."""
    torch.manual_seed(0)
    model = load_package(package)
    before = next(iter(task.judge(model).values()))
    done = finetune(QUICK, model, task, folder / "run")
    print(f"{what}: {before:.3f} with 2-bit weights, {done.score:.3f} after training")


if __name__ == "__main__":
    main()
