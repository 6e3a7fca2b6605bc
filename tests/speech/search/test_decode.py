"""A corpus decoded: in one process or two, in one go or after a break."""

import json
from dataclasses import replace

import numpy as np
import pytest

from q4compile.errors import DataError, OutputError
from q4compile.speech.evaluate import Heard
from q4compile.speech.recognizer import recognizer
from q4compile.speech.search.decode import decode_corpus, groups
from q4compile.speech.search.decoder import DecoderConfig
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.search.summary import figures, text
from q4compile.speech.utterance import Utterance

CONFIG = DecoderConfig(
    "small", "lm", "lm", None, "rapid1", SearchSettings(3, batch=2), FusionWeights(0.3, 0.1)
)


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Five noises that nobody said anything in."""
    width = recognizer("small").features.dim
    rng = np.random.default_rng(0)
    sounds = [rng.normal(size=(n, width)).astype(np.float32) for n in (9, 20, 4, 0, 14)]
    folder = tmp_path_factory.mktemp("audio")
    named = tuple(Utterance(f"u{i}", folder / "no.wav", "A B", "x") for i in range(5))
    return Heard(named, tuple(sounds), (0.27, 0.6, 0.12, 0.0, 0.42))


@pytest.fixture(scope="module")
def rows(heard):
    return decode_corpus(CONFIG, heard)


def decoded(rows):
    """What of a row the clock has no part in."""
    return [replace(row, decoding_s=0.0) for row in rows]


def test_groups_hold_everyone_once(heard):
    work = groups(heard, 2, skip={"u1"})
    assert [group.ids for group in work] == [("u4", "u0"), ("u2", "u3")]


def test_rows_keep_the_order_of_the_corpus(rows, heard):
    assert [row.id for row in rows] == [each.id for each in heard.utterances]
    assert [row.words for row in rows] == [2] * 5
    for row in rows:
        assert row.errors == row.substitutions + row.deletions + row.insertions
        assert row.hypothesis == row.n_best[0]["text"]


def test_a_score_is_the_sum_of_its_parts(rows):
    for row in rows[:3]:
        for each in row.n_best:
            models = each["models"]
            whole = each["transducer"] + 0.3 * models["external"] - 0.1 * models["source"]
            assert each["score"] == pytest.approx(whole)


def test_two_processes_find_the_same(heard, rows):
    assert decoded(decode_corpus(CONFIG, heard, jobs=2)) == decoded(rows)


def test_errors_cross_processes(heard):
    with pytest.raises(DataError, match="Q584"):
        decode_corpus(replace(CONFIG, lm=None), heard, jobs=2)


def test_what_is_there_is_not_decoded_again(heard, rows, tmp_path):
    """A file cut in the middle of its fourth line: three are read, the others decoded anew."""
    path = tmp_path / "found.jsonl"
    assert decoded(decode_corpus(CONFIG, heard, path)) == decoded(rows)
    lines = path.read_bytes().splitlines(keepends=True)
    marked = [line.replace(b'"A B"', b'"KEPT"') for line in lines[:3]]
    path.write_bytes(b"".join(marked) + lines[3][:30])
    again = decode_corpus(CONFIG, heard, path)
    kept = {json.loads(line)["id"] for line in lines[:3]}
    assert {row.id for row in again if row.reference == "KEPT"} == kept
    assert len(path.read_text().splitlines()) == 5


def test_hypotheses_of_other_settings(heard, tmp_path, golden):
    path = tmp_path / "found.jsonl"
    decode_corpus(CONFIG, heard, path)
    other = replace(CONFIG, weights=FusionWeights(0.4, 0.1))
    with pytest.raises(DataError) as caught:
        decode_corpus(other, heard, path)
    prints = {"old": CONFIG.fingerprint(), "new": other.fingerprint()}
    golden("errors/Q585-other-settings.txt", str(caught.value), folder=tmp_path, **prints)


@pytest.mark.parametrize("line", ["[]", "{}", '{"counts": {}}', "no JSON"])
def test_hypotheses_that_are_none(heard, tmp_path, line):
    path = tmp_path / "found.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match="Q585"):
        decode_corpus(CONFIG, heard, path)
    assert path.read_text() == line + "\n"


def test_hypotheses_that_cannot_be_written(heard, tmp_path):
    with pytest.raises(OutputError, match="Q551"):
        decode_corpus(CONFIG, heard, tmp_path / "no folder" / "found.jsonl")


def test_figures(rows):
    found = figures(rows)
    assert found["words"] == 10
    assert found["word_errors"] == sum(row.errors for row in rows)
    assert found["wer_percent_ci_low"] <= found["wer_percent"] <= found["wer_percent_ci_high"]
    assert found["encoder_rows"] == 4, "an utterance without a frame is not encoded"
    assert found["predictor_rows"] == found["predictor_prefixes"]
    assert found["source_lm_rows"] > found["lm_rows"] == found["lm_prefixes"]
    assert found["joint_rows"] == found["search_rows"]
    assert 0 < found["cache_hit_share"] < 1
    assert 0 < found["active_step_share"] <= 1
    assert text(found).startswith("WER ")


def test_figures_of_an_accelerator(rows):
    """Components add up; per utterance where each was decoded alone."""
    alone = {"encoder_cycles": 10, "encoder_energy_mj": 0.5, "encoder_time_ms": 60.0}
    more = {"lm_cycles": 5, "lm_energy_mj": 0.25, "lm_time_ms": 24.0}
    found = figures([replace(rows[0], calls=alone), replace(rows[1], calls=more)])
    assert found["cycles_total"] == 15
    assert found["energy_mj"] == 0.75
    assert found["machine_rtf"] == pytest.approx(0.084 / (rows[0].audio_s + rows[1].audio_s))
    assert "accelerator: 15 cycles" in text(found)
