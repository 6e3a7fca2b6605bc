"""Lists that do not parse are named by file and line, all of them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_corpora import write_manifest

from q4compile.errors import DataError
from q4compile.speech.corpus import read_corpus

GOOD = {"audio": "a.flac", "text": "YES", "speaker": "s"}
printable = st.text(st.characters(codec="utf-8", exclude_characters="/\0."), min_size=1)


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_corpus(path)
    return caught.value


def test_every_broken_line_of_a_manifest(golden, tmp_path):
    path = write_manifest(
        tmp_path,
        GOOD,
        '{"audio": "a.flac", "text": ',
        '["a.flac", "YES", "s"]',
        {"audio": "b.flac", "text": 7},
        GOOD,
        GOOD | {"audio": "../b.flac"},
        GOOD | {"id": "c", "split": 3},
        '{"audio": "a\\ud800.flac", "text": "YES", "speaker": "s"}',
    )
    error = refusal(path)
    assert {finding.code for finding in error.findings} == {"Q507"}
    assert len(error.findings) == 7
    golden("errors/Q507-manifest.txt", str(error), corpus=tmp_path)


def test_a_manifest_that_is_not_text(golden, tmp_path):
    (tmp_path / "manifest.jsonl").write_bytes(json.dumps(GOOD).encode() + b"\n\xff\xfe\n")
    golden("errors/Q507-not-text.txt", str(refusal(tmp_path)), corpus=tmp_path)


def test_a_json_bomb_is_a_broken_line(tmp_path):
    path = write_manifest(tmp_path, "[" * 200_000, "1" * 10_000)
    assert [finding.code for finding in refusal(path).findings] == ["Q507", "Q507"]


def test_an4_lists_that_disagree(golden, an4_folder):
    lists = an4_folder / "etc"
    (lists / "an4_train.transcription").write_text("<s> YES </s> (an251-fash-b)\nNO ID HERE\n")
    golden("errors/Q507-an4.txt", str(refusal(an4_folder)), corpus=an4_folder)


def test_an4_lists_an_utterance_nobody_transcribed(golden, an4_folder):
    (an4_folder / "etc/an4_test.transcription").write_text("NO (an407-fcaw-b)\n")
    golden("errors/Q507-an4-no-text.txt", str(refusal(an4_folder)), corpus=an4_folder)


def test_an4_without_transcripts(golden, an4_folder):
    (an4_folder / "etc/an4_test.transcription").unlink()
    golden("errors/Q507-an4-no-transcripts.txt", str(refusal(an4_folder)), corpus=an4_folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(printable, printable, printable), min_size=1, unique_by=lambda r: r[0]))
def test_a_manifest_comes_back_as_it_was_written(tmp_path, rows):
    rows = [{"audio": f"{a}.wav", "text": t, "speaker": s} for a, t, s in rows]
    found = read_corpus(write_manifest(tmp_path, *rows))
    assert [(u.audio, u.text, u.speaker) for u in found] == [
        (tmp_path / row["audio"], row["text"], row["speaker"]) for row in rows
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(tmp_path, data):
    (tmp_path / "manifest.jsonl").write_bytes(data)
    with pytest.raises(DataError, match=r"Q50[57]"):
        read_corpus(tmp_path)
