"""The RNN-T of the paper's size as a subject of measurement: random weights, random speech."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.config import PAPER, LmConfig

SEED = 0
LMS = {
    "lm": LmConfig(512, 2, 2048, PAPER.vocabulary),
    "source_lm": LmConfig(512, 1, 1024, PAPER.vocabulary),
}
"""External and source language model: 54.6 M and 6.3 M parameters. Their sizes are assumptions."""
Feed = dict[str, NDArray[np.generic]]


def export_paper(path: Path) -> int:
    """Write the float32 model to `path`, one file; returns its number of parameters.

    The weights are torch's initial ones, uniform in ±1/sqrt(hidden size), so that gates work in
    the range where trained ones do.
    """
    # A process that measures its children must stay small: Linux hands its peak on to them.
    import torch

    from q4compile.speech.export import export_rnnt
    from q4compile.speech.model import Rnnt

    torch.manual_seed(SEED)
    return export_rnnt(Rnnt(PAPER).eval(), path).parameters


def export_paper_lms(folder: Path) -> None:
    """Write both language models of the density ratio, ``lm.onnx`` and ``source_lm.onnx``."""
    import torch

    from q4compile.speech.export import export_lm
    from q4compile.speech.lm import CharLm

    torch.manual_seed(SEED)
    for name, config in LMS.items():
        export_lm(CharLm(config).eval(), folder / f"{name}.onnx")


def features(batch: int, frames: int, seed: int = SEED) -> NDArray[np.float32]:
    """float32[batch, frames, F] of mean 0 and standard deviation 1, as normalized log-mels are."""
    random = np.random.default_rng(seed)
    return random.standard_normal((batch, frames, PAPER.input_dim), np.float32)


def write_feeds(folder: Path, count: int, frames: int) -> None:
    """`count` utterances of `frames` frames and frames / 5 labels, one .npz file each."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    for index in range(count):
        feed: Feed = {
            "features": features(1, frames, index),
            "feature_lengths": np.array([frames]),
            "tokens": random.integers(0, len(PAPER.vocabulary), (1, 1 + frames // 5)),
        }
        np.savez(folder / f"feed{index:02d}.npz", **feed)
