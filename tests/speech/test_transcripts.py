"""Transcripts as JSON lines, written and compared with."""

import json

import pytest

from q4compile.errors import DataError
from q4compile.speech.corpus import DEMO, read_corpus
from q4compile.speech.evaluate import evenly, hear
from q4compile.speech.recognizer import recognizer
from q4compile.speech.search.decode import decode_corpus
from q4compile.speech.search.decoder import DecoderConfig
from q4compile.speech.transcripts import interval_to, write_transcripts


@pytest.fixture(scope="module")
def rows():
    heard = hear(evenly(read_corpus(DEMO, "test"), 4), recognizer("small").features)
    return decode_corpus(DecoderConfig("small"), heard)


def test_transcripts_round_trip(rows, tmp_path):
    write_transcripts(tmp_path / "out.jsonl", rows)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["hypothesis"] for each in found] == [row.hypothesis for row in rows]
    assert [each["errors"] for each in found] == [row.errors for row in rows]
    assert set(interval_to(tmp_path / "out.jsonl", rows).values()) == {0.0}


@pytest.mark.parametrize("text", ["{", '{"id": "x", "errors": 1}\n', "[1]\n", '{"id": 1}\n'])
def test_transcripts_of_something_else(rows, tmp_path, text):
    (tmp_path / "out.jsonl").write_text(text)
    with pytest.raises(DataError, match="Q565"):
        interval_to(tmp_path / "out.jsonl", rows)


def test_no_transcripts(rows, tmp_path, golden):
    with pytest.raises(DataError) as caught:
        interval_to(tmp_path / "none.jsonl", rows)
    golden("errors/Q565-no-transcripts.txt", str(caught.value), folder=tmp_path)
