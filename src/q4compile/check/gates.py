"""A gate: what is demanded of a figure, and of which records."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from q4compile.check.bounds import Bound
from q4compile.errors import USAGE, Disagreement, Finding, raise_all
from q4compile.report.record import Record


class GatesError(Disagreement):
    """The gates file is wrong, or asks for what was not given (Q42x)."""

    exit_code: ClassVar[int] = USAGE


@dataclass(frozen=True)
class Gate:
    """Demands on every figure that matches, in every record that matches."""

    figure: str
    bounds: tuple[Bound, ...] = ()
    record: str = "*"
    required: bool = False
    why: str | None = None
    file: Path = Path("gates.yaml")
    line: int = 1

    @property
    def at(self) -> str:
        """``gates.yaml:12``."""
        return f"{self.file}:{self.line}"

    def covers(self, name: str, record: Record) -> bool:
        """Whether the gate applies to the record called `name`."""
        return fnmatchcase(record.command, self.record) or fnmatchcase(name, self.record)

    def figures(self, record: Record) -> list[str]:
        """The record's figures that the gate applies to, in the record's order."""
        return [figure for figure in record.figures if fnmatchcase(figure, self.figure)]


def require_baseline(gates: Sequence[Gate]) -> None:
    """Raise GatesError Q427 for every tolerance that has no baseline to refer to."""
    findings = [
        Finding(
            "Q427",
            "a tolerance needs a baseline",
            gate.at,
            f"--baseline FILE, for {bound.kind.name} of {gate.figure}",
            "no baseline",
            "write one: q4compile check RECORD... --baseline FILE --update-baseline",
        )
        for gate in gates
        for bound in gate.bounds
        if bound.kind.relative
    ]
    raise_all(GatesError, findings)
