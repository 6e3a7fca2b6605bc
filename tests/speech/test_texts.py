"""What a language model reads: nothing of the development split, and what it is told to."""

import pytest
from small_corpora import write_manifest

from q4compile.errors import DataError
from q4compile.speech.texts import TRANSCRIPT_COPIES, lm_texts
from q4compile.speech.vocabulary import AN4


def corpus(folder, **texts):
    folder.mkdir()
    rows = [
        {"audio": f"{split}.flac", "text": text, "speaker": "s", "split": split}
        for split, text in texts.items()
    ]
    write_manifest(folder, *rows)
    return folder


@pytest.fixture
def recorded(tmp_path):
    return corpus(tmp_path / "recorded", train="GO", dev="STOP", test="NO")


@pytest.fixture
def synthetic(tmp_path):
    return corpus(tmp_path / "synthetic", train="A B", dev="C D")


def test_a_source_language_model_reads_what_was_heard(recorded, synthetic):
    read, judged = lm_texts(recorded, AN4, "dev", 0, 0, synthetic)
    assert read == ["A B", "C D", *["GO"] * TRANSCRIPT_COPIES]
    assert judged == ["STOP"]


def test_an_external_one_reads_invented_sentences_too(recorded):
    read, _ = lm_texts(recorded, AN4, "dev", 5, 0)
    assert len(read) == 5 + TRANSCRIPT_COPIES
    assert read[:5] == lm_texts(recorded, AN4, "dev", 5, 0)[0][:5]
    assert read[:5] != lm_texts(recorded, AN4, "dev", 5, 1)[0][:5]


def test_all_foreign_characters_are_found(recorded, tmp_path):
    foreign = corpus(tmp_path / "foreign", train="caf\u00e9", dev="GO")
    with pytest.raises(DataError, match="Q504"):
        lm_texts(recorded, AN4, "dev", 0, 0, foreign)
