"""Sound into the frames a network reads: log-mel energies, normalized and stacked."""

from dataclasses import dataclass

import kaldi_native_fbank as knf
import numpy as np
from numpy.typing import NDArray

HOP_MS = 10.0
WINDOW_MS = 25.0
QUIET = 1e-3
"""A mel channel whose standard deviation is below this (digital silence) is not amplified."""

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureConfig:
    """dim = n_mels * (3 if deltas else 1) * stack; one row every skip * 10 ms.

    `normalize` gives each mel channel of an utterance mean 0 and standard deviation 1, so that
    microphone and loudness cancel; it needs the whole utterance, as a bidirectional encoder does.
    The form of the RNN-T paper is `stack=2, skip=2, deltas=True` (240 inputs).
    """

    n_mels: int = 40
    stack: int = 3
    skip: int = 3
    deltas: bool = False
    sample_rate_hz: int = 16000
    normalize: bool = True

    @property
    def dim(self) -> int:
        """Width of one row of `features`."""
        return self.n_mels * (3 if self.deltas else 1) * self.stack

    @property
    def frame_ms(self) -> float:
        """Time from one row of `features` to the next."""
        return HOP_MS * self.skip


def log_mel(samples: NDArray[np.float32], config: FeatureConfig) -> Frames:
    """float32[T, n_mels]: ln of the mel energies, T = 1 + (samples - window) // hop, or 0.

    Kaldi's filter bank (25 ms povey window every 10 ms) on samples in [-1, 1], without dither, so
    that equal sounds have equal features. Energies are floored at 1.2e-7 (about half a bit of 16).
    """
    bank = knf.OnlineFbank(_options(config))
    bank.accept_waveform(config.sample_rate_hz, samples)
    bank.input_finished()
    count = bank.num_frames_ready
    if count == 0:
        return np.zeros((0, config.n_mels), np.float32)
    return np.stack([bank.get_frame(index) for index in range(count)])


class OnlineFeatures:
    """Rows of `features`, as soon as their sound is there: those of feed, feed, ..., finish.

    For a `config` that neither normalizes nor has deltas.
    """

    def __init__(self, config: FeatureConfig) -> None:
        if config.normalize or config.deltas:
            raise ValueError("these features need the whole utterance")
        self._config = config
        self._bank = knf.OnlineFbank(_options(config))
        self._row = 0

    def feed(self, samples: NDArray[np.float32]) -> Frames:
        """float32[n, dim]: the rows that `samples` complete."""
        self._bank.accept_waveform(self._config.sample_rate_hz, samples)
        ready = self._bank.num_frames_ready
        return self._rows(max(0, (ready - self._config.stack) // self._config.skip + 1))

    def finish(self) -> Frames:
        """float32[n, dim]: what is left; the last rows repeat the last frame."""
        self._bank.input_finished()
        return self._rows(-(-self._bank.num_frames_ready // self._config.skip))

    def _rows(self, end: int) -> Frames:
        """Rows up to `end` that have not been returned yet."""
        config, last = self._config, self._bank.num_frames_ready - 1
        rows = [
            [self._bank.get_frame(min(row * config.skip + i, last)) for i in range(config.stack)]
            for row in range(self._row, end)
        ]
        self._row = max(self._row, end)
        return np.array(rows, np.float32).reshape(len(rows), config.dim)


def stack_frames(frames: Frames, config: FeatureConfig) -> Frames:
    """float32[ceil(T / skip), stack * width]: row t is frames t*skip ... t*skip + stack - 1.

    Rows that reach past the end repeat the last frame, so no frame is lost.
    """
    count, width = frames.shape
    starts = np.arange(0, count, config.skip)[:, None]
    chosen = np.minimum(starts + np.arange(config.stack), count - 1)
    stacked: Frames = frames[chosen].reshape(len(starts), config.stack * width)
    return stacked


def features(samples: NDArray[np.float32], config: FeatureConfig) -> Frames:
    """float32[T', dim]: log-mel energies, normalized, with slopes (deltas) if asked, stacked."""
    frames = log_mel(samples, config)
    if config.normalize and len(frames):
        frames = normalized(frames)
    if config.deltas:
        slope = delta(frames)
        frames = np.concatenate([frames, slope, delta(slope)], axis=1)
    return stack_frames(frames, config)


def normalized(frames: Frames) -> Frames:
    """(x - mean) / std of each column over the utterance; a constant column becomes 0."""
    mean = frames.mean(axis=0, dtype=np.float64)
    spread = np.maximum(frames.std(axis=0, dtype=np.float64), QUIET)
    return np.asarray((frames - mean) / spread, np.float32)


def delta(frames: Frames) -> Frames:
    """d(t) = sum_k k (x(t+k) - x(t-k)) / (2 sum_k k^2), k = 1, 2; ends repeat (HTK book 5.9)."""
    if not len(frames):
        return frames
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    one = padded[3:-1] - padded[1:-3]
    two = padded[4:] - padded[:-4]
    return np.asarray((one + 2 * two) / 10, np.float32)


def _options(config: FeatureConfig) -> knf.FbankOptions:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = float(config.sample_rate_hz)
    options.frame_opts.frame_shift_ms = HOP_MS
    options.frame_opts.frame_length_ms = WINDOW_MS
    options.mel_opts.num_bins = config.n_mels
    return options
