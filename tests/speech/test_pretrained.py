"""The bundled networks do what the documentation says of them."""

from dataclasses import replace
from math import exp

import pytest
import torch

from q4compile.speech.checkpoint import (
    LM_CHECKPOINT,
    SMALL_CHECKPOINT,
    SOURCE_LM_CHECKPOINT,
    load_lm,
    load_rnnt,
)
from q4compile.speech.config import SMALL, SMALL_LM
from q4compile.speech.corpus import DEMO, load_audio, read_corpus
from q4compile.speech.features import features
from q4compile.speech.greedy import greedy
from q4compile.speech.score import wer
from q4compile.speech.torch_networks import torch_transducer
from q4compile.speech.train_lm import nats_per_character


def greedy_wer(path, split=None):
    model = load_rnnt(SMALL_CHECKPOINT)
    utterances = read_corpus(path, split)
    sounds = [features(load_audio(one), model.config.features) for one in utterances]
    decode = model.config.vocabulary.decode
    hypotheses = [decode(tokens) for tokens in greedy(torch_transducer(model), sounds)]
    return wer([one.text for one in utterances], hypotheses).percent


def surprise(checkpoint, text):
    """Nats per character."""
    lm = load_lm(checkpoint)
    return nats_per_character(lm, [torch.tensor([*lm.config.vocabulary.encode(text), 0])])


def test_sizes():
    assert SMALL_CHECKPOINT.stat().st_size <= 12e6
    assert LM_CHECKPOINT.stat().st_size <= 1e6
    assert load_rnnt(SMALL_CHECKPOINT).config == SMALL
    assert load_lm(LM_CHECKPOINT).config == SMALL_LM
    assert SOURCE_LM_CHECKPOINT.stat().st_size <= 1e6
    assert load_lm(SOURCE_LM_CHECKPOINT).config == replace(SMALL_LM, hidden=96)


def test_word_error_rate_on_speakers_never_heard(an4):
    """AN4's test list: at most 9 %; docs/training.md has the exact figure."""
    assert greedy_wer(an4, "test") <= 9.0


def test_word_error_rate_on_the_demonstration():
    assert greedy_wer(DEMO) <= 25.0


@pytest.mark.parametrize("checkpoint", [LM_CHECKPOINT, SOURCE_LM_CHECKPOINT])
def test_the_language_models_know_months_from_noise(checkpoint):
    said = surprise(checkpoint, "JUNE TWENTY FIRST NINETEEN EIGHTY")
    assert said < surprise(checkpoint, "ENUJ YTNEWT TSRIF YTHGIE") / 3
    assert exp(surprise(checkpoint, "B A N G L A D E S H")) < 5
