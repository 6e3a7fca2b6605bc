"""A sound file as text: what it says, when, how surely, and whether the recording is any good."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from q4compile.errors import Finding
from q4compile.progress import Progress, quiet
from q4compile.speech.features import WINDOW_MS, Frames, features
from q4compile.speech.greedy import padded
from q4compile.speech.search.alignment import emission_frames
from q4compile.speech.search.decoder import Decoder
from q4compile.speech.search.hypothesis import Hypothesis
from q4compile.speech.sound import QUIET, Level, Window, windows

WINDOW_S = 20.0
"""Training utterances end long before; see docs/decoding.md."""


@dataclass(frozen=True)
class Word:
    """A word of the best hypothesis: from the frame that writes its first letter to its last's."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Part:
    """What one window says."""

    start_s: float
    end_s: float
    texts: tuple[str, ...]
    """Of the hypotheses, the best first."""
    hypotheses: tuple[Hypothesis, ...]
    words: tuple[Word, ...] | None = None
    """None where nobody asked when they were said."""

    def as_json(self, count: int) -> dict[str, Any]:
        """With `count` hypotheses."""
        pairs = zip(self.texts[:count], self.hypotheses, strict=False)
        texts = [{"text": text, "score": each.score} for text, each in pairs]
        found = {"start_s": self.start_s, "end_s": self.end_s, "hypotheses": texts}
        words = {} if self.words is None else {"words": [asdict(each) for each in self.words]}
        return found | words


@dataclass(frozen=True)
class Transcript:
    """What a file says."""

    path: Path
    parts: tuple[Part, ...]
    audio_s: float
    seconds: float
    """Wall time that it took, from the file to the text."""
    warnings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The best hypotheses of all windows."""
        return " ".join(part.texts[0] for part in self.parts if part.texts[0])

    def as_json(self, count: int) -> dict[str, Any]:
        """With `count` hypotheses of each window."""
        return {
            "audio": str(self.path),
            "text": self.text,
            "audio_s": self.audio_s,
            "seconds": self.seconds,
            "warnings": [f"{each.title}: {each.got}" for each in self.warnings],
            "windows": [part.as_json(count) for part in self.parts],
        }


def transcribe(
    decoder: Decoder,
    path: Path,
    longest_s: float = WINDOW_S,
    progress: Progress = quiet,
    *,
    timed: bool = False,
) -> Transcript:
    """Decode a file window by window, a batch of them at a time; `timed`: with times of words.

    Raises:
        DataError: Q501, Q506 for a file that cannot be read, Q581 for scores that are no numbers.
    """
    started, level = perf_counter(), Level()
    parts: list[Part] = []
    found = windows(path, decoder.ears.features.sample_rate_hz, longest_s, level)
    for group in progress(_groups(found, decoder.config.search.batch), f"{path.name}"):
        parts += _decoded(decoder, group, timed)
    warnings = level.warnings(path, WINDOW_MS / 1000)
    return Transcript(path, tuple(parts), level.seconds, perf_counter() - started, tuple(warnings))


def _groups(found: Iterator[Window], size: int) -> Iterator[list[Window]]:
    while group := list(islice(found, size)):
        yield group


def _decoded(decoder: Decoder, group: list[Window], timed: bool) -> list[Part]:
    heard = [_features(decoder, each) for each in group]
    parts = [
        Part(
            window.start_s,
            window.end_s,
            tuple(decoder.text(each.tokens) for each in found.hypotheses),
            found.hypotheses,
        )
        for window, found in zip(group, decoder.decode(heard), strict=True)
    ]
    if not timed:
        return parts
    return [
        replace(part, words=_words(decoder, part, frames))
        for part, frames in zip(parts, heard, strict=True)
    ]


def _words(decoder: Decoder, part: Part, heard: Frames) -> tuple[Word, ...]:
    tokens = part.hypotheses[0].tokens
    if not tokens:
        return ()
    frames, _ = decoder.ears.transducer.encode(*padded([heard]))
    at = emission_frames(decoder.ears.transducer, frames[0], tokens)
    frame_s = (part.end_s - part.start_s) / len(frames[0])
    return tuple(
        Word(
            each.group(),
            round(part.start_s + at[each.start()] * frame_s, 3),
            round(part.start_s + (at[each.end() - 1] + 1) * frame_s, 3),
        )
        for each in re.finditer(r"\S+", part.texts[0])
    )


def _features(decoder: Decoder, window: Window) -> Frames:
    """No row for silence: normalized, the noise of its last bit would sound like speech."""
    config = decoder.ears.features
    if not window.samples.size or np.abs(window.samples).max() < QUIET:
        return np.zeros((0, config.dim), np.float32)
    return features(window.samples, config)
