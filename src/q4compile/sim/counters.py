"""What a run did, in numbers."""

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

    def counters(self) -> Counters:
        """As they stand."""
        words = {engine.name.lower(): self.words[engine] for engine in Engine}
        return Counters(
            words, self.macs, self.loaded_bytes, self.stored_bytes, self.clipped_cell_states
        )
