"""Training of the transducer: one pass per epoch, a resumable state after each, the best one kept.

A run is a folder:

    best.safetensors    the weights with the lowest development WER so far (a checkpoint)
    state.safetensors   everything needed to go on: weights, their average, optimizer, epoch, log
    log.jsonl           one line per epoch

All randomness is a function of (seed, epoch), so a run that was killed and started again ends with
the same bits as one that was not.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from q4compile.errors import Finding, ModelError
from q4compile.files import write_text
from q4compile.progress import Progress, quiet
from q4compile.speech.batches import Batch, Disturbance, epoch_batches, plain_features
from q4compile.speech.checkpoint import load_rnnt, save_checkpoint
from q4compile.speech.config import SMALL, RnntConfig
from q4compile.speech.distill import fingerprint
from q4compile.speech.greedy import greedy
from q4compile.speech.loss import BLANK, rnnt_loss
from q4compile.speech.material import Material, material
from q4compile.speech.model import Rnnt
from q4compile.speech.schedule import learning_rate
from q4compile.speech.score import wer
from q4compile.speech.source import Rendered, Source, render
from q4compile.speech.torch_networks import torch_transducer
from q4compile.speech.training_state import TrainingState

BEST, STATE, LOG = "best.safetensors", "state.safetensors", "log.jsonl"


@dataclass(frozen=True)
class TrainConfig:
    """AdamW on RNN-T loss + weight * CTC loss; rate up in a line, down in a cosine to 0.

    Args:
        model: The network.
        epochs: An epoch hears every utterance of the first source once.
        batch_seconds: Sound per step, padding included.
        peak_rate: Highest learning rate.
        warm_up: Share of the run in which the rate rises.
        weight_decay: AdamW's.
        clip: Largest norm of the gradient of the loss per label.
        dropout: Behind each encoder layer, the embedding and the prediction LSTM.
        ctc_weights: Weight of the CTC loss at the start and at the end, a line between.
        average_decay: Of the moving average of the weights, which is what is scored and kept.
        evaluate_every: Epochs from one development score to the next.
        disturbance: Changes to the training examples.
        bfloat16: Run the encoder's LSTMs in bfloat16 (twice as fast where the CPU has AMX).
        seed: Of everything random.
    """

    model: RnntConfig = SMALL
    epochs: int = 90
    batch_seconds: float = 48.0
    peak_rate: float = 2e-3
    warm_up: float = 0.1
    weight_decay: float = 1e-2
    clip: float = 1.0
    dropout: float = 0.25
    ctc_weights: tuple[float, float] = (0.5, 0.1)
    average_decay: float = 0.998
    evaluate_every: int = 2
    disturbance: Disturbance = field(default_factory=Disturbance)
    bfloat16: bool = False
    seed: int = 0


@dataclass(frozen=True)
class TrainResult:
    """The kept checkpoint, its development WER, and the epoch it comes from (1 is the first)."""

    checkpoint: Path
    wer_percent: float
    epoch: int


def train(
    config: TrainConfig,
    sources: Sequence[Source],
    development: Source,
    run: Path,
    progress: Progress = quiet,
    start: Path | None = None,
    stop: int | None = None,
) -> TrainResult:
    """Train, or go on training, in the folder `run`; return the best checkpoint by development WER.

    Args:
        start: A checkpoint of the same sizes whose weights are the first ones; None: random ones.
        stop: Leave off after so many epochs, before the rate has fallen to 0: what several runs
            can start from, each to end with a falling rate of its own.

    Raises:
        DataError: what is wrong with a corpus, for all its utterances.
        ModelError: Q126 `run` holds a run with other settings, or `start` other sizes, Q127 the
            loss is no longer finite, and what `load_checkpoint` raises where the state or `start`
            cannot be read.
        OutputError: `run` cannot be written.
    """
    state = _state(config, sources, run, start)
    if state.epoch < _last(config, stop):
        given = material(config.model, sources, development, config.seed, progress)
        return train_on(config, given, run, progress, start, stop)
    if state.best_epoch == 0:  # nothing more is heard, but a checkpoint must be scored
        judged = render(development, config.model, config.seed, progress)
        given = Material(config.model, tuple(sources), (), judged)
        return train_on(config, given, run, progress, start, stop)
    return TrainResult(run / BEST, state.best, state.best_epoch)


def train_on(
    config: TrainConfig,
    given: Material,
    run: Path,
    progress: Progress = quiet,
    start: Path | None = None,
    stop: int | None = None,
) -> TrainResult:
    """`train` on what is rendered already."""
    state = _state(config, given.sources, run, start)
    shares = [source.share for source in given.sources]
    last = _last(config, stop)
    for epoch in progress(range(state.epoch, last), "epochs", last):
        _advance(state, config, epoch, given.heard, shares)
        if state.epoch % config.evaluate_every == 0 or state.epoch == last:
            _judge(state, given.judged, run)
        _keep(state, config, given.sources, run, start)
    if state.best_epoch == 0:  # it was killed at its last epoch, when that was not yet the last
        _judge(state, given.judged, run)
        _keep(state, config, given.sources, run, start)
    return TrainResult(run / BEST, state.best, state.best_epoch)


def _last(config: TrainConfig, stop: int | None) -> int:
    return config.epochs if stop is None else min(stop, config.epochs)


def _keep(
    state: TrainingState,
    config: TrainConfig,
    sources: Sequence[Source],
    run: Path,
    start: Path | None,
) -> None:
    write_text(run / LOG, "".join(json.dumps(row) + "\n" for row in state.log))
    state.save(run / STATE, _settings(config, sources, start))


def _state(
    config: TrainConfig, sources: Sequence[Source], run: Path, start: Path | None
) -> TrainingState:
    """Where `run` stands, or its beginning."""
    weights = None if start is None else _started(start, config)
    state = TrainingState.start(
        config.model, config.dropout, config.average_decay, config.seed, weights
    )
    if (run / STATE).exists():
        state.load(run / STATE, _settings(config, sources, start))
    return state


def _started(start: Path, config: TrainConfig) -> Rnnt:
    rnnt = load_rnnt(start)
    wanted, found = asdict(config.model), asdict(rnnt.config)
    differing = [key for key in wanted if wanted[key] != found[key]]
    if differing:
        raise ModelError(
            Finding(
                "Q126",
                "a checkpoint of other sizes cannot be the start",
                f"{start}",
                "\n".join(f"{key}: {json.dumps(wanted[key])}" for key in differing),
                "\n".join(f"{key}: {json.dumps(found[key])}" for key in differing),
                "set model in the settings to the sizes of the checkpoint",
            )
        )
    return rnnt


def development_wer(model: Rnnt, judged: Rendered) -> float:
    """Word error rate in percent of greedy decoding of the recordings as they are."""
    features = plain_features(judged, model.config)
    tokens = greedy(torch_transducer(model), features)
    hypotheses = [model.config.vocabulary.decode(ids) for ids in tokens]
    return wer(judged.texts, hypotheses).percent


def _settings(config: TrainConfig, sources: Sequence[Source], start: Path | None) -> dict[str, Any]:
    """What must be equal for a run to be the same run, as JSON gives it back."""
    chosen = [{**asdict(source), "corpus": source.corpus.name} for source in sources]
    begun = fingerprint(None if start is None else load_rnnt(start))
    settings: dict[str, Any] = json.loads(
        json.dumps({**asdict(config), "sources": chosen, "start": begun})
    )
    return settings


def _advance(
    state: TrainingState,
    config: TrainConfig,
    epoch: int,
    heard: Sequence[Rendered],
    shares: Sequence[float],
) -> None:
    """Train one epoch and add its line to the log."""
    began = monotonic()
    batches = epoch_batches(
        heard, shares, config.model, config.disturbance, config.batch_seconds, config.seed, epoch
    )
    losses = []
    state.networks.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1_000_003 * config.seed + epoch)
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / config.epochs
            losses.append(_step(state, config, batch, done))
    state.epoch = epoch + 1
    state.log.append(
        {
            "epoch": state.epoch,
            "steps": len(batches),
            "loss_per_label": round(sum(losses) / len(losses), 6),
            "seconds": round(monotonic() - began, 2),
        }
    )


def _step(state: TrainingState, config: TrainConfig, batch: Batch, done: float) -> float:
    """One update; return the RNN-T loss per label before it."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(config.peak_rate, config.warm_up, done)
    first, last = config.ctc_weights
    transducer, ctc = _losses(state, config, batch)
    loss = transducer + (first + (last - first) * done) * ctc
    if not bool(torch.isfinite(loss)):
        raise ModelError(_diverged(state.epoch + 1, loss.item()))
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(state.networks.parameters(), config.clip)
    state.optimizer.step()
    state.average.update_parameters(state.rnnt)
    return transducer.item()


def _losses(state: TrainingState, config: TrainConfig, batch: Batch) -> tuple[Tensor, Tensor]:
    """RNN-T and CTC loss per label."""
    rnnt = state.rnnt
    with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
        hidden, lengths = rnnt.encoder.hidden(batch.features, batch.lengths)
    hidden = hidden.float()
    vectors, _ = rnnt.predictor(batch.tokens)
    logits = rnnt.joint(rnnt.encoder.projection(hidden)[:, :, None], vectors[:, None])
    labels = batch.label_lengths.float().mean()
    transducer = rnnt_loss(logits, batch.labels, lengths, batch.label_lengths) / labels
    ctc = functional.ctc_loss(
        state.ctc(hidden).log_softmax(dim=-1).transpose(0, 1),
        batch.labels,
        lengths,
        batch.label_lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )
    return transducer, ctc.mean() / labels


def _judge(state: TrainingState, judged: Rendered, run: Path) -> None:
    """Score the averaged weights; keep them if best."""
    percent = development_wer(state.averaged, judged)
    state.log[-1]["development_wer_percent"] = round(percent, 3)
    if percent < state.best:
        state.best, state.best_epoch = percent, state.epoch
        save_checkpoint(run / BEST, state.averaged)


def _diverged(epoch: int, loss: float) -> Finding:
    return Finding(
        "Q127",
        "the training diverged",
        f"epoch {epoch}",
        "a finite loss",
        f"{loss}",
        "start a new run with half the peak rate; the best checkpoint so far is kept",
    )
