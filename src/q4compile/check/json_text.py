"""The verdicts as JSON, for programs."""

import json
from collections.abc import Sequence

from q4compile.check.verdicts import Outcome, Verdict
from q4compile.report.json_file import Json

SCHEMA_VERSION = 1


def as_json_text(verdicts: Sequence[Verdict]) -> str:
    """``{"schema_version", "passed", "counts", "verdicts"}``; a verdict's absent parts are null."""
    outcomes = [verdict.outcome for verdict in verdicts]
    content = {
        "schema_version": SCHEMA_VERSION,
        "passed": Outcome.FAIL not in outcomes,
        "counts": {outcome.value: outcomes.count(outcome) for outcome in Outcome},
        "verdicts": [_verdict(verdict) for verdict in verdicts],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _verdict(verdict: Verdict) -> dict[str, Json]:
    finding, bound = verdict.finding, verdict.bound
    return {
        "outcome": verdict.outcome.value,
        "record": verdict.record,
        "figure": verdict.figure,
        "value": verdict.value,
        "baseline": verdict.base,
        "change_percent": verdict.change_percent,
        "bound": None if bound is None else {bound.kind.name: bound.limit},
        "demand": verdict.demand,
        "gate": verdict.gate.at,
        "code": None if finding is None else finding.code,
        "message": verdict.hint if finding is None else finding.render(),
    }
