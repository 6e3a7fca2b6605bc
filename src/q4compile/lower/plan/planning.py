"""A layout for every phase of a component.

All chunks of an entry have the same number of rows, so that the host counts chunks once for each
number of rows that there is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from q4compile.errors import Finding
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.phases import FoldPhase, GatherPhase, Phase, RecurrentPhase, RowsPhase
from q4compile.lower.phases.selected import Selected
from q4compile.lower.phases.windows import (
    ExtremePhase,
    MeanPhase,
    PadPhase,
    PatchPhase,
    WindowPhase,
)
from q4compile.lower.plan.estimate import cycles_per_row
from q4compile.lower.plan.fold_plan import FoldPlan, plan_fold
from q4compile.lower.plan.gather_plan import GatherPlan, plan_gather
from q4compile.lower.plan.recurrent_plan import RecurrentPlan, plan_recurrence
from q4compile.lower.plan.row_loops import row_loops
from q4compile.lower.plan.rows_plan import RowsPlan, plan_rows
from q4compile.lower.plan.window_plan import (
    ExtremePlan,
    MeanPlan,
    PatchPlan,
    WindowPlan,
    plan_extreme,
    plan_mean,
    plan_patches,
    plan_window,
)

FEWEST_ROWS = 16
"""Of a chunk with all weights on chip: for fewer, weights that come by cost no more time."""
USUAL_ROWS = 128
"""Of a chunk, where more are no faster."""

Plan: TypeAlias = (
    RowsPlan
    | RecurrentPlan
    | GatherPlan
    | FoldPlan
    | WindowPlan
    | PatchPlan
    | ExtremePlan
    | MeanPlan
)


def cores_of(plan: Plan) -> int:
    """How many cores execute a phase, the first ones."""
    if isinstance(plan, RowsPlan):
        return plan.tiling.cores
    return plan.cores if isinstance(plan, RecurrentPlan) else 1


@dataclass(frozen=True, eq=False)
class Planned:
    """A phase and its layout."""

    phase: Phase
    plan: Plan


@dataclass(frozen=True, eq=False)
class Plans:
    """All phases of a component, or what stands in the way."""

    phases: tuple[Planned, ...]
    findings: tuple[Finding, ...]

    def cycles(self, lane: Axis | None, room: Room) -> float:
        """Of a row of every phase that has chunks, as estimated.

        Who has states as ports runs a step at a time; who has not, any number of rows.
        """
        recurrent = (each.phase for each in self.phases if isinstance(each.phase, RecurrentPhase))
        is_stepwise = any(each.entering for each in recurrent)
        most = rows_at_most(lane, room) if is_stepwise else room.options.length
        return sum(
            cycles_per_row(each.phase, each.plan, most, room.target)
            for each in self.phases
            if isinstance(each.phase, RowsPhase) and isinstance(each.plan, RowsPlan)
        )


def plan_phases(selected: Selected, room: Room) -> Plans:
    """The number of rows for which products take the least time, of all for which phases fit."""
    found = Plans((), ())
    fitting: list[Plans] = []
    for rows, is_resident in _choices(room.options.chunk_rows):
        if fitting and rows < FEWEST_ROWS:
            break
        found = _planned(selected, room, rows, is_resident)
        if not found.findings:
            fitting.append(found)
    return min(fitting, key=lambda each: each.cycles(selected.lane, room), default=found)


def _choices(most: int) -> Iterator[tuple[int, bool]]:
    """``(rows of a chunk, whether all weights must stay on chip)``, the better of equal ones first.

    Few rows come last: with less than a matrix tile takes to load, each of them takes longer.
    """
    sizes = [most >> n for n in range(most.bit_length())]
    usual = sorted(sizes, key=lambda rows: (rows > USUAL_ROWS, -rows))
    yield from ((rows, True) for rows in usual if rows >= min(FEWEST_ROWS, most))
    yield from ((rows, False) for rows in sorted(usual, key=lambda rows: rows < FEWEST_ROWS))


def _planned(selected: Selected, room: Room, rows: int, is_resident: bool) -> Plans:
    phases: list[Planned] = []
    findings: list[Finding] = []
    for phase in selected.phases:
        try:
            phases.append(Planned(phase, _plan(phase, selected, room, rows, is_resident)))
        except Refused as refused:
            findings.append(refused.finding(f"component {selected.name}, node '{phase.node}'"))
    return Plans(tuple(phases), tuple(findings))


def _plan(phase: Phase, selected: Selected, room: Room, rows: int, is_resident: bool) -> Plan:
    match phase:
        case RowsPhase():
            loops = row_loops(phase, selected.lane, selected.sizes, room.options, rows)
            return plan_rows(phase, loops, room, is_resident)
        case RecurrentPhase():
            return plan_recurrence(phase, room)
        case GatherPhase():
            return plan_gather(phase, selected.lane, room)
        case FoldPhase():
            return plan_fold(phase, selected.lane, room)
        case PadPhase() | WindowPhase():
            return plan_window(phase, selected.lane, room)
        case PatchPhase():
            return plan_patches(phase, room)
        case ExtremePhase():
            return plan_extreme(phase, selected.lane, room)
        case MeanPhase():
            return plan_mean(phase, selected.lane, room)
