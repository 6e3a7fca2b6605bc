"""Sound files as a person has them: any rate, any number of channels, any length.

Windows come one after the other, so that an hour takes no more memory than a minute.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding
from q4compile.speech.resample import resample
from q4compile.speech.utterance import reason, truncation

Samples = NDArray[np.float32]

CUT_S = 0.2
"""A window ends in the middle of the quietest stretch of this length."""
HOP_S = 0.01
FULL_SCALE = 0.999
CLIPPED_SHARE = 1e-3
"""Speech that is recorded well has no sample at full scale; this many are heard as crackling."""
QUIET = 1e-4
"""Peak below which nothing was recorded: 3 steps of 16-bit sound."""


@dataclass(frozen=True)
class Window:
    """A stretch of a file, one channel, at the rate that was asked for."""

    start_s: float
    end_s: float
    samples: Samples


@dataclass
class Level:
    """How loud a file was, gathered while it is read."""

    peak: float = 0.0
    clipped: int = 0
    count: int = 0
    rate_hz: int = 1

    @property
    def seconds(self) -> float:
        """Length of what was read."""
        return self.count / self.rate_hz

    def add(self, samples: Samples) -> None:
        """More of the file, as it was recorded."""
        if samples.size:
            loudness = np.abs(samples)
            self.peak = max(self.peak, float(loudness.max()))
            self.clipped += int((loudness >= FULL_SCALE).sum())
            self.count += samples.size

    def warnings(self, path: Path, shortest_s: float) -> list[Finding]:
        """What makes a transcript doubtful."""
        if self.seconds < shortest_s:
            return [_doubt(path, f"at least {shortest_s:g} s of sound", f"{self.seconds:g} s")]
        if self.peak < QUIET:
            return [_doubt(path, "sound", f"silence: no sample above {self.peak:g} of full scale")]
        share = self.clipped / self.count
        if share > CLIPPED_SHARE:
            got = f"clipped sound: {100 * share:.1f} % of the samples are at full scale"
            return [_doubt(path, "a recording below full scale", got)]
        return []


def windows(path: Path, rate_hz: int, longest_s: float, level: Level) -> Iterator[Window]:
    """The file, mixed down to one channel, resampled to `rate_hz`, cut where it is quiet.

    A window is half of `longest_s` to all of it, the last one anything above 0.

    Raises:
        DataError: Q501 no such file, Q506 an unreadable or truncated one.
    """
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        raise DataError(Finding("Q501", "there is no audio", f"{path}", "a sound file", got))
    try:
        with soundfile.SoundFile(path) as sound:
            broken = truncation(sound) if sound.frames else None
            if broken is not None:
                raise DataError(_unreadable(path, broken))
            rate = level.rate_hz = sound.samplerate
            sound.seek(0)
            for start, samples in _cut(_blocks(path, sound, longest_s, level), rate, longest_s):
                end = start + samples.size
                yield Window(start / rate, end / rate, resample(samples, rate_hz, rate))
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(_unreadable(path, reason(error))) from error


def _blocks(
    path: Path, sound: soundfile.SoundFile, longest_s: float, level: Level
) -> Iterator[Samples]:
    """One channel, at the file's rate, about half a window at a time."""
    size = max(1, round(longest_s / 2 * sound.samplerate))
    for block in sound.blocks(size, dtype="float32", always_2d=True):
        if not np.isfinite(block).all():
            raise DataError(_unreadable(path, "samples that are NaN or infinite"))
        level.add(np.abs(block).max(axis=1))
        yield block.mean(axis=1, dtype=np.float32)


def _cut(
    blocks: Iterator[Samples], rate_hz: int, longest_s: float
) -> Iterator[tuple[int, Samples]]:
    """(first sample, samples) of each window."""
    longest = max(2, round(longest_s * rate_hz))
    start, held = 0, np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while held.size > longest:
            end = longest // 2 + quietest(held[longest // 2 : longest], rate_hz)
            yield start, held[:end]
            start, held = start + end, held[end:]
    if held.size:
        yield start, held


def quietest(samples: Samples, rate_hz: int) -> int:
    """The middle of the stretch of `CUT_S` with the least energy; 1 to len(samples)."""
    hop = max(1, round(HOP_S * rate_hz))
    width = max(1, round(CUT_S / HOP_S))
    count = samples.size // hop
    if count <= width:
        return samples.size
    energy = (samples[: count * hop].astype(np.float64) ** 2).reshape(count, hop).sum(axis=1)
    sums = np.convolve(energy, np.ones(width), "valid")
    return int(sums.argmin() + width // 2) * hop


def _doubt(path: Path, need: str, got: str) -> Finding:
    return Finding("Q588", "a transcript that may say nothing", f"{path}", need, got)


def _unreadable(path: Path, got: str) -> Finding:
    need = "a whole WAV, NIST SPHERE, FLAC, Ogg, Opus or MP3 file"
    fix = f"fetch it again, or convert it: ffmpeg -i {path.name} {path.stem}.flac"
    return Finding("Q506", "unreadable or truncated audio", f"{path}", need, got, fix)
