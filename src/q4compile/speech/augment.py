"""Sounds and features made different without changing what is said."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.resample import resample

COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Exponent a of the amplitude spectrum f^-a."""

Samples = NDArray[np.float32]


def speed(samples: Samples, factor: float) -> Samples:
    """y(t) = x(factor * t): tempo and pitch times `factor`, rounded to the nearest n/100."""
    ratio = Fraction(factor).limit_denominator(100)
    return resample(samples, ratio.denominator, ratio.numerator)


def add_noise(samples: Samples, rng: np.random.Generator, snr_db: float) -> Samples:
    """x + n with 10 log10(mean x^2 / mean n^2) = snr_db, n of a drawn colour.

    The colours are white, pink, brown and speech-shaped (the spectrum of `samples` itself with
    random phases: what many speakers at once sound like). Silence stays silence.
    """
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    if power == 0.0:
        return samples
    noise = _noise(samples, rng)
    wanted = power / 10 ** (snr_db / 10)
    gain = np.sqrt(wanted / np.mean(np.square(noise)))
    return np.asarray(samples + gain * noise, np.float32)


def spec_augment(
    features: NDArray[np.float32],
    rng: np.random.Generator,
    freq_masks: int = 2,
    freq_width: int = 8,
    time_masks: int = 2,
    time_share: float = 0.1,
    n_mels: int | None = None,
) -> NDArray[np.float32]:
    """Replace bands of mel channels and spans of time by the mean (SpecAugment, Park et al. 2019).

    Args:
        features: float32[T, width]; untouched, a copy is returned.
        rng: Draws widths (0 to the maximum) and places, both uniformly.
        freq_masks: Number of bands.
        freq_width: Widest band, in mel channels.
        time_masks: Number of spans.
        time_share: Longest span, as a share of T.
        n_mels: Channels of one frame when rows hold several stacked frames (or deltas): a band is
            masked in all of them. Default: the row is one frame.
    """
    masked = features.copy()
    count, width = features.shape
    mean = features.mean() if features.size else np.float32(0)
    channels = n_mels or width
    frames = masked.reshape(count, width // channels, channels)
    for _ in range(freq_masks):
        frames[:, :, _span(rng, channels, freq_width)] = mean
    for _ in range(time_masks):
        masked[_span(rng, count, int(time_share * count))] = mean
    return masked


def _span(rng: np.random.Generator, size: int, widest: int) -> slice:
    width = int(rng.integers(0, min(widest, size) + 1))
    start = int(rng.integers(0, size - width + 1))
    return slice(start, start + width)


def _noise(samples: Samples, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[samples] of a drawn colour, any loudness."""
    spectrum = np.fft.rfft(rng.standard_normal(samples.size))
    colour = rng.choice([*COLOURS, "speech"])
    shape = (
        _smooth(np.abs(np.fft.rfft(samples)))
        if colour == "speech"
        else np.arange(1.0, spectrum.size + 1) ** -COLOURS[colour]
    )
    return np.fft.irfft(spectrum * shape, samples.size)


def _smooth(magnitudes: NDArray[np.float64], width: int = 64) -> NDArray[np.float64]:
    """Running mean, so that no pitch line of the speaker survives."""
    width = min(width, magnitudes.size)
    return np.convolve(magnitudes, np.full(width, 1 / width), mode="same")
