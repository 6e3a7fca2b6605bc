"""Batches: every utterance heard, lengths right, equal for equal seeds, clean where asked."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_rnnt import TINY

from q4compile.speech.batches import Disturbance, epoch_batches, plain_features
from q4compile.speech.features import stack_frames
from q4compile.speech.source import Rendered, draws

CLEAN = Disturbance(join=0, freq_masks=0, time_masks=0, warp=0)


def rendered(count, first="A", versions=2):
    """Utterances of 1 to `count` hundredths of a second times 7, told apart by their text."""
    rng = np.random.default_rng(count)
    frames = tuple(
        tuple(rng.standard_normal((7 * (i + 1), 4)).astype(np.float32) for _ in range(versions))
        for i in range(count)
    )
    return Rendered(frames, tuple(chr(ord(first) + i) for i in range(count)))


def batches(disturbance=CLEAN, shares=(1.0, 1.0), seconds=1.0, seed=0, epoch=0):
    sources = [rendered(8), rendered(5, "M")]
    return epoch_batches(sources, shares, TINY, disturbance, seconds, seed, epoch)


def heard(batches):
    """How often each text occurs, joined examples taken apart."""
    texts = Counter()
    for batch in batches:
        for labels, count in zip(batch.labels, batch.label_lengths, strict=True):
            texts.update(TINY.vocabulary.decode(labels[:count].tolist()).split())
    return texts


@pytest.mark.parametrize("join", [0.0, 0.5, 1.0])
def test_an_epoch_hears_the_first_source_once_and_the_second_by_its_share(join):
    found = heard(batches(replace(CLEAN, join=join), shares=(1.0, 1.25)))
    assert {text: found[text] for text in "ABCDEFGH"} == dict.fromkeys("ABCDEFGH", 1)
    assert {text: found[text] for text in "MNOPQ"} == dict.fromkeys("MNOPQ", 2)


def test_joined_examples_are_as_long_as_their_parts():
    joined = batches(replace(CLEAN, join=1.0), seconds=100)
    lengths = {
        TINY.vocabulary.decode(labels[:n].tolist()): length
        for batch in joined
        for labels, n, length in zip(
            batch.labels, batch.label_lengths, batch.lengths.tolist(), strict=True
        )
    }
    assert any(" " in text for text in lengths)
    known = {text: 7 * (i + 1) for names in ("ABCDEFGH", "MNOPQ") for i, text in enumerate(names)}
    for text, length in lengths.items():
        frames = sum(known[part] for part in text.split())
        assert -(-(frames - 1) // 2) <= length <= -(-frames // 2)


@pytest.mark.parametrize("seconds", [0.6, 1.5])
def test_no_batch_is_longer_than_asked(seconds):
    for batch in batches(seconds=seconds):
        count, longest, width = batch.features.shape
        assert width == TINY.input_dim
        assert longest == batch.lengths.max()
        assert count == 1 or count * (longest - 1) * 0.02 <= seconds


def test_equal_seeds_give_equal_batches_and_other_epochs_others():
    def flat(**arguments):
        return torch.cat(
            [batch.features.flatten() for batch in batches(Disturbance(), **arguments)]
        )

    assert torch.equal(flat(epoch=3), flat(epoch=3))
    assert flat(epoch=3).tolist() != flat(epoch=4).tolist()
    assert flat(seed=1).tolist() != flat(seed=2).tolist()


def test_tokens_start_with_the_blank():
    batch = batches()[0]
    assert batch.tokens.shape[1] == batch.labels.shape[1] + 1
    assert not batch.tokens[:, 0].any()
    assert torch.equal(batch.tokens[:, 1:], batch.labels)


def test_plain_features_are_the_first_version_stacked():
    source = rendered(3)
    found = plain_features(source, TINY)
    for one, versions in zip(found, source.frames, strict=True):
        assert np.array_equal(one, stack_frames(versions[0], TINY.features))


@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 8))
def test_draws_repeat_no_index_before_all_had_their_turn(count, wanted, epochs):
    drawn = np.concatenate([draws(count, wanted, epoch, [3]) for epoch in range(epochs)])
    assert len(drawn) == wanted * epochs
    for start in range(0, len(drawn), count):
        turn = drawn[start : start + count].tolist()
        assert len(set(turn)) == len(turn)
        assert set(turn) <= set(range(count))
