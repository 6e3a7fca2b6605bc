"""What all instructions share: their fields know their place in the word and their range.

An instruction is a frozen dataclass. Each field is annotated ``Annotated[type, kind, meaning]``,
and that is the one place that says how it is encoded, written, checked and documented.
"""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, get_type_hints

from q4compile.isa.engine import Engine
from q4compile.isa.kind import Kind
from q4compile.isa.placing import semaphores, unsigned
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers


class OutOfRange(ValueError):
    """A field of an instruction has a value that it cannot have."""

    def __init__(self, mnemonic: str, field: str, need: str, got: str) -> None:
        super().__init__(f"{mnemonic}: {field} must be {need}, not {got}")
        self.field, self.need, self.got = field, need, got


@dataclass(frozen=True)
class Field:
    """One field of a class of instructions."""

    name: str
    kind: Kind
    meaning: str
    default: Any
    """What a text means that leaves it out; MISSING where it must not."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """A word, whatever it does.

    Raises:
        OutOfRange: a field has a value that the word cannot hold (a ValueError).
    """

    mnemonic: ClassVar[str]
    op: ClassVar[int]
    engine: ClassVar[Engine]

    wait: Annotated[int, semaphores("wait"), "semaphores taken before it runs"] = 0
    post: Annotated[int, semaphores("post"), "semaphores given when it is done"] = 0
    node: Annotated[int, unsigned("node"), "index in the source map"] = 0

    def __post_init__(self) -> None:
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            need = field.kind.need(value)
            if need is not None:
                raise OutOfRange(self.mnemonic, field.name, need, repr(value))
        for name, need in self.unmet():
            (kind,) = (field.kind for field in fields_of(type(self)) if field.name == name)
            raise OutOfRange(self.mnemonic, name, need, kind.text(getattr(self, name)))

    def unmet(self) -> Iterator[tuple[str, str]]:
        """Field and need of each rule between fields that does not hold."""
        if self.engine is Engine.SQ:
            for name in ("wait", "post"):
                if getattr(self, name):
                    yield name, "none, since the sequencer has no semaphores"

    def reads(self, at: Registers) -> tuple[Region, ...]:
        """The bytes it reads when issued with these registers."""
        return ()

    def writes(self, at: Registers) -> tuple[Region, ...]:
        """The bytes it writes when issued with these registers."""
        return ()


def fields_of(kind: type[Instruction]) -> tuple[Field, ...]:
    """The fields of a class of instructions: its own in order, then wait, post and node."""
    if kind not in _FIELDS:
        _FIELDS[kind] = _fields_of(kind)
    return _FIELDS[kind]


_FIELDS: dict[type[Instruction], tuple[Field, ...]] = {}


def _fields_of(kind: type[Instruction]) -> tuple[Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for each in fields(kind):
        placed, meaning = hints[each.name].__metadata__
        default = placed.implied if each.default is MISSING else each.default
        found.append(Field(each.name, placed, meaning, default))
    return tuple(sorted(found, key=lambda each: each.name in Instruction.__annotations__))
