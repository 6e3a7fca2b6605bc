"""Training of the character language model on lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from q4compile.progress import Progress, quiet
from q4compile.speech.checkpoint import save_checkpoint
from q4compile.speech.config import SMALL_LM, LmConfig
from q4compile.speech.lm import CharLm
from q4compile.speech.schedule import learning_rate

IGNORED = -100
"""Target behind the end of a text."""


@dataclass(frozen=True)
class LmTrainConfig:
    """Adam on the mean of -ln P(next character); rate up in a line, down in a cosine to 0.

    Args:
        lm: The network.
        epochs: Times every text is read.
        batch: Texts per step.
        peak_rate: Highest learning rate.
        warm_up: Share of the run in which the rate rises.
        clip: Largest norm of the gradient.
        dropout: Of the embedding and of the LSTM's output.
        seed: Of everything random.
    """

    lm: LmConfig = SMALL_LM
    epochs: int = 6
    batch: int = 64
    peak_rate: float = 4e-3
    warm_up: float = 0.05
    clip: float = 1.0
    dropout: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class LmResult:
    """The checkpoint and its score on the development texts: -ln P per character, end included."""

    checkpoint: Path
    nats_per_character: float


def train_lm(
    config: LmTrainConfig,
    texts: Sequence[str],
    development: Sequence[str],
    path: Path,
    progress: Progress = quiet,
) -> LmResult:
    """Train on `texts`, write the epoch that scores best on `development` to `path`.

    Raises:
        DataError: Q504 a character the vocabulary lacks.
        OutputError: `path` cannot be written.
    """
    vocabulary = config.lm.vocabulary
    lines = [torch.tensor([*vocabulary.encode(text), 0]) for text in texts]
    judged = [torch.tensor([*vocabulary.encode(text), 0]) for text in development]
    best = float("inf")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = CharLm(config.lm, config.dropout)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
        for epoch in progress(range(config.epochs), "epochs", config.epochs):
            _epoch(config, model, optimizer, lines, epoch)
            score = nats_per_character(model, judged)
            if score < best:
                best = score
                save_checkpoint(path, model)
    return LmResult(path, best)


@torch.no_grad()
def nats_per_character(model: CharLm, lines: Sequence[Tensor]) -> float:
    """Mean of -ln P over all characters of all lines (int64[N] ids, each ending in 0)."""
    model.eval()
    total = sum(
        _loss(model, lines[start : start + 64], "sum").item() for start in range(0, len(lines), 64)
    )
    return total / sum(len(line) for line in lines)


def _epoch(
    config: LmTrainConfig,
    model: CharLm,
    optimizer: torch.optim.Optimizer,
    lines: Sequence[Tensor],
    epoch: int,
) -> None:
    model.train()
    order = np.random.default_rng([config.seed, epoch]).permutation(len(lines))
    starts = range(0, len(order), config.batch)
    for step, start in enumerate(starts):
        done = (epoch + step / len(starts)) / config.epochs
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.peak_rate, config.warm_up, done)
        loss = _loss(model, [lines[i] for i in order[start : start + config.batch]], "mean")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()


def _loss(model: CharLm, lines: Sequence[Tensor], reduction: str) -> Tensor:
    targets = torch.nn.utils.rnn.pad_sequence(list(lines), True, IGNORED)
    tokens = functional.pad(targets[:, :-1].clamp(min=0), (1, 0))
    logits, _ = model(tokens)
    return functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction=reduction
    )
