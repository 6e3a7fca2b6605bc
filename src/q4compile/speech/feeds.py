"""Speech as calibration data: each utterance is one feed, with its own transcript as tokens."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding, raise_all
from q4compile.speech.corpus import DEMO, has_split, read_corpus, validate
from q4compile.speech.evaluate import evenly
from q4compile.speech.features import FeatureConfig, features
from q4compile.speech.metadata import SpeechMetadata
from q4compile.speech.utterance import Utterance, load_audio
from q4compile.speech.vocabulary import BLANK, Vocabulary, unknown_characters

Feed = dict[str, NDArray[np.generic]]
TRAINING = "train"
LIMIT = 128
"""Utterances taken unless told otherwise. On the bundled model, the logits' divergence from the
float model's on development speech is 8.0, 7.4, 7.2, 7.7, 7.0 thousandths with 32, 64, 128, 256,
and 848 of them."""


class SpeechFeeds:
    """Feeds of an exported network, made one at a time as they are asked for.

    Features, their length and tokens for a transducer; tokens alone for a language model. The
    tokens are the blank as start symbol, then the transcript.
    """

    def __init__(self, metadata: SpeechMetadata, utterances: Sequence[Utterance]) -> None:
        self.vocabulary, self.config = metadata.vocabulary, metadata.features
        self.utterances = utterances

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Feed]:
        """Check all utterances, then yield feed after feed.

        Raises:
            DataError: Q501 to Q508 for every utterance that is unusable.
        """
        raise_all(DataError, _findings(self.utterances, self.vocabulary, self.config))
        for utterance in self.utterances:
            tokens = np.array([[BLANK, *self.vocabulary.encode(utterance.text)]], np.int64)
            yield _heard(utterance, self.config) | {"tokens": tokens}


def speech_feeds(metadata: SpeechMetadata, corpus: Path = DEMO, limit: int = LIMIT) -> SpeechFeeds:
    """The feeds of `calibration_utterances(corpus, limit)`.

    Raises:
        DataError: Q505, Q507 for a folder that is no corpus.
    """
    return SpeechFeeds(metadata, calibration_utterances(corpus, limit))


def calibration_utterances(corpus: Path, limit: int = LIMIT) -> list[Utterance]:
    """At most `limit` utterances of the training split, or of all where there is none.

    They are spaced evenly, so that speakers recorded one after the other all have their say.

    Raises:
        DataError: Q505, Q507 for a folder that is no corpus.
    """
    split = TRAINING if has_split(corpus, TRAINING) else None
    return evenly(read_corpus(corpus, split), limit)


def _heard(utterance: Utterance, config: FeatureConfig | None) -> Feed:
    if config is None:
        return {}
    frames = features(load_audio(utterance, config.sample_rate_hz), config)
    return {"features": frames[None], "feature_lengths": np.array([len(frames)], np.int64)}


def _findings(
    utterances: Sequence[Utterance], vocabulary: Vocabulary, config: FeatureConfig | None
) -> list[Finding]:
    if config is not None:
        return validate(utterances, vocabulary, config.sample_rate_hz)
    return [
        unknown_characters(f"utterance {each.id!r}, {each.text!r}", unknown, vocabulary)
        for each in utterances
        if (unknown := vocabulary.unknown(each.text))
    ]
