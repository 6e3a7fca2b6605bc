"""The record that each command leaves beside its output: what ran, on what, and the figures.

    run → Record → NAME.record.json → `q4compile check`, `q4compile report`

A benchmark's record also says which machine and which commit it came from.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, SupportsFloat

from q4compile.errors import DataError, Finding, near, raise_all
from q4compile.files import write_text
from q4compile.report.figures import Figures, figure_findings, plain
from q4compile.report.hashing import sha256_of
from q4compile.report.json_file import Json, read_object
from q4compile.report.provenance import commit_of, machine_description

SCHEMA_VERSION = 1
SUFFIX = ".record.json"


@dataclass(frozen=True)
class Record:
    """One run of one command."""

    command: str
    tool_version: str
    created: str
    """UTC, ``2026-01-31T12:00:00Z``."""
    inputs: Mapping[str, str]
    """Path as given → SHA-256."""
    figures: Figures
    details: Mapping[str, Json] = field(default_factory=dict)
    """Tables and per-tensor rows; nothing gates on them."""
    machine: str | None = None
    commit: str | None = None
    schema_version: int = SCHEMA_VERSION


def new_record(
    command: str,
    inputs: Sequence[Path],
    figures: Mapping[str, SupportsFloat],
    details: Mapping[str, Json] | None = None,
) -> Record:
    """The record of a run that ends now: inputs are hashed, numpy numbers become Python's.

    Raises:
        ValueError: a figure is NaN or infinite.
    """
    return Record(
        command=command,
        tool_version=version("q4compile"),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        inputs={str(path): sha256_of(path) for path in inputs},
        figures=plain(figures),
        details=details or {},
    )


def benchmark_record(record: Record, repository: Path) -> Record:
    """`record` with this machine's description and the commit checked out in `repository`.

    Inputs are named from there, those that lie elsewhere by their file alone.
    """
    inputs = {_from(repository, path): digest for path, digest in record.inputs.items()}
    machine, commit = machine_description(), commit_of(repository)
    return dataclasses.replace(record, inputs=inputs, machine=machine, commit=commit)


def _from(folder: Path, path: str) -> str:
    inside, full = folder.resolve(), Path(path).resolve()
    return full.relative_to(inside).as_posix() if full.is_relative_to(inside) else full.name


def record_path(output: Path) -> Path:
    """``out/model.q4.onnx`` → ``out/model.q4.onnx.record.json``."""
    return output.with_name(output.name + SUFFIX)


def write_record(record: Record, path: Path) -> None:
    """Write `record` as JSON, whole or not at all.

    Raises:
        OutputError: the path cannot be written.
        ValueError: `details` hold something that is not JSON, or NaN.
    """
    present = {key: value for key, value in vars(record).items() if value is not None}
    ordered = {"schema_version": record.schema_version} | present
    write_text(path, json.dumps(ordered, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_record(path: Path) -> Record:
    """The record in the file `path`.

    Raises:
        DataError: Q561 not JSON, Q562 another schema version, Q563 a key that is missing, unknown
            or of the wrong type, Q564 a figure that is not a finite number.
    """
    found = read_object(path)
    check_schema_version(path, found)
    raise_all(DataError, list(_shape_findings(path, found)))
    fields: dict[str, Any] = found
    raise_all(DataError, list(figure_findings(f"{path}", fields["figures"])))
    return Record(**fields)


def check_schema_version(path: Path, found: Mapping[str, Json]) -> None:
    """Raise DataError Q562 unless `found` says that it is of `SCHEMA_VERSION`."""
    got = found.get("schema_version")
    if got != SCHEMA_VERSION or isinstance(got, bool):
        need = f"schema_version {SCHEMA_VERSION}"
        shown = "no schema_version" if got is None else f"schema_version {got!r}"
        fix = "write it anew with this version of q4compile"
        raise DataError(Finding("Q562", "unknown schema version", f"{path}", need, shown, fix))


KINDS: dict[str, type] = {
    "command": str,
    "commit": str,
    "created": str,
    "details": dict,
    "figures": dict,
    "inputs": dict,
    "machine": str,
    "schema_version": int,
    "tool_version": str,
}
WORDS = {dict: "an object", float: "a number", int: "a number", list: "a list", str: "text"}
OPTIONAL = {"commit", "details", "machine"}


def _shape_findings(path: Path, found: Mapping[str, Json]) -> Iterator[Finding]:
    title = "the record has the wrong shape"
    for key in sorted(KINDS.keys() - OPTIONAL - found.keys()):
        yield Finding("Q563", title, f"{path}", f"the key {key!r}", "no such key")
    for key in sorted(found.keys() - KINDS.keys()):
        need = f"only the keys {', '.join(KINDS)}"
        yield Finding("Q563", title, f"{path}", need, f"{key!r}", near(key, KINDS))
    for key in sorted(KINDS.keys() & found.keys()):
        if not isinstance(found[key], KINDS[key]):
            need, got = f"{key}: {WORDS[KINDS[key]]}", WORDS.get(type(found[key]), "something else")
            yield Finding("Q563", title, f"{path}", need, got)
