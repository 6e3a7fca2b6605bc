"""Band-limited interpolation against formulas of the continuous signal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.speech.resample import resample

RATE_HZ = 22050


def bell(frequency_hz, rate_hz, seconds=0.5):
    """A tone under a Gaussian: band-limited and silent at both ends."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    envelope = np.exp(-(((time - seconds / 2) / 0.04) ** 2))
    return np.sin(2 * np.pi * frequency_hz * time) * envelope


@pytest.mark.parametrize("frequency_hz", [100, 1000, 7000])
def test_a_tone_is_the_same_tone_at_the_other_rate(frequency_hz):
    found = resample(bell(frequency_hz, RATE_HZ), 16000, RATE_HZ)
    assert found.dtype == np.float32
    assert np.abs(found - bell(frequency_hz, 16000)).max() < 1e-6


def test_a_tone_above_the_new_limit_is_removed_not_folded():
    assert np.abs(resample(bell(10000, RATE_HZ), 16000, RATE_HZ)).max() < 1e-6


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(1, 40), st.integers(1, 40))
def test_length_is_the_ratio_rounded_up(size, up, down):
    assert len(resample(np.ones(size), up, down)) == -(-size * up // down)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12))
def test_up_and_down_again_is_the_signal(up, down):
    sound = bell(300, 8000).astype(np.float32)
    there = resample(sound, max(up, down), min(up, down))
    back = resample(there, min(up, down), max(up, down))
    assert np.abs(back[: len(sound)] - sound).max() < 1e-6


def test_equal_rates_change_nothing():
    sound = bell(300, 8000).astype(np.float32)
    assert (resample(sound, 7, 7) == sound).all()
