"""Fusion weights that are chosen where they are not judged.

weights of fold k = argmin, over real decodes, of the errors in all other folds

found by pattern search (Hooke and Jeeves 1961), the same for every arm: a step along each weight
that takes part, the best one kept, the steps halved where none helps.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from fold_decodes import Counts, Decoder

from q4compile.speech.score import Interval
from q4compile.speech.search.fusion import FusionWeights

STEPS = {"external": 0.2, "source": 0.2, "length": 0.4}
HALVINGS = 2
DIGITS = 3


@dataclass(frozen=True)
class Arm:
    """A way to fuse: the weights that take part, and where their search begins."""

    name: str
    start: FusionWeights
    takes: tuple[str, ...]


NONE = Arm("none", FusionWeights(), ("length",))
SHALLOW = Arm("shallow", FusionWeights(external=0.4, length=0.4), ("external", "length"))
DENSITY = Arm("density", FusionWeights(external=0.4, source=0.2), ("external", "source", "length"))
ARMS = (NONE, SHALLOW, DENSITY)


@dataclass(frozen=True)
class Scored:
    """All tested utterances of all folds, in the order of the folds."""

    errors: Counts
    words: Counts
    weights: tuple[FusionWeights, ...]
    """Of each fold."""

    @property
    def percent(self) -> float:
        return 100 * float(self.errors.sum()) / float(self.words.sum())


def untuned(decoders: Sequence[Decoder]) -> Scored:
    """Without language models and length reward."""
    return scored(decoders, [FusionWeights()] * len(decoders))


def tuned(decoders: Sequence[Decoder], arm: Arm, near: Scored | None = None) -> Scored:
    """Every fold decoded with the weights that are best for the others.

    Args:
        near: The same arm at another precision, whose weights are taken for nearly the best: the
            search begins there, with its smallest steps.
    """
    starts = [arm.start] * len(decoders) if near is None else near.weights
    steps = range(HALVINGS + 1) if near is None else range(HALVINGS, HALVINGS + 1)
    chosen = [
        best([other for other in decoders if other is not each], arm, start, steps)
        for each, start in zip(decoders, starts, strict=True)
    ]
    return scored(decoders, chosen)


def best(
    decoders: Sequence[Decoder], arm: Arm, at: FusionWeights, halvings: Iterable[int]
) -> FusionWeights:
    """The weights with the fewest errors in `decoders`, looked for from `at` on."""
    fewest = _errors(decoders, at)
    for halving in halvings:
        while True:
            tries = [(_errors(decoders, each), i, each) for i, each in _around(at, arm, halving)]
            errors, _, weights = min(tries, key=lambda each: each[:2])
            if errors >= fewest:
                break
            at, fewest = weights, errors
    return at


def named(key: str, gain: Interval) -> dict[str, float]:
    """A difference and its interval as figures of a record."""
    return {key: gain.difference_percent, f"{key}_ci_low": gain.low, f"{key}_ci_high": gain.high}


def _around(at: FusionWeights, arm: Arm, halving: int) -> Iterator[tuple[int, FusionWeights]]:
    """One step up and one down along each weight; those of language models stay above 0."""
    steps = [(name, sign * STEPS[name] / 2**halving) for name in arm.takes for sign in (1, -1)]
    for number, (name, step) in enumerate(steps):
        value = round(getattr(at, name) + step, DIGITS)
        if name == "length" or value > 0:
            yield number, replace(at, **{name: value})


def _errors(decoders: Sequence[Decoder], weights: FusionWeights) -> int:
    return sum(int(each.counts(weights)[0].sum()) for each in decoders)


def scored(decoders: Sequence[Decoder], chosen: Sequence[FusionWeights]) -> Scored:
    counts = [each.counts(weights) for each, weights in zip(decoders, chosen, strict=True)]
    errors, words = (np.concatenate(part) for part in zip(*counts, strict=True))
    return Scored(errors, words, tuple(chosen))
