"""What a second of the paper's speech asks of the networks behind its encoder, from real decodes.

calls of an utterance ≈ per frame × its encoder frames + per label × its labels

both fitted where benchmarks/paper_table.py decoded AN4 (paper_rates.py), by its chosen search, and
set to the frames and labels of the paper. How many rows a call has is as it was there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parent / "results" / "paper_table.json"
CHOSEN = "margin 6"
"""The search of the record."""
PAPER_FRAMES, PAPER_LABELS = 50.0, 14.3
"""Per second of audio: 15.4 M characters in 300 h."""
FITTED = {"joint": "joint", "predictor": "predictor", "lm": "lm", "source_lm": "predictor"}
"""Component → whose calls it goes by: the source model runs when the prediction network does."""


@dataclass(frozen=True)
class Fit:
    """Both slopes, and the share of the variance that they explain."""

    per_frame: float
    per_label: float
    explained: float

    def calls(self, frames: float, labels: float) -> float:
        """Of so many frames and labels."""
        return self.per_frame * frames + self.per_label * labels


@dataclass(frozen=True)
class Demand:
    """Calls per second of audio of each component, and how many of them have so many rows."""

    calls_per_second: Mapping[str, float]
    shares: Mapping[str, Mapping[int, float]]

    def calls(self) -> Iterator[tuple[str, int, float]]:
        """Component, rows, calls per second."""
        for name, shares in self.shares.items():
            for rows, share in shares.items():
                yield name, rows, share * self.calls_per_second[name]

    def mean_rows(self, name: str) -> float:
        """Of a call."""
        return sum(rows * share for rows, share in self.shares[name].items())


def measured() -> Demand:
    """That of the chosen search."""
    found: dict[str, Any] = json.loads(RECORD.read_text())["details"]["calls"][CHOSEN]
    fits = {name: Fit(**each) for name, each in found["fits"].items()}
    return Demand(
        {name: fits[like].calls(PAPER_FRAMES, PAPER_LABELS) for name, like in FITTED.items()},
        {name: _shares(found["by_size"][name]) for name in FITTED},
    )


def _shares(sizes: Mapping[str, int]) -> dict[int, float]:
    total = sum(sizes.values())
    return {int(rows): count / total for rows, count in sorted(sizes.items(), key=_rows)}


def _rows(item: tuple[str, int]) -> int:
    return int(item[0])
