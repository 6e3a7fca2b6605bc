"""Instructions ↔ words: ``decode(encode(x)) == x``, ``encode(decode(w)) == w`` if w decodes at all.

Decoding is strict. An op that does not exist, an engine that is not that of the op, a bit that no
field takes, and a number that a field cannot have are findings, not instructions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from q4compile.errors import TargetError, raise_all
from q4compile.isa.instruction import Instruction, OutOfRange, fields_of
from q4compile.isa.instructions import BY_OP
from q4compile.isa.kind import Kind, Refused
from q4compile.isa.program_findings import no_instruction
from q4compile.isa.word import (
    ENGINE,
    MEMBERS,
    WIDTH_BITS,
    WORD_BYTES,
    Slot,
    Word,
    bytes_of,
    words_of,
)

MAX_FINDINGS = 20


class Place(NamedTuple):
    """A slot as the loops below want it."""

    member: int
    low: int
    mask: int


@dataclass(frozen=True)
class Plan:
    """How the words of one op are taken apart."""

    fields: tuple[tuple[str, Kind, tuple[Place, ...]], ...]
    fixed: tuple[tuple[Slot, int, str], ...]
    """Slots with the same number in every word of the op, and what they need."""
    unused: tuple[int, ...]
    """Bits of each member that must be 0."""


@cache
def plan_of(op: int) -> Plan:
    """The plan of an op that exists."""
    kind = BY_OP[op]
    fixed = [(Slot("op"), op, f"{op:#04x}")]
    engine = getattr(kind, "engine", None)
    if engine is not None:
        fixed.append((ENGINE, int(engine), f"engine {int(engine)} ({engine.name})"))
    slots = [slot for slot, *_ in fixed]
    slots += [slot for field in fields_of(kind) for slot in field.kind.slots]
    return Plan(
        tuple((each.name, each.kind, _places(each.kind.slots)) for each in fields_of(kind)),
        tuple(fixed),
        _unused(slots),
    )


def _places(slots: Sequence[Slot]) -> tuple[Place, ...]:
    return tuple(Place(slot.index, slot.low, (1 << slot.width) - 1) for slot in slots)


def _unused(slots: Sequence[Slot]) -> tuple[int, ...]:
    free = {name: (1 << bits) - 1 for name, bits in WIDTH_BITS.items()}
    for slot in slots:
        if slot.mask & ~free[slot.member]:
            raise ValueError(f"two fields take {slot}")
        free[slot.member] &= ~slot.mask
    return tuple(free.values())


def encode_word(instruction: Instruction) -> Word:
    """The word of an instruction."""
    plan = plan_of(instruction.op)
    members = [0] * len(MEMBERS)
    for slot, number, _ in plan.fixed:
        members[slot.index] |= number << slot.low
    for name, kind, places in plan.fields:
        for place, raw in zip(places, kind.raws(getattr(instruction, name)), strict=True):
            members[place.member] |= raw << place.low
    return Word._make(members)


def encode(code: Sequence[Instruction]) -> bytes:
    """The words of `code`, 32 bytes each."""
    return bytes_of([encode_word(each) for each in code])


def decode_word(word: Word) -> Instruction:
    """The instruction of a word.

    Raises:
        Refused: the first thing in it that no instruction has.
    """
    kind = BY_OP.get(word.op)
    if kind is None:
        raise Refused("an op that exists", f"op {word.op:#04x}")
    plan = plan_of(word.op)
    for slot, number, need in plan.fixed:
        got = (word[slot.index] & slot.mask) >> slot.low
        if got != number:
            raise Refused(f"{kind.mnemonic}: {need}", f"{got}")
    for member, bits, unused in zip(MEMBERS, word, plan.unused, strict=True):
        if bits & unused:
            name = "byte 1" if member == "kind" else member
            raise Refused(f"{kind.mnemonic}: bits {unused:#x} of {name} zero", f"{bits:#x}")
    return _instruction(kind, plan, word)


def _instruction(kind: type[Instruction], plan: Plan, word: Word) -> Instruction:
    values: dict[str, Any] = {}
    for name, field, places in plan.fields:
        raws = [word[member] >> low & mask for member, low, mask in places]
        try:
            values[name] = field.value(raws)
        except Refused as problem:
            need = f"{kind.mnemonic}: {name} {problem.need}"
            raise Refused(need, problem.got) from problem
    try:
        return kind(**values)
    except OutOfRange as problem:
        need = f"{kind.mnemonic}: {problem.field} {problem.need}"
        raise Refused(need, problem.got) from problem


def decode(code: bytes, at: str) -> tuple[Instruction, ...]:
    """The instructions of whole words; `at` says where they stand, for the findings.

    Raises:
        TargetError: Q320 for each word that is no instruction, up to `MAX_FINDINGS` of them.
    """
    if len(code) % WORD_BYTES:
        need = f"words of {WORD_BYTES} bytes"
        raise TargetError(no_instruction(at, need, f"{len(code)} bytes"))
    found, findings = [], []
    for index, word in enumerate(words_of(code)):
        try:
            found.append(decode_word(word))
        except Refused as problem:
            findings.append(no_instruction(f"{at}, word {index}", problem.need, problem.got))
            if len(findings) == MAX_FINDINGS:
                break
    raise_all(TargetError, findings)
    return tuple(found)
