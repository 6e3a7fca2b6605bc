"""Change of sampling rate by band-limited interpolation, in numpy alone."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

EDGE = 800
"""Silent samples put on both sides: the Fourier transform sees the signal as a circle."""
SMOOTH = 32
"""Lengths are multiples of this: a transform of a prime length is ten times slower."""


def resample(samples: NDArray[np.floating], up: int, down: int) -> NDArray[np.float32]:
    """Return y with y(n) = x(n * down / up), of ceil(len(x) * up / down) samples.

    A zero-padded or truncated spectrum: below both Nyquist frequencies the signal is kept exactly,
    above the new one it is removed. A sound of unit amplitude stays one of unit amplitude.
    """
    up, down = up // gcd(up, down), down // gcd(up, down)
    if up == down or not samples.size:
        return samples.astype(np.float32)
    edges = -(-EDGE // down)  # in units of `down` samples, which become `up` samples exactly
    units = 2 * edges + -(-samples.size // down)
    units += -units % SMOOTH
    padded = np.zeros(units * down, np.float64)
    padded[edges * down : edges * down + samples.size] = samples
    spectrum = np.fft.rfft(padded)
    length = units * up
    bins = length // 2 + 1
    kept = np.zeros(bins, np.complex128)
    kept[: min(bins, spectrum.size)] = spectrum[:bins]
    resampled = np.fft.irfft(kept, length) * (up / down)
    start, count = edges * up, -(-samples.size * up // down)
    return resampled[start : start + count].astype(np.float32)
