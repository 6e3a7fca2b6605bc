"""The baseline: the figures of earlier records, committed beside the code that they gate."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from q4compile.errors import DataError, Finding, raise_all
from q4compile.files import write_text
from q4compile.report.figures import Figures, Number, figure_findings
from q4compile.report.json_file import Json, read_object
from q4compile.report.record import SCHEMA_VERSION, Record, check_schema_version


@dataclass(frozen=True)
class Baseline:
    """Record name → its figures."""

    figures: Mapping[str, Figures] = field(default_factory=dict)

    def value(self, record: str, figure: str) -> Number | None:
        """The earlier value of a figure, or None when there is none."""
        return self.figures.get(record, {}).get(figure)

    def updated(self, records: Mapping[str, Record]) -> "Baseline":
        """With the figures of `records` in place of theirs; other records keep what they have."""
        return Baseline(
            {**self.figures, **{name: record.figures for name, record in records.items()}}
        )


def read_baseline(path: Path) -> Baseline:
    """The baseline in the file `path`.

    Raises:
        DataError: Q561 not JSON, Q562 another schema version, Q563 not a map of record names to
            figures, Q564 a figure that is not a finite number.
    """
    found = read_object(path)
    check_schema_version(path, found)
    records = found.get("figures")
    if not isinstance(records, dict):
        raise DataError(_wrong(path, "figures: record name → figures", "no such mapping"))
    raise_all(DataError, list(_findings(path, records)))
    figures: dict[str, Any] = records
    return Baseline(figures)


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write `baseline` sorted, so that its diffs are small; whole or not at all.

    Raises:
        OutputError: the path cannot be written.
    """
    content = {"schema_version": SCHEMA_VERSION, "figures": baseline.figures}
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _findings(path: Path, records: Mapping[str, Json]) -> Iterator[Finding]:
    for name, figures in records.items():
        if isinstance(figures, dict):
            yield from figure_findings(f"{path}, record {name!r}", figures)
        else:
            yield _wrong(path, f"a mapping of figures for {name!r}", type(figures).__name__)


def _wrong(path: Path, need: str, got: str) -> Finding:
    return Finding("Q563", "the baseline has the wrong shape", f"{path}", need, got)
