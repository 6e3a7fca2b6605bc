"""The gates file: which figures are gated, and how.

    version: 1
    gates:                                          # every gate that matches a figure applies to it
      - {figure: compression_ratio, min: 7.6, required: true}
      - {figure: wer_percent, record: eval, max: 11.5, max_increase: 0.3}
      - {figure: "*_bytes", max_increase_percent: 1, why: the image must not grow unnoticed}

`figure` is a name or a glob. `record` restricts a gate to the records of a command, or to records
of that name; it may be a glob too. A `required` gate fails when no record has such a figure.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from q4compile.check.bounds import KIND_NAMED, Bound
from q4compile.check.gates import Gate, GatesError
from q4compile.errors import Finding, near, raise_all
from q4compile.report.figures import is_number
from q4compile.yaml_lines import Codes, Node, load_yaml

VERSION = 1
CODES = Codes(unreadable="Q421", duplicate="Q422", forbidden="Q426")
KEYS: Mapping[str, type] = {"figure": str, "record": str, "required": bool, "why": str}
KNOWN = sorted([*KEYS, *KIND_NAMED])
FRAME = ("version", "gates")
ABSENT = Node(None, Path(), 0)


def load_gates(path: Path) -> tuple[Gate, ...]:
    """The gates of the file `path`, in its order; never none.

    Raises:
        GatesError: Q421 not readable, not YAML or not of version 1, Q422 unknown or repeated key,
            Q423 wrong type or value, Q424 a gate or file that demands nothing, Q425 min above max,
            Q426 tag, anchor, alias, too large or too deep.
    """
    root = load_yaml(path, GatesError, CODES)
    gates = _gate_nodes(root)
    findings = [
        *_frame_findings(root),
        *(found for node in gates for found in _gate_findings(node)),
    ]
    raise_all(GatesError, findings)
    return tuple(_gate(node) for node in gates)


def _frame_findings(root: Node) -> Iterator[Finding]:
    """What is wrong with the top level, its version, or with ``gates:`` as a list."""
    top = root.value
    if not isinstance(top, dict):
        yield _wrong(root.at, "a mapping with version and gates", root.shown())
        return
    for key in sorted(top.keys() - FRAME):
        fix = near(key, FRAME)
        need = " and ".join(FRAME)
        yield Finding("Q422", "unknown key", root.key_at(key), need, f"{key!r}", fix)
    version, gates = top.get("version", ABSENT), top.get("gates", ABSENT)
    if version.value != VERSION or isinstance(version.value, bool):
        yield _wrong(root.at, f"version: {VERSION}", version.shown())
    if not isinstance(gates.value, tuple):
        yield _wrong(root.at, "gates: a list", gates.shown())
    elif not gates.value:
        yield Finding("Q424", "nothing is gated", gates.at, "a gate", "an empty list")


def _gate_nodes(root: Node) -> tuple[Node, ...]:
    gates = root.value.get("gates", ABSENT) if isinstance(root.value, dict) else ABSENT
    return gates.value if isinstance(gates.value, tuple) else ()


def _wrong(at: str, need: str, got: str) -> Finding:
    return Finding("Q421", "this is not a gates file", at, need, got)


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
    demanded = not keys.keys() <= KEYS.keys() or bool(keys.get("required", ABSENT).value)
    if not demanded:
        need = f"a bound ({', '.join(KIND_NAMED)}) or required: true"
        yield Finding("Q424", "nothing is gated", node.at, need, "neither")
    low, high = (keys.get(key, ABSENT).value for key in ("min", "max"))
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        got = f"min {low} > max {high}"
        yield Finding("Q425", "no value can pass this gate", node.at, "min <= max", got)


def _gate(node: Node) -> Gate:
    plain = node.plain()
    if not isinstance(plain, dict):
        raise TypeError(f"{node.at}: a gate that was not validated")
    bounds = [Bound(KIND_NAMED[key], plain.pop(key)) for key in KIND_NAMED if key in plain]
    return Gate(**plain, bounds=tuple(bounds), file=node.file, line=node.line)
