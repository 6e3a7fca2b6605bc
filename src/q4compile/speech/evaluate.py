"""``WER = (S + D + I) / N`` of a model on recorded speech, and how long the decoding took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray

from q4compile.progress import Progress, quiet
from q4compile.speech.corpus import load_audio
from q4compile.speech.features import FeatureConfig, features
from q4compile.speech.greedy import Floats, Transducer, greedy
from q4compile.speech.score import ErrorRate, Interval, cer, paired_bootstrap, word_errors
from q4compile.speech.utterance import Utterance
from q4compile.speech.vocabulary import Vocabulary

GROUP = 32  # utterances decoded together, and the step of the progress bar


@dataclass(frozen=True)
class Heard:
    """Utterances with their features: computed once, decoded by as many models as one likes."""

    utterances: tuple[Utterance, ...]
    features: tuple[Floats, ...]
    durations_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Sound in all [s]."""
        return sum(self.durations_s)


@dataclass(frozen=True)
class Evaluation:
    """Transcripts of one model, in the order of the utterances."""

    references: tuple[str, ...]
    hypotheses: tuple[str, ...]
    errors: NDArray[np.int64]
    """Word errors of each utterance."""
    words: NDArray[np.int64]
    """Reference words of each utterance."""
    audio_s: float
    decoding_s: float
    """CPU time of encoder and search, without the features [s]."""

    @property
    def wer(self) -> ErrorRate:
        """Word error rate over all utterances."""
        return ErrorRate(int(self.errors.sum()), int(self.words.sum()))

    @property
    def cer(self) -> ErrorRate:
        """Character error rate over all utterances."""
        return cer(self.references, self.hypotheses)

    @property
    def rtf(self) -> float:
        """Real-time factor: CPU seconds of decoding per second of sound."""
        return self.decoding_s / self.audio_s

    def figures(self) -> dict[str, float]:
        """The figures of a record."""
        return {
            "wer_percent": self.wer.percent,
            "cer_percent": self.cer.percent,
            "word_errors": self.wer.errors,
            "words": self.wer.length,
            "utterances": len(self.references),
            "audio_s": self.audio_s,
            "rtf": self.rtf,
        }


def evenly(utterances: Sequence[Utterance], limit: int | None) -> list[Utterance]:
    """`limit` of the utterances, evenly spaced; all of them when there are no more, or no limit."""
    if limit is None or limit >= len(utterances):
        return list(utterances)
    return [utterances[i * len(utterances) // limit] for i in range(limit)]


def hear(
    utterances: Sequence[Utterance], config: FeatureConfig, progress: Progress = quiet
) -> Heard:
    """The features of `utterances`.

    Raises:
        DataError: Q502, Q506 for audio that cannot be used.
    """
    found, durations = [], []
    for utterance in progress(utterances, "features", len(utterances)):
        samples = load_audio(utterance, config.sample_rate_hz)
        durations.append(len(samples) / config.sample_rate_hz)
        found.append(features(samples, config))
    return Heard(tuple(utterances), tuple(found), tuple(durations))


def evaluate(
    transducer: Transducer,
    heard: Heard,
    vocabulary: Vocabulary,
    max_symbols_per_frame: int = 10,
    progress: Progress = quiet,
) -> Evaluation:
    """Decode greedily and score against the transcripts."""
    started = process_time()
    tokens: dict[int, list[int]] = {}
    order = sorted(range(len(heard.features)), key=lambda i: len(heard.features[i]))
    groups = [order[at : at + GROUP] for at in range(0, len(order), GROUP)]
    for group in progress(groups, "decoding", len(groups)):
        decoded = greedy(
            transducer, [heard.features[i] for i in group], max_symbols_per_frame, GROUP
        )
        tokens |= dict(zip(group, decoded, strict=True))
    spent = process_time() - started
    hypotheses = tuple(vocabulary.decode(tokens[i]) for i in range(len(heard.features)))
    references = tuple(utterance.text for utterance in heard.utterances)
    errors, words = word_errors(references, hypotheses)
    return Evaluation(references, hypotheses, errors, words, heard.seconds, spent)


def compare(baseline: Evaluation, other: Evaluation) -> Interval:
    """WER(other) − WER(baseline) on the same utterances; 95 % interval by paired bootstrap."""
    return paired_bootstrap(baseline.errors, other.errors, baseline.words)


def pooled(parts: Iterable[Evaluation]) -> Evaluation:
    """Several sets scored as one."""
    each = list(parts)
    return Evaluation(
        tuple(text for part in each for text in part.references),
        tuple(text for part in each for text in part.hypotheses),
        np.concatenate([part.errors for part in each]),
        np.concatenate([part.words for part in each]),
        sum(part.audio_s for part in each),
        sum(part.decoding_s for part in each),
    )
