"""The tree of label sequences: one node per prefix of an utterance, so that prefixes are numbers.

Node 0 stands before the start symbol of every utterance; its children are the empty prefixes.
"""

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.search.columns import Column, Ints

ORIGIN = 0
MOST_SYMBOLS = 1 << 24
"""More than any vocabulary has: a node and a label are one number below 2^63."""


class Tree:
    """A child's number is higher than its parent's; (parent, token) is one node, never two.

    `parent`, `token`, `owner` (the utterance) and `sums` (log P of the prefix under each language
    model) are columns by node.
    """

    def __init__(self, utterances: int, models: int) -> None:
        self.count = 1 + utterances
        self.roots: Ints = np.arange(1, self.count)
        """The empty prefix of each utterance."""
        one = np.zeros(1, np.int64)
        self.parent, self.token, self.owner = (Column(one) for _ in range(3))
        self.sums = Column(np.zeros((1, models)))
        self._children: dict[int, int] = {}
        self._reserve()
        self.owner.put(self.roots, np.arange(utterances))

    def children(self, nodes: Ints, tokens: Ints) -> tuple[Ints, Ints]:
        """The nodes of `nodes` with `tokens` behind, and where among them new ones stand.

        No pair may stand twice.
        """
        keys = (nodes * MOST_SYMBOLS + tokens).tolist()
        known = self._children
        found = np.array([known.get(key, -1) for key in keys], np.int64)
        new = np.flatnonzero(found < 0)
        if new.size:
            numbers = np.arange(self.count, self.count + new.size)
            found[new] = numbers
            known.update(zip((keys[i] for i in new.tolist()), numbers.tolist(), strict=True))
            self.count += new.size
            self._reserve()
            self.parent.put(numbers, nodes[new])
            self.token.put(numbers, tokens[new])
            self.owner.put(numbers, self.owner.take(nodes[new]))
        return found, new

    def labels(self, node: int) -> tuple[int, ...]:
        """The label sequence that `node` stands for."""
        found = []
        while node > len(self.roots):
            found.append(int(self.token.data[node]))
            node = int(self.parent.data[node])
        return tuple(reversed(found))

    def in_reach(self, nodes: Ints) -> NDArray[np.bool_]:
        """bool[count]: `nodes`, what descends from them, their parents, and the origin.

        No other prefix can come up again in a search whose beams hold `nodes`.
        """
        kept = np.zeros(self.count, np.bool_)
        kept[nodes] = True
        parents = self.parent.data[: self.count]
        while True:
            below = kept | kept[parents]
            if (below == kept).all():
                break
            kept = below
        kept[parents[nodes]] = True
        kept[ORIGIN] = True
        return kept

    def _reserve(self) -> None:
        for column in (self.parent, self.token, self.owner, self.sums):
            column.reserve(self.count)
