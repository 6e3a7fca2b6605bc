"""Language models that wait until what they say can matter.

score of a label <= score of the label without the models whose weight is above 0

because log P <= 0. A prefix none of whose labels could be among the K best of its step, even if
these models were certain of it, need not be shown to them: the result is the same. Where a model
must run, it runs on all prefixes of the utterance that wait: its weights are read once for them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.greedy import BLANK
from q4compile.speech.search.columns import Ints
from q4compile.speech.search.probabilities import Scores
from q4compile.speech.search.scorers import Scorer


def split(scorers: Sequence[Scorer]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of those that run at once, and of those that may wait."""
    late = tuple(i for i, each in enumerate(scorers) if each.weight > 0)
    return tuple(i for i in range(len(scorers)) if i not in late), late


def due_rows(extended: Scores, waiting: Ints, row: Ints, beam: int) -> NDArray[np.bool_]:
    """bool[len(waiting)]: the rows of `waiting` that have to be scored now.

    Args:
        extended: float64[n, V], a candidate each; of labels of the rows `waiting` the bound.
        row: int64[n], ascending: whose hypothesis it is.
    """
    if not waiting.size:
        return np.zeros(0, np.bool_)
    bound = extended[waiting, BLANK + 1 :].max(axis=1, initial=-np.inf)
    certain = extended.copy()
    certain[waiting, BLANK + 1 :] = -np.inf
    least = _kth_best(certain, row, beam)
    due = np.zeros(len(least), np.bool_)
    due[row[waiting[bound >= least[row[waiting]]]]] = True
    return due[row[waiting]]


def _kth_best(candidates: Scores, row: Ints, count: int) -> Scores:
    """float64[A], the `count`-th highest candidate of each row; -inf where there are fewer."""
    rows, symbols = int(row[-1]) + 1, candidates.shape[1]
    first = np.searchsorted(row, np.arange(rows))
    place = np.arange(row.size) - first[row]
    whole = np.full((rows, max(int(place.max()) + 1, -(-count // symbols)), symbols), -np.inf)
    whole[row, place] = candidates
    flat = whole.reshape(rows, -1)
    found: Scores = np.partition(flat, -count, axis=1)[:, -count]
    return found
