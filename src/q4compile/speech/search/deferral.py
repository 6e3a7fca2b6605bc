"""Language models that wait until what they say can matter.

score of a label <= score of the label without the models whose weight is above 0

because log P <= 0. A prefix none of whose labels could survive its step, be among the K best and
within the margin, even if these models were certain of it, need not be shown to them: the result
is the same. Where a model must run, it runs on all prefixes of the utterance that wait: its weights
are read once for them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.greedy import BLANK
from q4compile.speech.search.columns import Ints
from q4compile.speech.search.probabilities import Scores
from q4compile.speech.search.scorers import Scorer
from q4compile.speech.search.settings import SearchSettings


def split(scorers: Sequence[Scorer]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of those that run at once, and of those that may wait."""
    late = tuple(i for i, each in enumerate(scorers) if each.weight > 0)
    return tuple(i for i in range(len(scorers)) if i not in late), late


def due_rows(
    extended: Scores, waiting: Ints, row: Ints, settings: SearchSettings
) -> NDArray[np.bool_]:
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
    least = _least(certain, row, settings)
    due = np.zeros(len(least), np.bool_)
    due[row[waiting[bound >= least[row[waiting]]]]] = True
    return due[row[waiting]]


def _least(candidates: Scores, row: Ints, settings: SearchSettings) -> Scores:
    """float64[A], below which nothing survives: -inf where all of a row's candidates do."""
    count, (_, symbols) = settings.beam, candidates.shape
    rows = int(row[-1]) + 1
    place = np.arange(row.size) - np.searchsorted(row, np.arange(rows))[row]
    whole = np.full((rows, max(int(place.max()) + 1, -(-count // symbols)), symbols), -np.inf)
    whole[row, place] = candidates
    flat = whole.reshape(rows, -1)
    kth = np.partition(flat, -count, axis=1)[:, -count]
    least: Scores = np.maximum(kth, flat.max(axis=1) - settings.margin_nats)
    return least
