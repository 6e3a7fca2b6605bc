"""What an entry does, one phase after the other; between two of them all engines come to rest.

Tensors that phases name lie in DRAM: in a port, or in scratch memory.
"""

from dataclasses import dataclass
from typing import TypeAlias

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Group, Tensor
from q4compile.lower.numbers.kinds import (
    F16,
    F32,
    TABLE_INPUT,
    WIDE_SUMS,
    Fixed,
    Grid,
    Real,
    Wide,
)
from q4compile.lower.numbers.product import Product, Requantizer
from q4compile.lower.numbers.weight_codes import Integers
from q4compile.lower.phases.grouping import Grouping
from q4compile.lower.phases.operations import Step
from q4compile.lower.phases.windows import (
    ExtremePhase,
    FramesPhase,
    MeanPhase,
    PadPhase,
    PatchPhase,
    WindowPhase,
)


@dataclass(frozen=True)
class Stored:
    """The rows called `source` go to `tensor`, from `offset_bytes` of its rows on."""

    source: str
    tensor: Tensor
    offset_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Multiplied:
    """A product of the rows called `source`, whose columns lie as those of `operand`."""

    source: str
    operand: Tensor
    product: Product
    precision: Precision
    to: Requantizer
    result: Tensor
    macs: int
    """Products of a row that the network has."""

    @property
    def is_float(self) -> bool:
        """Whether sums are rounded, not multiplied and rounded."""
        return self.precision is Precision.FP16


@dataclass(frozen=True, eq=False)
class RowsPhase:
    """Row by row: load, operate, multiply with a constant or not, store."""

    node: str
    rows: Group
    inputs: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    stores: tuple[Stored, ...] = ()
    """Where nothing is multiplied."""
    product: Multiplied | None = None

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return self.inputs

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All, those included that exist on chip alone."""
        return (*self.inputs, *(step.result for step in self.steps), *self.writes)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        if self.product is not None:
            return (self.product.result,)
        return tuple(dict.fromkeys(each.tensor for each in self.stores))


@dataclass(frozen=True, eq=False)
class GatherPhase:
    """``result[t, b] = table[ids[t, b]]``."""

    node: str
    ids: Tensor
    table: Integers
    result: Tensor

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.ids,)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.result,)


@dataclass(frozen=True)
class FoldPhase(FramesPhase):
    """``result[t] = [source[f t] | … | source[f t + f − 1]]``, zeros behind the last frame."""

    factor: int
    time: Axis


@dataclass(frozen=True, eq=False)
class FoldedTable:
    """The input sums of every token, instead of a product: a table per direction."""

    ids: Tensor
    tables: tuple[Integers, ...]
    """Each [tokens, 4 · memory units]."""


Source: TypeAlias = Tensor | FoldedTable | Multiplied
"""Input sums: rows (time, sequence) of all directions, made from tokens, or made by each step with
weights that lie beside the recurrent ones."""

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
"""Columns of pre-activations for each unit."""


@dataclass(frozen=True)
class CellNumbers:
    """What all steps of a recurrence share."""

    units: int
    hidden: Grid | Real
    element: ElementType
    """Of h in memory."""
    fc: int
    """Fraction bits of the cell state; 0 in floats."""
    multiplier: int
    """To h: of o · tanh(c), of (1 − z) · h̃, of an RNN's activation; 0 in floats."""
    op: str = "LSTM"
    is_relu: bool = False
    """Of an RNN: max(z, 0) instead of tanh."""
    is_wide: bool = False
    """Of an LSTM in integers: sums of its gates and c have 32 bits."""

    @property
    def gates(self) -> int:
        """Columns of pre-activations for each unit."""
        return GATES[self.op]

    @property
    def has_state(self) -> bool:
        """Whether there is a cell state beside h."""
        return self.op == "LSTM"

    @property
    def state(self) -> Fixed | Wide | Real:
        """What c is."""
        if isinstance(self.hidden, Real):
            return F32
        return Wide(self.fc) if self.is_wide else Fixed(self.fc)

    @property
    def sums(self) -> Fixed | Wide | Real:
        """What input sums are."""
        if isinstance(self.hidden, Real):
            return F16
        return WIDE_SUMS if self.is_wide else TABLE_INPUT

    @property
    def zero_code(self) -> int:
        """The code of h = 0, in memory."""
        return 0 if isinstance(self.hidden, Real) else self.hidden.stored.zero_point


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction: its part of the pre-activations that depends on h."""

    is_reverse: bool
    recurrent: Product
    index: int
    """Which slice of h, of input sums and of states is its own."""


@dataclass(frozen=True)
class State:
    """h or c before the first or behind the last step: rows (direction, sequence) of units."""

    role: str
    """``h`` or ``c``."""
    tensor: Tensor


@dataclass(frozen=True, eq=False)
class RecurrentPhase:
    """The steps of a recurrence: both directions in one loop over time, or one of them."""

    node: str
    cell: CellNumbers
    directions: tuple[Direction, ...]
    precision: Precision
    grouping: Grouping
    time: Axis | None
    lane: Axis | None
    source: Source
    lengths: Tensor | None = None
    step_factor: int = 1
    entering: tuple[State, ...] = ()
    leaving: tuple[State, ...] = ()
    output: Tensor | None = None
    fold: int = 1
    """Neighbouring frames that share a row of `output`."""

    @property
    def loads_by_tile(self) -> bool:
        """Whether a word loads the weights of one group: all, before the first step, otherwise.

        With states as ports a call has few steps, often one, and to wait for all takes long. It
        takes a loop inside of that over groups: one less is there where frames are folded.
        """
        grouping = self.grouping
        has_few_steps = bool(self.entering) and self.fold == 1 and grouping.groups > 1
        return has_few_steps or not grouping.is_resident

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        lengths = () if self.lengths is None else (self.lengths,)
        return (self.loaded, *lengths, *(each.tensor for each in self.entering))

    @property
    def begins_ahead(self) -> bool:
        """Whether all that is there before the first step is loaded: states, no zeros beside."""
        roles = {each.role for each in self.entering}
        needed = {"h", "c"} if self.cell.has_state else {"h"}
        return roles == needed and self.grouping.memory_units == self.cell.units

    @property
    def loaded(self) -> Tensor:
        """What each step has rows of: input sums, tokens, or what is multiplied."""
        match self.source:
            case FoldedTable(ids=ids):
                return ids
            case Multiplied(operand=operand):
                return operand
            case Tensor() as sums:
                return sums

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        output = () if self.output is None else (self.output,)
        return (*output, *(each.tensor for each in self.leaving))


Phase: TypeAlias = (
    RowsPhase
    | GatherPhase
    | FoldPhase
    | PadPhase
    | WindowPhase
    | PatchPhase
    | ExtremePhase
    | MeanPhase
    | RecurrentPhase
)
