"""``q4compile eval``: the word error rate of a model on recorded speech."""

from pathlib import Path
from typing import Any

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
from q4compile.cli.search_options import Search, search_options
from q4compile.progress import Progress
from q4compile.report.record import new_record


@click.command(
    epilog=example(
        "q4compile eval model.q4.onnx --data an4 --split test",
        "q4compile eval model.q4.onnx --data an4 --beam 16 --lm lm.onnx --lambda 0.3 --rho 0.1",
    )
)
@click.argument("model", metavar="MODEL")
@data_option
@split_option
@search_options()
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Only N utterances, evenly taken."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that decode.",
)
@click.option(
    "--hypotheses",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append all hypotheses to FILE as they come; what is there already is not decoded again.",
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
    search: Search,
    limit: int | None,
    jobs: int,
    hypotheses: Path | None,
    against: Path | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Decode speech with MODEL; print word and character error rates.

    MODEL is an ONNX file (float or quantized), a folder with one file per network, a checkpoint, or
    the bundled `small`. With language models, score = log P(MODEL) + lambda log P(LM) - mu log
    P(SOURCE_LM) - nu log P(internal) + rho length.
    """
    from q4compile.speech.corpus import read_corpus, scored
    from q4compile.speech.evaluate import evenly, hear
    from q4compile.speech.search.decode import decode_corpus
    from q4compile.speech.search.decoder import open_decoder
    from q4compile.speech.search.summary import figures, text
    from q4compile.speech.transcripts import interval_to, write_transcripts

    config = search.config(model)
    decoder = open_decoder(config)
    corpus, split = scored(data, split)
    utterances = evenly(read_corpus(corpus, split), limit)
    heard = hear(utterances, decoder.ears.features, progress)
    rows = decode_corpus(config, heard, hypotheses, jobs, progress)
    found = figures(rows)
    if against is not None:
        found |= interval_to(against, rows)
    details: dict[str, Any] = {"backend": decoder.ears.backend, "data": str(corpus), "split": split}
    named = [Path(each) for each in (model, search.lm, search.source_lm) if each is not None]
    inputs = [path for path in named if path.exists()]
    if output is not None:
        write_transcripts(output, rows)
        record = keep("eval", inputs, found, output, details)
    else:
        record = new_record("eval", inputs, found, details)
    if as_json or not quiet:
        show_record(record, as_json, text(found))
