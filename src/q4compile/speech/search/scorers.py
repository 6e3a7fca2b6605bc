"""The language models that take part in a search, each with the sign and size of its weight."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from q4compile.speech.greedy import Floats, State, Tokens, Transducer
from q4compile.speech.search.columns import Ints
from q4compile.speech.search.language_model import LanguageModel, LanguageModels

Score = Callable[[Tokens, State, Floats, Ints], tuple[Floats, State]]
"""(last labels int64[n], states, the prefixes' vectors float32[n, J], their utterances int64[n]) →
logits float32[n, V], states after."""


@dataclass(frozen=True)
class Scorer:
    """score += weight log P(label given prefix), P being the softmax of `score`."""

    name: str
    weight: float
    start: State
    """Before the start symbol, of a batch of 1."""
    score: Score


def scorers(lms: LanguageModels, transducer: Transducer, rest: Floats) -> tuple[Scorer, ...]:
    """Those whose weight is not 0.

    Args:
        rest: float32[B, J], the frame at which each utterance's internal language model is asked.
    """
    weights = lms.weights
    found = []
    if weights.external and lms.external is not None:
        found.append(_recurrent("external", weights.external, lms.external))
    if weights.source and lms.source is not None:
        found.append(_recurrent("source", -weights.source, lms.source))
    if weights.internal:
        found.append(_internal(-weights.internal, transducer, rest))
    return tuple(found)


def _recurrent(name: str, weight: float, lm: LanguageModel) -> Scorer:
    def score(tokens: Tokens, state: State, vectors: Floats, at: Ints) -> tuple[Floats, State]:
        return lm.score(tokens, state)

    return Scorer(name, weight, lm.start(1), score)


def _internal(weight: float, transducer: Transducer, rest: Floats) -> Scorer:
    """What the joint makes of the prefix at a frame that says nothing; no blank."""

    def score(tokens: Tokens, state: State, vectors: Floats, at: Ints) -> tuple[Floats, State]:
        logits = transducer.joint(rest[at], vectors).copy()
        logits[:, 0] = -np.inf
        return logits, ()

    return Scorer("internal", weight, (), score)
