"""What the character language model reads: invented sentences and a corpus's transcripts."""

from pathlib import Path

import numpy as np

from q4compile.errors import DataError, raise_all
from q4compile.speech.corpus import read_corpus
from q4compile.speech.grammar import sentences
from q4compile.speech.utterance import Utterance
from q4compile.speech.vocabulary import Vocabulary, unknown_characters

TRANSCRIPT_COPIES = 8
"""Transcripts are few beside the sentences of the grammar, and more to the point."""


def lm_texts(
    corpus: Path,
    vocabulary: Vocabulary,
    development: str,
    invented: int,
    seed: int,
    synthetic: Path | None = None,
) -> tuple[list[str], list[str]]:
    """Texts to train on and texts to judge by, all within `vocabulary`.

    Without invented sentences, and with the corpus `synthetic` that a transducer heard too, they
    are what the transducer has heard: a source language model reads no more.

    Raises:
        DataError: Q504 for every transcript with other characters, Q505, Q507.
    """
    heard, judged = read_corpus(corpus, "train"), read_corpus(corpus, development)
    spoken = [] if synthetic is None else read_corpus(synthetic)
    raise_all(
        DataError,
        [
            unknown_characters(f"utterance {one.id!r}, {one.text!r}", unknown, vocabulary)
            for one in (*heard, *judged, *spoken)
            if (unknown := vocabulary.unknown(one.text))
        ],
    )
    made = sentences(np.random.default_rng(seed), invented)
    return [*made, *_texts(spoken), *_texts(heard) * TRANSCRIPT_COPIES], _texts(judged)


def _texts(utterances: list[Utterance]) -> list[str]:
    return [one.text for one in utterances]
