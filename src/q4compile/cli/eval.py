"""``q4compile eval``: the word error rate of a model on recorded speech."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from q4compile.cli.options import (
    data_option,
    debug_option,
    example,
    json_option,
    progress_options,
    split_option,
)
from q4compile.cli.records import keep, show_record
from q4compile.progress import Progress
from q4compile.report.record import new_record

if TYPE_CHECKING:
    from q4compile.speech.evaluate import Evaluation

BACKENDS = click.Choice(["onnxruntime", "sim", "torch"])


@click.command(epilog=example("q4compile eval model.q4.onnx --data an4 --split test"))
@click.argument("model", metavar="MODEL")
@data_option
@split_option
@click.option("--backend", type=BACKENDS, help="What runs it.  [default: by the kind of file]")
@click.option(
    "--target",
    metavar="NAME_OR_FILE",
    default="rapid1",
    show_default=True,
    help="The accelerator that the backend sim stands for.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Only N utterances, evenly taken."
)
@click.option(
    "--max-symbols",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Symbols per encoder frame.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Print the difference to earlier transcripts of the same speech.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write transcripts as JSON lines to FILE, and FILE.record.json.",
)
@json_option
@progress_options
@debug_option
def command(
    model: str,
    data: Path | None,
    split: str | None,
    backend: str | None,
    target: str,
    limit: int | None,
    max_symbols: int,
    against: Path | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Decode speech with MODEL greedily; print word and character error rates.

    MODEL is an ONNX file (float or quantized), a folder with one file per network, a checkpoint, or
    the bundled `small`.
    """
    from q4compile.speech.corpus import read_corpus, scored
    from q4compile.speech.evaluate import evaluate, evenly, hear
    from q4compile.speech.recognizer import recognizer
    from q4compile.speech.transcripts import interval_to, write_transcripts

    ears = recognizer(model, backend, target)
    corpus, split = scored(data, split)
    utterances = evenly(read_corpus(corpus, split), limit)
    heard = hear(utterances, ears.features, progress)
    done = evaluate(ears.transducer, heard, ears.vocabulary, max_symbols, progress)
    details: dict[str, Any] = {"backend": ears.backend, "data": str(corpus), "split": split}
    figures = done.figures() | ears.counts()
    if against is not None:
        figures |= interval_to(against, heard, done)
    inputs = [Path(model)] if Path(model).exists() else []
    if output is not None:
        write_transcripts(output, heard, done)
        record = keep("eval", inputs, figures, output, details)
    else:
        record = new_record("eval", inputs, figures, details)
    if as_json or not quiet:
        show_record(record, as_json, _text(done, figures))


def _text(done: "Evaluation", figures: dict[str, float]) -> str:
    lines = [
        f"WER {done.wer.percent:.2f} % ({done.wer.errors} errors in {done.wer.length} words)",
        f"CER {done.cer.percent:.2f} %",
        f"RTF {done.rtf:.4f} ({done.decoding_s:.1f} CPU-seconds for {done.audio_s:.0f} s of sound)",
    ]
    if "wer_difference_percent" in figures:
        ends = figures["wer_difference_low_percent"], figures["wer_difference_high_percent"]
        change = figures["wer_difference_percent"]
        lines.append(
            f"difference {change:+.2f} points, 95 % interval [{ends[0]:+.2f}, {ends[1]:+.2f}]"
        )
    return "\n".join(lines)
