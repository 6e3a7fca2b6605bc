"""Change of sampling rate by band-limited interpolation, in numpy alone."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

EDGE = 800
"""Silent samples put on both sides: the Fourier transform sees the signal as a circle."""


def resample(samples: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Return y with y(n) = x(n * down / up), of ceil(len(x) * up / down) samples.

    A zero-padded or truncated spectrum: below both Nyquist frequencies the signal is kept exactly,
    above the new one it is removed. A sound of unit amplitude stays one of unit amplitude.
    """
    up, down = up // gcd(up, down), down // gcd(up, down)
    if up == down or not samples.size:
        return samples.astype(np.float32)
    edge = EDGE * down
    whole = -(-(samples.size + 2 * EDGE * down) // down) * down
    padded = np.zeros(whole, np.float64)
    padded[edge : edge + samples.size] = samples
    spectrum = np.fft.rfft(padded)
    length = whole // down * up
    bins = length // 2 + 1
    kept = np.zeros(bins, np.complex128)
    kept[: min(bins, spectrum.size)] = spectrum[:bins]
    resampled = np.fft.irfft(kept, length) * (up / down)
    start, count = EDGE * up, -(-samples.size * up // down)
    return resampled[start : start + count].astype(np.float32)
