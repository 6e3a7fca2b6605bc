"""The two forms of the bidirectional LSTM are one function."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from q4compile.speech.bilstm import BiLstm, reversal

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(0, 2**31))
def test_equals_packed_sequences(lengths, seed):
    torch.manual_seed(seed)
    layer = BiLstm(5, 4)
    frames = torch.randn(max(lengths), len(lengths), 5)
    counts = torch.tensor(lengths)
    packed = pack_padded_sequence(frames, counts, enforce_sorted=False)
    wanted, _ = pad_packed_sequence(layer.lstm(packed)[0])
    torch.testing.assert_close(layer(frames, counts), wanted, rtol=0, atol=2e-6)


@pytest.mark.parametrize("training", [True, False])
def test_gradient_equals_packed_sequences(training):
    torch.manual_seed(0)
    layer = BiLstm(5, 4).train(training)
    frames, counts = torch.randn(7, 3, 5), torch.tensor([4, 7, 1])
    layer(frames, counts).square().sum().backward()
    found = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    packed = pack_padded_sequence(frames, counts, enforce_sorted=False)
    pad_packed_sequence(layer.lstm(packed)[0])[0].square().sum().backward()
    for one, parameter in zip(found, layer.parameters(), strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=0, atol=2e-5)


@given(LENGTHS)
def test_reversal_is_its_own_inverse(lengths):
    counts = torch.tensor(lengths)
    order = reversal(max(lengths), counts)
    times = torch.arange(max(lengths))[:, None].expand(-1, len(lengths))
    assert torch.equal(order.gather(0, order), times)
    for b, count in enumerate(lengths):
        assert order[:count, b].tolist() == list(range(count))[::-1]
