"""Instructions ↔ lines of text: ``parse(render(x)) == x``.

    mm to=[A1+0x40] activations=[0x10] weights=[0x80] rows=S3 columns=640 depth=160 precision=int4

A field with a default may be left out; the order of fields is free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from typing import Any

from q4compile.errors import Finding, TargetError, near, raise_all
from q4compile.isa.instruction import Field, Instruction, OutOfRange, fields_of
from q4compile.isa.instructions import BY_MNEMONIC
from q4compile.isa.kind import Refused
from q4compile.isa.text_findings import bad_field, shown, unknown_field, unknown_mnemonic

COMMENT = ";"


def render(instruction: Instruction) -> str:
    """One line, without what has its default."""
    words = [instruction.mnemonic]
    for field in fields_of(type(instruction)):
        value = getattr(instruction, field.name)
        if value != field.default:
            words.append(f"{field.name}={field.kind.text(value)}")
    return " ".join(words)


def parse(text: str, at: str = "text") -> Instruction:
    """The instruction of a line; a comment behind it is ignored.

    Raises:
        TargetError: Q331 for a word that is no mnemonic, Q332 for each field that is wrong.
    """
    mnemonic, *words = text.partition(COMMENT)[0].split() or [""]
    kind = BY_MNEMONIC.get(mnemonic)
    if kind is None:
        fix = near(mnemonic, BY_MNEMONIC)
        raise TargetError(unknown_mnemonic(at, sorted(BY_MNEMONIC), shown(mnemonic), fix))
    given: dict[str, str] = {}
    findings = list(_given(words, given, fields_of(kind), at))
    values: dict[str, Any] = {}
    findings += _values(given, values, fields_of(kind), at)
    raise_all(TargetError, findings)
    try:
        return kind(**values)
    except OutOfRange as problem:
        raise TargetError(bad_field(at, problem.field, problem.need, problem.got)) from problem


def _given(
    words: list[str], given: dict[str, str], fields: tuple[Field, ...], at: str
) -> Iterator[Finding]:
    """Fill `given` with name → text; a finding for each word that is no field, or a second one."""
    names = [field.name for field in fields]
    for word in words:
        name, _, text = word.partition("=")
        if name not in names:
            yield unknown_field(at, names, name, near(name, names))
        elif not text or name in given:
            need = "each field once" if text else "a value after ="
            yield bad_field(at, name, need, shown(word))
        given.setdefault(name, text)


def _values(
    given: Mapping[str, str], values: dict[str, Any], fields: tuple[Field, ...], at: str
) -> Iterator[Finding]:
    """Fill `values` with name → value; a finding for each that is missing or wrong."""
    for field in fields:
        values[field.name] = field.default
        if given.get(field.name):
            try:
                values[field.name] = field.kind.read(given[field.name])
            except Refused as problem:
                yield bad_field(at, field.name, problem.need, shown(given[field.name]))
        elif field.name not in given and field.default is MISSING:
            yield bad_field(at, field.name, field.kind.says, "no such field")
