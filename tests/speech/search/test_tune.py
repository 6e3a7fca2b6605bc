"""Fusion weights from trials, in one go or after a break."""

from dataclasses import replace

import pytest

optuna = pytest.importorskip("optuna")

from q4compile.errors import DataError  # noqa: E402
from q4compile.speech.corpus import DEMO, read_corpus  # noqa: E402
from q4compile.speech.evaluate import evenly, hear  # noqa: E402
from q4compile.speech.score import cer  # noqa: E402
from q4compile.speech.search.decoder import DecoderConfig, open_decoder  # noqa: E402
from q4compile.speech.search.fusion import FusionWeights  # noqa: E402
from q4compile.speech.search.settings import SearchSettings  # noqa: E402
from q4compile.speech.search.tune import Ranges, tune  # noqa: E402

CONFIG = DecoderConfig("small", lm="lm", search=SearchSettings(2, batch=4))


@pytest.fixture(scope="module")
def decoder():
    return open_decoder(CONFIG)


@pytest.fixture(scope="module")
def heard(decoder):
    """Utterances of which the bundled model gets some wrong."""
    return hear(evenly(read_corpus(DEMO, "test"), 8), decoder.ears.features)


def test_the_best_trial_is_what_a_decode_gives(decoder, heard, tmp_path):
    found = tune(decoder, heard, 5, tmp_path / "study.db", metric="cer")
    assert found.trials == 5
    assert found.percent <= found.percent_without
    assert found.weights.source == found.weights.internal == 0
    again = open_decoder(replace(CONFIG, weights=found.weights))
    texts = [again.text(each.best.tokens) for each in again.decode(heard.features)]
    references = [each.text for each in heard.utterances]
    assert cer(references, texts).percent == found.percent


def test_a_study_is_gone_on_with(decoder, heard, tmp_path):
    path = tmp_path / "study.db"
    assert tune(decoder, heard, 2, path).trials == 2
    assert tune(decoder, heard, 4, path).trials == 4
    assert tune(decoder, heard, 4, path).trials == 4, "nothing is left to do"
    study = optuna.load_study(study_name="fusion", storage=f"sqlite:///{path}")
    assert [each.number for each in study.trials] == [0, 1, 2, 3]
    params = study.trials[0].params
    assert set(params) == {"external", "length"}, "what has no model has no weight"
    assert not any(params.values()), "no weights at all are the first trial"


def test_a_study_of_something_else(decoder, heard, tmp_path):
    path = tmp_path / "study.db"
    tune(decoder, heard, 1, path)
    with pytest.raises(DataError, match="Q589"):
        tune(decoder, heard, 1, path, Ranges(external=0.5))
    with pytest.raises(DataError, match="Q589"):
        tune(decoder, heard, 1, path, metric="cer")
    other = replace(decoder, config=replace(CONFIG, search=SearchSettings(3)))
    with pytest.raises(DataError, match="Q589"):
        tune(other, heard, 1, path)
    weighted = replace(decoder, config=replace(CONFIG, weights=FusionWeights(0.5)))
    assert tune(weighted, heard, 1, path).trials == 1, "the weights given play no part"


def test_a_file_that_is_no_study(decoder, heard, tmp_path):
    path = tmp_path / "study.db"
    path.write_text("no SQLite\n" * 100)
    with pytest.raises(DataError, match="Q589"):
        tune(decoder, heard, 1, path)
    with pytest.raises(DataError, match="Q589"):
        tune(decoder, heard, 1, tmp_path / "no folder" / "study.db")
