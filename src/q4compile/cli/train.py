"""``q4compile train``: a transducer from recorded and synthesized speech, or a language model."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.records import keep, show_record
from q4compile.errors import Finding, OutputError
from q4compile.progress import Progress

if TYPE_CHECKING:
    from q4compile.speech.train import TrainConfig
    from q4compile.speech.train_lm import LmTrainConfig

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    epilog=example(
        "q4compile train --data an4 --synthetic speech --config small --out runs/small",
        "q4compile train --data an4 --lm --out runs/lm",
    )
)
@click.option(
    "--data", metavar="DIR", type=FOLDER, required=True, help="A corpus with a training split."
)
@click.option("--synthetic", metavar="DIR", type=FOLDER, help="A second corpus, mixed in 1:1.")
@click.option("--dev", metavar="SPLIT", default="dev", show_default=True, help="What to judge by.")
@click.option(
    "--config",
    metavar="NAME_OR_FILE",
    default="small",
    show_default=True,
    help="small, paper, paper-ivector, or a YAML file of settings.",
)
@click.option("--lm", is_flag=True, help="Train the language model, on transcripts.")
@click.option(
    "--sentences",
    metavar="N",
    type=click.IntRange(min=0),
    default=20000,
    show_default=True,
    help="Invented sentences the language model reads too.",
)
@click.option("--out", metavar="RUN_DIR", type=FOLDER, required=True, help="The folder of the run.")
@click.option("--resume", is_flag=True, help="Go on with the run in RUN_DIR.")
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help="Instead of the config's.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="Instead of the config's.")
@json_option
@progress_options
@debug_option
def command(
    data: Path,
    synthetic: Path | None,
    dev: str,
    config: str,
    lm: bool,
    sentences: int,
    out: Path,
    resume: bool,
    epochs: int | None,
    seed: int | None,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Train on the corpus DIR; the best checkpoint by the development split stays in RUN_DIR.

    A run that was interrupted goes on with --resume and ends with the same bits.
    """
    given = {"epochs": epochs, "seed": seed}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    started = perf_counter()
    if lm:
        run = _train_lm(data, dev, sentences, out, resume, changes, progress)
    else:
        run = _train(data, synthetic, dev, config, out, resume, changes, progress)
    figures = run.figures | {"seconds": perf_counter() - started}
    inputs = [Path(config)] if Path(config).is_file() and not lm else []
    record = keep("train", inputs, figures, run.checkpoint, run.settings)
    if as_json or not quiet:
        shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        show_record(record, as_json, f"{run.checkpoint}: {shown}")


@dataclass(frozen=True)
class Run:
    """A finished run."""

    checkpoint: Path
    figures: dict[str, float]
    settings: dict[str, Any]


def _train(
    data: Path,
    synthetic: Path | None,
    dev: str,
    config: str,
    out: Path,
    resume: bool,
    changes: dict[str, Any],
    progress: Progress,
) -> Run:
    from q4compile.speech.settings import training_settings
    from q4compile.speech.source import Source, mixture
    from q4compile.speech.train import STATE, train

    _refuse_other_runs(out / STATE, resume)
    chosen = replace(training_settings(config), **changes)
    done = train(chosen, mixture(data, synthetic), Source(data, dev), out, progress)
    figures = {"development_wer_percent": done.wer_percent, "best_epoch": done.epoch}
    return Run(done.checkpoint, {**figures, "epochs": chosen.epochs}, _plain(chosen))


def _train_lm(
    data: Path,
    dev: str,
    sentences: int,
    out: Path,
    resume: bool,
    changes: dict[str, Any],
    progress: Progress,
) -> Run:
    from q4compile.speech.texts import lm_texts
    from q4compile.speech.train_lm import LmTrainConfig, train_lm

    path = out / "lm.safetensors"
    _refuse_other_runs(path, resume=False)
    if resume:
        raise click.UsageError("--resume is for a transducer: a language model takes minutes")
    chosen = LmTrainConfig(**changes)
    texts, judged = lm_texts(data, chosen.lm.vocabulary, dev, sentences, chosen.seed)
    done = train_lm(chosen, texts, judged, path, progress)
    figures = {"nats_per_character": done.nats_per_character, "epochs": chosen.epochs}
    return Run(path, figures, _plain(chosen))


def _plain(config: "TrainConfig | LmTrainConfig") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return found


def _refuse_other_runs(result: Path, resume: bool) -> None:
    if result.exists() and not resume:
        raise OutputError(
            Finding(
                "Q553",
                "the output folder holds something already",
                f"{result.parent}",
                "a folder without a run, or --resume",
                f"{result.name}",
                "name another folder with --out, or go on with --resume",
            )
        )
