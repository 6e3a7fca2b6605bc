"""``q4compile train``: a transducer from recorded and synthesized speech, or a language model."""

from pathlib import Path
from time import perf_counter

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.records import keep, show_record
from q4compile.progress import Progress

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    epilog=example(
        "q4compile train --data an4 --synthetic speech --config small --out runs/small",
        "q4compile train --data an4 --lm --out runs/lm",
        "q4compile train --data an4 --synthetic speech --lm --sentences 0 --out runs/src",
    )
)
@click.option(
    "--data", metavar="DIR", type=FOLDER, required=True, help="A corpus with a training split."
)
@click.option(
    "--synthetic",
    metavar="DIR",
    type=FOLDER,
    help="A second corpus, mixed in 1:1; its text for --lm.",
)
@click.option("--dev", metavar="SPLIT", default="dev", show_default=True, help="What to judge by.")
@click.option(
    "--config",
    metavar="NAME_OR_FILE",
    default="small",
    show_default=True,
    help="small, paper, paper-ivector, or a YAML file of settings.",
)
@click.option(
    "--start",
    metavar="CHECKPOINT",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A transducer of the same sizes whose weights are the first ones.",
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
@click.option(
    "--cells",
    metavar="N",
    type=click.IntRange(min=1),
    help="Of the language model.  [default: 192]",
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
    start: Path | None,
    lm: bool,
    sentences: int,
    cells: int | None,
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
    from q4compile.speech.runs import run_lm, run_rnnt

    started = perf_counter()
    if lm and resume:
        raise click.UsageError("--resume is for a transducer: a language model takes minutes")
    if lm and start is not None:
        raise click.UsageError("--start is for a transducer")
    if lm:
        run = run_lm(data, dev, sentences, out, epochs, seed, progress, synthetic, cells)
    else:
        run = run_rnnt(data, synthetic, dev, config, out, resume, epochs, seed, progress, start)
    figures = run.figures | {"seconds": perf_counter() - started}
    inputs = [Path(config)] if Path(config).is_file() and not lm else []
    record = keep("train", inputs, figures, run.checkpoint, run.settings)
    if as_json or not quiet:
        shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        show_record(record, as_json, f"{run.checkpoint}: {shown}")
