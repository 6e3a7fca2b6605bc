"""What the search returns."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """score = log P(tokens given sound) + what the fusion adds, in nats.

    log P sums over the alignments that the search has seen.
    """

    tokens: tuple[int, ...]
    score: float
    transducer: float
    """log P(tokens given sound) alone."""
    models: Mapping[str, float]
    """log P(tokens) of each language model that took part, unweighted."""


@dataclass(frozen=True)
class Counts:
    """What the search of one utterance asked of the networks, had it been alone in its batch."""

    steps: int = 0
    rows: int = 0
    """Hypotheses over all steps: calls of the joint, one row each."""
    prefixes: int = 0
    """Rows of the prediction network: prefixes that were new."""
    active_steps: int = 0
    """Steps with a new prefix, in which the prediction network ran."""
    lm_rows: int = 0
    """Hypotheses over all steps that needed the scores of a language model."""
    lm_prefixes: int = 0
    """Rows of the language models that wait, the external one; of all where none waits."""
    lm_active_steps: int = 0
    """Steps in which these ran."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def figures(self) -> dict[str, float]:
        """Shares of a record: 1 - (rows computed / rows needed), active steps / steps."""
        found: dict[str, float] = {
            "search_steps": self.steps,
            "search_rows": self.rows,
            "predictor_prefixes": self.prefixes,
            "cache_hit_share": 1 - self.prefixes / max(self.rows, 1),
            "active_step_share": self.active_steps / max(self.steps, 1),
        }
        if self.lm_rows:
            found["lm_prefixes"] = self.lm_prefixes
            found["lm_cache_hit_share"] = 1 - self.lm_prefixes / self.rows
            found["lm_active_step_share"] = self.lm_active_steps / self.steps
        return found


def _values(counts: Counts) -> tuple[int, ...]:
    return tuple(vars(counts).values())


@dataclass(frozen=True)
class NBest:
    """The hypotheses of one utterance, the best first; never none."""

    hypotheses: tuple[Hypothesis, ...]
    counts: Counts

    @property
    def best(self) -> Hypothesis:
        """The one with the highest score."""
        return self.hypotheses[0]


NOTHING = NBest((Hypothesis((), 0.0, 0.0, {}),), Counts())
"""Of an utterance without a frame."""
