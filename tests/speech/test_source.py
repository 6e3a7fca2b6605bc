"""Rendering: the recording first, then versions that differ, the same each time."""

import numpy as np
import pytest
from small_corpora import write_manifest, write_sound
from tiny_rnnt import TINY

from q4compile.errors import DataError
from q4compile.speech.corpus import load_audio, read_corpus
from q4compile.speech.features import features, stack_frames
from q4compile.speech.source import Source, mixture, render


@pytest.fixture
def corpus(tmp_path):
    rows = [{"audio": f"{n}.flac", "text": "YES", "speaker": "s"} for n in range(3)]
    write_manifest(tmp_path, *rows)
    for n in range(3):
        write_sound(tmp_path / f"{n}.flac", 4000 + 800 * n)
    return tmp_path


def test_the_first_version_is_the_recording(corpus):
    rendered = render(Source(corpus, copies=2), TINY, seed=0)
    for versions, utterance in zip(rendered.frames, read_corpus(corpus), strict=True):
        stacked = stack_frames(versions[0], TINY.features)
        assert np.array_equal(stacked, features(load_audio(utterance), TINY.features))
    assert rendered.texts == ("YES",) * 3


def test_versions_differ_and_are_the_same_each_time(corpus):
    once, again = (render(Source(corpus, copies=4), TINY, seed=5) for _ in range(2))
    for first, second in zip(once.frames, again.frames, strict=True):
        assert len(first) == 4
        assert len({version.tobytes() for version in first}) == 4
        for one, other in zip(first, second, strict=True):
            assert np.array_equal(one, other)


def test_all_that_is_wrong_is_said_at_once(corpus):
    (corpus / "0.flac").unlink()
    write_sound(corpus / "2.flac", rate_hz=8000)
    with pytest.raises(DataError) as caught:
        render(Source(corpus), TINY, seed=0)
    assert [finding.code for finding in caught.value.findings] == ["Q501", "Q502"]


def test_the_recipe_draws_as_much_synthetic_as_recorded_speech(tmp_path):
    recorded, synthetic = mixture(tmp_path / "an4", tmp_path / "made")
    assert (recorded.split, recorded.share, synthetic.share) == ("train", 1.0, 1.0)
    assert mixture(tmp_path / "an4") == (recorded,)
