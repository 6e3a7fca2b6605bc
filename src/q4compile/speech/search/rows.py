"""What became of each utterance, as JSON lines: scores, counts, and every hypothesis."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from q4compile.errors import DataError, Finding, OutputError
from q4compile.speech.score import character_errors, word_edits
from q4compile.speech.search.hypothesis import Counts, NBest


@dataclass(frozen=True)
class Row:
    """One utterance. The fields up to `words` are those of `eval -o`."""

    id: str
    reference: str
    hypothesis: str
    errors: int
    words: int
    substitutions: int
    deletions: int
    insertions: int
    character_errors: int
    characters: int
    audio_s: float
    decoding_s: float
    """CPU time; of utterances that were decoded together, by their share of the sound."""
    counts: Counts
    calls: Mapping[str, float]
    """Of the components, for all that were decoded together; none of those behind the first."""
    n_best: tuple[Mapping[str, Any], ...]
    """text, score, transducer, models of each hypothesis."""
    settings: str
    """Fingerprint of what it was decoded with."""


def scored(
    name: str, reference: str, audio_s: float, texts: list[str], found: NBest, **rest: Any
) -> Row:
    """The row of an utterance whose hypotheses read `texts`."""
    edits = word_edits(reference, texts[0])
    wrong, length = character_errors(reference, texts[0])
    kinds = edits.substitutions, edits.deletions, edits.insertions
    n_best = tuple(
        {"text": text, "score": each.score, "transducer": each.transducer, "models": each.models}
        for text, each in zip(texts, found.hypotheses, strict=True)
    )
    return Row(
        name,
        reference,
        texts[0],
        edits.errors,
        edits.length,
        *kinds,
        wrong,
        length,
        audio_s,
        counts=found.counts,
        n_best=n_best,
        **rest,
    )


class RowFile:
    """JSON lines that grow while the work goes on, and are found again after a break.

    `found` holds every row by its id: those of the file, then those that are appended. A last line
    that was cut short is dropped. Without a path, nothing is written.

    Raises:
        DataError: Q585 for a file of something else, or of other models or settings.
        OutputError: Q551 when the file cannot be written.
    """

    def __init__(self, path: Path | None, settings: str) -> None:
        self.found: dict[str, Row] = {}
        self._file: BinaryIO | None = None
        if path is None:
            return
        text = path.read_bytes() if path.is_file() else b""
        whole = text[: text.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            row = _parsed(f"{path}:{number}", line, settings)
            self.found[row.id] = row
        try:
            self._file = path.open("ab")
            self._file.truncate(len(whole))
        except OSError as error:
            raise OutputError(_unwritable(path, error)) from error

    def append(self, rows: list[Row]) -> None:
        """Write rows, so that they outlive this process."""
        self.found |= {row.id: row for row in rows}
        if self._file is not None:
            lines = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows]
            self._file.write("".join(lines).encode())
            self._file.flush()

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()


def _parsed(at: str, line: bytes, settings: str) -> Row:
    need = "hypotheses as eval --hypotheses writes them"
    try:
        found = json.loads(line)
        counts = Counts(**found.pop("counts"))
        row = Row(counts=counts, n_best=tuple(found.pop("n_best")), **found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(_unusable(at, need, f"{error}")) from error
    if row.settings != settings:
        need = f"hypotheses of these models and settings ({settings})"
        raise DataError(_unusable(at, need, f"those of others ({row.settings})"))
    return row


def _unusable(at: str, need: str, got: str) -> Finding:
    fix = "name another file, or remove this one"
    return Finding("Q585", "the hypotheses cannot be gone on with", at, need, got, fix)


def _unwritable(path: Path, error: OSError) -> Finding:
    need = "a path in a folder this user may write to"
    fix = "name another file with --hypotheses"
    got = f"{error.strerror}"
    return Finding("Q551", "the output cannot be written", f"{path}", need, got, fix)
