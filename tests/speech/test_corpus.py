"""Corpora are recognised by layout, and everything wrong with them is found at once."""

import pytest
from small_corpora import write_manifest, write_sound

from q4compile.errors import DataError
from q4compile.speech.corpus import (
    DEMO,
    DEMO_SPLIT,
    Utterance,
    has_split,
    read_corpus,
    scored,
    validate,
)
from q4compile.speech.vocabulary import AN4

GOOD = {"audio": "a.flac", "text": "YES", "speaker": "s"}


def test_an4(an4_folder):
    yes, tim, rubout = read_corpus(an4_folder)
    assert yes == Utterance(
        "an251-fash-b", an4_folder / "wav/an4_clstk/fash/an251-fash-b.wav", "YES", "fash"
    )
    assert (tim.text, tim.audio.suffix, rubout.text) == ("T I M", ".flac", "RUBOUT G M")
    assert read_corpus(an4_folder, "train") == [yes]
    assert read_corpus(an4_folder, "dev") == [tim]
    assert read_corpus(an4_folder, "test") == [rubout]
    assert validate([yes, tim, rubout], AN4) == []


def test_librispeech(librispeech_folder):
    assert len(read_corpus(librispeech_folder)) == 3
    (clean,) = read_corpus(librispeech_folder, "dev-clean")
    folder = librispeech_folder / "dev-clean/84/121123"
    assert clean == Utterance(
        "84-121123-0000", folder / "84-121123-0000.flac", "GO DO YOU HEAR", "84"
    )
    assert {u.speaker for u in read_corpus(librispeech_folder, "dev")} == {"84", "116"}
    assert validate(read_corpus(librispeech_folder), AN4) == []


def test_manifest(tmp_path):
    away = write_sound(tmp_path / "away/b.wav")
    write_sound(tmp_path / "corpus/deep/a.flac")
    rows = [
        {"audio": "deep/a.flac", "text": "YES", "speaker": "x", "split": "dev"},
        {"audio": str(away), "text": "NO", "speaker": "y", "id": "b", "split": "test"},
    ]
    manifest = write_manifest(tmp_path / "corpus", rows[0], "", rows[1])
    for path in (manifest, manifest.parent):
        first, second = read_corpus(path)
        assert first == Utterance("deep/a", manifest.parent / "deep/a.flac", "YES", "x")
        assert second == Utterance("b", away, "NO", "y")
        assert read_corpus(path, "test") == [second]


def test_the_real_an4_has_its_published_sizes(an4):
    sizes = {split: len(read_corpus(an4, split)) for split in ("train", "dev", "test")}
    assert sizes == {"train": 848, "dev": 100, "test": 130}
    speakers = {split: {u.speaker for u in read_corpus(an4, split)} for split in sizes}
    assert [len(names) for names in speakers.values()] == [66, 8, 10]
    assert len(set.union(*speakers.values())) == 84
    words = [len(u.text.split()) for u in read_corpus(an4, "test")]
    assert sum(words) == 773
    assert validate(read_corpus(an4), AN4) == []


def test_the_demo_corpus_is_sound_and_small():
    utterances = read_corpus(DEMO)
    assert len(utterances) >= 100
    assert validate(utterances, AN4) == []
    assert sum(file.stat().st_size for file in DEMO.iterdir()) <= 4_000_000
    assert len({utterance.text for utterance in utterances}) == len(utterances)
    assert {file.name for file in DEMO.iterdir()} == {
        "manifest.jsonl",
        *(utterance.audio.name for utterance in utterances),
    }


def test_the_demo_corpus_has_a_third_to_train_on():
    utterances = read_corpus(DEMO)
    assert read_corpus(DEMO, "train") == utterances[::3]
    assert read_corpus(DEMO, DEMO_SPLIT) == [u for i, u in enumerate(utterances) if i % 3]


def test_what_is_scored_unless_told_otherwise(tmp_path):
    assert scored(None, None) == (DEMO, DEMO_SPLIT)
    assert scored(None, "train") == (DEMO, "train")
    assert scored(tmp_path, None) == (tmp_path, None)
    assert scored(tmp_path, "dev") == (tmp_path, "dev")


def test_splits_that_are_there(librispeech_folder, tmp_path):
    splits = ("dev", "dev-clean", "clean", "train", "test")
    assert [has_split(librispeech_folder, split) for split in splits] == [
        True,
        True,
        False,
        True,
        False,
    ]
    manifest = write_manifest(tmp_path, GOOD, GOOD | {"id": "b", "split": "train-noisy"})
    assert [has_split(manifest, split) for split in splits] == [False, False, False, True, False]


def test_everything_wrong_is_found_at_once(golden, tmp_path):
    write_sound(tmp_path / "slow.wav", rate_hz=8000)
    write_sound(tmp_path / "empty.flac")
    write_sound(tmp_path / "lower.flac")
    write_sound(tmp_path / "stereo.wav", channels=2)
    (tmp_path / "text.wav").write_text("this is no sound\n")
    rows = [
        {"audio": f"{name}.{suffix}", "text": text, "speaker": "s"}
        for name, suffix, text in (
            ("gone", "flac", "NO"),
            ("slow", "wav", "NO"),
            ("empty", "flac", "  "),
            ("lower", "flac", "Nineteen 28"),
            ("text", "wav", "NO"),
            ("stereo", "wav", "NO"),
        )
    ]
    utterances = read_corpus(write_manifest(tmp_path, *rows))
    findings = validate(utterances, AN4)
    codes = [finding.code for finding in findings]
    assert codes == ["Q501", "Q502", "Q503", "Q504", "Q506", "Q508"]
    golden("errors/Q501-to-Q508-a-bad-corpus.txt", str(DataError(*findings)), corpus=tmp_path)


def test_validate_reports_progress(an4_folder):
    seen = []

    def progress(items, what, total=None):
        seen.append((what, total))
        yield from items

    validate(read_corpus(an4_folder), AN4, progress=progress)
    assert seen == [("checking the corpus", 3)]


@pytest.mark.parametrize("slug", ["missing", "unrecognised", "empty", "no-split", "blank-lines"])
def test_no_corpus(golden, tmp_path, slug):
    path, split = tmp_path / "corpus", None
    if slug != "missing":
        path.mkdir()
    if slug in ("empty", "blank-lines"):
        (path / "manifest.jsonl").write_text("" if slug == "empty" else "\n \n\n")
    if slug == "no-split":
        write_manifest(path, GOOD | {"split": "train"}, GOOD | {"id": "b", "split": "dev-clean"})
        split = "test"
    with pytest.raises(DataError) as caught:
        read_corpus(path, split)
    golden(f"errors/Q505-{slug}.txt", str(caught.value), path=path)
