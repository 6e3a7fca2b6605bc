"""Several precisions side by side: times, and what takes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from q4compile.cli.tables import heading, table

if TYPE_CHECKING:
    from q4compile.sim.timing.comparison import Side


def precision_parts(sides: "Sequence[Side]") -> list[RenderableType]:
    """Milliseconds of each component and of each cause; ratios are to the narrowest."""
    from q4compile.sim.timing.comparison import CAUSES, causes_of, narrowest_of

    goal = narrowest_of(sides)
    names = [side.precision.name.lower() for side in sides]
    columns = [*(f"{name} ms" for name in names), *_ratio_names(sides, goal)]
    entries = [each.entry for each in goal.timings]
    by_entry = [
        [entry, *_cells([side.timings[place].seconds for side in sides], sides, goal)]
        for place, entry in enumerate(entries)
    ]
    causes = [causes_of(side, goal) for side in sides]
    by_cause = [[cause, *_cells([each[cause] for each in causes], sides, goal)] for cause in CAUSES]
    total = ["total", *_cells([side.seconds for side in sides], sides, goal)]
    moved = ["MiB of DRAM", *(f"{side.dram_bytes / 2**20:.2f}" for side in sides)]
    target = goal.timings[0].target
    return [
        heading(f"{' : '.join(names)} on {target.name}"),
        table(["component", *columns], [*by_entry, total], len(columns)),
        Text(),
        heading("where the time goes"),
        table(["cause", *columns], [*by_cause, total], len(columns)),
        table(["", *names], [moved], len(names)),
    ]


def _ratio_names(sides: "Sequence[Side]", goal: "Side") -> list[str]:
    narrow = goal.precision.name.lower()
    return [f"{side.precision.name.lower()} : {narrow}" for side in sides if side is not goal]


def _cells(seconds: Sequence[float], sides: "Sequence[Side]", goal: "Side") -> list[object]:
    least = seconds[list(sides).index(goal)]
    shown: list[object] = [f"{1e3 * each:.4g}" for each in seconds]
    ratios = [
        f"{each / least:.2f}" if least else None
        for side, each in zip(sides, seconds, strict=True)
        if side is not goal
    ]
    return [*shown, *ratios]
