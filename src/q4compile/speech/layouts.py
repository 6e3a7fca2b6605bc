"""The three ways a corpus lies on disk: AN4, LibriSpeech and a JSON-lines manifest.

Each reader returns (split, utterance) pairs in the order of the corpus's own lists and appends what
does not parse to `findings`; none of them opens an audio file.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from q4compile.errors import Finding
from q4compile.speech.utterance import Utterance

MANIFEST = "manifest.jsonl"
AN4_DEV = frozenset(["ffmm", "fmjd", "mblw", "mdmc", "mjbh", "mmaf", "mrab", "msmn"])
"""Training speakers held out for development, so that nothing is chosen on the test list."""
AUDIO_SUFFIXES = (".flac", ".wav", ".sph")
TRANSCRIPT = re.compile(r"^(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<id>\S+)\)\s*$")

Entries = list[tuple[str | None, Utterance]]
Findings = list[Finding]


def is_an4(path: Path) -> bool:
    """Whether `path` holds AN4's lists."""
    return any((path / "etc" / f"an4_{part}.fileids").is_file() for part in ("train", "test"))


def is_librispeech(path: Path) -> bool:
    """Whether a transcript file of LibriSpeech lies anywhere below `path`."""
    return path.is_dir() and next(path.rglob("*.trans.txt"), None) is not None


def is_manifest(path: Path) -> bool:
    """Whether `path` is a .jsonl file or a folder that holds manifest.jsonl."""
    return (path.is_file() and path.suffix == ".jsonl") or (path / MANIFEST).is_file()


def read_an4(path: Path, findings: Findings) -> Entries:
    """AN4: etc/an4_{train,test}.{fileids,transcription}, audio below wav/; splits train, dev, test.

    dev is the eight speakers of `AN4_DEV`, taken out of train.
    """
    entries: Entries = []
    for part in ("train", "test"):
        lists = path / "etc" / f"an4_{part}.fileids"
        if lists.is_file():
            before = len(findings)
            texts = _an4_texts(lists.with_suffix(".transcription"), findings)
            if len(findings) == before:  # else every missing text would be reported twice
                entries += _an4_entries(path, part, lists, texts, findings)
    return entries


def read_librispeech(path: Path, findings: Findings) -> Entries:
    """LibriSpeech: SPLIT/SPEAKER/CHAPTER/*.trans.txt beside ID.flac; split = the folder's name."""
    entries: Entries = []
    for lists in sorted(path.rglob("*.trans.txt")):
        folder = lists.parent
        split = folder.parent.parent.name
        for _, line in _lines(lists, findings):
            name, _, text = line.partition(" ")
            utterance = Utterance(name, _audio(folder / name), text.strip(), name.split("-")[0])
            entries.append((split, utterance))
    return entries


def read_manifest(path: Path, findings: Findings) -> Entries:
    """JSON lines with audio, text, speaker and optionally id, split.

    A relative audio path starts at the manifest's folder and may not leave it; an absolute one is
    taken as it is. The default id is the audio path without its suffix.
    """
    path = path / MANIFEST if path.is_dir() else path
    entries: Entries = []
    seen: set[str] = set()
    for number, line in _lines(path, findings):
        entry = _manifest_entry(line, path.parent)
        if isinstance(entry, tuple) and entry[1].id in seen:
            entry = f"the id {entry[1].id!r} for a second time"
        if isinstance(entry, str):
            findings.append(_broken_line(path, number, entry))
        else:
            seen.add(entry[1].id)
            entries.append(entry)
    return entries


def _manifest_entry(line: str, folder: Path) -> tuple[str | None, Utterance] | str:
    """The entry, or in words what is wrong with the line."""
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:  # a number or a nesting without end
        return f"no JSON: {error}"
    if not isinstance(row, dict):
        return f"a JSON {type(row).__name__}"
    wrong = [key for key in ("audio", "text", "speaker") if not _is_text(row.get(key))]
    wrong += [key for key in ("id", "split") if not _is_text(row.get(key, ""))]
    if wrong:
        return f"no text under {', '.join(map(repr, wrong))}"
    audio = Path(row["audio"])
    if not audio.is_absolute() and ".." in audio.parts:
        return f"an audio path that leaves the manifest's folder: {row['audio']!r}"
    name = row.get("id", audio.with_suffix("").as_posix())
    return row.get("split"), Utterance(name, folder / audio, row["text"], row["speaker"])


def _is_text(value: object) -> bool:
    """A string that UTF-8 can write: JSON may hold halves of a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _an4_entries(
    path: Path, part: str, lists: Path, texts: dict[str, str], findings: Findings
) -> Iterator[tuple[str, Utterance]]:
    for number, line in _lines(lists, findings):
        file = Path(line)
        if file.name not in texts:
            findings.append(_broken_line(lists, number, f"{file.name!r} without a transcript"))
            continue
        speaker = file.parent.name
        split = "dev" if part == "train" and speaker in AN4_DEV else part
        yield split, Utterance(file.name, _audio(path / "wav" / file), texts[file.name], speaker)


def _an4_texts(path: Path, findings: Findings) -> dict[str, str]:
    texts = {}
    for number, line in _lines(path, findings):
        match = TRANSCRIPT.match(line)
        if match is None:
            findings.append(_broken_line(path, number, f"{line!r}"))
        else:
            texts[match["id"]] = " ".join(match["text"].split())
    return texts


def _audio(stem: Path) -> Path:
    """The audio file of that name that exists, else the first that could."""
    candidates = [stem.with_name(stem.name + suffix) for suffix in AUDIO_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _lines(path: Path, findings: Findings) -> list[tuple[int, str]]:
    """(line number from 1, stripped text) of every line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        findings.append(_unreadable_list(f"{path}", error.strerror or str(error)))
        return []
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"the byte 0x{error.object[error.start]:02x}, which is no UTF-8"
        findings.append(_unreadable_list(f"{path}:{line}", byte))
        return []
    lines = text.split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def _unreadable_list(at: str, got: str) -> Finding:
    return Finding(
        "Q507",
        "a list of the corpus cannot be read",
        at,
        "a file of UTF-8 text",
        got,
        "fetch the corpus again, or convert the list to UTF-8",
    )


_NEED = {
    ".jsonl": 'a JSON object with the strings "audio", "text" and "speaker"',
    ".transcription": "TEXT (ID), or <s> TEXT </s> (ID)",
    ".fileids": "the path of an audio file below wav/ whose name has a transcript",
    ".txt": "ID TEXT",
}


def _broken_line(path: Path, number: int, got: str) -> Finding:
    return Finding(
        "Q507",
        "a line of the corpus's list cannot be used",
        f"{path}:{number}",
        _NEED.get(path.suffix, _NEED[".jsonl"]),
        got,
        "correct the line, or delete it",
    )
