"""Augmentation changes what it says it changes, by as much as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.speech.augment import add_noise, spec_augment, speed

RATE_HZ = 16000


def tone(frequency_hz, samples=RATE_HZ):
    return np.sin(2 * np.pi * frequency_hz * np.arange(samples) / RATE_HZ).astype(np.float32)


def loudest_hz(samples):
    return np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1, 1.25])
def test_speed_scales_time_and_pitch(factor):
    faster = speed(tone(1000), factor)
    assert len(faster) == pytest.approx(RATE_HZ / factor, abs=1)
    assert loudest_hz(faster) == pytest.approx(1000 * factor, abs=1.5)  # one bin
    assert faster.dtype == np.float32


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(-10, 60), st.integers(2, 4000))
def test_noise_has_the_asked_loudness(seed, snr_db, size):
    clean = tone(440, size)
    noisy = add_noise(clean, np.random.default_rng(seed), snr_db)
    noise = noisy.astype(np.float64) - clean
    found = 10 * np.log10(np.mean(clean.astype(np.float64) ** 2) / np.mean(noise**2))
    assert found == pytest.approx(snr_db, abs=0.1)  # float32 storage of a noise 60 dB below
    assert noisy.dtype == np.float32


def test_noise_comes_in_several_colours():
    clean = tone(3000)
    tilts = set()
    for seed in range(20):
        noise = add_noise(clean, np.random.default_rng(seed), 0.0) - clean
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        tilts.add(round(float(np.log10(spectrum[:4000].sum() / spectrum[4000:].sum()))))
    assert len(tilts) >= 3


@pytest.mark.parametrize("size", [0, 100])
def test_silence_stays_silence(size):
    quiet = np.zeros(size, np.float32)
    assert (add_noise(quiet, np.random.default_rng(0), 10.0) == quiet).all()


@given(st.integers(0, 2**32), st.integers(1, 80), st.integers(1, 3), st.integers(0, 3))
def test_masks_are_the_mean_in_bands_and_spans(seed, count, stack, masks):
    rng = np.random.default_rng(seed)
    frames = rng.standard_normal((count, 10 * stack)).astype(np.float32)
    before = frames.copy()
    masked = spec_augment(frames, rng, masks, 4, masks, 0.2, n_mels=10)
    assert (frames == before).all()
    changed = masked != frames
    assert (masked[changed] == frames.mean()).all()
    channels = changed.reshape(count * stack, 10).all(axis=0).sum()
    spans = changed.all(axis=1).sum()
    assert channels <= masks * 4 or spans == count
    assert spans <= masks * int(0.2 * count) or channels == 10
    free = changed[~changed.all(axis=1)].reshape(-1, 10)
    assert (free == free[:1]).all()  # the same mel channels in every frame, stacked or not


def test_masks_do_happen():
    frames = np.arange(1200, dtype=np.float32).reshape(30, 40)
    changed = spec_augment(frames, np.random.default_rng(1)) != frames
    assert 0 < changed.sum() < changed.size


def test_no_frames_are_no_error():
    empty = np.zeros((0, 40), np.float32)
    assert spec_augment(empty, np.random.default_rng(0)).shape == (0, 40)
