"""A word as the machine keeps it from first sight on: what to resolve at issue, what to run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction, fields_of
from q4compile.isa.instructions import Gru, Nop, Share
from q4compile.isa.instructions.gated import STEPS
from q4compile.isa.operand import Address, Scalar
from q4compile.sim.execute import EXECUTORS
from q4compile.sim.execute.run import Run
from q4compile.sim.fault import does_not_fit
from q4compile.sim.machine import SEMAPHORES, Machine

Operands: TypeAlias = tuple[int, ...]
ROWS = "a count from 0 on"


@dataclass(frozen=True, slots=True)
class Bound:
    """A word of an engine other than the sequencer."""

    index: int
    """Of the word in the code."""
    word: Instruction
    engine: Engine
    wait: tuple[int, ...]
    post: tuple[int, ...]
    resolve: Callable[[], Operands]
    """The arguments of `run`, from the registers as they are."""
    run: Run
    is_shared: bool
    """Whether all cores execute it together."""


def bind(index: int, word: Instruction, machine: Machine) -> Bound:
    """The word at `index`, for one machine."""
    return Bound(
        index,
        word,
        word.engine,
        bits_of(word.wait),
        bits_of(word.post),
        _resolver(word, machine),
        EXECUTORS[type(word)](word, machine),
        isinstance(word, Share),
    )


def bits_of(mask: int) -> tuple[int, ...]:
    """The numbers of the bits that are 1."""
    return tuple(bit for bit in range(SEMAPHORES) if mask >> bit & 1)


def _resolver(word: Instruction, machine: Machine) -> Callable[[], Operands]:
    """A function that reads the registers which the word names."""
    if isinstance(word, Nop):
        return tuple
    a, s = machine.a, machine.s
    values = (getattr(word, field.name) for field in fields_of(type(word)))
    scaled = [
        (value.register, UNIT_BYTES, UNIT_BYTES * value.offset)
        for value in values
        if isinstance(value, Address)
    ]
    if isinstance(word, STEPS):
        scaled.append((word.step, 1, 0))
    if isinstance(word, Gru):
        scaled.append((word.previous, UNIT_BYTES, UNIT_BYTES * word.to.offset))
    rows = getattr(word, "rows", 1)  # a coded stream has no rows, and is one thing
    if not isinstance(rows, Scalar):
        return lambda: (rows, *[a[register] * unit + offset for register, unit, offset in scaled])

    def resolve() -> Operands:
        count = s[rows.index]
        if count < 0:
            raise does_not_fit(f"rows in S{rows.index}", ROWS, count)
        return (count, *[a[register] * unit + offset for register, unit, offset in scaled])

    return resolve
