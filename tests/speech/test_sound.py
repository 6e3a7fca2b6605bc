"""Any sound file in windows: nothing is lost, memory stays bounded, bad sound is named."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.errors import DataError
from q4compile.speech.sound import Level, quietest, windows

RATE = 16000


def written(path, samples, rate=RATE, **how):
    soundfile.write(path, samples, rate, **how)
    return path


@settings(max_examples=30)
@given(st.integers(1, 60_000), st.floats(0.05, 3))
def test_windows_add_up_to_the_file(tmp_path_factory, length, longest_s):
    path = tmp_path_factory.getbasetemp() / "sound.wav"
    samples = np.random.default_rng(length).uniform(-0.9, 0.9, length).astype(np.float32)
    written(path, samples, subtype="FLOAT")
    found = list(windows(path, RATE, longest_s, Level()))
    assert np.array_equal(np.concatenate([each.samples for each in found]), samples)
    assert [each.start_s for each in found[1:]] == [each.end_s for each in found[:-1]]
    assert all(each.end_s - each.start_s <= longest_s + 1 / RATE for each in found)
    assert all(each.end_s - each.start_s >= longest_s / 2 - 1 / RATE for each in found[:-1])


def test_a_cut_is_where_it_is_quiet(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE)
    samples[int(2.6 * RATE) : int(3.0 * RATE)] *= 0.001
    found = list(windows(written(tmp_path / "a.flac", samples), RATE, 4.0, Level()))
    assert 2.6 < found[0].end_s < 3.0
    assert quietest(samples[:100], RATE) == 100, "too short to choose"


def test_stereo_is_mixed_and_other_rates_are_resampled(tmp_path):
    times = np.arange(2 * 44100) / 44100
    tone = np.sin(2 * np.pi * 440 * times)
    both = np.stack([0.6 * tone, 0.2 * tone], axis=1)
    path = written(tmp_path / "tone.wav", both, 44100, subtype="FLOAT")
    (found,) = windows(path, RATE, 20.0, Level())
    assert found.samples.size == 2 * RATE
    wanted = 0.4 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert np.abs(found.samples - wanted)[800:-800].max() < 1e-3


def test_an_hour_takes_the_memory_of_a_window(tmp_path):
    """At 1 kHz: 3.6 million samples, 14 MB as float32."""
    path = tmp_path / "hour.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 60 * 1000)
    with soundfile.SoundFile(path, "w", 1000, 1) as file:
        for _ in range(60):
            file.write(noise)
    tracemalloc.start()
    seconds = sum(each.end_s - each.start_s for each in windows(path, 1000, 20.0, Level()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == pytest.approx(3600)
    assert peak < 3e6


def warned(path, longest_s=20.0):
    level = Level()
    list(windows(path, RATE, longest_s, level))
    return level.warnings(path, 0.025)


def test_doubtful_sound(tmp_path, golden):
    rng = np.random.default_rng(0)
    loud = np.clip(rng.normal(0, 2, RATE), -1, 1)
    named = {
        "clipped": loud,
        "empty": np.zeros(0),
        "short": rng.uniform(-0.5, 0.5, RATE // 100),
        "silent": np.zeros(RATE),
    }
    found = [
        each
        for name, x in named.items()
        for each in warned(written(tmp_path / name, x, format="WAV"))
    ]
    text = "\n\n".join(each.render("warning") for each in found)
    golden("errors/Q588-doubtful-sound.txt", text, folder=tmp_path)
    assert warned(written(tmp_path / "good.wav", loud / 4)) == []


def refusal(path):
    with pytest.raises(DataError) as caught:
        list(windows(path, RATE, 20.0, Level()))
    return str(caught.value)


def test_files_that_cannot_be_read(tmp_path, golden):
    golden("errors/Q501-no-sound-file.txt", refusal(tmp_path / "no.wav"), folder=tmp_path)
    assert "a folder" in refusal(tmp_path)
    (tmp_path / "text.wav").write_text("no sound")
    golden("errors/Q506-no-sound.txt", refusal(tmp_path / "text.wav"), folder=tmp_path)
    whole = written(tmp_path / "whole.wav", np.zeros(RATE)).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:9000])
    assert "shorter than its header says" in refusal(tmp_path / "cut.wav")
    broken = np.full(RATE, np.nan, np.float32)
    assert "NaN" in refusal(written(tmp_path / "nan.wav", broken, subtype="FLOAT"))
