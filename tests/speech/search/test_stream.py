"""Sound in chunks is decoded as the whole of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_transducer import RandomLm
from torch import nn

from q4compile.errors import ModelError
from q4compile.runtime.counting import CountingExecutor
from q4compile.runtime.executor import TORCH, Port, Ports, State
from q4compile.runtime.torch_executor import TorchExecutor
from q4compile.speech.features import FeatureConfig, OnlineFeatures, features
from q4compile.speech.recognizer import Recognizer, recognizer
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.language_model import LanguageModels
from q4compile.speech.search.search import beam_search
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.search.stream import FeatureStream, SoundStream
from q4compile.speech.transducer import ExecutorTransducer
from q4compile.speech.vocabulary import Vocabulary

PLAIN = FeatureConfig(n_mels=4, stack=3, skip=2, normalize=False)
SYMBOLS = Vocabulary(("<blank>", "A", "B", "C"))
WIDTH, UNITS = PLAIN.dim, 6


def forward_executor(seed):
    """One LSTM layer forward in time, two frames joined behind it; and the usual rest."""
    torch.manual_seed(seed)
    lstm = nn.LSTM(WIDTH, UNITS, batch_first=True)
    predictor, embedding = nn.LSTM(3, UNITS, batch_first=True), nn.Embedding(4, 3)
    projection, output = nn.Linear(2 * UNITS, UNITS), nn.Linear(UNITS, 4)

    def encoder(sound, lengths, h, c):
        hidden, (h, c) = lstm(sound, (h, c))
        hidden = nn.functional.pad(hidden, (0, 0, 0, hidden.shape[1] % 2))
        pairs = hidden.reshape(len(hidden), -1, 2 * UNITS)
        return projection(pairs), h, c

    def predict(tokens, h, c):
        vectors, (h, c) = predictor(embedding(tokens), (h, c))
        return vectors[:, 0], h, c

    def joint(frames, vectors):
        return (9 * output(torch.tanh(3 * frames[:, 0] + 3 * vectors)),)

    states = tuple(State(f"{s}_in", f"{s}_out", 1, UNITS) for s in "hc")
    hears = Port("features", 3), Port("lengths", 1, is_integer=True)
    frames, vectors = Port("frames", 3), Port("vectors", 2)
    tokens = Port("tokens", 2, is_integer=True)
    return TorchExecutor(
        {
            "encoder": (encoder, Ports(hears, (frames,), states)),
            "predictor": (predict, Ports((tokens,), (vectors,), states)),
            "joint": (joint, Ports((frames, vectors), (Port("logits", 2),))),
        }
    )


def chunks(array, cuts):
    return np.split(array, sorted(min(cut, len(array)) for cut in cuts))


@settings(max_examples=40)
@given(
    st.integers(0, 1000),
    st.integers(0, 30),
    st.lists(st.integers(0, 30), max_size=6),
    st.integers(1, 5),
    st.booleans(),
)
def test_however_cut_the_result_is_that_of_the_whole(seed, rows, cuts, beam, fused):
    transducer = ExecutorTransducer(forward_executor(seed))
    lms = LanguageModels()
    if fused:
        weights = FusionWeights(0.4, 0.2, 0.1, 0.3)
        lms = LanguageModels(RandomLm([seed, 1], 4), RandomLm([seed, 2], 4), weights)
    sound = np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)
    stream = FeatureStream(transducer, SearchSettings(beam), lms)
    for chunk in chunks(sound, cuts):
        partial = stream.feed(chunk)
        assert partial.hypotheses
    (whole,) = beam_search(transducer, [sound], SearchSettings(beam), lms)
    found = stream.finish()
    assert [each.tokens for each in found.hypotheses] == [e.tokens for e in whole.hypotheses]
    scores = [each.score for each in found.hypotheses]
    assert scores == pytest.approx([each.score for each in whole.hypotheses], abs=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 4000), st.lists(st.integers(0, 4000), max_size=5))
def test_features_in_chunks(length, cuts):
    samples = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
    online = OnlineFeatures(PLAIN)
    rows = [online.feed(chunk) for chunk in chunks(samples, cuts)]
    found = np.concatenate([*rows, online.finish()])
    assert np.array_equal(found, features(samples, PLAIN))


def test_words_come_while_sound_does():
    executor = CountingExecutor(forward_executor(1))
    transducer = ExecutorTransducer(executor)
    ears = Recognizer(transducer, PLAIN, SYMBOLS, TORCH, executor)
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 16000).astype(np.float32)
    stream = SoundStream(ears, SearchSettings(4))
    partial = [len(stream.feed(chunk).best.tokens) for chunk in np.split(samples, 10)]
    assert 0 < partial[4] < partial[9]
    (whole,) = beam_search(transducer, [features(samples, PLAIN)], SearchSettings(4))
    assert stream.finish().best.tokens == whole.best.tokens


def test_models_that_need_whole_utterances(golden):
    with pytest.raises(ModelError) as caught:
        SoundStream(recognizer("small"))
    golden("errors/Q587-features-look-ahead.txt", str(caught.value))
    with pytest.raises(ModelError) as caught:
        weights = FusionWeights(internal=0.1, internal_frame="mean")
        FeatureStream(recognizer("small").transducer, lms=LanguageModels(weights=weights))
    golden("errors/Q587-encoder-looks-ahead.txt", str(caught.value))


def test_features_that_need_the_whole_utterance():
    with pytest.raises(ValueError, match="whole utterance"):
        OnlineFeatures(replace(PLAIN, deltas=True))
