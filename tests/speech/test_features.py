"""Features against the definitions of their parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.speech.features import (
    FeatureConfig,
    delta,
    features,
    log_mel,
    normalized,
    stack_frames,
)

SMALL = FeatureConfig()
PAPER = FeatureConfig(stack=2, skip=2, deltas=True)
noise = np.random.default_rng(0).uniform(-0.3, 0.3, 16000).astype(np.float32)
frames_of_three = arrays(
    np.float32, st.tuples(st.integers(0, 20), st.just(3)), elements=st.floats(-10, 10, width=32)
)


def mel(frequency_hz):
    return 1127 * np.log(1 + frequency_hz / 700)


def test_widths():
    assert (SMALL.dim, SMALL.frame_ms) == (120, 30.0)
    assert (PAPER.dim, PAPER.frame_ms) == (240, 20.0)


@pytest.mark.parametrize("samples", [0, 399, 400, 559, 560, 16000])
def test_one_frame_per_10_ms_with_a_whole_window(samples):
    frames = log_mel(noise[:samples], SMALL)
    assert frames.shape == (max(0, 1 + (samples - 400) // 160), 40)
    assert frames.dtype == np.float32


@pytest.mark.parametrize("frequency_hz", [200, 1000, 3000, 7000])
def test_a_tone_lights_its_mel_channel(frequency_hz):
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(8000) / 16000).astype(np.float32)
    low, high = mel(20), mel(8000)
    expected = (mel(frequency_hz) - low) / (high - low) * 41 - 1
    assert abs(np.argmax(log_mel(tone, SMALL).mean(axis=0)) - expected) <= 1


def test_twice_the_sound_is_four_times_the_energy():
    difference = log_mel(2 * noise, SMALL) - log_mel(noise, SMALL)
    assert np.abs(difference - np.log(4)).max() < 1e-4


def test_loudness_and_repetition_leave_features_alone():
    once = features(noise, SMALL)
    assert (once == features(noise, SMALL)).all()
    assert np.abs(once - features(noise / 2, SMALL)).max() < 1e-3


def test_digital_silence_is_zero_not_amplified_rounding():
    assert (features(np.zeros(16000, np.float32), SMALL) == 0).all()


def test_a_nearly_constant_channel_is_not_blown_up():
    frames = np.float32([[-15.9, 0.0], [-15.9 + 1e-5, 1.0], [-15.9, 2.0]])
    assert np.abs(normalized(frames)[:, 0]).max() < 0.02


@pytest.mark.parametrize("config", [SMALL, PAPER, FeatureConfig(n_mels=80, normalize=False)])
@pytest.mark.parametrize("samples", [0, 400, 5000])
def test_shape_of_features(config, samples):
    count = max(0, 1 + (samples - 400) // 160)
    found = features(noise[:samples], config)
    assert found.shape == (-(-count // config.skip), config.dim)
    assert found.dtype == np.float32


def test_paper_form_is_statics_slopes_and_their_slopes():
    statics = normalized(log_mel(noise, PAPER))
    row = features(noise, PAPER)[3]
    slope = delta(statics)
    expected = [np.concatenate([x[t] for x in (statics, slope, delta(slope))]) for t in (6, 7)]
    assert (row == np.concatenate(expected)).all()


@given(frames_of_three, st.integers(1, 5), st.integers(1, 5))
def test_stacking_is_its_definition(frames, stack, skip):
    found = stack_frames(frames, FeatureConfig(n_mels=3, stack=stack, skip=skip))
    last = len(frames) - 1
    rows = [
        np.concatenate([frames[min(start + i, last)] for i in range(stack)])
        for start in range(0, len(frames), skip)
    ]
    assert (found == np.array(rows, np.float32).reshape(-1, 3 * stack)).all()


@given(frames_of_three.filter(len))
def test_normalized_has_mean_0_and_deviation_1_or_0(frames):
    found = normalized(frames).astype(np.float64)
    assert np.abs(found.mean(axis=0)).max() < 1e-3
    varied = frames.std(axis=0, dtype=np.float64) > 1e-2
    assert np.abs(found.std(axis=0)[varied] - 1).max(initial=0) < 1e-3
    assert (found.std(axis=0)[~varied] < 10.1).all()


def test_delta_of_a_ramp_is_its_slope():
    ramp = np.arange(10, dtype=np.float32)[:, None] * np.float32([1, -2])
    assert np.abs(delta(ramp)[2:-2] - [1, -2]).max() < 1e-6
    assert delta(ramp).shape == ramp.shape
