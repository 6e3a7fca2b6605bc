"""A corpus of recorded speech: found by its layout, checked before any work is spent on it."""

from collections.abc import Sequence
from pathlib import Path

from q4compile.errors import DataError, Finding, raise_all
from q4compile.progress import Progress, quiet
from q4compile.speech.layouts import (
    Entries,
    is_an4,
    is_librispeech,
    is_manifest,
    read_an4,
    read_librispeech,
    read_manifest,
)
from q4compile.speech.utterance import SAMPLE_RATE_HZ, Utterance, audio_findings, load_audio
from q4compile.speech.vocabulary import Vocabulary, unknown_characters

__all__ = [
    "DEMO",
    "DEMO_SPLIT",
    "LAYOUTS",
    "Utterance",
    "has_split",
    "load_audio",
    "read_corpus",
    "scored",
    "validate",
]

DEMO = Path(__file__).parent / "demo"
"""The bundled corpus: synthesized speech, so that a demonstration needs no download."""
DEMO_SPLIT = "test"
"""What of it is scored, unless told otherwise: its training split is what calibration hears."""

LAYOUTS = (
    (is_an4, read_an4),
    (is_manifest, read_manifest),
    (is_librispeech, read_librispeech),
)


def read_corpus(path: Path, split: str | None = None) -> list[Utterance]:
    """Return the utterances of one split, or of all; never an empty list.

    Layouts: AN4 (splits train, dev, test), a JSON-lines manifest (the split of each line) and
    LibriSpeech (the split is the folder's name, or its first part: "dev" takes dev-clean and
    dev-other). Audio is not opened: see `validate`.

    Raises:
        DataError: Q505 no corpus, or no utterance in that split; Q507 for every broken line.
    """
    entries = _entries(path)
    chosen = [utterance for name, utterance in entries if _in_split(name, split)]
    if not chosen:
        raise DataError(_empty(path, split, entries))
    return chosen


def has_split(path: Path, split: str) -> bool:
    """Whether `read_corpus(path, split)` finds any utterance.

    Raises:
        DataError: Q505 no corpus, Q507 for every broken line.
    """
    return any(_in_split(name, split) for name, _ in _entries(path))


def scored(data: Path | None, split: str | None) -> tuple[Path, str | None]:
    """Corpus and split to score: as asked for; without `data` `DEMO`, of it `DEMO_SPLIT`."""
    return (DEMO, split or DEMO_SPLIT) if data is None else (data, split)


def validate(
    utterances: Sequence[Utterance],
    vocabulary: Vocabulary,
    rate_hz: int = SAMPLE_RATE_HZ,
    progress: Progress = quiet,
) -> list[Finding]:
    """Return everything wrong with the utterances: Q501 to Q504, Q506, Q508; [] when all is well.

    Reads headers and the last sample of each file, not the sound.
    """
    findings = []
    for utterance in progress(utterances, "checking the corpus", len(utterances)):
        findings += audio_findings(utterance, rate_hz)
        findings += _text_findings(utterance, vocabulary)
    return findings


def _entries(path: Path) -> Entries:
    reader = next((read for recognises, read in LAYOUTS if recognises(path)), None)
    if reader is None:
        raise DataError(_no_corpus(path))
    findings: list[Finding] = []
    entries = reader(path, findings)
    raise_all(DataError, findings)
    return entries


def _text_findings(utterance: Utterance, vocabulary: Vocabulary) -> list[Finding]:
    at = f"utterance {utterance.id!r}"
    if not utterance.text.strip():
        return [
            Finding(
                "Q503",
                "an utterance has no transcript",
                at,
                "at least one word to compare the recognised words with",
                f"{utterance.text!r}",
                "transcribe it, or take the utterance out of the list",
            )
        ]
    unknown = vocabulary.unknown(utterance.text)
    return [unknown_characters(f"{at}, {utterance.text!r}", unknown, vocabulary)] if unknown else []


def _in_split(name: str | None, split: str | None) -> bool:
    return split is None or (name is not None and (name == split or name.startswith(f"{split}-")))


def _no_corpus(path: Path) -> Finding:
    return Finding(
        "Q505",
        "no corpus here",
        f"{path}",
        "AN4 (etc/an4_test.fileids), LibriSpeech (*.trans.txt) or a manifest (manifest.jsonl)",
        "none of them" if path.exists() else "no such file or folder",
        "name the folder that holds etc/, the split folders or manifest.jsonl",
    )


def _empty(path: Path, split: str | None, entries: Entries) -> Finding:
    splits = sorted({name for name, _ in entries if name is not None})
    return Finding(
        "Q505",
        "the corpus is empty" if split is None else f"the corpus has no split {split!r}",
        f"{path}",
        "at least one utterance" + (f" of split {split!r}" if split else ""),
        f"{len(entries)} utterances" + (", none of them in it" if split else ""),
        f"splits here: {', '.join(splits)}" if splits else None,
    )
