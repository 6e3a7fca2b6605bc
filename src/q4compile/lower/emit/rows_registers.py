"""A `RowsPhase` with its layout, registers and semaphores."""

from dataclasses import dataclass

from q4compile.isa.operand import Address, Rows, Scalar
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.row_walk import LEFT, ROWS
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.numbers.tables import TABLE_BYTES
from q4compile.lower.phases.phases import RowsPhase
from q4compile.lower.plan.rows_plan import RowsPlan

SEVERAL = 3
"""The variable of the code that says whether there are several steps."""


@dataclass(frozen=True)
class Signals:
    """Masks of one semaphore; 0 for one that the phase does without."""

    loaded: int
    free: int
    ready: int = 0
    summed: int = 0
    done: int = 0
    drained: int = 0
    filled: int = 0
    vacant: int = 0
    constants: int = 0
    weights: int = 0


def signals_of(phase: RowsPhase, plan: RowsPlan, semaphores: Semaphores) -> Signals:
    new, credit, slots, ring = semaphores.new, semaphores.credit, plan.loops.slots, plan.tiling.ring
    steps, product = bool(phase.steps), phase.product is not None
    streamed = product and not plan.is_resident
    # What the phase before has loaded is there when everything rests.
    waits = not plan.layout.is_ahead
    return Signals(
        loaded=new(),
        free=credit(slots),
        ready=new() if steps and product else 0,
        summed=new() if product else 0,
        done=new() if steps or product else 0,
        drained=credit(ring if streamed else slots) if steps or product else 0,
        filled=new() if streamed else 0,
        vacant=credit(ring) if streamed else 0,
        constants=new() if plan.constants.bytes and waits else 0,
        weights=new() if product and plan.is_resident and waits else 0,
    )


@dataclass(frozen=True, eq=False)
class RowsWords:
    """A phase with its registers and semaphores."""

    phase: RowsPhase
    plan: RowsPlan
    context: Context
    pointers: Pointers
    semaphores: Semaphores
    signals: Signals
    tensors: dict[str, int]
    """Name of a tensor in DRAM → the register that walks along it."""
    slot: int
    """The register of the current chunk, 0 where there is only one."""
    part: int
    """That of the current tile and its results; 0 where there is only one."""
    tile: int
    """That of the next tile in DRAM."""
    held: int = 0
    """That of the input of the current chunk, where it may be on chip already."""
    several: Scalar | None = None
    """1 where the input is in DRAM: there are several steps; 0 where one step's is on chip."""
    first: Scalar | None = None
    """1 in the first chunk, and 0 from then on, where weights load behind the inputs of that."""

    @property
    def is_split(self) -> bool:
        """Whether each core has some of the columns."""
        return self.plan.tiling.cores > 1

    @property
    def rows(self) -> Rows:
        """At a time."""
        loops = self.plan.loops
        if loops.is_chunked:
            return Scalar(self.context.mailbox.variable(ROWS))
        return self.context.mailbox.count(self.context.sizes.extent(loops.inner))

    def rows_of(self, tensor: Tensor) -> Rows:
        """At a time, of a tensor that may have one for all."""
        return self.rows if self.plan.loops.has_inner(tensor) else 1

    def chunk(self, field: str) -> Address:
        """A field of the current chunk."""
        if self.held and field == self.phase.inputs[0].name:
            return Address(0, self.held)
        units = self.plan.chunk.units(field)
        base = 0 if self.slot else self.plan.layout.units("chunk")
        return Address(base + units, self.slot)

    def at(self, tensor: Tensor) -> Address:
        """Rows in on-chip memory."""
        if tensor.name in self.plan.chunk.offsets:
            return self.chunk(tensor.name)
        return Address(self.plan.layout.units(tensor.name))

    def tiled(self, field: str) -> Address:
        """Weights, bias or multipliers."""
        units = self.plan.tile.units(field)
        if self.part:
            return Address(self.plan.group.units("tile") + units, self.part)
        return Address(self.plan.layout.units("tile") + units)

    def result(self, field: str) -> Address:
        """Sums or results."""
        return Address(self.plan.group.units(field), self.part) if self.part else self.chunk(field)


def rows_of(phase: RowsPhase, plan: RowsPlan, context: Context) -> RowsWords:
    """The phase with registers and semaphores."""
    pointers, semaphores = Pointers(context.mailbox), Semaphores(context.standing)
    streamed = phase.product is not None and not plan.is_resident
    first, several = _first(phase, plan, context), _several(plan, context)
    tensors = {each.name: pointers.new() for each in (*phase.inputs, *phase.writes)}
    return RowsWords(
        phase,
        plan,
        context,
        pointers,
        semaphores,
        signals_of(phase, plan, semaphores),
        tensors,
        slot=pointers.new() if plan.loops.slots > 1 else 0,
        part=pointers.new() if streamed else 0,
        tile=pointers.new() if streamed or first else 0,
        held=pointers.new() if several else 0,
        several=several,
        first=first,
    )


def _several(plan: RowsPlan, context: Context) -> Scalar | None:
    """What is held is read there, if there is a scalar register to tell when."""
    if plan.held is None or not context.mailbox.has_variable(SEVERAL):
        return None
    return Scalar(context.mailbox.variable(SEVERAL))


def _first(phase: RowsPhase, plan: RowsPlan, context: Context) -> Scalar | None:
    """Steps of the first chunk need no weights: those that stay load while steps are at work, where
    loads of a chunk wait for the chunk before anyway. That takes a scalar register; and the weights
    fill the time until the sequencer is at the inputs, unless a table does."""
    is_late = phase.product is not None and plan.is_resident and plan.loops.slots == 1
    is_late = is_late and plan.constants.bytes >= TABLE_BYTES and not plan.layout.is_ahead
    if not is_late or not context.mailbox.has_variable(LEFT):
        return None
    return Scalar(context.mailbox.variable(LEFT))
