"""The gates file: which figures are gated, and how.

    version: 1
    gates:                                          # every gate that matches a figure applies to it
      - {figure: compression_ratio, min: 7.6, required: true}
      - {figure: wer_percent, record: eval, max: 11.5, max_increase: 0.3}
      - {figure: "*_bytes", max_increase_percent: 1, why: the image must not grow unnoticed}

`figure` is a name or a glob. `record` restricts a gate to the records of a command, or to records
of that name; it may be a glob too. A `required` gate fails when no record has such a figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from q4compile.check.bounds import KIND_NAMED, Bound
from q4compile.errors import USAGE, Disagreement, Finding, near, raise_all
from q4compile.report.figures import is_number
from q4compile.report.record import Record
from q4compile.yaml_lines import Codes, Node, load_yaml

VERSION = 1
CODES = Codes(unreadable="Q421", duplicate="Q422", forbidden="Q426")


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


def load_gates(path: Path) -> tuple[Gate, ...]:
    """The gates of the file `path`, in its order; never none.

    Raises:
        GatesError: Q421 not readable, not YAML or not of version 1, Q422 unknown or repeated key,
            Q423 wrong type or value, Q424 a gate or file that demands nothing, Q425 min above max,
            Q426 tag, anchor, alias, too large or too deep.
    """
    root = load_yaml(path, GatesError, CODES)
    gates = _gate_nodes(root)
    raise_all(GatesError, [finding for node in gates for finding in _gate_findings(node)])
    return tuple(_gate(node) for node in gates)


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


KEYS: Mapping[str, type] = {"figure": str, "record": str, "required": bool, "why": str}
KNOWN = sorted([*KEYS, *KIND_NAMED])


def _gate_nodes(root: Node) -> tuple[Node, ...]:
    """The nodes below ``gates:``, once the frame around them is known to be right."""
    top = root.value
    if not isinstance(top, dict):
        raise GatesError(_wrong("Q421", root.at, "a mapping with version and gates", root.shown()))
    findings = [
        Finding("Q422", "unknown key", root.key_at(key), "version and gates", f"{key!r}", fix)
        for key in top
        if key not in ("version", "gates")
        for fix in [near(key, ("version", "gates"))]
    ]
    version, gates = top.get("version"), top.get("gates")
    if version is None or version.value != VERSION or isinstance(version.value, bool):
        got = "no version" if version is None else version.shown()
        findings.append(_wrong("Q421", root.at, f"version: {VERSION}", got))
    if gates is None or not isinstance(gates.value, tuple):
        got = "no gates" if gates is None else gates.shown()
        raise GatesError(*findings, _wrong("Q421", root.at, "gates: a list", got))
    if not gates.value:
        findings.append(Finding("Q424", "nothing is gated", gates.at, "a gate", "an empty list"))
    raise_all(GatesError, findings)
    return gates.value


def _wrong(code: str, at: str, need: str, got: str) -> Finding:
    return Finding(code, "this is not a gates file", at, need, got)


def _gate_findings(node: Node) -> Iterator[Finding]:
    if not isinstance(node.value, dict):
        title = "a gate has the wrong form"
        yield Finding("Q423", title, node.at, "a mapping with figure", node.shown())
        return
    for key, value in node.value.items():
        if key in KIND_NAMED:
            yield from _limit_findings(node, key, value)
        elif key not in KEYS:
            need = f"one of {', '.join(KNOWN)}"
            at = node.key_at(key)
            yield Finding("Q422", "unknown key", at, need, f"{key!r}", near(key, KNOWN))
        elif not isinstance(value.value, KEYS[key]):
            yield _wrong_value(value, key, {str: "text", bool: "true or false"}[KEYS[key]])
    yield from _whole_gate_findings(node, node.value)


def _limit_findings(node: Node, key: str, value: Node) -> Iterator[Finding]:
    limit = value.value
    if isinstance(limit, tuple | dict) or not is_number(limit):
        yield _wrong_value(value, key, "a finite number")
    elif KIND_NAMED[key].relative and limit < 0:
        yield _wrong_value(value, key, "a number that is not negative")


def _wrong_value(value: Node, key: str, need: str) -> Finding:
    return Finding("Q423", "a gate has the wrong form", value.at, f"{key}: {need}", value.shown())


def _whole_gate_findings(node: Node, keys: Mapping[str, Node]) -> Iterator[Finding]:
    if "figure" not in keys:
        need = "figure: the name of a figure"
        yield Finding("Q423", "a gate has the wrong form", node.at, need, "no figure")
    if not keys.keys() & KIND_NAMED.keys() and "required" not in keys:
        need = f"a bound ({', '.join(KIND_NAMED)}) or required"
        yield Finding("Q424", "nothing is gated", node.at, need, "neither")
    low, high = (keys[key].value if key in keys else None for key in ("min", "max"))
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        got = f"min {low} > max {high}"
        yield Finding("Q425", "no value can pass this gate", node.at, "min <= max", got)


def _gate(node: Node) -> Gate:
    plain = node.plain()
    if not isinstance(plain, dict):
        raise TypeError(f"{node.at}: a gate that was not validated")
    bounds = [Bound(KIND_NAMED[key], plain.pop(key)) for key in KIND_NAMED if key in plain]
    return Gate(**plain, bounds=tuple(bounds), file=node.file, line=node.line)
