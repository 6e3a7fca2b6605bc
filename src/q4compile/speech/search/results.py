"""The final hypotheses of each utterance, and what the search asked for them."""

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.search.beams import Beams
from q4compile.speech.search.columns import Ints
from q4compile.speech.search.hypothesis import Counts, Hypothesis, NBest
from q4compile.speech.search.scorers import Scorer
from q4compile.speech.search.tree import Tree


class Results:
    """Of each utterance the K best finals, and its counts."""

    def __init__(
        self, tree: Tree, scorers: tuple[Scorer, ...], reward: float, utterances: int, beam: int
    ) -> None:
        self._tree, self._scorers, self._reward = tree, scorers, reward
        self._score = np.full((utterances, beam), -np.inf)
        self._node = np.zeros((utterances, beam), np.int64)
        self._counts = {name: np.zeros(utterances, np.int64) for name in vars(Counts())}

    def add(self, utterances: Ints, nodes: Ints, scores: NDArray[np.float64]) -> None:
        """Finals, of which each utterance keeps its best."""
        for at, node, score in zip(utterances.tolist(), nodes.tolist(), scores, strict=True):
            worst = self._score[at].argmin()
            if score > self._score[at, worst]:
                self._score[at, worst], self._node[at, worst] = score, node

    def wanting(self, beams: Beams) -> NDArray[np.bool_]:
        """bool[A]: utterances with a hypothesis that is better than the worst of K finals.

        The others can gain a final only where the fusion raises scores: without, this is exact.
        """
        best: NDArray[np.bool_] = beams.score.max(axis=1) > self._score[beams.utterance].min(axis=1)
        return best

    def count(self, name: str, utterances: Ints) -> None:
        """Add 1 to the count `name` of each of `utterances`, as often as it stands there."""
        self._counts[name] += np.bincount(utterances, minlength=len(self._score))

    def count_once(self, name: str, utterances: Ints) -> None:
        """Add 1 to the count `name` of each of `utterances` once."""
        self._counts[name][utterances] += 1

    def n_best(self, utterance: int, beams: Beams | None = None) -> NBest:
        """The finals; where `beams` are given, their hypotheses of the utterance in their stead."""
        score, node = self._score[utterance], self._node[utterance]
        if beams is not None:
            score, node = beams.score[0], beams.node[0]
        order = np.argsort(-score, kind="stable")
        found = [
            self._hypothesis(int(node[i]), float(score[i])) for i in order if score[i] > -np.inf
        ]
        counts = Counts(**{name: int(each[utterance]) for name, each in self._counts.items()})
        return NBest(tuple(found), counts)

    def _hypothesis(self, node: int, score: float) -> Hypothesis:
        labels = self._tree.labels(node)
        sums = self._tree.sums.data[node].tolist()
        models = {each.name: total for each, total in zip(self._scorers, sums, strict=True)}
        added = sum(each.weight * models[each.name] for each in self._scorers)
        return Hypothesis(labels, score, score - added - self._reward * len(labels), models)
