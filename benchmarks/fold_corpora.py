"""Which speakers and which sentences a network may hear: AN4 cut by speaker, names kept out.

Everything is a manifest (JSON lines) in the folder of the runs, so that a run is what
`q4compile train --data MANIFEST` would do.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from q4compile.files import write_text
from q4compile.speech.corpus import read_corpus
from q4compile.speech.utterance import Utterance

LONGEST_CODE = 5
"""Letters in a row that a code such as `RUBOUT G M E F THREE` has."""
JUDGED_EVERY = 40
"""Of the synthesized utterances one in so many is held back, to see that a training went well."""

Entry = tuple[str, Utterance]
"""(split, utterance)."""


def is_name(text: str) -> bool:
    """Whether `text` is a spelled name: letters and nothing else."""
    return all(len(word) == 1 for word in text.split())


def spells(text: str) -> bool:
    """Whether any part of `text` may be a spelled name: all letters, or more than a code has."""
    runs = re.findall(r"(?:\b[A-Z]\b ?)+", text)
    return is_name(text) or any(len(run.split()) > LONGEST_CODE for run in runs)


def nameless(text: str) -> bool:
    """What a network that never met a spelled name may hear."""
    return not spells(text)


def anything(text: str) -> bool:
    """Every sentence."""
    return True


def folds(speakers: Iterable[str], count: int) -> list[frozenset[str]]:
    """`count` disjoint sets that are all speakers: every one in one fold."""
    ordered = sorted(set(speakers))
    return [frozenset(ordered[k::count]) for k in range(count)]


def held_back(speakers: Iterable[str], every: int = 12) -> frozenset[str]:
    """The speakers of the training set that judge it: one in `every`."""
    return frozenset(sorted(set(speakers))[every // 2 :: every])


def fold_entries(
    utterances: Sequence[Utterance], tested: frozenset[str], allowed: Callable[[str], bool]
) -> list[Entry]:
    """Splits train, dev and test: dev and test of other speakers than train, test unfiltered."""
    judging = held_back(one.speaker for one in utterances if one.speaker not in tested)

    def split(one: Utterance) -> str:
        return "test" if one.speaker in tested else "dev" if one.speaker in judging else "train"

    return [(split(one), one) for one in utterances if one.speaker in tested or allowed(one.text)]


def synthetic_entries(corpus: Path, allowed: Callable[[str], bool]) -> list[Entry]:
    """Splits train and dev of a synthesized corpus."""
    heard = [one for one in read_corpus(corpus) if allowed(one.text)]
    return [
        ("train" if (number + 1) % JUDGED_EVERY else "dev", one) for number, one in enumerate(heard)
    ]


def manifest(path: Path, entries: Iterable[Entry]) -> Path:
    """`path`, holding the entries."""
    rows = [
        {
            "audio": str(one.audio.resolve()),
            "id": one.id,
            "text": one.text,
            "speaker": one.speaker,
            "split": split,
        }
        for split, one in entries
    ]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
    return path
