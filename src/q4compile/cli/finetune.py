"""``q4compile finetune``: train an emitted package, quantized or float, on recorded speech."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.records import keep, show_record
from q4compile.progress import Progress

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    epilog=example(
        "q4compile finetune model_qat --data an4 --teacher model_float --out runs/w4a4",
        "torchrun --nproc_per_node=2 -m q4compile finetune model_qat --data an4 --out runs/w4a4",
        "q4compile absorb runs/w4a4 model.q4.onnx -o trained.q4.onnx",
    )
)
@click.argument("package", type=FOLDER)
@click.option(
    "--data", metavar="DIR", type=FOLDER, required=True, help="A corpus with a training split."
)
@click.option("--synthetic", metavar="DIR", type=FOLDER, help="A second corpus, mixed in 1:1.")
@click.option("--dev", metavar="SPLIT", default="dev", show_default=True, help="What to score on.")
@click.option(
    "--teacher", metavar="PACKAGE", type=FOLDER, help="The float model's package, to learn from."
)
@click.option(
    "--distill",
    metavar="WEIGHT",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Of the divergence from the teacher.",
)
@click.option(
    "--sentences",
    metavar="N",
    type=click.IntRange(min=0),
    default=20000,
    show_default=True,
    help="Invented sentences a language model reads too.",
)
@click.option("--out", metavar="RUN_DIR", type=FOLDER, required=True, help="The folder of the run.")
@click.option("--resume", is_flag=True, help="Go on with the run in RUN_DIR.")
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help="[default: 10]")
@click.option(
    "--rate", metavar="R", type=click.FloatRange(min=0), help="Peak learning rate.  [default: 5e-4]"
)
@click.option(
    "--final-rate",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Of the peak rate, left at the end; 1 holds the rate.  [default: 0]",
)
@click.option(
    "--average",
    metavar="DECAY",
    type=click.FloatRange(0, 1, max_open=True),
    help="Of the moving average that is kept: about 1 / (1 - DECAY) steps.  [default: 0.995]",
)
@click.option(
    "--patience",
    metavar="N",
    type=click.IntRange(min=1),
    help="Stop after N scores without a better one, keep the best.  [default: keep the last]",
)
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--tensorboard", is_flag=True, help="Write curves into RUN_DIR/curves.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@json_option
@progress_options
@debug_option
def command(
    package: Path,
    data: Path,
    synthetic: Path | None,
    dev: str,
    teacher: Path | None,
    distill: float,
    sentences: int,
    out: Path,
    resume: bool,
    epochs: int | None,
    rate: float | None,
    final_rate: float | None,
    average: float | None,
    patience: int | None,
    seed: int,
    tensorboard: bool,
    device: str,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Fine-tune PACKAGE, which `q4compile qat` made; trained weights stay in RUN_DIR.

    PACKAGE itself stays as it is. A run that was interrupted goes on with --resume and ends with
    the same bits.
    """
    from q4compile.speech.finetune import FinetuneConfig
    from q4compile.speech.finetune_runs import Lessons, run_finetune
    from q4compile.speech.processes import is_first

    started = perf_counter()
    given = {
        "epochs": epochs,
        "peak_rate": rate,
        "final_rate": final_rate,
        "average_decay": average,
        "patience": patience,
        "seed": seed,
    }
    config = replace(FinetuneConfig(), **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    lessons = Lessons(data, synthetic, dev, sentences, teacher, distill)
    run = run_finetune(package, lessons, config, out, resume, tensorboard, device, progress)
    if not is_first():
        return
    figures = run.figures | {"seconds": perf_counter() - started}
    record = keep("finetune", [], figures, run.checkpoint, run.settings)
    if as_json or not quiet:
        shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        show_record(record, as_json, f"{run.checkpoint}: {shown}")
