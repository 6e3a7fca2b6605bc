"""Synthetic speech: equal for equal seeds, whole or not at all, refused without espeak-ng."""

import json
import subprocess
import threading
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from shutil import which

import numpy as np
import pytest
from small_corpora import write_sound

from q4compile.errors import DataError, OutputError
from q4compile.speech.corpus import DEMO, load_audio, read_corpus, validate
from q4compile.speech.grammar import DICTIONARY
from q4compile.speech.synthesis import (
    HELD_OUT_VOICES,
    PROGRAM,
    VARIANTS,
    VOICES,
    Line,
    Voice,
    pronunciation,
    script,
    speak,
    synthesize,
)
from q4compile.speech.vocabulary import AN4

SCRIPT = Path(__file__).parents[2] / "examples" / "make_demo_corpus.py"
espeak = pytest.mark.skipif(which(PROGRAM) is None, reason=f"the program {PROGRAM} is missing")


def digests(folder):
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def manifest_rows(folder):
    return [json.loads(row) for row in (folder / "manifest.jsonl").read_text().splitlines()]


def fake_espeak(folder, monkeypatch, script):
    """A program of that name that does what `script` says, the only one on the search path."""
    folder.mkdir()
    program = folder / PROGRAM
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_pronunciation():
    assert pronunciation("A Z NINE RUBOUT") == "[['eI]] zee nine rub out"
    assert pronunciation("P A T TEN", {1, 2}) == "P [['eI]], T, ten"


def test_script_is_fixed_by_its_seed_and_keeps_its_rules():
    lines = script(300, 7, ["en-us+m1", "en-us+m2"], most_words=4)
    assert lines == script(300, 7, ["en-us+m1", "en-us+m2"], most_words=4)
    assert lines != script(300, 8, ["en-us+m1", "en-us+m2"], most_words=4)
    assert {line.voice.name for line in lines} == {"en-us+m1", "en-us+m2"}
    assert max(len(line.text.split()) for line in lines) == 4
    without = {line.text for line in lines[:100]}
    assert without.isdisjoint(line.text for line in script(300, 7, VOICES, without))


def test_voices_are_many_and_held_out_ones_are_new():
    assert len(set(VOICES)) == len(VOICES) >= 14
    assert set(VOICES).isdisjoint(HELD_OUT_VOICES)
    assert {u.speaker for u in read_corpus(DEMO)} <= set(HELD_OUT_VOICES)


@espeak
def test_equal_seeds_give_equal_files(tmp_path):
    seconds = synthesize(tmp_path / "a", 6, 3)
    synthesize(tmp_path / "b", 6, 3)
    synthesize(tmp_path / "c", 6, 4)
    assert digests(tmp_path / "a") == digests(tmp_path / "b") != digests(tmp_path / "c")
    utterances = read_corpus(tmp_path / "a")
    assert validate(utterances, AN4) == []
    assert sum(len(load_audio(u)) for u in utterances) / 16000 == pytest.approx(seconds, abs=1e-9)
    rows = manifest_rows(tmp_path / "a")
    assert [row["text"] for row in rows] == [u.text for u in utterances]
    assert all(row.keys() == {"audio", "text", "speaker"} for row in rows)


@espeak
def test_splits_are_given_in_turn(tmp_path):
    synthesize(tmp_path / "a", 5, 3, splits=("train", "dev"))
    assert [row["split"] for row in manifest_rows(tmp_path / "a")] == [
        *("train", "dev", "train", "dev", "train")
    ]


def test_the_demo_corpus_has_the_splits_of_its_script():
    splits = run_path(str(SCRIPT))["SPLITS"]
    assert [row["split"] for row in manifest_rows(DEMO)] == [*splits] * 40


@espeak
def test_variants_sound_different():
    sounds = set()
    for variant in VARIANTS:
        voice = Voice(f"en-us+{variant}")
        sounds.add(speak(Line("", "six two p [['eI]] t", voice, 0, 0)).tobytes())
    assert len(sounds) == len(VARIANTS)


@espeak
def test_speed_pitch_gap_and_silence_are_heard():
    def spoken(voice, lead_ms=0, tail_ms=0):
        return speak(Line("", "one two three four", voice, lead_ms, tail_ms))

    plain = spoken(Voice("en-us"))
    assert len(spoken(Voice("en-us", speed_wpm=240))) < 0.8 * len(plain)
    assert len(spoken(Voice("en-us", gap_ms=200))) > len(plain) + 3000
    assert not np.array_equal(spoken(Voice("en-us", pitch=90)), plain)
    padded = spoken(Voice("en-us"), 100, 50)
    assert (padded[1600:-800] == plain).all()
    assert not padded[:1600].any() and not padded[-800:].any()


@espeak
def test_letters_are_said_as_letters():
    """In a spelled name an A is no article and a Z no zed, whatever the accent."""
    for accent in sorted({voice.split("+")[0] for voice in VOICES}):
        said = subprocess.run(
            [PROGRAM, "-v", accent, "-q", "-x", pronunciation("P A Z A")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert said.count("eI") == 2 and "zi:" in said.replace("'", ""), (accent, said)


@espeak
@pytest.mark.skipif(not DICTIONARY.is_file(), reason=f"no word list in {DICTIONARY}")
def test_the_demo_corpus_is_what_its_script_makes():
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    if "1.51" not in version.stdout:
        pytest.skip(f"the demo corpus was spoken by 1.51, this is {version.stdout.strip()}")
    made = run_path(str(SCRIPT))
    training = script(made["TRAINING_UTTERANCES"], made["TRAINING_SEED"])
    trained_on = {line.text for line in training}
    utterances = read_corpus(DEMO)
    assert len(utterances) == made["UTTERANCES"]
    lines = script(
        made["UTTERANCES"], made["SEED"], HELD_OUT_VOICES, trained_on, made["MOST_WORDS"]
    )
    assert [line.text for line in lines] == [utterance.text for utterance in utterances]
    assert trained_on.isdisjoint(utterance.text for utterance in utterances)
    for line, utterance in list(zip(lines, utterances, strict=True))[::20]:
        assert np.abs(speak(line) - load_audio(utterance)).max() <= 1 / 32768


def test_demo_utterances_differ_in_sound():
    sounds = sorted(digests(DEMO).values())
    assert all(one != other for one, other in pairwise(sounds))


def test_without_the_program(golden, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as caught:
        synthesize(tmp_path / "corpus", 3, 0)
    golden("errors/Q510-no-espeak.txt", str(caught.value))
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    ("slug", "does"), [("fails", "echo no such voice >&2; exit 1"), ("silent", "exit 0")]
)
def test_a_program_that_does_not_speak(golden, tmp_path, monkeypatch, slug, does):
    fake_espeak(tmp_path / "bin", monkeypatch, f"read line; {does}")
    with pytest.raises(DataError) as caught:
        synthesize(tmp_path / "corpus", 3, 0)
    command = caught.value.findings[0].at
    assert command.startswith(f"{PROGRAM} -v ")
    golden(f"errors/Q511-{slug}.txt", str(caught.value), command=command)
    assert list((tmp_path / "corpus").iterdir()) == []


def test_a_folder_with_something_in_it(golden, tmp_path, monkeypatch):
    fake_espeak(tmp_path / "bin", monkeypatch, "exit 0")
    with pytest.raises(OutputError) as caught:
        synthesize(tmp_path / "bin", 3, 0)
    golden("errors/Q553-folder-not-empty.txt", str(caught.value), folder=tmp_path)
    with pytest.raises(OutputError) as caught:
        synthesize(tmp_path / "bin" / PROGRAM, 3, 0)
    golden("errors/Q553-a-file.txt", str(caught.value), folder=tmp_path)


def test_an_interrupted_run_stops_and_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(items, what, total=None):
        for number, item in enumerate(items):
            if number == 2:
                raise KeyboardInterrupt
            yield item

    sound, calls = write_sound(tmp_path / "a.wav"), tmp_path / "calls"
    fake_espeak(tmp_path / "bin", monkeypatch, f"echo call >> {calls}; exec /bin/cat {sound}")
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "corpus", 200, 0, interrupted)
    assert threading.active_count() == before
    assert list((tmp_path / "corpus").iterdir()) == []
    assert calls.read_text().count("call") < 200
    synthesize(tmp_path / "corpus", 3, 0)
    assert len(read_corpus(tmp_path / "corpus")) == 3
