"""Which prefixes a language model has to see now."""

import numpy as np

from q4compile.speech.search.deferral import due_rows, split
from q4compile.speech.search.scorers import Scorer
from q4compile.speech.search.settings import SearchSettings

BLANKS = [[-1.0, -9.0, -9.0], [-2.0, -3.0, -9.0], [-1.0, -9.0, -9.0], [-4.0, -6.0, -9.0]]
"""Two hypotheses of each of two utterances: blank, and two labels."""
ROW = np.array([0, 0, 1, 1])


def due(waiting, extended=BLANKS, beam=2, **settings):
    how = SearchSettings(beam, **settings)
    return due_rows(np.array(extended), np.array(waiting), ROW, how).tolist()


def test_who_cannot_be_among_the_best_waits():
    assert due([1, 3]) == [False, False]
    assert due([1], beam=3) == [True]


def test_an_equal_score_could_still_come_first():
    equal = [[-1.0, -9.0, -9.0], [-2.0, -2.0, -9.0], *BLANKS[2:]]
    assert due([1, 3], equal) == [True, False]


def test_with_one_goes_all_that_wait_in_the_utterance():
    likely = [[-1.0, -1.5, -9.0], [-2.0, -8.0, -9.0], *BLANKS[2:]]
    assert due([0, 1, 3], likely) == [True, True, False]


def test_where_candidates_are_few_none_waits():
    few = [[-1.0, -np.inf, -np.inf], [-2.0, -8.0, -9.0], *BLANKS[2:]]
    assert due([1, 3], few, beam=4) == [True, True]


def test_what_the_margin_drops_waits():
    assert due([1], beam=3, margin_nats=1.5) == [False]
    assert due([1], beam=3, margin_nats=2.5) == [True]


def test_a_beam_wider_than_all_candidates():
    assert due([1, 3], beam=50) == [True, True]


def test_a_hypothesis_that_writes_no_label():
    assert due([1], [BLANKS[0], [-2.0, -np.inf, -np.inf], *BLANKS[2:]]) == [False]


def test_nothing_waits():
    assert due_rows(np.array(BLANKS), np.zeros(0, np.int64), ROW, SearchSettings()).size == 0


def test_models_that_are_subtracted_go_first():
    scorers = [Scorer("external", 0.3, (), None), Scorer("source", -0.1, (), None)]
    assert split(scorers) == ((1,), (0,))
