"""What a run did, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.isa.engine import Engine


@dataclass(frozen=True)
class Counters:
    """Totals of one run of an entry."""

    words: dict[str, int]
    """Words executed, by engine: ``{"sq": 12, …}``."""
    macs: int
    """Products of the matrix engine: rows · columns · depth."""
    loaded_bytes: int
    """DRAM → SRAM."""
    stored_bytes: int
    """SRAM → DRAM."""
    clipped_cell_states: int
    """LSTM cell states that saturated."""


@dataclass(slots=True)
class Tally:
    """The same while it runs."""

    words: list[int] = field(default_factory=lambda: [0] * len(Engine))
    macs: int = 0
    loaded_bytes: int = 0
    stored_bytes: int = 0
    clipped_cell_states: int = 0

    def clear(self) -> None:
        """All to 0; the list stays the same object."""
        self.words[:] = [0] * len(Engine)
        self.macs = self.loaded_bytes = self.stored_bytes = self.clipped_cell_states = 0


def counters_of(cores: Sequence[Tally]) -> Counters:
    """All cores together, as they stand."""
    return Counters(
        {engine.name.lower(): sum(each.words[engine] for each in cores) for engine in Engine},
        sum(each.macs for each in cores),
        sum(each.loaded_bytes for each in cores),
        sum(each.stored_bytes for each in cores),
        sum(each.clipped_cell_states for each in cores),
    )
