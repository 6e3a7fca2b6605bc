"""Greedy decoding: against one utterance at a time, on a transducer whose answers are known."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_rnnt import TINY

from q4compile.speech.greedy import greedy, padded
from q4compile.speech.model import Rnnt
from q4compile.speech.torch_networks import torch_transducer


class Copier:
    """Writes what the frames say: frame value n asks for the symbols 1, 2, ..., n, once each.

    The state counts the symbols written since the start, so a wrong update of it shows.
    """

    def encode(self, features, lengths):
        totals = np.cumsum(features, axis=1)
        return totals, lengths

    def start(self, batch):
        return (np.full((1, batch, 1), -1.0, np.float32),)

    def predict(self, tokens, state):
        after = state[0] + 1
        return after[0], (after,)

    def joint(self, frames, vectors):
        wanted, written = frames[:, 0], vectors[:, 0]
        logits = np.zeros((len(frames), 3), np.float32)
        logits[:, 1] = wanted > written
        logits[:, 0] = 0.5
        return logits


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=7), st.integers(1, 4))
def test_every_row_writes_what_its_own_frames_ask_for(counts, batch):
    features = [np.array(one, np.float32).reshape(-1, 1) for one in counts]
    decoded = greedy(Copier(), features, batch=batch)
    assert [len(tokens) for tokens in decoded] == [sum(one) for one in counts]


def test_no_frame_writes_more_than_allowed():
    features = [np.array([[5.0], [0.0], [0.0]], np.float32)]
    assert greedy(Copier(), features, max_symbols_per_frame=2) == [[1, 1, 1, 1, 1]]
    assert greedy(Copier(), features[:1], max_symbols_per_frame=1) == [[1, 1, 1]]


def test_a_batch_decodes_as_its_utterances_alone():
    torch.manual_seed(1)
    transducer = torch_transducer(Rnnt(TINY))
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((n, 8)).astype(np.float32) * 3 for n in (5, 0, 12, 1, 7, 12)]
    together = greedy(transducer, features, batch=4)
    assert any(together), "a model that never writes would show nothing"
    assert together == [greedy(transducer, [one])[0] for one in features]
    assert together[1] == []


def test_padded_fills_with_zeros():
    block, lengths = padded([np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)])
    assert block.shape == (2, 4, 3)
    assert lengths.tolist() == [2, 4]
    assert block.sum(axis=(1, 2)).tolist() == [6.0, 12.0]
