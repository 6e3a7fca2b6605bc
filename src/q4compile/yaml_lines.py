"""YAML in, values that know their file and line out.

    scalar   → None, bool, int, float or str (YAML 1.2: ``1e-3`` is a number, ``no`` a word)
    sequence → tuple of nodes
    mapping  → dict of str to node

Refused, each with its line: tags, anchors and aliases (the YAML bombs), duplicate keys, several
documents, files over `MAX_BYTES`, nesting over `MAX_DEPTH`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import yaml

from q4compile.errors import Finding, Q4Error, raise_all

MAX_BYTES, MAX_DEPTH, MAX_FINDINGS = 1_000_000, 32, 20

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = "Scalar | tuple[Node, ...] | dict[str, Node]"

WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"[-+]?\.(inf|nan)")


class Mark(Protocol):
    """A place in the text, as either of PyYAML's two parsers gives it."""

    @property
    def line(self) -> int:
        """Counted from 0."""
        ...


@dataclass(frozen=True)
class Codes:
    """The error codes a caller gives to the three things that can be wrong with any YAML file."""

    unreadable: str
    """No such file, not UTF-8, not YAML."""
    duplicate: str
    """A key that stands twice in one mapping."""
    forbidden: str
    """Tag, anchor, alias; too large or too deep."""


@dataclass(frozen=True)
class Node:
    """A YAML value and where it stands; `key_lines` is filled for mappings only."""

    value: Value
    file: Path
    line: int
    key_lines: dict[str, int] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """``gates.yaml:12``."""
        return f"{self.file}:{self.line}"

    def key_at(self, key: str) -> str:
        """``gates.yaml:12`` for the line of a key of this mapping."""
        return f"{self.file}:{self.key_lines[key]}"

    def plain(self) -> object:
        """The value without its lines: None, bool, int, float, str, list or dict."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def shown(self) -> str:
        """What stands there, short enough for the ``got`` line of an error."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        if isinstance(self.value, bool):
            return f"{self.value}".lower()
        return "nothing" if self.value is None else f"{self.value!r}"


def load_yaml(path: Path, error: type[Q4Error], codes: Codes) -> Node:
    """The one document of the file `path`; an empty file is a node whose value is None.

    Raises:
        Q4Error: `error` with every finding up to the syntax error, if any, that ended the reading.
    """
    builder = _Builder(path, error, codes)
    text = builder.read()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.YAMLError as problem:
        raise error(*builder.findings, builder.syntax(problem)) from problem
    raise_all(error, builder.findings)
    return builder.root or Node(None, path, 1)


@dataclass
class _Open:
    """A sequence or mapping whose end has not been read yet."""

    line: int
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    pairs: dict[str, Node] = field(default_factory=dict)
    key_lines: dict[str, int] = field(default_factory=dict)
    key: str | None = None


class _Builder:
    """Parser events → nodes on an explicit stack, so that depth costs no recursion."""

    def __init__(self, path: Path, error: type[Q4Error], codes: Codes) -> None:
        self.path, self.error, self.codes = path, error, codes
        self.findings: list[Finding] = []
        self.open: list[_Open] = []
        self.root: Node | None = None

    def read(self) -> str:
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as problem:
            raise self.error(self.unreadable("a readable file", f"{problem.strerror}")) from problem
        if len(data) > MAX_BYTES:
            need = f"at most {MAX_BYTES} bytes"
            got = f"more than {MAX_BYTES} bytes"
            raise self.error(self.forbidden(f"{self.path}", "the file is too large", need, got))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as problem:
            got = f"byte 0x{data[problem.start]:02x} at offset {problem.start}"
            raise self.error(self.unreadable("UTF-8 text", got)) from problem

    def take(self, event: yaml.Event) -> None:
        line = line_of(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self.report(self.malformed("one document", "a second one", line))
        for finding in self.refusals(event, line):
            self.report(finding)
        if isinstance(event, yaml.CollectionStartEvent):
            self.start(_Open(line, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.end()
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event, line)
        elif isinstance(event, yaml.AliasEvent):
            self.place(Node(None, self.path, line), f"*{event.anchor}")

    def refusals(self, event: yaml.Event, line: int) -> Iterator[Finding]:
        at = f"{self.path}:{line}"
        need = "plain values: write the value out where it is used"
        if isinstance(event, yaml.AliasEvent):
            yield self.forbidden(at, "YAML alias", need, f"*{event.anchor}")
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            yield self.forbidden(at, "YAML anchor", need, f"&{event.anchor}")
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            got = tag.replace("tag:yaml.org,2002:", "!!")
            yield self.forbidden(at, "YAML tag", "plain values without a tag", got)

    def report(self, finding: Finding) -> None:
        self.findings.append(finding)
        if len(self.findings) == MAX_FINDINGS:
            raise self.error(*self.findings)

    def start(self, opened: _Open) -> None:
        self.open.append(opened)
        if len(self.open) > MAX_DEPTH:
            at, need = f"{self.path}:{opened.line}", f"nesting of at most {MAX_DEPTH} levels"
            got = f"level {MAX_DEPTH + 1}"
            raise self.error(
                *self.findings, self.forbidden(at, "the file is nested too deeply", need, got)
            )

    def end(self) -> None:
        closed = self.open.pop()
        value: Value = closed.pairs if closed.is_mapping else tuple(closed.items)
        self.place(Node(value, self.path, closed.line, closed.key_lines), None)

    def scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text = self.whole_characters(event.value, line)
        value = resolve(text) if event.implicit[0] else text
        self.place(Node(value, self.path, line), text)

    def whole_characters(self, text: str, line: int) -> str:
        """Join the surrogate pairs that JSON's escapes leave; half a pair is no character."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.report(self.malformed("whole characters", "half of a surrogate pair", line))
            return ""

    def place(self, node: Node, text: str | None) -> None:
        """Put a finished node where it belongs; `text` is its spelling if it may serve as a key."""
        if not self.open:
            self.root = node
        elif not self.open[-1].is_mapping:
            self.open[-1].items.append(node)
        elif self.open[-1].key is None:
            self.key(self.open[-1], node, text)
        else:
            parent = self.open[-1]
            parent.pairs[str(parent.key)], parent.key = node, None

    def key(self, parent: _Open, node: Node, text: str | None) -> None:
        if text is None:
            finding = self.malformed("keys that are words", f"{node.shown()} as a key", node.line)
            raise self.error(*self.findings, finding)
        if text in parent.key_lines:
            first = parent.key_lines[text]
            need = f"each key once; {text!r} already stands at line {first}"
            self.report(Finding(self.codes.duplicate, "duplicate key", node.at, need, f"{text!r}"))
        parent.key = text
        parent.key_lines[text] = node.line

    def syntax(self, problem: yaml.YAMLError) -> Finding:
        got = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "no YAML"
        return self.malformed("valid YAML", got, line_of(getattr(problem, "problem_mark", None)))

    def malformed(self, need: str, got: str, line: int) -> Finding:
        at = f"{self.path}:{line}" if line else f"{self.path}"
        return Finding(self.codes.unreadable, "the file is not valid YAML", at, need, got)

    def unreadable(self, need: str, got: str) -> Finding:
        return Finding(self.codes.unreadable, "the file cannot be read", f"{self.path}", need, got)

    def forbidden(self, at: str, title: str, need: str, got: str) -> Finding:
        return Finding(self.codes.forbidden, title, at, need, got)


def line_of(mark: Mark | None) -> int:
    """The line of a parser mark, counted from 1; 0 where the parser gives none."""
    return 0 if mark is None else mark.line + 1


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar by the YAML 1.2 core schema, less hexadecimal and octal.

    >>> resolve("1e-3"), resolve("12"), resolve("no"), resolve("~")
    (0.001, 12, 'no', None)
    """
    folded = text.lower()
    if folded in WORDS:
        return WORDS[folded]
    if INTEGER.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        return float(text)
    return float(folded.replace(".", "")) if SPECIAL.fullmatch(folded) else text
