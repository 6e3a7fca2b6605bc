"""``q4compile tune-fusion``: fusion weights for a model and its language models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.records import keep, show_record
from q4compile.cli.search_options import Search, fusion_path, search_options
from q4compile.progress import Progress

FILE = click.Path(path_type=Path, dir_okay=False)


def highest(name: str, weight: str, default: float) -> Callable[[Any], Any]:
    """An option for the end of a range."""
    return click.option(
        f"--max-{name}",
        type=click.FloatRange(0),
        default=default,
        show_default=True,
        metavar="W",
        help=f"Highest {weight}; 0 leaves it out.",
    )


@click.command(
    epilog=example(
        "q4compile tune-fusion model.q4.onnx --lm lm.q4.onnx --source-lm source.q4.onnx --data an4"
    )
)
@click.argument("model", metavar="MODEL")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="AN4 or LibriSpeech layout, or a manifest.",
)
@click.option(
    "--split", metavar="NAME", default="dev", show_default=True, help="The development set."
)
@search_options(beam=8, weighted=False)
@highest("lambda", "weight of the external model", 1.0)
@highest("mu", "weight of the source model", 1.0)
@highest("nu", "weight of the internal model", 0.0)
@highest("rho", "reward for a symbol, and lowest below 0", 1.0)
@click.option(
    "--trials", type=click.IntRange(1), default=60, show_default=True, metavar="N", help="In all."
)
@click.option(
    "--metric",
    type=click.Choice(["wer", "cer"]),
    default="wer",
    show_default=True,
    help="The error rate to make small.",
)
@click.option(
    "--study",
    type=FILE,
    metavar="FILE",
    help="SQLite file of the trials, which is gone on with.  [default: OUTPUT.db]",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="The weights.  [default: MODEL.fusion.yaml, where eval and transcribe look]",
)
@json_option
@progress_options
@debug_option
def command(
    model: str,
    data: Path,
    split: str,
    search: Search,
    max_lambda: float,
    max_mu: float,
    max_nu: float,
    max_rho: float,
    trials: int,
    metric: str,
    study: Path | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Find the weights with which MODEL and its language models make the fewest errors.

    Each trial decodes the development set anew. A study that was interrupted is gone on with.
    """
    from q4compile.speech.corpus import read_corpus
    from q4compile.speech.evaluate import hear
    from q4compile.speech.search.decoder import open_decoder
    from q4compile.speech.search.fusion import write_fusion
    from q4compile.speech.search.tune import Ranges, tune

    output = output or fusion_path(model)
    decoder = open_decoder(search.config(model))
    heard = hear(read_corpus(data, split), decoder.ears.features, progress)
    ranges = Ranges(max_lambda, max_mu, max_nu, max_rho)
    study = study or Path(f"{output}.db")
    found = tune(decoder, heard, trials, study, ranges, metric, progress)
    write_fusion(found.weights, output)
    figures = {
        f"{metric}_percent": found.percent,
        f"{metric}_without_percent": found.percent_without,
        "trials": found.trials,
        "lambda": found.weights.external,
        "mu": found.weights.source,
        "nu": found.weights.internal,
        "rho": found.weights.length,
    }
    named = [Path(each) for each in (model, search.lm, search.source_lm) if each is not None]
    record = keep("tune-fusion", [each for each in named if each.exists()], figures, output)
    if as_json or not quiet:
        weights = ", ".join(f"{key} {figures[key]:g}" for key in ("lambda", "mu", "nu", "rho"))
        rates = (
            f"{metric.upper()} {found.percent_without:.2f} % without, {found.percent:.2f} % with"
        )
        show_record(record, as_json, f"{output}: {weights}\n{rates} them, {found.trials} trials")
