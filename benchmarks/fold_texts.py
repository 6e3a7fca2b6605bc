"""What the language models of the experiments read.

external: names as people spell them, drawn by their frequency (names.tsv), alone or in sentences of
the grammar; no transcript.
source: what the transducer of the fold has heard: its transcripts, recorded and synthesized.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from q4compile.speech.grammar import WAYS, names_to_spell, sentences

NAMES = Path(__file__).parent / "names.tsv"
KINDS = {"first": 0.3, "last": 0.3, "town": 0.25, "street": 0.1, "word": 0.05}
"""What a form asks for; a street is a surname and often the kind of way, a word is a capitalised
one of the system's list."""
WAY_SHARE = 0.5
RECORDED_COPIES = 4
"""Transcripts of recordings, beside the synthesized ones, which are more."""


def spelled_names(count: int, seed: int) -> list[str]:
    """`count` lines such as "M A R Y"; equal arguments give equal lines."""
    rng = np.random.default_rng(seed)
    lists = _lists()
    words = names_to_spell()
    kinds = rng.choice(list(KINDS), size=count, p=list(KINDS.values()))
    found = []
    for kind in kinds:
        if kind == "word":
            name = words[int(rng.integers(len(words)))]
        else:
            names, shares = lists["last" if kind == "street" else kind]
            name = names[int(rng.choice(len(names), p=shares))]
        if kind == "street" and rng.random() < WAY_SHARE:
            name += WAYS[int(rng.integers(len(WAYS)))]
        found.append(" ".join(name))
    return found


def wide_sentences(count: int, seed: int) -> list[str]:
    """`count` sentences of the grammar, which spell names drawn by their frequency."""
    names = [line.replace(" ", "") for line in spelled_names(count, seed)]
    return sentences(np.random.default_rng(seed), count, names)


def heard_texts(recorded: Sequence[str], synthesized: Sequence[str]) -> list[str]:
    """All transcripts of a transducer's training."""
    return [*recorded] * RECORDED_COPIES + [*synthesized]


def _lists() -> dict[str, tuple[list[str], np.ndarray]]:
    """Kind → names and their probabilities."""
    found: dict[str, tuple[list[str], np.ndarray]] = {}
    rows = [line.split("\t") for line in NAMES.read_text(encoding="utf-8").splitlines()]
    for kind in dict.fromkeys(row[0] for row in rows):
        names = [row[1] for row in rows if row[0] == kind]
        shares = np.array([float(row[2]) for row in rows if row[0] == kind])
        found[kind] = names, shares / shares.sum()
    return found
