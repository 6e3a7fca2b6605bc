"""A `RecurrentPhase` with its layout, registers and semaphores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.instructions import SetA, Stride
from q4compile.isa.operand import Address, Rows
from q4compile.lower.emit.coding import Loads
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.recurrence_constants import recurrent_tiles
from q4compile.lower.emit.semaphores import Semaphores
from q4compile.lower.emit.words import Pointers, Words
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.numbers.packing import packed_rows
from q4compile.lower.phases.phases import FoldedTable, Multiplied, RecurrentPhase
from q4compile.lower.plan.cell_shape import INPUT_WEIGHTS
from q4compile.lower.plan.recurrent_plan import RecurrentPlan

FOLDED, TIME, GROUPS = 0, 1, 2
"""Loop levels: rows of folded frames, steps, groups of units."""
FIRST = 1
"""The variable of the code that is 1 in the first step, and 0 from then on: where weights that stay
load in that."""
OTHERS = FIRST
"""0 in the first group, and 1 from then on: where the weights of the first are there before. Never
both, for such weights all come by."""


@dataclass(frozen=True)
class Signals:
    """Masks of one semaphore for each direction (the same for all where units go in groups).

    0 stands for one that the phase does without.
    """

    given: tuple[int, ...]
    taken: tuple[int, ...]
    made: tuple[int, ...]
    kept: tuple[int, ...]
    stored: tuple[int, ...]
    summed: tuple[int, ...]
    free: tuple[int, ...]
    filled: int
    vacant: int


def signals_of(
    phase: RecurrentPhase, slots: int, loads_once: bool, semaphores: Semaphores
) -> Signals:
    """The semaphores of a phase."""
    grouping = phase.grouping
    count, is_grouped = len(phase.directions), grouping.groups > 1

    def new() -> int:
        return semaphores.new()

    def credit(level: int) -> Callable[[], int]:
        return lambda: semaphores.credit(level)

    def each(made: Callable[[], int], is_needed: bool = True) -> tuple[int, ...]:
        if is_grouped:
            return (made() if is_needed else 0,) * count
        return tuple(made() if is_needed else 0 for _ in range(count))

    has_output, ring = phase.output is not None, credit(grouping.ring)
    return Signals(
        given=each(new),
        taken=each(credit(slots)),
        made=each(credit(1)),
        kept=each(new, has_output or grouping.cores > 1),
        stored=each(credit(slots), has_output),
        summed=tuple(new() for _ in range(count)),
        free=tuple(ring() if is_grouped else 0 for _ in range(count)),
        filled=0 if grouping.is_resident and not loads_once else new(),
        vacant=0 if grouping.is_resident else semaphores.credit(grouping.passing_slots),
    )


@dataclass(frozen=True)
class Registers:
    """Address registers; 0 for what the phase does without."""

    now: int
    """The slot of this step: its input sums, and h of the step before."""
    then: int
    """The slot of the next step: h of this one. Where units go in groups on one core, `hidden` is
    there instead."""
    sources: tuple[int, ...]
    """Input sums or tokens in DRAM, by direction."""
    outputs: tuple[int, ...]
    steps: tuple[int, ...]
    """The number of the step."""
    inputs: int
    """Input sums of the current group, where they are loaded."""
    hidden: int
    """h of the current group, or of the core, in the slot of the next step."""
    before: int
    """h of the step before of the current group, where the step reads it by unit."""
    sums: int
    tile: int
    """Weights of the current group; where some stay on chip, of those of the current turn."""
    weights: int
    """Weights of the next group, or turn, in DRAM."""
    tables: tuple[int, ...] = ()
    """Input sums of tokens, the columns of the core, where there are several."""


def registers_of(phase: RecurrentPhase, loads_once: bool, pointers: Pointers) -> Registers:
    """The registers of a phase."""
    new, every = pointers.new, phase.directions
    grouped, split = phase.grouping.groups > 1, phase.grouping.cores > 1
    has_tables = split and isinstance(phase.source, FoldedTable)
    return Registers(
        now=new(),
        then=0 if grouped and not split else new(),
        sources=tuple(new() for _ in every),
        outputs=tuple(new() for _ in every if phase.output is not None),
        steps=tuple(new() for _ in every if phase.lengths is not None),
        inputs=new() if grouped and not isinstance(phase.source, Multiplied) else 0,
        hidden=new() if grouped or split else 0,
        before=new() if grouped and phase.cell.op == "GRU" else 0,
        sums=new() if grouped and phase.grouping.turn == 1 else 0,
        tile=new() if grouped else 0,
        weights=new() if loads_once or not phase.grouping.is_resident else 0,
        tables=tuple(new() for _ in every if has_tables),
    )


@dataclass(frozen=True, eq=False)
class Recurrence:
    """All that the words of a phase are made of."""

    phase: RecurrentPhase
    plan: RecurrentPlan
    context: Context
    pointers: Pointers
    semaphores: Semaphores
    signals: Signals
    registers: Registers
    tables: tuple[int, ...]
    """Where the tables of input sums are in DRAM; none where a product makes the sums."""
    loads_once: bool
    """Whether weights that stay on chip load in the first step, each when it is needed."""

    @property
    def every(self) -> range:
        """Directions."""
        return range(len(self.phase.directions))

    @property
    def is_grouped(self) -> bool:
        """Whether units go in several groups."""
        return self.phase.grouping.groups > 1

    @property
    def is_partial(self) -> bool:
        """Whether the weights of some groups stay on chip and those of others come by."""
        return self.phase.grouping.turn > 1

    @property
    def is_split(self) -> bool:
        """Whether each core has some of the units."""
        return self.phase.grouping.cores > 1

    @property
    def first_is_ahead(self) -> bool:
        """Whether the weights of the first group are there before the first step: that takes a
        scalar register."""
        return self.plan.tile_is_ahead and self.context.mailbox.has_variable(OTHERS)

    @property
    def first_used_bytes(self) -> int:
        """From where on the constants of a group are that its first product reads."""
        return self.plan.tile.offsets.get(INPUT_WEIGHTS, 0)

    def index(self, direction: int) -> int:
        """Which slice of everything in DRAM belongs to a direction."""
        return self.phase.directions[direction].index

    def sign(self, direction: int) -> int:
        """Which way a direction goes through time."""
        return -1 if self.phase.directions[direction].is_reverse else 1

    @property
    def sequences(self) -> Extent:
        """Rows of a step."""
        lane = self.phase.lane
        return self.context.sizes.extent(() if lane is None else (lane,))

    @property
    def rows(self) -> Rows:
        """Rows of a step, in a word."""
        return self.context.mailbox.count(self.sequences)

    @property
    def steps(self) -> Extent:
        """How many there are, those included that only fill up a row of folded frames."""
        time = self.phase.time
        return self.context.sizes.extent(() if time is None else (time,))

    @property
    def step_count(self) -> Rows:
        """How many there are, in a word."""
        return self.context.mailbox.count(self.steps)

    @property
    def output_rows(self) -> Extent:
        """Rows of a sequence in the output: steps, or as many of them as share a row."""
        time = self.phase.time
        if self.phase.fold == 1 or time is None:
            return self.steps
        reduced = self.context.sizes.reductions[str(time.size)].size
        return self.context.sizes.extent((Axis(reduced),))

    @property
    def folded_count(self) -> Rows:
        """Rows of folded frames, in a word."""
        return self.context.mailbox.count(self.output_rows)

    @property
    def source_rows(self) -> Extent:
        """Rows of the source between two steps: tokens of a step lie in one."""
        return Extent() if self.tables else self.sequences

    @property
    def sums_are_split(self) -> bool:
        """Whether a core loads its part of the rows of the source."""
        return self.is_split and isinstance(self.phase.source, Tensor)

    @property
    def source_units(self) -> int:
        """From row to row of the source."""
        return self.phase.loaded.pitch_units

    @property
    def row_units(self) -> int:
        """From row to row of the output."""
        return 0 if self.phase.output is None else self.phase.output.pitch_units

    @property
    def frame_units(self) -> int:
        """From frame to frame in a row of the output."""
        output = self.phase.output
        if output is None:
            return 0
        return output.slices // self.phase.fold * output.slice_bytes // UNIT_BYTES

    @property
    def group_input_units(self) -> int:
        """From group to group in a row of input sums."""
        cell = self.phase.cell
        return cell.sums.element.row_bytes(cell.gates * self.phase.grouping.units) // UNIT_BYTES

    @property
    def group_hidden_units(self) -> int:
        """From group to group in a row of h."""
        return self.phase.cell.element.row_bytes(self.phase.grouping.units) // UNIT_BYTES

    @property
    def own_input_units(self) -> int:
        """From core to core in a row of input sums."""
        return self.phase.grouping.groups * self.group_input_units

    @property
    def own_hidden_units(self) -> int:
        """From core to core in a row of h."""
        return self.phase.grouping.groups * self.group_hidden_units

    def then_circling(self, register: int, step_units: int) -> Words:
        """A ring that is one slot ahead: it comes round where the ring of `now` does."""
        slots, slot = self.plan.layout.units("slots"), self.plan.slot.total_units
        ring = slot * self.plan.slots
        is_own = self.is_split and register == self.registers.hidden
        return [
            self.at(register, slots, self.own_hidden_units * is_own),
            Stride(register, TIME, step_units, modulo=ring),
            self.at(register, slots + slot, self.own_hidden_units * is_own),
        ]

    def at(self, register: int, units: int, own_units: int = 0) -> SetA:
        """The register points to an address, on each core by so many units further."""
        if not own_units or self.context.core is None:
            return SetA(register, units)
        return SetA(register, units, own_units, self.context.core)

    @cached_property
    def weights(self) -> Loads:
        """All tiles."""
        return self.context.coding.loads(recurrent_tiles(self.phase, self.plan))

    def tile(self, position: int = 0) -> Address:
        """Constants of the current group; `position` is its own in a turn."""
        grouping, tiles = self.phase.grouping, self.plan.layout.units("tiles")
        size = self.plan.tile.total_units
        if grouping.turn > 1 and position >= grouping.kept:
            return Address(tiles + (grouping.kept_groups + position - grouping.kept) * size)
        if self.registers.tile:
            return Address(position * size, self.registers.tile)
        return Address(tiles)

    def tiled(self, field: str, position: int = 0) -> Address:
        """A constant of the current group."""
        tile = self.tile(position)
        return replace(tile, offset=tile.offset + self.plan.tile.units(field))

    def sums(self, direction: int, position: int = 0) -> Address:
        """Recurrent sums of the current group."""
        return self.summed(f"sums{direction}", position)

    def summed(self, field: str, position: int = 0) -> Address:
        """Sums of the current group."""
        units = self.plan.sums.units(field) + position * self.plan.sums.total_units
        if self.registers.sums:
            return Address(units, self.registers.sums)
        return Address(self.plan.layout.units("sums") + units)


def recurrence_of(phase: RecurrentPhase, plan: RecurrentPlan, context: Context) -> Recurrence:
    """The phase with registers and semaphores, and its tables in the image."""
    pointers, source = Pointers(context.mailbox), phase.source
    semaphores, once = Semaphores(context.standing), _loads_once(phase, context)
    tables: list[int] = []
    if isinstance(source, FoldedTable):
        for direction in phase.directions:
            table = source.tables[direction.index]
            data = packed_rows(table, phase.cell.sums.element, plan.source_pitch_bytes)
            name = context.symbol(phase.node, f"table of input sums, direction {direction.index}")
            tables.append(context.image.add(name, data, phase.node))
    return Recurrence(
        phase,
        plan,
        context,
        pointers,
        semaphores,
        signals_of(phase, plan.slots, once, semaphores),
        registers_of(phase, once, pointers),
        tuple(tables),
        once,
    )


def _loads_once(phase: RecurrentPhase, context: Context) -> bool:
    """Whether weights that stay load in the first step: that takes a scalar register."""
    if not phase.grouping.is_resident:
        return phase.grouping.turn > 1
    return phase.loads_by_tile and context.mailbox.has_variable(FIRST)
