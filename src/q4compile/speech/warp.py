"""Another vocal tract for the same voice, made on log-mel frames."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.features import Frames

LOW_HZ, HIGH_HZ = 20.0, 8000.0
"""Edges of kaldi's filter bank at 16 kHz."""


def warp(frames: Frames, factor: float, n_mels: int) -> Frames:
    """y(f) = x(f * factor): formants divided by `factor` (Jaitly and Hinton 2013).

    Channels between two centres are interpolated, those past an edge repeat it. Rows that hold
    deltas too (width a multiple of `n_mels`) are warped block by block. `factor` is used to 1/100.
    """
    blocks = frames.reshape(len(frames), -1, n_mels)
    return np.asarray(blocks @ _matrix(round(100 * factor), n_mels), np.float32).reshape(
        frames.shape
    )


@cache
def _matrix(percent: int, n_mels: int) -> NDArray[np.float32]:
    """float32[n_mels, n_mels] whose column k interpolates channel k's source."""
    edges = _mel(np.array([LOW_HZ, HIGH_HZ]))
    centres = np.linspace(edges[0], edges[1], n_mels + 2)[1:-1]
    wanted = _mel(_hz(centres) * percent / 100)
    columns = [np.interp(wanted, centres, row) for row in np.eye(n_mels)]
    return np.array(columns, np.float32)


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(hz / 700.0))


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700.0 * np.expm1(mel / 1127.0))
