"""Records by name: what the gates' `record`, the baseline and every output call a record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from q4compile.errors import DataError, Finding, raise_all
from q4compile.report.record import SUFFIX, Record, read_record


def read_records(paths: Sequence[Path]) -> dict[str, Record]:
    """Name → record, in the order given; a path given twice counts once.

    Raises:
        DataError: with the findings of every record that cannot be read (Q561 to Q564).
    """
    records: dict[str, Record] = {}
    findings: list[Finding] = []
    for name, path in names(paths).items():
        try:
            records[name] = read_record(path)
        except DataError as error:
            findings += error.findings
    raise_all(DataError, findings)
    return records


def names(paths: Sequence[Path]) -> Mapping[str, Path]:
    """The file name without its suffix; with the folders before it where several have the same.

    Whole paths when that does not tell them apart (``x.json`` beside ``x.record.json``).
    """
    unique = list(dict.fromkeys(paths))
    depth = dict.fromkeys(unique, 1)
    while True:
        found = {path: _name(path, depth[path]) for path in unique}
        counts = Counter(found.values())
        shared = [path for path in unique if counts[found[path]] > 1]
        if not shared:
            return {name: path for path, name in found.items()}
        if all(depth[path] >= len(path.parts) for path in shared):
            return {f"{path}": path for path in unique}
        for path in shared:
            depth[path] += 1


def _name(path: Path, depth: int) -> str:
    name = "/".join(path.parts[-depth:])
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name.removesuffix(".json")
