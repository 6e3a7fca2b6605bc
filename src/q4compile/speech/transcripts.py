"""Transcripts as JSON lines: what `eval -o` writes and `eval --against` reads."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from q4compile.errors import DataError, Finding
from q4compile.files import write_text
from q4compile.speech.score import paired_bootstrap
from q4compile.speech.search.rows import Row

KEYS = ("id", "reference", "hypothesis", "errors", "words")


def write_transcripts(path: Path, rows: Sequence[Row]) -> None:
    """One line per utterance: id, reference, hypothesis, errors, words.

    Raises:
        OutputError: Q551, Q552.
    """
    lines = [json.dumps({key: getattr(row, key) for key in KEYS}) for row in rows]
    write_text(path, "".join(f"{line}\n" for line in lines))


def interval_to(path: Path, rows: Sequence[Row]) -> dict[str, float]:
    """WER(this) − WER(transcripts in `path`) and its paired-bootstrap 95 % interval, as figures.

    Raises:
        DataError: Q565 for a file that is not `eval -o`'s, or of other utterances.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        errors = {str(line["id"]): int(line["errors"]) for line in lines}
        earlier = np.array([errors[row.id] for row in rows])
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise DataError(_unusable(path, error)) from error
    now = np.array([row.errors for row in rows])
    found = paired_bootstrap(earlier, now, np.array([row.words for row in rows]))
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
