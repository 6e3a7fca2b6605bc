"""The hypotheses of a batch of utterances, K per utterance, as arrays; and the best of many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.search.columns import Ints
from q4compile.speech.search.probabilities import Scores


@dataclass(frozen=True)
class Beams:
    """Row a is an utterance that is not decoded to its end; its hypotheses, the best first.

    Each array but `utterance` is [A, K]; a place without a hypothesis has the score -inf.
    """

    utterance: Ints
    """int64[A], of the batch."""
    node: Ints
    score: Scores
    frame: Ints
    """The frame that is read next."""
    symbols: Ints
    """Labels written at that frame."""

    def rows(self, chosen: NDArray[np.bool_]) -> "Beams":
        """The utterances that `chosen` (bool[A]) says."""
        return Beams(*(each[chosen] for each in vars(self).values()))

    @property
    def there(self) -> NDArray[np.bool_]:
        """bool[A, K]: places with a hypothesis."""
        return self.score > -np.inf


def empty_prefixes(nodes: Ints, beam: int) -> Beams:
    """One hypothesis for each utterance, of score 0."""
    shape = len(nodes), beam
    score = np.full(shape, -np.inf)
    score[:, 0] = 0
    node = np.repeat(nodes[:, None], beam, axis=1)
    zeros = np.zeros(shape, np.int64)
    return Beams(np.arange(len(nodes)), node, score, zeros, zeros)


def best(candidates: Scores, count: int) -> tuple[Scores, Ints]:
    """The `count` highest of each row, descending, and where: float64, int64[A, count].

    Of equal ones the first are taken, and stand first, so that no result depends on chance.
    """
    if count == 1:
        index = candidates.argmax(axis=1)[:, None]
        return np.take_along_axis(candidates, index, axis=1), index
    least = np.partition(candidates, -count, axis=1)[:, -count, None]
    above = candidates > least
    level = candidates == least
    wanted = count - above.sum(axis=1, keepdims=True)
    if (level.sum(axis=1, keepdims=True) > wanted).any():
        level &= level.cumsum(axis=1) <= wanted
    index = np.nonzero(above | level)[1].reshape(-1, count)
    scores = np.take_along_axis(candidates, index, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(index, order, axis=1)
