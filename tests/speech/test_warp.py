"""Vocal tract warping moves spectral peaks by its factor and keeps what it must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.speech.warp import HIGH_HZ, LOW_HZ, warp


def centres_hz(n_mels):
    mel = np.linspace(*(1127 * np.log1p(np.array([LOW_HZ, HIGH_HZ]) / 700)), n_mels + 2)[1:-1]
    return 700 * np.expm1(mel / 1127)


@given(st.floats(0.8, 1.2), st.floats(-5, 5))
def test_a_flat_spectrum_stays_flat(factor, level):
    frames = np.full((3, 40), level, np.float32)
    np.testing.assert_allclose(warp(frames, factor, 40), frames, rtol=0, atol=2e-6)


def test_factor_one_changes_nothing():
    frames = np.random.default_rng(0).standard_normal((5, 40)).astype(np.float32)
    np.testing.assert_allclose(warp(frames, 1.0, 40), frames, rtol=0, atol=2e-6)


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.05, 1.1])
@pytest.mark.parametrize("peak_hz", [700, 1500, 3000])
def test_a_peak_moves_to_its_frequency_over_the_factor(factor, peak_hz):
    hz = centres_hz(40)
    frames = np.exp(-(((hz - peak_hz) / (0.2 * peak_hz)) ** 2)).astype(np.float32)[None]
    moved = warp(frames, factor, 40)[0].astype(np.float64)
    expected = np.exp(-(((hz * factor - peak_hz) / (0.2 * peak_hz)) ** 2))
    np.testing.assert_allclose(moved, expected, rtol=0, atol=0.1)
    assert abs(moved - expected).max() < abs(frames[0] - expected).max() / 2


def test_deltas_are_warped_like_their_frames():
    frames = np.random.default_rng(1).standard_normal((4, 40)).astype(np.float32)
    both = warp(np.concatenate([frames, 2 * frames], axis=1), 1.07, 40)
    alone = warp(frames, 1.07, 40)
    np.testing.assert_allclose(both, np.concatenate([alone, 2 * alone], axis=1), rtol=0, atol=2e-6)
