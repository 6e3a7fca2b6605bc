"""Fine-tuning of an emitted package, quantized or float: a resumable state after each epoch.

A run is a folder:

    weights.safetensors   the averaged weights and grids by ONNX name: what `absorb` reads
    state.safetensors     everything needed to go on
    log.jsonl             one line per epoch

All randomness is a function of (seed, epoch), and every batch is the same however many processes
share it: a run that was killed and started again ends with the same bits, and one on two processes
with the same weights up to float rounding.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from q4compile.errors import Finding, ModelError
from q4compile.files import write_text
from q4compile.progress import Progress, quiet
from q4compile.qat import QatModule
from q4compile.speech.processes import ALONE, Processes
from q4compile.speech.scalars import Scalars, no_scalars
from q4compile.speech.schedule import learning_rate
from q4compile.speech.training_state import RunState

WEIGHTS, STATE, LOG = "weights.safetensors", "state.safetensors", "log.jsonl"
Item = TypeVar("Item")
Terms = dict[str, Tensor]
"""Parts of the loss by name, each already weighted: their sum is what is trained on."""


@dataclass(frozen=True)
class FinetuneConfig:
    """AdamW from trained weights; rate up in a line, down in a cosine.

    Args:
        epochs: An epoch hears every utterance of the first source once.
        peak_rate: Highest learning rate of the weights.
        grid_rate: Learning rate of scales and zero points, as a share of the weights'.
        warm_up: Share of the run in which the rate rises.
        final_rate: What is left of the rate at the end, as a share of the peak. Weights that go on
            moving visit more of the codes around them, and the average settles between these.
        weight_decay: AdamW's, of the weights; grids have none.
        clip: Largest norm of the gradient.
        average_decay: Of the moving average of weights and scales, which is scored and kept.
        evaluate_every: Epochs from one development score to the next; 0 for none but the last.
        patience: Stop after so many scores without a better one, and keep the best; None keeps the
            last.
        mixed_precision: bfloat16 where a GPU is.
        seed: Of everything random.
    """

    epochs: int = 10
    peak_rate: float = 5e-4
    grid_rate: float = 0.2
    warm_up: float = 0.05
    final_rate: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    average_decay: float = 0.995
    evaluate_every: int = 1
    patience: int | None = None
    mixed_precision: bool = True
    seed: int = 0


@dataclass(frozen=True)
class FinetuneResult:
    """The kept weights, their development score (lower is better), and their epoch (from 1)."""

    weights: Path
    score: float
    epoch: int
    scores: dict[str, float] = field(default_factory=dict)
    """All development figures of the last epoch that was scored."""


class Task(Protocol[Item]):
    """What to learn: batches, a loss on each, and a score."""

    settings: dict[str, Any]
    """What must be equal for a run to be the same run, as JSON gives it back."""

    def batches(self, epoch: int) -> Sequence[Item]:
        """All batches of `epoch`, the same in every process."""
        ...

    def losses(self, model: nn.Module, batch: Item, processes: Processes) -> Terms:
        """The loss of this process's rows, times processes, over the size of the whole batch.

        So the mean over processes, which is what they train on, is the loss of the batch.
        """
        ...

    def judge(self, model: QatModule) -> dict[str, float]:
        """Development figures; the first one decides, lower is better."""
        ...


def finetune(
    config: FinetuneConfig,
    model: QatModule,
    task: Task[Any],
    run: Path,
    progress: Progress = quiet,
    processes: Processes = ALONE,
    scalars: Scalars = no_scalars,
) -> FinetuneResult:
    """Train `model`, or go on training, in the folder `run`; `model` ends with the last weights.

    Raises:
        ModelError: Q126 `run` holds a run with other settings or of another model, Q127 the loss is
            no longer finite, Q120 the state cannot be read.
        OutputError: `run` cannot be written.
    """
    state = _start(config, model, processes)
    settings = json.loads(json.dumps({**asdict(config), **task.settings}))
    if (run / STATE).exists():
        state.load(run / STATE, settings)
    trained = processes.shared(model)
    while state.epoch < config.epochs and not _exhausted(state, config):
        _advance(state, config, trained, task, processes, progress)
        with processes.first_only() as first:
            if first:
                _judge(state, config, task, run, scalars)
                write_text(run / LOG, "".join(json.dumps(row) + "\n" for row in state.log))
                state.save(run / STATE, settings)
        processes.agree(state)
    last = next((row for row in reversed(state.log) if "score" in row), {})
    return FinetuneResult(run / WEIGHTS, state.best, state.best_epoch, dict(last))


def _start(config: FinetuneConfig, model: QatModule, processes: Processes) -> RunState:
    model.to(processes.device)
    groups = model.parameter_groups(1.0, grid_rate=config.grid_rate)
    for group in groups:
        group["share"] = group["lr"]
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=config.weight_decay)
    return RunState(model, model, optimizer, config.average_decay)


def _advance(
    state: RunState,
    config: FinetuneConfig,
    trained: nn.Module,
    task: Task[Any],
    processes: Processes,
    progress: Progress,
) -> None:
    """Train one epoch and add its line to the log."""
    began = monotonic()
    batches = task.batches(state.epoch)
    sums: dict[str, float] = {}
    trained.train()
    what = f"epoch {state.epoch + 1} of {config.epochs}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1_000_003 * config.seed + state.epoch)
        for number, batch in enumerate(progress(batches, what, len(batches))):
            done = (state.epoch + number / len(batches)) / config.epochs
            for name, value in _step(state, config, trained, task, batch, done, processes).items():
                sums[name] = sums.get(name, 0.0) + value
    state.epoch += 1
    means = {name: round(total / len(batches), 6) for name, total in sums.items()}
    seconds = round(monotonic() - began, 2)
    state.log.append({"epoch": state.epoch, "steps": len(batches), **means, "seconds": seconds})


def _step(
    state: RunState,
    config: FinetuneConfig,
    trained: nn.Module,
    task: Task[Any],
    batch: Any,
    done: float,
    processes: Processes,
) -> dict[str, float]:
    """One update; return the terms of the loss before it."""
    for group in state.optimizer.param_groups:
        rate = learning_rate(config.peak_rate, config.warm_up, done, config.final_rate)
        group["lr"] = rate * group["share"]
    with processes.precision(config.mixed_precision):
        terms = task.losses(trained, batch, processes)
    loss = torch.stack(list(terms.values())).sum()
    if not bool(torch.isfinite(loss)):
        raise ModelError(_diverged(state.epoch + 1, loss.item()))
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(state.networks.parameters(), config.clip)
    state.optimizer.step()
    state.average.update_parameters(state.kept)
    return {name: term.item() for name, term in terms.items()}


def _judge(
    state: RunState, config: FinetuneConfig, task: Task[Any], run: Path, scalars: Scalars
) -> None:
    """Score the averaged weights where it is time to, and keep them: the best, or the last."""
    row = state.log[-1]
    averaged = cast(QatModule, state.average.module)
    averaged.refresh_ranges()
    every, last = config.evaluate_every, state.epoch == config.epochs
    if last or (every and state.epoch % every == 0):
        figures = task.judge(averaged)
        row |= {"score": next(iter(figures.values())), **figures}
    score = row.get("score", float("inf"))
    if config.patience is None or score < state.best:
        state.best, state.best_epoch = score, state.epoch
        averaged.save(run / WEIGHTS)
    scalars(row, averaged)


def _exhausted(state: RunState, config: FinetuneConfig) -> bool:
    if config.patience is None or not state.best_epoch:
        return False
    since = [row for row in state.log if "score" in row and row["epoch"] > state.best_epoch]
    return len(since) >= config.patience


def _diverged(epoch: int, loss: float) -> Finding:
    return Finding(
        "Q127",
        "the training diverged",
        f"epoch {epoch}",
        "a finite loss",
        f"{loss}",
        "start a new run with half the peak rate; the weights of the last epoch are kept",
    )
