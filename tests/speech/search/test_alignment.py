"""`emission_frames` beside every alignment there is."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_transducer import RandomTransducer, sounds
from textbook import Networks

from q4compile.errors import DataError
from q4compile.speech.search import alignment
from q4compile.speech.search.alignment import emission_frames


def log_probability(networks, tokens, at):
    """Of one alignment: label u at frame at[u]."""
    total = 0.0
    for t in range(len(networks.frames)):
        written = sum(each < t for each in at)
        for u in range(written, sum(each <= t for each in at)):
            total += networks.at(t, tokens[:u])[tokens[u]]
        total += networks.at(t, tokens[: sum(each <= t for each in at)])[0]
    return total


@given(
    seed=st.integers(0, 2**16),
    frames=st.integers(1, 5),
    tokens=st.lists(st.integers(1, 2), max_size=4).map(tuple),
    rows=st.integers(1, 12),
)
def test_it_is_the_best_of_all_alignments(seed, frames, tokens, rows):
    transducer, sound = RandomTransducer(seed), sounds(seed, [frames])[0]
    networks = Networks(transducer, sound)
    all_of_them = combinations_with_replacement(range(frames), len(tokens))
    best = max(log_probability(networks, tokens, at) for at in all_of_them)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "ROWS", rows)
        found = emission_frames(transducer, sound, tokens)
    assert found == sorted(found)
    assert log_probability(networks, tokens, found) == pytest.approx(best, abs=1e-5)


def test_scores_that_are_no_numbers():
    transducer = RandomTransducer(0)
    transducer.bias[1] = np.nan
    with pytest.raises(DataError, match="Q581"):
        emission_frames(transducer, sounds(0, [3])[0], (1,))
