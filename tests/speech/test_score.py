"""Error rates against an edit distance written out; the interval against the normal law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.speech.score import ErrorRate, cer, paired_bootstrap, wer, word_errors

words = st.lists(st.sampled_from(["A", "B", "ONE", "TWO"]), max_size=6).map(" ".join)
pairs = st.lists(st.tuples(words, words), max_size=5)


def edit_distance(reference, hypothesis):
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        previous, row = row, [i]
        for j, found in enumerate(hypothesis, 1):
            change = previous[j - 1] + (wanted != found)
            row.append(min(change, previous[j] + 1, row[-1] + 1))
    return row[-1]


@given(pairs)
def test_word_errors_are_edit_distances(pairs):
    references = [pair[0] for pair in pairs]
    hypotheses = [pair[1] for pair in pairs]
    errors, lengths = word_errors(references, hypotheses)
    assert errors.tolist() == [edit_distance(r.split(), h.split()) for r, h in pairs]
    assert lengths.tolist() == [len(r.split()) for r, _ in pairs]
    assert wer(references, hypotheses) == ErrorRate(int(errors.sum()), int(lengths.sum()))


@given(pairs)
def test_character_errors_are_edit_distances(pairs):
    found = cer([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert found.errors == sum(edit_distance(r, h) for r, h in pairs)
    assert found.length == sum(len(r) for r, _ in pairs)


def test_percent_is_pooled_not_averaged():
    assert wer(["A", "A B C"], ["B", "A B C"]).percent == 25.0
    assert ErrorRate(0, 0).percent == 0.0


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        wer(["A", "B"], ["A"])


def test_equal_systems_do_not_differ():
    errors, lengths = np.array([0, 2, 1]), np.array([3, 4, 5])
    interval = paired_bootstrap(errors, errors, lengths)
    assert (interval.difference_percent, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_a_constant_difference_has_no_spread():
    errors, lengths = np.arange(50) % 3, np.full(50, 4)
    interval = paired_bootstrap(errors, errors + 1, lengths)
    assert (interval.difference_percent, interval.low, interval.high) == (25.0, 25.0, 25.0)


def test_interval_is_the_normal_one_for_many_utterances():
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 3, (2, 400))
    interval = paired_bootstrap(first, second, np.full(400, 5))
    extra = 100 * (second - first) / 5
    half = 1.96 * extra.std() / np.sqrt(400)
    assert interval.difference_percent == pytest.approx(extra.mean(), abs=1e-9)
    assert interval.low == pytest.approx(extra.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(extra.mean() + half, abs=0.1 * half)


def test_seed_fixes_the_interval_and_order_flips_it():
    rng = np.random.default_rng(4)
    first, second, lengths = rng.integers(0, 4, 60), rng.integers(0, 4, 60), rng.integers(1, 9, 60)
    interval = paired_bootstrap(first, second, lengths, samples=1300, seed=5)
    assert interval == paired_bootstrap(first, second, lengths, samples=1300, seed=5)
    assert interval != paired_bootstrap(first, second, lengths, samples=1300, seed=6)
    flipped = paired_bootstrap(second, first, lengths, samples=1300, seed=5)
    assert flipped.difference_percent == -interval.difference_percent
    assert flipped.low == pytest.approx(-interval.high, abs=1e-9)
