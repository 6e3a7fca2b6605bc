"""``q4compile synthesize``: a corpus of speech made by espeak-ng."""

from pathlib import Path
from time import perf_counter

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.records import keep, show_record
from q4compile.progress import Progress
from q4compile.report.json_file import Json

VOICES = click.Choice(["training", "held-out"])


@click.command(epilog=example("q4compile synthesize -n 5000 --seed 1 -o speech"))
@click.option(
    "-n",
    "--utterances",
    metavar="N",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="How many sentences.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Fixes sentences, voices, speeds and pauses.",
)
@click.option(
    "--voices",
    type=VOICES,
    default="training",
    show_default=True,
    help="Voices to draw from; held-out ones are never those of training.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A new or empty folder: FLAC files and manifest.jsonl.",
)
@json_option
@progress_options
@debug_option
def command(
    utterances: int,
    seed: int,
    voices: str,
    output: Path,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Speak invented sentences of names, numbers, dates and commands in many voices.

    The folder is a corpus for `train` and `eval`; equal arguments give equal sounds.
    """
    from q4compile.speech.layouts import MANIFEST
    from q4compile.speech.synthesis import HELD_OUT_VOICES, synthesize
    from q4compile.speech.synthesis import VOICES as TRAINING_VOICES

    started = perf_counter()
    chosen = TRAINING_VOICES if voices == "training" else HELD_OUT_VOICES
    audio_s = synthesize(output, utterances, seed, progress, chosen)
    figures = {"utterances": utterances, "audio_s": audio_s, "seconds": perf_counter() - started}
    details: dict[str, Json] = {"seed": seed, "voices": voices}
    record = keep("synthesize", [], figures, output / MANIFEST, details)
    if as_json or not quiet:
        text = f"{output}: {utterances} utterances, {audio_s / 60:.1f} minutes"
        show_record(record, as_json, text)
