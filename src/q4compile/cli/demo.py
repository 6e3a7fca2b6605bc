"""``q4compile demo``: the main job from end to end, on bundled speech or on a corpus."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from q4compile.cli.options import (
    data_option,
    debug_option,
    example,
    json_option,
    progress_options,
    split_option,
)
from q4compile.cli.records import keep
from q4compile.progress import Progress
from q4compile.report.json_file import Json

if TYPE_CHECKING:
    from q4compile.speech.corpus import Utterance
    from q4compile.speech.evaluate import Heard
    from q4compile.speech.study import Trial

MACHINE_RECIPE, TARGET = "rnnt", "rapid1"
RECIPES = ("w8a8", "w4a8", "rnnt", "w4a4-naive")
COLUMNS = ("recipe", "WER %", "difference, 95 % interval", "compression", "LSTM INT4", "RTF")


@click.command(epilog=example("q4compile demo", "q4compile demo --data an4 --split test"))
@data_option
@split_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo"),
    show_default=True,
    metavar="FOLDER",
    help="Where models and records go.",
)
@click.option(
    "--recipe", "recipes", multiple=True, metavar="NAME", help=f"Instead of {', '.join(RECIPES)}."
)
@json_option
@progress_options
@debug_option
def command(
    data: Path | None,
    split: str | None,
    output: Path,
    recipes: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Export the bundled RNN-T, quantize it by several recipes, decode speech with each; then lower
    the one that is INT4 throughout, and decode on the simulated accelerator.

    Every model and the record of its figures stay in FOLDER.
    """
    from q4compile.speech.checkpoint import load_rnnt, shipped
    from q4compile.speech.corpus import read_corpus, scored
    from q4compile.speech.evaluate import hear
    from q4compile.speech.feeds import calibration_utterances
    from q4compile.speech.study import study

    (corpus, split), source = scored(data, split), shipped("small")
    heard = hear(read_corpus(corpus, split), load_rnnt(source).config.features, progress)
    calibrating = calibration_utterances(corpus)
    if not quiet and not as_json:
        click.echo(_speech(corpus, heard, calibrating))
    trials: list[Trial] = []
    for trial in study(source, recipes or RECIPES, {"speech": heard}, corpus, output, progress):
        trials.append(trial)
        _keep(trial, trials[0], source, len(calibrating))
    machines = [
        _on_machine(trial, heard, progress) for trial in trials if trial.recipe == MACHINE_RECIPE
    ]
    if as_json:
        click.echo(_json(trials, machines))
    elif not quiet:
        _print(trials)
        for machine in machines:
            click.echo(_machine_line(machine))
        click.echo(f"models and records: {output}")


def _speech(corpus: Path, heard: "Heard", calibrating: Sequence["Utterance"]) -> str:
    both = len(set(heard.utterances) & set(calibrating))
    return (
        f"speech from {corpus}\n"
        f"{len(calibrating)} utterances calibrate, {len(heard.utterances)} are scored "
        f"({heard.seconds:.0f} s), {both or 'none'} of them heard in calibration"
    )


def _figures(trial: "Trial", reference: "Trial") -> dict[str, float]:
    from q4compile.speech.evaluate import compare

    done, baseline = trial.evaluations["speech"], reference.evaluations["speech"]
    change = compare(baseline, done)
    return {
        **trial.figures,
        **done.figures(),
        "wer_difference_percent": change.difference_percent,
        "wer_difference_low_percent": change.low,
        "wer_difference_high_percent": change.high,
    }


def _keep(trial: "Trial", reference: "Trial", source: Path, calibrating: int) -> None:
    details: dict[str, Json] = {"recipe": trial.recipe, "calibration_utterances": calibrating}
    keep("demo", [source], _figures(trial, reference), trial.path, details)


def _on_machine(trial: "Trial", heard: "Heard", progress: Progress) -> Mapping[str, float]:
    """The figures of its program, kept beside it, and of decoding with it."""
    from q4compile.lower.files import lower_file
    from q4compile.speech.on_machine import decoded_on_machine

    written = lower_file(trial.path, TARGET)
    figures = {**written.figures, **decoded_on_machine(trial.path, TARGET, heard, progress)}
    details: dict[str, Json] = {"recipe": trial.recipe, "target": TARGET}
    keep("demo", [trial.path], figures, written.output, details)
    return figures


def _json(trials: Sequence["Trial"], machines: Sequence[Mapping[str, float]]) -> str:
    import json

    found = {trial.recipe: _figures(trial, trials[0]) for trial in trials}
    found |= {f"{MACHINE_RECIPE} on {TARGET}": dict(each) for each in machines}
    return json.dumps(found, indent=2)


def _machine_line(figures: Mapping[str, float]) -> str:
    return (
        f"{MACHINE_RECIPE} on the simulated accelerator {TARGET}, bit for bit: WER"
        f" {figures['wer_percent']:.2f} %, {figures['cycles_total']:.0f} cycles, RTF"
        f" {figures['machine_rtf']:.5f}, {figures['energy_mj']:.2f} mJ;"
        f" {figures['code_bytes']:.0f} bytes of code"
    )


def _print(trials: Sequence["Trial"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*COLUMNS)
    for trial in trials:
        found = _figures(trial, trials[0])
        ends = found["wer_difference_low_percent"], found["wer_difference_high_percent"]
        change = f"{found['wer_difference_percent']:+.2f} [{ends[0]:+.2f}, {ends[1]:+.2f}]"
        quantized = "compression_ratio" in found
        table.add_row(
            trial.recipe,
            f"{found['wer_percent']:.2f}",
            change if quantized else "",
            f"{found['compression_ratio']:.2f}x" if quantized else "1.00x",
            f"{100 * found['lstm_int4_share']:.0f} %" if quantized else "0 %",
            f"{found['rtf']:.4f}",
        )
    Console().print(table)
