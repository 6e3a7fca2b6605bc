"""Transcripts as JSON lines: what `eval -o` writes and `eval --against` reads."""

import json
from pathlib import Path

import numpy as np

from q4compile.errors import DataError, Finding
from q4compile.files import write_text
from q4compile.speech.evaluate import Evaluation, Heard
from q4compile.speech.score import paired_bootstrap

KEYS = ("id", "reference", "hypothesis", "errors", "words")


def write_transcripts(path: Path, heard: Heard, done: Evaluation) -> None:
    """One line per utterance: id, reference, hypothesis, errors, words.

    Raises:
        OutputError: Q551, Q552.
    """
    ids = [utterance.id for utterance in heard.utterances]
    counts = zip(done.errors.tolist(), done.words.tolist(), strict=True)
    rows = zip(ids, done.references, done.hypotheses, counts, strict=True)
    lines = [json.dumps(dict(zip(KEYS, (*row[:3], *row[3]), strict=True))) for row in rows]
    write_text(path, "".join(f"{line}\n" for line in lines))


def interval_to(path: Path, heard: Heard, done: Evaluation) -> dict[str, float]:
    """WER(this) − WER(transcripts in `path`) and its paired-bootstrap 95 % interval, as figures.

    Raises:
        DataError: Q565 for a file that is not `eval -o`'s, or of other utterances.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        errors = {str(row["id"]): int(row["errors"]) for row in rows}
        earlier = np.array([errors[utterance.id] for utterance in heard.utterances])
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise DataError(_unusable(path, error)) from error
    found = paired_bootstrap(earlier, done.errors, done.words)
    return {
        "wer_difference_percent": found.difference_percent,
        "wer_difference_low_percent": found.low,
        "wer_difference_high_percent": found.high,
    }


def _unusable(path: Path, error: Exception) -> Finding:
    reason = f"no utterance {error}" if isinstance(error, KeyError) else f"{error}"
    return Finding(
        "Q565",
        "the transcripts cannot be compared",
        f"{path}",
        "JSON lines as eval -o writes them, of the same utterances",
        reason,
        "run q4compile eval on the same --data, --split and --limit with -o",
    )
