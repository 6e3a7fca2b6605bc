"""The batched search against every alignment, a textbook's loop, and the greedy search."""

import subprocess
import sys
from dataclasses import replace
from itertools import product as sequences

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_transducer import RandomLm, RandomTransducer, sounds
from textbook import Networks, alsd, forward, fused
from tiny_rnnt import TINY

from q4compile.errors import DataError
from q4compile.speech.greedy import greedy
from q4compile.speech.model import Rnnt
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.language_model import NO_MODELS, LanguageModels
from q4compile.speech.search.search import beam_search
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.torch_networks import torch_transducer

EVERYTHING = 4096
CLOSE = 1e-4
seeds = st.integers(0, 10_000)
weights = st.builds(
    FusionWeights,
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([0.0, 0.4]),
)


def models(fusion, seed):
    return LanguageModels(RandomLm([seed, 1]), RandomLm([seed, 2]), fusion)


@settings(max_examples=15)
@given(seeds, st.integers(1, 3), weights)
def test_a_beam_that_holds_everything_sums_over_all_alignments(seed, frames, fusion):
    transducer, lms = RandomTransducer(seed), models(fusion, seed)
    (sound,) = sounds(seed, [frames])
    limit = 3
    (found,) = beam_search(transducer, [sound], SearchSettings(EVERYTHING, limit), lms)
    scores = {each.tokens: each for each in found.hypotheses}
    networks = Networks(transducer, sound)
    for length in range(limit + 1):
        for labels in sequences((1, 2), repeat=length):
            exact = forward(networks, labels)
            assert scores[labels].transducer == pytest.approx(exact, abs=CLOSE)
            whole = exact + fused(networks, lms, labels)
            assert scores[labels].score == pytest.approx(whole, abs=CLOSE)


@settings(max_examples=40)
@given(
    seeds,
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([None, 0.6]),
    st.sampled_from([np.inf, 1.5]),
    weights,
)
def test_n_best_are_those_of_the_textbook(seed, lengths, beam, limit, skip, margin, fusion):
    transducer, lms = RandomTransducer(seed, blank=1.0), models(fusion, seed)
    heard = sounds(seed, lengths)
    how = SearchSettings(beam, limit, skip, margin, batch=3)
    for sound, found in zip(heard, beam_search(transducer, heard, how, lms), strict=True):
        wanted = alsd(transducer, sound, how, lms) if len(sound) else [(0.0, ())]
        assert [each.tokens for each in found.hypotheses] == [labels for _, labels in wanted]
        scores = [score for score, _ in wanted]
        assert [each.score for each in found.hypotheses] == pytest.approx(scores, abs=CLOSE)


@settings(max_examples=40)
@given(seeds, st.lists(st.integers(0, 7), min_size=1, max_size=5), st.integers(1, 3))
def test_a_beam_of_one_is_greedy(seed, lengths, limit):
    transducer = RandomTransducer(seed, symbols=5, blank=1.0)
    heard = sounds(seed, lengths)
    found = beam_search(transducer, heard, SearchSettings(1, limit))
    assert [list(each.best.tokens) for each in found] == greedy(transducer, heard, limit)


def test_equal_logits_are_settled_as_greedy_settles_them():
    class Undecided(RandomTransducer):
        def joint(self, frames, vectors):
            return np.round(super().joint(frames, vectors) / 4)

    for seed in range(20):
        transducer = Undecided(seed, symbols=5)
        heard = sounds(seed, [6, 9])
        found = beam_search(transducer, heard, SearchSettings(1, 2))
        assert [list(each.best.tokens) for each in found] == greedy(transducer, heard, 2)


@settings(max_examples=20)
@given(seeds, weights)
def test_without_the_cache_the_same_is_found_at_a_higher_price(seed, fusion):
    heard = sounds(seed, [9, 4, 12])
    found = {}
    for cache in (True, False):
        transducer, lms = RandomTransducer(seed, blank=1.0), models(fusion, seed)
        results = beam_search(transducer, heard, SearchSettings(4, 3, cache=cache), lms)
        lm_rows = lms.external.rows + lms.source.rows
        found[cache] = [each.hypotheses for each in results], transducer.rows, lm_rows
        prefixes = sum(each.counts.prefixes for each in results)
        assert prefixes == transducer.rows
    assert found[True][0] == found[False][0]
    assert found[True][1] < found[False][1]
    assert found[True][2] <= found[False][2]


@settings(max_examples=40)
@given(seeds, st.sampled_from([0.0, 3.0]), st.sampled_from([np.inf, 2.0]), weights)
def test_models_that_wait_say_the_same_in_fewer_steps(seed, blank, margin, fusion):
    how = SearchSettings(4, 3, margin_nats=margin)
    heard = sounds(seed, [9, 4, 12])
    found = {}
    for defer in (True, False):
        transducer, lms = RandomTransducer(seed, blank=blank), models(fusion, seed)
        results = beam_search(transducer, heard, replace(how, defer=defer), lms)
        found[defer] = [each.hypotheses for each in results]
        steps = sum(each.counts.lm_active_steps for each in results)
        calls = lms.external.rows, lms.source.rows, steps
        if defer:
            fewer = calls
    assert found[True] == found[False]
    assert all(ours <= theirs for ours, theirs in zip(fewer, calls, strict=True))


def test_a_model_waits_while_the_blank_is_sure():
    """A beam of 2 that hears nothing but the blank: each prefix asks once, or never."""
    transducer, fusion = RandomTransducer(0, blank=30.0), FusionWeights(external=0.5)
    steps = {}
    for defer in (True, False):
        lms = models(fusion, 0)
        (found,) = beam_search(transducer, sounds(0, [12]), SearchSettings(2, 3, defer=defer), lms)
        steps[defer] = found.counts.lm_active_steps
    assert 0 < steps[True] < steps[False]


@settings(max_examples=20)
@given(seeds, st.permutations(range(5)), weights)
def test_no_utterance_depends_on_its_batch(seed, order, fusion):
    transducer, lms = RandomTransducer(seed, blank=0.5), models(fusion, seed)
    heard = sounds(seed, [7, 0, 3, 11, 7])
    how = SearchSettings(4, 3)
    alone = [beam_search(transducer, [each], how, lms)[0] for each in heard]
    together = beam_search(transducer, [heard[i] for i in order], how, lms)
    assert together == [alone[i] for i in order]


def test_prefixes_out_of_reach_give_up_their_place(monkeypatch):
    """The same is found where the cache has to sweep all the time."""
    heard = sounds(3, [40, 25, 33])
    lms = models(FusionWeights(0.4, 0.2, 0.1, 0.2), 3)
    wanted = beam_search(RandomTransducer(3, blank=1.0), heard, SearchSettings(5, 3), lms)
    monkeypatch.setattr("q4compile.speech.search.cache.FIRST_SLOTS", 8)
    found = beam_search(RandomTransducer(3, blank=1.0), heard, SearchSettings(5, 3), lms)
    assert found == wanted


def test_a_torch_model_beats_its_greedy_transcript_in_probability():
    torch.manual_seed(1)
    transducer = torch_transducer(Rnnt(TINY))
    rng = np.random.default_rng(0)
    heard = [rng.standard_normal((n, 8)).astype(np.float32) * 3 for n in (5, 12, 1, 7)]
    wide = beam_search(transducer, heard, SearchSettings(8))
    narrow = beam_search(transducer, heard, SearchSettings(1))
    for more, less in zip(wide, narrow, strict=True):
        scores = [each.score for each in more.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({each.tokens for each in more.hypotheses}) == len(scores)
        assert scores[0] >= less.best.score - CLOSE


def test_counts_of_one_utterance():
    """A transducer that is sure of the blank: one prefix, found once, read at each frame."""
    transducer = RandomTransducer(0, blank=100.0)
    (found,) = beam_search(transducer, sounds(0, [6]), SearchSettings(4, blank_skip=0.99))
    counts = found.counts
    assert (counts.steps, counts.rows, counts.prefixes, counts.active_steps) == (6, 6, 1, 0)
    assert found.hypotheses[0].tokens == ()


class Broken(RandomTransducer):
    """Its joint gives NaN after the first label."""

    def joint(self, frames, vectors):
        logits = super().joint(frames, vectors)
        logits[:, 1] = np.nan if self.rows > 2 else 9
        return logits


def test_scores_that_are_no_numbers(golden):
    with pytest.raises(DataError) as caught:
        beam_search(Broken(0), sounds(0, [5]), SearchSettings(2))
    golden("errors/Q581-nan-scores.txt", str(caught.value))


def test_language_model_scores_that_are_no_numbers():
    lm = RandomLm(0)
    lm.network.bias[1] = np.nan
    lms = LanguageModels(lm, None, FusionWeights(0.1))
    with pytest.raises(DataError, match="network 'external'"):
        beam_search(RandomTransducer(0), sounds(0, [5]), SearchSettings(2), lms)


def test_no_sound_is_no_text():
    (found,) = beam_search(RandomTransducer(0), sounds(0, [0]), SearchSettings(4), NO_MODELS)
    assert [each.tokens for each in found.hypotheses] == [()]
    assert beam_search(RandomTransducer(0), []) == []


def test_settings_that_are_refused(golden):
    with pytest.raises(DataError) as caught:
        SearchSettings(0, 0, blank_skip=2.0, margin_nats=-1.0)
    golden("errors/Q582-search-settings.txt", str(caught.value))


def test_the_search_needs_numpy_alone():
    script = "import sys, q4compile.speech.search.search\n"
    script += "print([each for each in ('torch', 'numba', 'jiwer', 'onnx') if each in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
