"""Scores of whole sets, their comparison, and transcripts on disk."""

import numpy as np
import pytest

from q4compile.speech.corpus import DEMO, read_corpus
from q4compile.speech.evaluate import compare, evaluate, evenly, hear, pooled
from q4compile.speech.recognizer import recognizer


@pytest.fixture(scope="module")
def heard_and_done():
    ears = recognizer("small")
    heard = hear(evenly(read_corpus(DEMO), 8), ears.features)
    return heard, evaluate(ears.transducer, heard, ears.vocabulary)


def test_evenly_spaced():
    utterances = read_corpus(DEMO)
    assert evenly(utterances, None) == utterances == evenly(utterances, 10_000)
    assert evenly(utterances, 4) == utterances[::30]
    assert len(evenly(utterances, 7)) == 7


def test_figures_are_those_of_the_transcripts(heard_and_done):
    heard, done = heard_and_done
    figures = done.figures()
    assert figures["utterances"] == 8
    assert figures["words"] == sum(len(text.split()) for text in done.references)
    assert figures["wer_percent"] == 100 * figures["word_errors"] / figures["words"] < 50
    assert figures["audio_s"] == pytest.approx(heard.seconds)
    assert figures["rtf"] > 0


def test_comparison_with_itself_and_with_worse(heard_and_done):
    _, done = heard_and_done
    same = compare(done, done)
    assert (same.difference_percent, same.low, same.high) == (0, 0, 0)
    worse = type(done)(**{**vars(done), "errors": done.errors + 1})
    change = compare(done, worse)
    assert change.low > 0
    assert change.difference_percent == pytest.approx(100 * 8 / done.words.sum())


def test_pooled_adds_up(heard_and_done):
    _, done = heard_and_done
    both = pooled([done, done])
    assert both.wer.errors == 2 * done.wer.errors
    assert both.wer.percent == done.wer.percent
    assert both.audio_s == 2 * done.audio_s


def test_scores_need_no_order(heard_and_done):
    """Decoding sorts by length; the scores come back in the corpus's order."""
    heard, done = heard_and_done
    assert done.references == tuple(utterance.text for utterance in heard.utterances)
    assert np.all(done.words == [len(text.split()) for text in done.references])
