"""What the networks gave for each prefix, so that each runs once per prefix.

predictor(prefix) = step(last label, state of the prefix without it), and so for language models.
"""

from collections.abc import Sequence

import numpy as np

from q4compile.speech.greedy import Floats, State, Tokens, Transducer
from q4compile.speech.search.columns import Column, Ints
from q4compile.speech.search.probabilities import Scores, log_softmax, require_numbers
from q4compile.speech.search.scorers import Scorer
from q4compile.speech.search.tree import ORIGIN, Tree

FIRST_SLOTS = 512
LEAST = -1e4
"""Of a label that a language model takes for impossible: a weight below 0 then still is a number.
"""


class Cache:
    """Vectors of the prediction network and label scores by prefix, and the states behind them.

    Each prefix has a slot. Prefixes out of reach give theirs to new ones, so that memory does not
    grow with time.
    """

    def __init__(self, transducer: Transducer, scorers: tuple[Scorer, ...], tree: Tree) -> None:
        self._transducer, self._scorers, self._tree = transducer, scorers, tree
        empty = np.zeros((1, 0), np.float32)
        self._states = [Column(part, axis=1) for part in transducer.start(1)]
        self._vectors = Column(empty)
        self._lm_states = [[Column(part, axis=1) for part in each.start] for each in scorers]
        self._scores = [Column(empty.astype(np.float64)) for _ in scorers]
        self._scored = [Column(np.zeros(1, np.bool_)) for _ in scorers]
        self._slot, self._node = Column(np.zeros(1, np.int64)), Column(np.zeros(1, np.int64))
        self._free: Ints = np.zeros(0, np.int64)
        self._used, self._sweep_at = 0, FIRST_SLOTS
        self._assign(np.array([ORIGIN, *tree.roots]))
        self.predict(tree.roots)

    def vectors(self, nodes: Ints) -> Floats:
        """float32[n, J] of prefixes that `predict` saw."""
        return self._vectors.take(self._slot.take(nodes))

    def scores(self, nodes: Ints, number: int) -> Scores:
        """float64[n, V] log P of the next label, of prefixes that `score` saw, by a model."""
        return self._scores[number].take(self._slot.take(nodes))

    def is_scored(
        self, nodes: Ints, numbers: Sequence[int]
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether all models `numbers` have scored them."""
        slots = self._slot.take(nodes)
        found = np.ones(len(slots), np.bool_)
        for number in numbers:
            found &= self._scored[number].take(slots)
        return found

    def admit(self, new: Ints, beams: Ints) -> None:
        """Give new prefixes a slot; `beams` are all that the search holds, new ones too."""
        if self._used - self._free.size + new.size > self._sweep_at:
            self._sweep(beams, new)
        self._assign(new)

    def predict(self, nodes: Ints) -> None:
        """Run the prediction network on prefixes that have a slot."""
        before, tokens, slots = self._step(nodes)
        state = tuple(column.take(before) for column in self._states)
        vectors, after = self._transducer.predict(tokens, state)
        self._vectors = _fitting(self._vectors, vectors, self._used)
        self._vectors.put(slots, vectors)
        _put(self._states, slots, after)

    def score(self, nodes: Ints, numbers: Sequence[int]) -> None:
        """Run the language models `numbers` on prefixes that `predict` saw.

        Raises:
            DataError: Q581.
        """
        before, tokens, slots = self._step(nodes)
        owners, vectors = self._tree.owner.take(nodes), self._vectors.take(slots)
        for number in numbers:
            scorer = self._scorers[number]
            columns = self._lm_states[number]
            state: State = tuple(column.take(before) for column in columns)
            logits, after = scorer.score(tokens, state, vectors, owners)
            scores = log_softmax(logits)
            require_numbers(scores, scorer.name)
            scores = np.maximum(scores, LEAST)
            self._scores[number] = _fitting(self._scores[number], scores, self._used)
            self._scores[number].put(slots, scores)
            _put(columns, slots, after)
            self._scored[number].put(slots, np.ones(len(slots), np.bool_))

    def _step(self, nodes: Ints) -> tuple[Ints, Tokens, Ints]:
        """The slots of the prefixes without their last labels, these labels, and the slots."""
        before = self._slot.take(self._tree.parent.take(nodes))
        return before, self._tree.token.take(nodes), self._slot.take(nodes)

    def _assign(self, nodes: Ints) -> None:
        reused = self._free[: nodes.size]
        self._free = self._free[nodes.size :]
        more = nodes.size - reused.size
        slots = np.concatenate([reused, np.arange(self._used, self._used + more)])
        self._used += more
        self._slot.reserve(self._tree.count)
        self._slot.put(nodes, slots)
        grown = [*self._states, *(each for group in self._lm_states for each in group)]
        for column in (*grown, self._vectors, *self._scores, *self._scored, self._node):
            column.reserve(self._used)
        self._node.put(slots, nodes)
        for each in self._scored:
            each.put(slots, np.zeros(len(slots), np.bool_))

    def _sweep(self, beams: Ints, new: Ints) -> None:
        held = self._node.data[: self._used]
        self._free = np.flatnonzero(~self._tree.in_reach(beams)[held])
        kept = self._used - self._free.size + new.size
        self._sweep_at = max(FIRST_SLOTS, 2 * kept)


def _fitting(column: Column, example: Floats | Scores, count: int) -> Column:
    """`column`, or one with room for arrays like `example` where it had none yet."""
    if column.data.shape[1] == example.shape[1]:
        return column
    made = Column(example)
    made.reserve(count)
    return made


def _put(columns: list[Column], slots: Ints, values: State) -> None:
    for column, value in zip(columns, values, strict=True):
        column.put(slots, value)
