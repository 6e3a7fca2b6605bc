"""YAML mappings → a dataclass of numbers, by its annotations: nothing unknown, nothing missing.

A value is that of the first mapping that has it, so that a file comes before its bases.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_origin, get_type_hints

from q4compile.errors import Finding
from q4compile.isa.limits import Limits
from q4compile.isa.target_findings import bad_value, missing_key, no_mapping, unknown_key
from q4compile.yaml_lines import Node

NAME = "name"
WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
Report = Callable[[Finding], None]


def check_keys(kind: type, node: Node, what: str, report: Report, also: Sequence[str] = ()) -> None:
    """Report keys that neither `kind` nor `also` has, and values that should be mappings."""
    if not isinstance(node.value, dict):
        report(no_mapping(node.at, what, node.shown()))
        return
    hints = get_type_hints(kind, include_extras=True)
    known = [*hints, *also]
    for key, value in node.value.items():
        if key not in known:
            report(unknown_key(node.key_at(key), what, key, known))
        elif dataclasses.is_dataclass(hints.get(key)):
            check_keys(hints[key], value, key, report)


def read_values(kind: Any, nodes: Sequence[Node], what: str, report: Report) -> Any:
    """An instance of `kind`, or None after a report; each value is that of the nearest node."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind, include_extras=True)
    for key, hint in hints.items():
        present = _present(key, nodes[:1] if key == NAME else nodes)
        if not present:
            report(missing_key(nodes[0].at, what, key, _need(hint)))
        elif dataclasses.is_dataclass(hint):
            values[key] = read_values(hint, present, key, report)
        else:
            values[key] = _value(hint, present[0], key, report)
    whole = len(values) == len(hints) and None not in values.values()
    return kind(**values) if whole else None


def _present(key: str, nodes: Sequence[Node]) -> list[Node]:
    return [node.value[key] for node in nodes if isinstance(node.value, dict) and key in node.value]


def _value(hint: Any, node: Node, key: str, report: Report) -> object:
    limits = _limits(hint)
    if limits is not None and limits.need(node.value) is None:
        return node.value if limits.is_whole else float(node.value)  # type: ignore[arg-type]
    if limits is None and isinstance(node.value, str) and WORD.fullmatch(node.value):
        return node.value
    report(bad_value(node.at, key, _need(hint), node.shown()))
    return None


def _limits(hint: Any) -> Limits | None:
    return hint.__metadata__[0] if get_origin(hint) is Annotated else None


def _need(hint: Any) -> str:
    limits = _limits(hint)
    if limits is not None:
        return limits.says
    return "a mapping" if dataclasses.is_dataclass(hint) else "a word of letters, digits, . _ -"
