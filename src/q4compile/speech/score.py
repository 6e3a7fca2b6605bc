"""Error rates of transcripts, and whether two of them differ by more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray

CHUNK = 500
"""Bootstrap draws held in memory at once."""


@dataclass(frozen=True)
class ErrorRate:
    """percent = 100 * errors / length; errors are substitutions + deletions + insertions."""

    errors: int
    length: int

    @property
    def percent(self) -> float:
        """Errors per hundred words (or characters) of the references; 0 for no references."""
        return 100.0 * self.errors / self.length if self.length else 0.0


@dataclass(frozen=True)
class Interval:
    """A difference of two error rates in percentage points and its 95 % interval [low, high]."""

    difference_percent: float
    low: float
    high: float


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """Word error rate of the whole set: all errors over all reference words."""
    errors, words = word_errors(references, hypotheses)
    return ErrorRate(int(errors.sum()), int(words.sum()))


def cer(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """Character error rate of the whole set; the spaces between words count as characters."""
    counts = [character_errors(*pair) for pair in zip(references, hypotheses, strict=True)]
    return ErrorRate(sum(errors for errors, _ in counts), sum(length for _, length in counts))


@dataclass(frozen=True)
class Edits:
    """What turns a reference into a hypothesis, by jiwer's alignment."""

    substitutions: int
    deletions: int
    insertions: int
    length: int
    """Of the reference."""

    @property
    def errors(self) -> int:
        """All three together."""
        return self.substitutions + self.deletions + self.insertions


def word_edits(reference: str, hypothesis: str) -> Edits:
    """Words that differ."""
    if not reference.split():  # jiwer refuses empty references; every word is then an insertion
        return Edits(0, 0, len(hypothesis.split()), 0)
    found = jiwer.process_words(reference, hypothesis)
    substitutions, deletions = found.substitutions, found.deletions
    return Edits(substitutions, deletions, found.insertions, substitutions + deletions + found.hits)


def word_errors(
    references: Sequence[str], hypotheses: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(int64[n] errors, int64[n] reference words) of each utterance, by jiwer's alignment."""
    edits = [word_edits(*pair) for pair in zip(references, hypotheses, strict=True)]
    table = np.array([(each.errors, each.length) for each in edits], np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def bootstrap(
    errors: NDArray[np.int64], words: NDArray[np.int64], samples: int = 10000, seed: int = 0
) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of the error rate in percent over resampled sets of utterances.

    As `paired_bootstrap`, of one system.
    """
    found = paired_bootstrap(np.zeros_like(errors), errors, words, samples, seed)
    return found.low, found.high


def paired_bootstrap(
    errors_a: NDArray[np.int64],
    errors_b: NDArray[np.int64],
    words: NDArray[np.int64],
    samples: int = 10000,
    seed: int = 0,
) -> Interval:
    """WER(b) - WER(a) with the 2.5 and 97.5 percentiles over resampled sets of utterances.

    Utterances are the unit drawn with replacement, the same ones for both systems (Bisani and Ney
    2004), so what is hard for both cancels. An interval that holds 0 proves no difference.

    Args:
        errors_a: int[n] word errors of the first system (the baseline).
        errors_b: int[n] word errors of the second system on the same utterances.
        words: int[n] reference words.
        samples: Number of resampled sets.
        seed: Fixes the draws: equal arguments give the equal interval.
    """
    rng = np.random.default_rng(seed)
    extra = np.asarray(errors_b, np.int64) - np.asarray(errors_a, np.int64)
    drawn = [_draw(extra, words, rng, min(CHUNK, samples - i)) for i in range(0, samples, CHUNK)]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(100.0 * float(extra.sum()) / float(words.sum()), float(low), float(high))


def _draw(
    extra: NDArray[np.int64], words: NDArray[np.int64], rng: np.random.Generator, count: int
) -> NDArray[np.float64]:
    """float64[count]: the WER difference in percent of `count` resampled sets."""
    chosen = rng.integers(0, len(words), (count, len(words)))
    differences: NDArray[np.float64] = 100.0 * extra[chosen].sum(axis=1) / words[chosen].sum(axis=1)
    return differences


def character_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Errors and reference characters; the spaces between words count as characters."""
    if not reference:
        return len(hypothesis), 0
    found = jiwer.process_characters(reference, hypothesis)
    errors = found.substitutions + found.deletions + found.insertions
    return errors, found.substitutions + found.deletions + found.hits
