"""Audio comes in whole or is refused by name."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_corpora import RATE_HZ, sound, sphere, write_sound

from q4compile.errors import DataError
from q4compile.speech.utterance import Utterance, audio_findings, load_audio


def utterance(path):
    return Utterance("u1", Path(path), "YES", "s")


def refusal(path):
    with pytest.raises(DataError) as caught:
        load_audio(utterance(path))
    return caught.value


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_samples_come_back_to_16_bits(tmp_path, suffix):
    path = write_sound(tmp_path / f"a{suffix}")
    found = load_audio(utterance(path))
    assert found.dtype == np.float32
    assert np.abs(found - sound()).max() <= 1 / 32768


def test_a_sphere_file(tmp_path):
    (tmp_path / "a.sph").write_bytes(sphere([0, 1, -1, 32767, -32768]))
    found = load_audio(utterance(tmp_path / "a.sph"))
    assert (found * 32768).tolist() == [0, 1, -1, 32767, -32768]


def test_opus_keeps_rate_and_length(tmp_path):
    time = np.arange(RATE_HZ) / RATE_HZ
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.opus", tone, RATE_HZ, format="OGG", subtype="OPUS")
    found = load_audio(utterance(tmp_path / "a.opus"))
    assert found.shape == tone.shape
    assert np.corrcoef(found, tone)[0, 1] > 0.99


def test_another_rate_can_be_asked_for(tmp_path):
    path = write_sound(tmp_path / "a.wav", rate_hz=8000)
    assert len(load_audio(utterance(path), 8000)) == 1600


def test_missing(golden, tmp_path):
    golden("errors/Q501-missing-audio.txt", str(refusal(tmp_path / "a.wav")), corpus=tmp_path)


def test_a_folder_is_no_audio(golden, tmp_path):
    golden("errors/Q501-folder.txt", str(refusal(tmp_path)), corpus=tmp_path)


def test_wrong_rate(golden, tmp_path):
    path = write_sound(tmp_path / "a.wav", rate_hz=44100)
    golden("errors/Q502-wrong-rate.txt", str(refusal(path)), corpus=tmp_path)


def test_stereo(golden, tmp_path):
    path = write_sound(tmp_path / "a.wav", channels=2)
    golden("errors/Q508-stereo.txt", str(refusal(path)), corpus=tmp_path)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.sph"])
def test_truncated(golden, tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".sph":
        path.write_bytes(sphere(range(1600)))
    else:
        write_sound(path, 16000)
    assert audio_findings(utterance(path)) == []
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    golden(f"errors/Q506-truncated-{path.suffix[1:]}.txt", str(refusal(path)), corpus=tmp_path)


@pytest.mark.parametrize("kept", range(0, 60, 7))
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_nothing_but_a_piece_of_a_header(tmp_path, suffix, kept):
    path = write_sound(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[:kept])
    assert [finding.code for finding in refusal(path).findings] == ["Q506"]


def test_not_a_sound(golden, tmp_path):
    (tmp_path / "a.wav").write_text("RIFF? no")
    golden("errors/Q506-not-audio.txt", str(refusal(tmp_path / "a.wav")), corpus=tmp_path)


def test_no_samples(golden, tmp_path):
    path = write_sound(tmp_path / "a.wav", samples=0)
    golden("errors/Q506-no-samples.txt", str(refusal(path)), corpus=tmp_path)


def test_samples_that_are_no_numbers(golden, tmp_path):
    samples = np.array([0.0, np.nan, np.inf], np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    golden("errors/Q506-nan.txt", str(refusal(tmp_path / "a.wav")), corpus=tmp_path)
