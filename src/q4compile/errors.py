"""What can go wrong, and the one way it is printed.

    Q4Error                    exit  codes
    ├── UsageProblem           2     Q0xx  the command line (module cli.usage)
    ├── ModelError             3     Q1xx  the ONNX file or checkpoint
    ├── RecipeError            2     Q2xx  the recipe
    ├── TargetError            3     Q3xx  lowering and target
    ├── Disagreement           1     Q4xx  two executors, or a figure and its gate
    │   └── GatesError         2     Q42x  the file of gates (module check.gates)
    └── DataError              3     Q5xx  audio, manifests, calibration data
        └── OutputError        2     Q55x  a path that cannot be written

A stage collects every `Finding` it can before it raises, so one error carries one or more findings.
Anything else that escapes is our bug: exit code 4.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

OK, FINDINGS, USAGE, UNSUPPORTED, BUG = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what was needed, what was there, and how to mend it."""

    code: str
    title: str
    at: str
    need: str
    got: str
    fix: str | None = None

    def render(self, severity: str = "error") -> str:
        """The text of design section 10: title line, then at, need, got and (when known) fix."""
        rows = [("at", self.at), ("need", self.need), ("got", self.got)]
        if self.fix is not None:
            rows.append(("fix", self.fix))
        lines = [f"{severity}[{self.code}]: {self.title}"]
        for label, text in rows:
            head, *rest = text.splitlines() or [""]
            lines.append(f"  {label:<5} {head}".rstrip())
            lines += [f"        {line}" for line in rest]
        return "\n".join(lines)


class Q4Error(Exception):
    """Base of every error a user can mend; `findings` is never empty."""

    exit_code: ClassVar[int] = BUG

    def __init__(self, *findings: Finding) -> None:
        assert findings, "an error without a finding tells the user nothing"
        self.findings = findings
        super().__init__("\n\n".join(finding.render() for finding in findings))

    def __reduce__(self) -> "tuple[type[Q4Error], tuple[Finding, ...]]":
        """Travel between processes by the findings, not by their text."""
        return type(self), self.findings


class ModelError(Q4Error):
    """The model cannot be read or holds something unsupported (Q1xx)."""

    exit_code = UNSUPPORTED


class RecipeError(Q4Error):
    """The recipe is wrong (Q2xx)."""

    exit_code = USAGE


class TargetError(Q4Error):
    """The target cannot run this (Q3xx)."""

    exit_code = UNSUPPORTED


class Disagreement(Q4Error):
    """Two things that must agree do not: executors, or a figure and its gate (Q4xx)."""

    exit_code = FINDINGS


class DataError(Q4Error):
    """Audio, a manifest or calibration data is unusable (Q5xx)."""

    exit_code = UNSUPPORTED


class OutputError(DataError):
    """An output cannot be written (Q55x)."""

    exit_code = USAGE


def raise_all(error: type[Q4Error], findings: Sequence[Finding]) -> None:
    """Raise `error` with all findings, or return if there are none."""
    if findings:
        raise error(*findings)


def near(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'per_channel'?`` for the closest known word, or None when none is close."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else None
