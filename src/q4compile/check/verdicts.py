"""Gates × records → verdicts: one per figure and bound, and one for a gate that met no figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from q4compile.check.baseline import Baseline
from q4compile.check.bounds import Bound, exact, shown
from q4compile.check.gates import Gate
from q4compile.errors import Finding, near
from q4compile.report.figures import Number
from q4compile.report.record import Record


class Outcome(StrEnum):
    """What came of one demand."""

    PASS = "pass"
    FAIL = "fail"
    ABSENT = "absent"
    """No record has the figure, and the gate does not require it."""


@dataclass(frozen=True)
class Verdict:
    """One demand of one gate on one figure of one record; `finding` says why it failed."""

    gate: Gate
    outcome: Outcome
    figure: str
    record: str | None = None
    bound: Bound | None = None
    value: Number | None = None
    base: Number | None = None
    finding: Finding | None = None
    hint: str | None = None
    """For an absent figure: the nearest one there is."""

    @property
    def demand(self) -> str:
        """``figure <= 11.5``, or that the figure exists."""
        if self.bound is None or (self.bound.kind.relative and self.base is None):
            return f"{self.figure} exists" if self.bound is None else str(self.bound)
        return self.bound.demand(self.figure, self.base)

    @property
    def change_percent(self) -> float | None:
        """Change from the baseline [% of its magnitude]; None without one, or when it is zero."""
        if self.value is None or not self.base:
            return None
        return float(100 * (exact(self.value) - exact(self.base)) / abs(exact(self.base)))


def judge(
    gates: Sequence[Gate], records: Mapping[str, Record], baseline: Baseline
) -> tuple[Verdict, ...]:
    """Every verdict, by gate, then record, then figure. All gates that match a figure apply to it.

    Loosening a gate never adds a failure.
    """
    return tuple(verdict for gate in gates for verdict in _judge_gate(gate, records, baseline))


def findings_of(verdicts: Sequence[Verdict]) -> list[Finding]:
    """What failed, in the order of the verdicts."""
    return [verdict.finding for verdict in verdicts if verdict.finding is not None]


def _judge_gate(gate: Gate, records: Mapping[str, Record], baseline: Baseline) -> Iterator[Verdict]:
    met = False
    for name, record in records.items():
        if not gate.covers(name, record):
            continue
        for figure in gate.figures(record):
            met = True
            base = baseline.value(name, figure)
            yield from _judge_figure(gate, name, record, figure, base)
    if not met:
        yield _unmet(gate, records)


def _judge_figure(
    gate: Gate, name: str, record: Record, figure: str, base: Number | None
) -> Iterator[Verdict]:
    value = record.figures[figure]
    at = f"{gate.at}, record {name!r} of {record.command}"
    for bound in gate.bounds or (None,):
        finding = None if bound is None else _finding(gate, bound, at, figure, value, base)
        outcome = Outcome.PASS if finding is None else Outcome.FAIL
        yield Verdict(gate, outcome, figure, name, bound, value, base, finding)


def _finding(
    gate: Gate, bound: Bound, at: str, figure: str, value: Number, base: Number | None
) -> Finding | None:
    if bound.kind.relative and base is None:
        need = f"{figure} of this record in the baseline, for {bound}"
        fix = "if the figure is new, run the same command with --update-baseline"
        return Finding("Q413", f"{figure} is missing from the baseline", at, need, "no value", fix)
    if bound.holds(value, base):
        return None
    need = "\n".join(filter(None, [bound.demand(figure, base), gate.why]))
    if bound.kind.relative:
        fix = "if the change is meant, run the same command with --update-baseline"
        title = f"{figure} has drifted from its baseline"
        return Finding("Q412", title, at, need, shown(value), fix)
    above = exact(value) > bound.interval(base)[1]
    code, title = ("Q410", "above") if above else ("Q411", "below")
    return Finding(code, f"{figure} is {title} its bound", at, need, shown(value))


def _unmet(gate: Gate, records: Mapping[str, Record]) -> Verdict:
    covered = [record for name, record in records.items() if gate.covers(name, record)]
    hint = near(gate.figure, [figure for record in covered for figure in record.figures])
    if not gate.required:
        return Verdict(gate, Outcome.ABSENT, gate.figure, hint=hint)
    need = f"{gate.figure} in a record" + ("" if gate.record == "*" else f" {gate.record!r}")
    got = f"no such figure in {len(covered)} matching of {len(records)} records"
    finding = Finding("Q413", f"{gate.figure} is missing", gate.at, need, got, hint)
    return Verdict(gate, Outcome.FAIL, gate.figure, finding=finding)
