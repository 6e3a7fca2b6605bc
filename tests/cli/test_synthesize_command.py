"""``q4compile synthesize``: a corpus, equal for equal seeds, or nothing."""

import json
from shutil import which

import pytest
from running import fail, files, succeed

from q4compile.report.record import read_record
from q4compile.speech import synthesis
from q4compile.speech.corpus import read_corpus
from q4compile.speech.synthesis import HELD_OUT_VOICES, VOICES

needs_espeak = pytest.mark.skipif(which("espeak-ng") is None, reason="espeak-ng is not installed")


@needs_espeak
def test_a_corpus_and_its_record(tmp_path):
    for folder in ("a", "b"):
        succeed("synthesize", "-n", "2", "--seed", "3", "-o", tmp_path / folder, "-q")
    assert files(tmp_path / "a") == [
        "00000.flac",
        "00001.flac",
        "manifest.jsonl",
        "manifest.jsonl.record.json",
    ]
    for name in ("00000.flac", "00001.flac", "manifest.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    figures = read_record(tmp_path / "a/manifest.jsonl.record.json").figures
    assert figures["utterances"] == 2
    assert 1 < figures["audio_s"] < 60
    assert {one.speaker for one in read_corpus(tmp_path / "a")} <= set(VOICES)


@needs_espeak
def test_held_out_voices(tmp_path):
    held = ("--voices", "held-out", "--json")
    shown = json.loads(succeed("synthesize", "-n", "1", "-o", tmp_path / "a", *held))
    assert shown["details"] == {"seed": 1, "voices": "held-out"}
    assert {one.speaker for one in read_corpus(tmp_path / "a")} <= set(HELD_OUT_VOICES)


@needs_espeak
def test_a_filled_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert fail(2, "synthesize", "-n", "1", "-o", tmp_path).startswith("error[Q553]")
    assert files(tmp_path) == ["mine.txt"]


def test_without_espeak(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "which", lambda program: None)
    assert fail(3, "synthesize", "-n", "1", "-o", tmp_path / "a").startswith("error[Q510]")
    assert files(tmp_path) == []
