"""Alignment-length synchronous decoding (Saon, Tüske and Audhkhasi, ICASSP 2020), in batches.

At step i every hypothesis y has frames 0 to t - 1 behind it, t + |y| = i. It is extended by the
blank (t + 1) and by each label (|y| + 1). The prefix that its own blank and the last label of its
parent both lead to is one hypothesis, whose probability is their sum. The K best of all extensions
go on; those behind the last frame are final.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.greedy import BLANK, Floats, Tokens, Transducer
from q4compile.speech.search.beams import Beams, best, empty_prefixes
from q4compile.speech.search.cache import Cache
from q4compile.speech.search.columns import Ints
from q4compile.speech.search.deferral import due_rows, split
from q4compile.speech.search.language_model import LanguageModels
from q4compile.speech.search.probabilities import Scores, log_softmax, require_numbers
from q4compile.speech.search.results import Results
from q4compile.speech.search.scorers import scorers
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.search.tree import Tree


class Alsd:
    """A search of a batch of utterances, one step at a time until `beams` is empty.

    Args:
        frames: float32[B, T', J] of the encoder.
        lengths: int64[B], frames that count, at least 1.
        rest: float32[B, J], see `scorers`.
    """

    def __init__(
        self,
        transducer: Transducer,
        frames: Floats,
        lengths: Tokens,
        rest: Floats,
        settings: SearchSettings,
        lms: LanguageModels,
    ) -> None:
        self._frames, self._first, self._lengths = frames, 0, lengths
        self._transducer, self._settings = transducer, settings
        self._scorers = scorers(lms, transducer, rest)
        self._early, self._late = split(self._scorers)
        self._reward = lms.weights.length
        self._tree = Tree(len(lengths), len(self._scorers))
        self._cache = Cache(transducer, self._scorers, self._tree)
        self.beams = empty_prefixes(self._tree.roots, settings.beam)
        self.results = Results(self._tree, self._scorers, self._reward, len(lengths), settings.beam)
        self.results.count("prefixes", self.beams.utterance)

    @property
    def waits(self) -> bool:
        """Whether a hypothesis is to read a frame that has not come yet."""
        beams = self.beams
        return bool((beams.frame[beams.there] - self._first >= self._frames.shape[1]).any())

    def extend(self, frames: Floats) -> None:
        """More frames float32[B, T', J]; those that nobody reads again are forgotten."""
        read = int(self.beams.frame[self.beams.there].min()) - self._first
        self._frames = np.concatenate([self._frames[:, read:], frames], axis=1)
        self._first += read

    def close(self, lengths: Tokens) -> None:
        """No more frames come: int64[B] is how many there were."""
        self._lengths = lengths
        beams = self._without_finals(self.beams)
        self.beams = beams.rows(self.results.wanting(beams))

    def step(self) -> None:
        """Extend every hypothesis by one symbol; keep the best, and what is final.

        Raises:
            DataError: Q581 a score that is NaN.
        """
        beams = self.beams
        row, place = np.nonzero(beams.there)
        node, utterance = beams.node[row, place], beams.utterance[row]
        self.results.count_once("steps", beams.utterance)
        self.results.count("rows", utterance)
        extended = self._joint(node, utterance, beams.frame[row, place])
        tried = self._tried(extended, beams.symbols[row, place])
        extended += beams.score[row, place, None]
        extended[~tried, BLANK + 1 :] = -np.inf
        extended[:, BLANK + 1 :] += self._reward
        symbols = extended.shape[1]
        if self._scorers:
            self._fuse(extended, node, np.flatnonzero(tried), row)
        else:
            self._merge(extended, node)
        candidates = np.full((*beams.node.shape, symbols), -np.inf)
        candidates[row, place] = extended
        self._select(candidates.reshape(len(beams.node), -1), symbols)

    def _joint(self, node: Ints, utterance: Ints, frame: Ints) -> Scores:
        """float64[n, V] log P of each symbol at each hypothesis's frame."""
        frames = self._frames[utterance, frame - self._first]
        scores = log_softmax(self._transducer.joint(frames, self._cache.vectors(node)))
        require_numbers(scores, "joint")
        return scores

    def _tried(self, scores: Scores, symbols: Ints) -> NDArray[np.bool_]:
        """bool[n]: hypotheses that may write a label at their frame."""
        tried: NDArray[np.bool_] = symbols < self._settings.max_symbols_per_frame
        if self._settings.blank_skip is not None:
            tried &= scores[:, BLANK] < np.log(self._settings.blank_skip)
        return tried

    def _fuse(self, extended: Scores, node: Ints, tried: Ints, row: Ints) -> None:
        """Add what language models say of the labels of the hypotheses `tried`, and merge.

        The parent of a hypothesis in the beam is one that wrote its label, so that all models
        have scored it: what waits has nothing to merge.
        """
        self.results.count("lm_rows", self._tree.owner.take(node[tried]))
        self._add(extended, node, tried, self._early)
        scored = np.ones(tried.size, np.bool_)
        if self._settings.cache and self._settings.defer:
            scored = self._cache.is_scored(node[tried], self._late)
        waiting = tried[~scored]
        self._add(extended, node, tried[scored], self._late)
        self._merge(extended, node)
        due = due_rows(extended, waiting, row, self._settings)
        self._add(extended, node, waiting[due], self._late)
        extended[waiting[~due], BLANK + 1 :] = -np.inf

    def _add(self, extended: Scores, node: Ints, at: Ints, numbers: tuple[int, ...]) -> None:
        """Add the scores of the models `numbers` to the labels of rows `at`; run what has to."""
        if not numbers or not at.size:
            return
        asked = node[at]
        new = asked[~self._cache.is_scored(asked, numbers)] if self._settings.cache else asked
        if new.size:
            self._cache.score(new, numbers)
            if numbers == (self._late or self._early):
                owners = self._tree.owner.take(new)
                self.results.count("lm_prefixes", owners)
                self.results.count_once("lm_active_steps", owners)
        for number in numbers:
            added = self._scorers[number].weight * self._cache.scores(asked, number)
            extended[at, BLANK + 1 :] += added[:, BLANK + 1 :]

    def _merge(self, extended: Scores, node: Ints) -> None:
        """P(prefix) = P(its own blank) + P(last label behind its parent), which then is gone."""
        row_of = np.full(self._tree.count, -1)
        row_of[node] = np.arange(node.size)
        above = row_of[self._tree.parent.take(node)]
        child = np.flatnonzero(above >= 0)
        label = above[child], self._tree.token.take(node[child])
        extended[child, BLANK] = np.logaddexp(extended[child, BLANK], extended[label])
        extended[label] = -np.inf

    def _select(self, candidates: Scores, symbols: int) -> None:
        """Make the K best of each row of float64[A, K * V] the beams."""
        beams = self.beams
        score, index = best(candidates, self._settings.beam)
        score[score < score[:, :1] - self._settings.margin_nats] = -np.inf
        source, token = np.divmod(index, symbols)
        node, frame, written = (
            np.take_along_axis(each, source, axis=1)
            for each in (beams.node, beams.frame, beams.symbols)
        )
        is_blank = token == BLANK
        frame = frame + is_blank
        written = np.where(is_blank, 0, written + 1)
        row, place = np.nonzero(~is_blank & (score > -np.inf))
        node[row, place], new = self._grow(node[row, place], token[row, place])
        self._go_on(self._without_finals(Beams(beams.utterance, node, score, frame, written)), new)

    def _without_finals(self, beams: Beams) -> Beams:
        """Take what has the last frame behind it out of the beams, into the results."""
        final = (beams.frame == self._lengths[beams.utterance, None]) & beams.there
        owner = beams.utterance[np.nonzero(final)[0]]
        self.results.add(owner, beams.node[final], beams.score[final])
        return replace(beams, score=np.where(final, -np.inf, beams.score))

    def _grow(self, node: Ints, token: Ints) -> tuple[Ints, Ints]:
        """The prefixes `node` with `token` behind, and those among them that are new."""
        found, new = self._tree.children(node, token)
        if self._scorers and new.size:
            label = np.arange(new.size), token[new]
            numbers = range(len(self._scorers))
            parts = [self._cache.scores(node[new], number)[label] for number in numbers]
            sums = self._tree.sums.take(node[new])
            self._tree.sums.put(found[new], sums + np.stack(parts, 1))
        return found, found[new]

    def _go_on(self, beams: Beams, new: Ints) -> None:
        """Leave the utterances that are decoded; run the prediction network on new prefixes."""
        wanting = self.results.wanting(beams)
        if not wanting.all():
            beams = beams.rows(wanting)
            new = new[np.isin(self._tree.owner.take(new), beams.utterance)]
        self.beams = beams
        held = beams.node[beams.there]
        if new.size:
            self._cache.admit(new, held)
        run = new if self._settings.cache else held
        owners = self._tree.owner.take(run)
        self.results.count("prefixes", owners)
        self.results.count_once("active_steps", owners)
        if run.size:
            self._cache.predict(run)
