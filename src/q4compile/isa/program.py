"""A program: code, the image of DRAM, and what a host must know to run its entries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.instruction import Instruction


@dataclass(frozen=True)
class Expression:
    """``ceil(Π product · times / divide) + plus``, the product over names of dimensions."""

    product: tuple[str, ...] = ()
    times: int = 1
    divide: int = 1
    plus: int = 0

    def value(self, dimensions: Mapping[str, int]) -> int:
        """The number for these dimensions; KeyError for one that is not among them."""
        above = prod(dimensions[name] for name in self.product) * self.times
        return -(-above // self.divide) + self.plus


@dataclass(frozen=True)
class Dimension:
    """A size that is known when an entry starts, and the S register that holds it."""

    name: str
    register: int
    minimum: int
    maximum: int


@dataclass(frozen=True)
class Derived:
    """A size that follows from those before it, and the S register that holds it."""

    name: str
    register: int
    value: Expression


@dataclass(frozen=True)
class Port:
    """An input or output in DRAM: ``real = (code − zero_point) · scale``."""

    name: str
    direction: Literal["in", "out"]
    register: int
    """The S register that holds its DRAM address [units], or that of the block it lies in."""
    type: str
    """``i4``, ``i8``, ``i16``, ``i32``, ``f16`` or ``f32``."""
    scale: float
    """A float32."""
    zero_point: int
    lo: int
    hi: int
    axes: tuple[str | int, ...]
    """Outer to inner in memory: names of dimensions or derived sizes, or lengths."""
    onnx_axes: tuple[int, ...]
    """The permutation of `axes` that gives the ONNX shape."""
    pitch_bytes: int
    """Of the innermost axis."""
    rows: Expression
    """Rows that are allocated, at least those used."""
    offset: int = 0
    """From the address in the register to that of the port [units]: ports MAY share a register."""

    @property
    def end_units(self) -> int | None:
        """Units from the address in the register to behind the port; None where rows vary."""
        if self.rows.product:
            return None
        return self.offset + -(-self.rows.value({}) * self.pitch_bytes // UNIT_BYTES)


@dataclass(frozen=True)
class Scratch:
    """DRAM that holds nothing before and after an entry; zeros at its start."""

    name: str
    register: int
    """The S register that holds its DRAM address [units]."""
    bytes: Expression


@dataclass(frozen=True)
class Made:
    """A value of the network that lies in DRAM while an entry runs, and where.

    It is whole when word `after` is the next, for the time `visit`; later words MAY put something
    else in its place.
    """

    node: int
    """Index in the source map of the node that makes it."""
    after: int
    """Index of a word."""
    visit: int
    """Counted from 0: how often that word has been the next one before."""
    start: Expression
    """From the address in the register of `layout` [units]."""
    layout: Port
    """Named as in the network; laid out like an output, whose `offset` is 0."""


@dataclass(frozen=True)
class Entry:
    """Code from `start` to its `Halt`: one component."""

    name: str
    start: int
    """Index of its first word."""
    dimensions: tuple[Dimension, ...]
    registers: tuple[tuple[int, Expression], ...]
    """S registers that the host sets besides those of dimensions, ports and scratch."""
    ports: tuple[Port, ...]
    scratch: tuple[Scratch, ...]
    derived: tuple[Derived, ...] = ()
    """Sizes that expressions and axes of ports name besides those of dimensions."""
    core_register: int | None = None
    """The S register that holds on each core its number, from 0 on; all others are the same."""
    made: tuple[Made, ...] = ()
    """Values that a host may look at, in the order in which they are made."""

    def moved(self, words: int) -> "Entry":
        """The entry with so many words more in front of it."""
        made = tuple(replace(each, after=each.after + words) for each in self.made)
        return replace(self, start=self.start + words, made=made)

    def sizes(self, dimensions: Mapping[str, int]) -> dict[str, int]:
        """Every size that expressions and axes name, for these dimensions."""
        found = {each.name: dimensions[each.name] for each in self.dimensions}
        for each in self.derived:
            found[each.name] = each.value.value(found)
        return found


@dataclass(frozen=True)
class Symbol:
    """A name for bytes of the data image."""

    name: str
    address: int
    """In DRAM [units]."""
    bytes: int
    node: int
    """Index in the source map, 0 for none."""


@dataclass(frozen=True)
class Program:
    """What a `.q4p` file holds."""

    name: str
    target: str
    target_hash: bytes
    """SHA-256 of the canonical target."""
    precision: str
    code: tuple[Instruction, ...]
    data: bytes
    """The image of DRAM from address 0."""
    entries: tuple[Entry, ...]
    nodes: tuple[str, ...]
    """The source map; index 0 is ""."""
    symbols: tuple[Symbol, ...]
    cores: int = 1
    """How many cores execute the code."""

    def entry(self, name: str) -> Entry:
        """The entry of that name; KeyError when there is none."""
        for each in self.entries:
            if each.name == name:
                return each
        raise KeyError(name)
