"""Training runs by their settings: what ``q4compile train`` does, as two calls."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from q4compile.errors import Finding, OutputError
from q4compile.progress import Progress, quiet
from q4compile.speech.config import SMALL_LM
from q4compile.speech.settings import training_settings
from q4compile.speech.source import Source, mixture
from q4compile.speech.texts import lm_texts
from q4compile.speech.train import STATE, TrainConfig, train
from q4compile.speech.train_lm import LmTrainConfig, train_lm


@dataclass(frozen=True)
class Run:
    """A finished run: its best checkpoint, the score of that, and all settings as JSON."""

    checkpoint: Path
    figures: dict[str, float]
    settings: dict[str, Any]


def run_rnnt(
    data: Path,
    synthetic: Path | None,
    development: str,
    config: str,
    folder: Path,
    resume: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    progress: Progress = quiet,
    start: Path | None = None,
) -> Run:
    """Train a transducer on `data` (split train) and as much of `synthetic`.

    Args:
        development: the split of `data` that decides which checkpoint is kept.
        config: a preset or a YAML file, see `settings.training_settings`.
        resume: go on with the run in `folder`.
        epochs, seed: instead of the config's.
        start: a checkpoint whose weights are the first ones, instead of random ones.

    Raises:
        OutputError: Q553 when `folder` holds a run and `resume` is False, and what `train` raises.
    """
    refuse_other_runs(folder / STATE, resume, ", or go on with --resume")
    chosen = replace(training_settings(config), **_given(epochs=epochs, seed=seed))
    judged = Source(data, development)
    done = train(chosen, mixture(data, synthetic), judged, folder, progress, start)
    figures = {"development_wer_percent": done.wer_percent, "best_epoch": done.epoch}
    return Run(done.checkpoint, {**figures, "epochs": chosen.epochs}, _plain(chosen))


def run_lm(
    data: Path,
    development: str,
    sentences: int,
    folder: Path,
    epochs: int | None = None,
    seed: int | None = None,
    progress: Progress = quiet,
    synthetic: Path | None = None,
    cells: int | None = None,
) -> Run:
    """Train a language model on the transcripts of `data` and invented `sentences`.

    Args:
        synthetic: a corpus whose transcripts it reads too.
        cells: of its LSTM, instead of 192.

    Raises:
        OutputError: Q553 when `folder` holds one, and what `lm_texts` and `train_lm` raise.
    """
    path = folder / "lm.safetensors"
    refuse_other_runs(path, resume=False)
    lm = replace(SMALL_LM, **_given(hidden=cells))
    chosen = LmTrainConfig(lm=lm, **_given(epochs=epochs, seed=seed))
    texts, judged = lm_texts(data, lm.vocabulary, development, sentences, chosen.seed, synthetic)
    done = train_lm(chosen, texts, judged, path, progress)
    figures = {"nats_per_character": done.nats_per_character, "epochs": chosen.epochs}
    return Run(path, figures, _plain(chosen))


def _given(**values: int | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _plain(config: TrainConfig | LmTrainConfig) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return found


def refuse_other_runs(result: Path, resume: bool, way_on: str = "") -> None:
    """Q553 where `result` lies already and the run is not to be resumed."""
    if result.exists() and not resume:
        raise OutputError(
            Finding(
                "Q553",
                "the output folder holds something already",
                f"{result.parent}",
                "a folder without a run",
                f"{result.name}",
                f"name another folder with --out{way_on}",
            )
        )
