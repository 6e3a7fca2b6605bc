"""What the search may be told, and which of it it refuses."""

from dataclasses import dataclass
from math import inf, isnan

from q4compile.errors import DataError, Finding, raise_all


@dataclass(frozen=True)
class SearchSettings:
    """How wide and how far the search looks; the defaults change no result for speed.

    Args:
        beam: Hypotheses kept per step; 1 is the greedy search of greedy.py, token for token.
        max_symbols_per_frame: Labels after which a hypothesis must go on to the next frame. At
            60 ms per frame fewer than 6 cost accuracy.
        blank_skip: A hypothesis whose blank has at least this probability at a frame goes on to
            the next frame without trying a label; language models are not asked there. 1 would
            skip only what is certain; None never skips.
        margin_nats: Hypotheses further below the best one of their step are dropped.
        batch: Utterances decoded at a time.
        cache: Run each network once per new prefix; without, once per hypothesis and step.
        defer: Run language models with a weight above 0 only in steps in which a label might
            survive if they were certain of it; needs the cache. Changes no result.

    Raises:
        DataError: Q582 for every value out of range.
    """

    beam: int = 8
    max_symbols_per_frame: int = 10
    blank_skip: float | None = None
    margin_nats: float = inf
    batch: int = 16
    cache: bool = True
    defer: bool = True

    def __post_init__(self) -> None:
        counts = ("beam", "max_symbols_per_frame", "batch")
        wrong = [
            _refused(name, "at least 1", getattr(self, name))
            for name in counts
            if getattr(self, name) < 1
        ]
        if self.blank_skip is not None and not 0 < self.blank_skip <= 1:
            wrong.append(_refused("blank_skip", "a probability above 0, or None", self.blank_skip))
        if isnan(self.margin_nats) or self.margin_nats < 0:
            wrong.append(_refused("margin_nats", "at least 0", self.margin_nats))
        raise_all(DataError, wrong)


USUAL = SearchSettings()


def _refused(name: str, need: str, got: float) -> Finding:
    return Finding("Q582", "the search cannot be set so", f"search setting {name}", need, f"{got}")
