"""The record of a command's run: written beside its output, and printed when JSON is asked for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import SupportsFloat

import click

from q4compile.report.json_file import Json
from q4compile.report.record import Record, new_record, record_path, write_record


def keep(
    command: str,
    inputs: Sequence[Path],
    figures: Mapping[str, SupportsFloat],
    output: Path,
    details: Mapping[str, Json] | None = None,
) -> Record:
    """Write the record of a run to ``<output>.record.json`` and return it.

    Raises:
        OutputError: Q551, Q552.
    """
    record = new_record(command, inputs, figures, details)
    write_record(record, record_path(output))
    return record


def show_record(record: Record, as_json: bool, text: str) -> None:
    """Print `record` as JSON, or else `text`."""
    click.echo(as_json_text([record]) if as_json else text)


def as_json_text(records: Sequence[Record]) -> str:
    """One record as an object, several as a list."""
    shown = [{k: v for k, v in vars(each).items() if v is not None} for each in records]
    return json.dumps(shown[0] if len(shown) == 1 else shown, indent=2, ensure_ascii=False)
