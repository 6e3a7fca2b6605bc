"""META: everything of a program but code, data and the hash of its target, as canonical JSON."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.canonical_json import canonical_json
from q4compile.isa.json_shape import from_json, to_json
from q4compile.isa.program import Entry, Program, Symbol
from q4compile.isa.program_findings import wrong_shape

MAX_FINDINGS, LONGEST_INTEGER = 20, 40


@dataclass(frozen=True)
class Meta:
    """The JSON object; the fields are those of `Program`."""

    name: str
    target: str
    precision: str
    entries: tuple[Entry, ...]
    nodes: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    cores: int


def meta_of(program: Program) -> Meta:
    """The part of a program that META holds."""
    return Meta(
        program.name,
        program.target,
        program.precision,
        program.entries,
        program.nodes,
        program.symbols,
        program.cores,
    )


def meta_bytes(meta: Meta) -> bytes:
    """Canonical JSON."""
    return canonical_json(to_json(meta))


def read_meta(data: bytes, at: str) -> Meta:
    """The META that `data` is; any JSON spelling of it.

    Raises:
        TargetError: Q315, up to `MAX_FINDINGS` of them.
    """
    findings: list[Finding] = []

    def report(where: str, need: str, got: str) -> None:
        if len(findings) < MAX_FINDINGS:
            findings.append(wrong_shape(where, need, got))

    meta: Meta = from_json(Meta, _loaded(data, at), at, report)
    raise_all(TargetError, findings)
    return meta


def read_canonical_meta(data: bytes, at: str) -> Meta:
    """As `read_meta`, in the one spelling that a program file has.

    Raises:
        TargetError: Q315.
    """
    meta = read_meta(data, at)
    if meta_bytes(meta) != data:
        need = "canonical JSON: keys sorted, no blanks, nothing escaped without need"
        raise TargetError(wrong_shape(at, need, "another spelling"))
    return meta


def _loaded(data: bytes, at: str) -> Any:
    def refuse(need: str, got: str, where: str = at) -> TargetError:
        return TargetError(wrong_shape(where, need, got))

    try:
        loaded = _parsed(data)
        json.dumps(loaded, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as problem:
        raise refuse("valid JSON", problem.msg, f"{at}, line {problem.lineno}") from problem
    except (UnicodeDecodeError, UnicodeEncodeError) as problem:
        raise refuse("UTF-8 text of whole characters", problem.reason) from problem
    except _Unfit as problem:
        raise refuse("valid JSON", f"{problem}") from problem
    except RecursionError as problem:
        raise refuse("valid JSON", "nested too deeply") from problem
    return loaded


class _Unfit(ValueError):
    """What Python's reader of JSON would let pass."""


def _parsed(data: bytes) -> Any:
    return json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_each_key_once,
        parse_int=_short_integer,
        parse_constant=_no_number,
    )


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unfit("a key that stands twice in one object")
    return found


def _short_integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise _Unfit(f"a number of {len(digits)} digits")
    return int(digits)


def _no_number(word: str) -> NoReturn:
    raise _Unfit(word)
