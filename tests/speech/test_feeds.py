"""Calibration hears the training split where there is one, and never hides a broken corpus."""

import pytest
from small_corpora import write_manifest

from q4compile.errors import DataError
from q4compile.speech.corpus import DEMO, DEMO_SPLIT, read_corpus
from q4compile.speech.feeds import calibration_utterances


def rows(*splits):
    return [
        {"audio": f"{i}.flac", "text": "YES", "speaker": "s"} | ({"split": split} if split else {})
        for i, split in enumerate(splits)
    ]


def names(path):
    return [utterance.id for utterance in calibration_utterances(path)]


def test_the_training_split_where_there_is_one(tmp_path):
    assert names(write_manifest(tmp_path, *rows("test", "train", None, "train-other"))) == [
        *("1", "3")
    ]


def test_everything_where_there_is_none(tmp_path):
    assert names(write_manifest(tmp_path, *rows("test", "dev", None))) == ["0", "1", "2"]


def test_of_bundled_speech_nothing_that_is_scored():
    heard = calibration_utterances(DEMO)
    assert len(heard) == 40
    assert set(heard).isdisjoint(read_corpus(DEMO, DEMO_SPLIT))


@pytest.mark.parametrize(("line", "code"), [({"text": "YES"}, "Q507"), ("", "Q505")])
def test_errors_pass_through(tmp_path, line, code):
    good = rows("train") if line else []
    path = write_manifest(tmp_path, *good, line)
    with pytest.raises(DataError) as caught:
        calibration_utterances(path)
    assert [finding.code for finding in caught.value.findings] == [code]


def test_no_corpus_at_all(tmp_path):
    with pytest.raises(DataError) as caught:
        calibration_utterances(tmp_path / "gone")
    assert "no corpus here" in str(caught.value)
