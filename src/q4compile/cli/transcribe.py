"""``q4compile transcribe``: sound files as text."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from q4compile.cli.options import debug_option, example, json_option, progress_options
from q4compile.cli.output import warn
from q4compile.cli.search_options import Search, search_options
from q4compile.progress import Progress

if TYPE_CHECKING:
    from q4compile.speech.transcribe import Transcript


@click.command(
    epilog=example(
        "q4compile transcribe hello.wav",
        "q4compile transcribe talk.flac --model model.q4.onnx --backend sim --timings",
    )
)
@click.argument("audio", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="MODEL",
    default="small",
    show_default=True,
    help="An ONNX file, a folder of them, a checkpoint, or the bundled one.",
)
@search_options(beam=8)
@click.option(
    "--window",
    type=click.FloatRange(0.5),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="Longer files are cut where they are quiet, into windows of at most this length.",
)
@click.option(
    "--n-best",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Hypotheses of each window, with their scores.",
)
@click.option("--timings", is_flag=True, help="Say when each window and each word begins and ends.")
@json_option
@progress_options
@debug_option
def command(
    audio: tuple[Path, ...],
    model: str,
    search: Search,
    window: float,
    n_best: int,
    timings: bool,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Write down what is said in AUDIO: any sampling rate, any number of channels, any length.

    The bundled model was trained on spelled names, numbers and commands; it knows little else.
    """
    from q4compile.speech.search.decoder import open_decoder
    from q4compile.speech.transcribe import transcribe

    decoder = open_decoder(search.config(model))
    for path in audio:
        done = transcribe(decoder, path, window, progress, timed=timings)
        if not quiet:
            warn(done.warnings)
        if as_json:
            click.echo(json.dumps(done.as_json(n_best), ensure_ascii=False))
        else:
            click.echo(_text(done, n_best, timings, len(audio) > 1))


def _text(done: "Transcript", n_best: int, timings: bool, several: bool) -> str:
    name = f"{done.path}: " if several else ""
    if n_best == 1 and not timings:
        return name + done.text
    lines = [f"{done.path}"] if several else []
    for part in done.parts:
        if timings:
            lines.append(f"[{part.start_s:.2f} s to {part.end_s:.2f} s]")
        shown = zip(part.texts[:n_best], part.hypotheses, strict=False)
        lines += [text if n_best == 1 else f"{each.score:9.3f}  {text}" for text, each in shown]
        lines += [f"{w.start_s:9.2f}  {w.end_s:9.2f}  {w.text}" for w in part.words or ()]
    if timings:
        lines.append(f"{done.audio_s:.2f} s of sound in {done.seconds:.2f} s")
    return "\n".join(lines)
