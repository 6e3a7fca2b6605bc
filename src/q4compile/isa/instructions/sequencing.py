"""Words of the sequencer: loops, registers, the end; and `Nop`, which any other engine takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.operand import Rows
from q4compile.isa.placing import (
    a_register,
    engine,
    engines,
    loop_level,
    s_register,
    signed,
    trip_count,
    units_in,
    unsigned,
)

EACH = (Engine.LD, Engine.ST, Engine.MX, Engine.VX)


@dataclass(frozen=True)
class Halt(Instruction):
    """The end of an entry: waits until all queues are empty; each semaphore must be 0 then."""

    mnemonic = "halt"
    op = 0x01
    engine = Engine.SQ


@dataclass(frozen=True)
class Bar(Instruction):
    """Waits until the engines of the mask have empty queues and are idle."""

    mnemonic = "bar"
    op = 0x02
    engine = Engine.SQ

    mask: Annotated[int, engines("m"), "waited for; not sq"]

    def unmet(self) -> Iterator[tuple[str, str]]:
        yield from super().unmet()
        if self.mask == 0 or self.mask & 1 << Engine.SQ:
            yield "mask", "a set of at least one engine, without the sequencer"


@dataclass(frozen=True)
class Meet(Bar):
    """As ``bar``, and until every core is at its ``meet`` and has done the same.

    What a core has written to DRAM with the engines of its mask, any core may read afterwards. With
    one core it is ``bar``.
    """

    mnemonic = "meet"
    op = 0x07


@dataclass(frozen=True)
class SetS(Instruction):
    """``S[register] = min(value + times · S[source], most)``, which must fit int32."""

    mnemonic = "sets"
    op = 0x03
    engine = Engine.SQ

    register: Annotated[int, s_register("m"), "written"]
    value: Annotated[int, signed("a"), "the constant part"]
    times: Annotated[int, signed("b"), "factor of S[source]"] = 0
    source: Annotated[int, s_register("k"), "read"] = 0
    most: Annotated[int, unsigned("c", bits=31), "the largest result, 0 for any"] = 0

    def of(self, source: int) -> int:
        """The result where S[source] is this, whether or not it fits."""
        value = self.value + self.times * source
        return min(value, self.most) if self.most else value


@dataclass(frozen=True)
class SetA(Instruction):
    """``A[register] = offset + times · S[source] + times2 · S[source2]`` units, in 28 bits."""

    mnemonic = "seta"
    op = 0x04
    engine = Engine.SQ

    register: Annotated[int, a_register("m", first=1), "written"]
    offset: Annotated[int, units_in("a"), "the constant part"]
    times: Annotated[int, signed("b", "units"), "factor of S[source]"] = 0
    source: Annotated[int, s_register("k"), "read"] = 0
    times2: Annotated[int, signed("c", "units"), "factor of S[source2]"] = 0
    source2: Annotated[int, s_register("n"), "read"] = 0


@dataclass(frozen=True)
class Stride(Instruction):
    """``A[register] += step + times · S[source]`` units after each iteration of the next loop.

    The loop is the next one that starts at `level`. With modulo > 0, and v the value of the
    register when Stride ran: if A − v ≥ modulo then, modulo is subtracted. The increment ends with
    that loop; the register keeps its value.
    """

    mnemonic = "stride"
    op = 0x05
    engine = Engine.SQ

    register: Annotated[int, a_register("m", first=1), "stepped"]
    level: Annotated[int, loop_level("n"), "of the loop"]
    step: Annotated[int, signed("a", "units"), "the constant part"]
    times: Annotated[int, signed("b", "units"), "factor of S[source]"] = 0
    source: Annotated[int, s_register("k"), "read when Stride runs"] = 0
    modulo: Annotated[int, unsigned("c", "units", bits=28), "size of a ring, 0 for none"] = 0


@dataclass(frozen=True)
class Loop(Instruction):
    """The next `length` words, `count` times; 0 skips them."""

    mnemonic = "loop"
    op = 0x06
    engine = Engine.SQ

    level: Annotated[int, loop_level("m"), "above that of every loop around it"]
    count: Annotated[Rows, trip_count("a", "k"), "iterations"]
    length: Annotated[int, unsigned("n", "words", lo=1), "of the body"]


@dataclass(frozen=True)
class Nop(Instruction):
    """Nothing: takes and gives semaphores in the queue of an engine."""

    mnemonic = "nop"
    op = 0x08

    # The one instruction whose engine is a field: a dataclass may give it one, mypy would not.
    engine: Annotated[Engine, engine(*EACH), "whose queue"]  # type: ignore[misc]
