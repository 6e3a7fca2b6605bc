"""``q4compile transcribe`` on bundled speech and on worse."""

import json

import numpy as np
import pytest
import soundfile
from running import fail, q4compile, succeed

from q4compile.speech.corpus import DEMO

SPOKEN = DEMO / "00119.flac"
TEXT = "ONE SIX ONE THREE NINE"


def test_it_says_what_was_said():
    assert succeed("transcribe", SPOKEN).strip() == TEXT


def test_in_stereo_at_another_rate(tmp_path):
    """Twice as many samples by linear interpolation, in two channels, one of them louder."""
    samples, rate = soundfile.read(SPOKEN)
    fine = np.interp(np.arange(2 * samples.size) / 2, np.arange(samples.size), samples)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([fine, 0.5 * fine], axis=1), 2 * rate)
    assert succeed("transcribe", path).strip() == TEXT


def test_hypotheses_with_scores_and_times():
    lines = succeed("transcribe", SPOKEN, "--n-best", 2, "--timings").splitlines()
    assert lines[0].startswith("[0.00 s to 1.7")
    assert lines[1].split(maxsplit=1)[1] == TEXT
    assert float(lines[2].split()[0]) < float(lines[1].split()[0])
    words = [line.split() for line in lines[3:-1]]
    assert [word for *_, word in words] == TEXT.split()
    times = [float(each) for start, end, _ in words for each in (start, end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 1.8
    assert "s of sound in" in lines[-1]


def test_times_of_words_as_json():
    found = json.loads(succeed("transcribe", SPOKEN, "--timings", "--json"))["windows"][0]
    assert [each["text"] for each in found["words"]] == TEXT.split()
    assert all(each["start_s"] < each["end_s"] <= found["end_s"] for each in found["words"])
    assert "words" not in json.loads(succeed("transcribe", SPOKEN, "--json"))["windows"][0]


def test_several_files_as_json(tmp_path):
    samples, rate = soundfile.read(SPOKEN)
    pause = np.random.default_rng(0).normal(0, 1e-3, rate)
    twice = tmp_path / "twice.wav"
    soundfile.write(twice, np.concatenate([samples, pause, samples]), rate)
    lines = succeed("transcribe", SPOKEN, twice, "--window", 3, "--json", "--beam", 4).splitlines()
    first, second = map(json.loads, lines)
    assert (first["text"], len(first["windows"])) == (TEXT, 1)
    assert second["text"] == f"{TEXT} {TEXT}"
    assert len(second["windows"]) == 2
    assert second["audio_s"] == pytest.approx(2 * samples.size / rate + 1)
    assert [TEXT in line for line in succeed("transcribe", SPOKEN, SPOKEN).splitlines()] == [
        True
    ] * 2


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(160), np.zeros(16000)])
def test_nothing_to_hear(tmp_path, samples):
    path = tmp_path / "quiet.wav"
    soundfile.write(path, samples, 16000)
    result = q4compile("transcribe", path)
    assert (result.exit_code, result.stdout) == (0, "\n")
    assert "warning[Q588]" in result.stderr


def test_clipped_sound_is_transcribed_with_a_warning(tmp_path):
    samples, rate = soundfile.read(SPOKEN)
    soundfile.write(tmp_path / "loud.wav", np.clip(samples * 100, -1, 1), rate)
    result = q4compile("transcribe", tmp_path / "loud.wav")
    assert result.exit_code == 0
    assert "clipped" in result.stderr


def test_on_onnxruntime_with_a_language_model(made):
    run = ("transcribe", SPOKEN, "--model", made / "model.onnx", "--lm", made / "lm.onnx")
    succeed(*run, "--lambda", 0.2, "--backend", "onnxruntime")
    assert "Q586" in fail(3, *run)


def test_no_such_file():
    assert "Q501" in fail(3, "transcribe", "nothing.wav")
