"""Products of numbers that a component takes for a step."""

from collections import defaultdict
from collections.abc import Sequence

from q4compile.isa.engine import Precision
from q4compile.lower.layout.axes import Sizes
from q4compile.lower.phases.phases import Multiplied, Phase, RecurrentPhase, RowsPhase

Macs = dict[Precision, int]


def macs_of(phases: Sequence[Phase], sizes: Sizes) -> Macs:
    """Products of one step: one sequence, every size as small as it can be, by precision.

    Behind a time reduction a step is a row of the frames that it joins.
    """
    found: Macs = defaultdict(int)
    for phase in phases:
        if isinstance(phase, RowsPhase) and phase.product is not None:
            times = sizes.extent(phase.rows).times
            found[phase.product.precision] += times * phase.product.macs
        elif isinstance(phase, RecurrentPhase):
            times = 1 if phase.time is None else sizes.extent((phase.time,)).times
            macs = len(phase.directions) * phase.cell.gates * phase.cell.units**2
            found[phase.precision] += times * macs
            if isinstance(phase.source, Multiplied):
                found[phase.source.precision] += times * phase.source.macs
    return dict(found)
