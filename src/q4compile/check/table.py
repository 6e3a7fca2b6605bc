"""The verdicts as a table for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from q4compile.check.bounds import shown
from q4compile.check.verdicts import Outcome, Verdict
from q4compile.report.figures import Number

LOG_WIDTH = 160
STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.ABSENT: "yellow"}
NONE = "–"


def as_table(verdicts: Sequence[Verdict], colour: bool = False, width: int | None = None) -> str:
    """A row for each verdict, then the counts; `width` in columns, wide when it is not known."""
    console = Console(
        width=width or LOG_WIDTH,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(_table(verdicts))
        console.print(Text(_counts(verdicts)))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("outcome")
    table.add_column("record", overflow="fold")
    table.add_column("figure", overflow="fold")
    for number in ("value", "baseline", "change"):
        table.add_column(number, justify="right", no_wrap=True)
    table.add_column("gate", overflow="fold")
    for verdict in verdicts:
        table.add_row(*_cells(verdict))
    return table


def _cells(verdict: Verdict) -> list[Text]:
    change = verdict.change_percent
    code = "" if verdict.finding is None else f" {verdict.finding.code}"
    return [
        Text(f"{verdict.outcome}{code}", style=STYLES[verdict.outcome]),
        Text(verdict.record or NONE),
        Text(verdict.figure),
        Text(_number(verdict.value)),
        Text(_number(verdict.base)),
        Text(NONE if change is None else f"{change:+.2f} %"),
        Text(_gate(verdict)),
    ]


def _gate(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.ABSENT:
        return verdict.hint or "in no record"
    return "exists" if verdict.bound is None else str(verdict.bound)


def _number(number: Number | None) -> str:
    if number is None:
        return NONE
    return str(number) if isinstance(number, int) else shown(float(f"{number:.6g}"))


def _counts(verdicts: Sequence[Verdict]) -> str:
    outcomes = [verdict.outcome for verdict in verdicts]
    passed, failed = outcomes.count(Outcome.PASS), outcomes.count(Outcome.FAIL)
    return f"{passed} passed, {failed} failed, {outcomes.count(Outcome.ABSENT)} absent"
