"""What is in on-chip memory for a recurrence, and the largest groups of units for which it fits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions.gated import gated_block_bytes
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.tables import TABLE_BYTES, WIDE_TABLE_BYTES
from q4compile.lower.options import Room
from q4compile.lower.phases.grouping import PIPELINED_GROUPS, Grouping
from q4compile.lower.plan.core_grouping import split_groupings
from q4compile.lower.plan.partial_grouping import with_partial
from q4compile.lower.plan.records import Record, loadable, record, require_row
from q4compile.lower.plan.slots import SLOTS
from q4compile.lower.plan.sram import Buffer, aligned, allocate

INPUT_WEIGHTS, INPUT_BIAS, INPUT_MULTIPLIERS = "input weights", "input bias", "input multipliers"
INPUT_SUMS, INPUTS = "input sums", "inputs"
"""Fields of a step that makes its input sums: those of its tile, and those of its sums."""


@dataclass(frozen=True)
class Operand:
    """Rows times weights that lie beside the recurrent ones."""

    pitch_bytes: int
    depth: int
    weights: ElementType


@dataclass(frozen=True)
class CellShape:
    """What decides on the sizes of all buffers of a recurrence."""

    units: int
    directions: int
    hidden: ElementType
    weights: ElementType
    has_bias: bool
    rows: int
    """Sequences at most."""
    ids_bytes: int
    """Tokens of a step, 0 where there are none."""
    gates: int
    """Columns of pre-activations for each unit."""
    has_state: bool
    """Whether there is a cell state beside h."""
    has_few_steps: bool
    """Whether a call has few steps, for its states are ports: what stays on chip then saves little,
    and the words for it are many."""
    inputs: ElementType = ElementType.I16
    """Of input sums."""
    state: ElementType = ElementType.I16
    """Of c."""
    operand: Operand | None = None
    """What each step multiplies to make input sums; None where they are there before."""

    def slot(self, grouping: Grouping) -> Record:
        """What one step has: input sums and h of each direction."""
        rows, every = self.rows, range(self.directions)
        hidden = rows * self.hidden.pitch_bytes(grouping.memory_units)
        sums = rows * self.inputs.pitch_bytes(self.gates * grouping.own_units)
        if self.operand is not None:
            # What stores h counts back from the last group: a row of h must fit in front.
            sums = max(rows * self.operand.pitch_bytes, hidden // rows)
        fields = [(f"inputs{d}", sums) for d in every] + [(f"hidden{d}", hidden) for d in every]
        return record(fields, UNIT_BYTES)

    def tile(self, grouping: Grouping) -> Record:
        """The constants of one group: weights, bias, block of each direction."""
        columns = self.gates * grouping.units
        fields = []
        for d in range(self.directions):
            fields.append(
                (f"weights{d}", columns * self.weights.pitch_bytes(grouping.memory_units))
            )
            if self.has_bias:
                fields.append((f"bias{d}", ElementType.I32.row_bytes(columns)))
            units = 0 if self.is_float else grouping.units
            fields.append((f"block{d}", gated_block_bytes(self.gates, units)))
        return loadable(record([*fields, *self._input_tile(columns)], UNIT_BYTES))

    def _input_tile(self, columns: int) -> list[tuple[str, int]]:
        """The constants of a group that make its input sums."""
        if self.operand is None:
            return []
        words = ElementType.I32.row_bytes(columns)
        weights = columns * self.operand.weights.pitch_bytes(self.operand.depth)
        fields = [(INPUT_WEIGHTS, weights), (INPUT_BIAS, words)]
        if self.is_float:
            return fields
        return [*fields, (INPUT_MULTIPLIERS, 2 * words if self.is_wide else words)]

    @property
    def is_float(self) -> bool:
        """Whether it computes in floats: without tables and multipliers."""
        return self.hidden is ElementType.F16

    @property
    def is_wide(self) -> bool:
        """Whether it computes in integers of 32 bits: with one table."""
        return self.inputs is ElementType.I32

    @property
    def tables_bytes(self) -> int:
        """Of what gates are read from."""
        if self.is_float:
            return 0
        return WIDE_TABLE_BYTES if self.is_wide else 2 * TABLE_BYTES

    def table_part_bytes(self, cores: int) -> int:
        """Of these, where each core loads a part: whole units."""
        return aligned(-(-self.tables_bytes // cores), UNIT_BYTES)

    def sums(self, grouping: Grouping) -> Record:
        """The recurrent sums of one group, of each direction; and what input sums are made in."""
        columns = self.gates * grouping.units
        size = self.rows * ElementType.I32.pitch_bytes(columns)
        fields = [(f"sums{d}", size) for d in range(self.directions)]
        if self.operand is not None:
            scaled = self.rows * self.inputs.pitch_bytes(columns)
            fields += [(INPUT_SUMS, size), (INPUTS, scaled)]
        return record(fields, UNIT_BYTES)

    def buffers(self, grouping: Grouping, slots: int = SLOTS) -> list[Buffer]:
        """Everything in on-chip memory."""
        rows, cores = self.rows, grouping.cores
        tiles = grouping.kept_groups + grouping.passing_slots
        states = self.directions * rows if self.has_state else 0
        cells = states * self.state.pitch_bytes(grouping.own_units)
        return [
            Buffer("tables", cores * self.table_part_bytes(cores)),
            Buffer("lengths", ElementType.I32.pitch_bytes(rows)),
            Buffer("cells", cells),
            Buffer("ids", max(self.directions * self.ids_bytes, UNIT_BYTES)),
            Buffer("slots", slots * self.slot(grouping).bytes),
            Buffer("tiles", tiles * self.tile(grouping).bytes),
            Buffer("sums", grouping.ring * self.sums(grouping).bytes),
        ]


def choose_groupings(shape: CellShape, room: Room) -> tuple[Grouping, bool]:
    """The grouping, and whether directions go one after the other.

    They go together if all weights stay on chip then: one works while the other waits. Else one
    after the other if that keeps more of the weights on chip.

    Raises:
        Refused: what `choose_grouping` raises.
    """
    both = _grouping_or_none(shape, room)
    if shape.directions == 1 or (both is not None and both.is_resident):
        return both or choose_grouping(shape, room), False
    single = _grouping_or_none(replace(shape, directions=1), room)
    if both is not None and (single is None or both.passing_units <= single.passing_units):
        return both, False
    return single or choose_grouping(replace(shape, directions=1), room), True


def _grouping_or_none(shape: CellShape, room: Room) -> Grouping | None:
    try:
        return choose_grouping(shape, room)
    except Refused:
        return None


def choose_grouping(shape: CellShape, room: Room) -> Grouping:
    """The first grouping that fits, in an order from fast to small.

    Raises:
        Refused: Q325 for more units than words can name, Q326 when no grouping fits.
    """
    require_row("gates of the units", shape.inputs.row_bytes(shape.gates * shape.units))
    least = None
    for grouping in _candidates(shape, room):
        peak = allocate(shape.buffers(grouping), room.alignment_bytes).peak_bytes
        if peak <= room.sram_bytes:
            return grouping
        least = peak if least is None else min(least, peak)
    need = f"{least} bytes for {shape.rows} sequences"
    got = f"{room.sram_bytes} bytes of target {room.target.name}"
    raise Refused("Q326", need, got, "a smaller --batch, or a target with more on-chip memory")


def _candidates(shape: CellShape, room: Room) -> Iterator[Grouping]:
    """Few groups before many, but where there are few steps: there what counts is how long the last
    group takes when its weights are there, and so groups are small."""
    found = _possible(shape, room)
    yield from sorted(found, key=partial(_drain, shape, room)) if shape.has_few_steps else found


def _drain(shape: CellShape, room: Room, each: Grouping) -> tuple[int, ...]:
    """Weights on chip first; then several groups, no padding, two slots; then the least that fills
    the array."""
    is_narrow = shape.gates * each.units < room.target.matrix.columns
    return (
        not each.is_resident,
        -min(each.groups, PIPELINED_GROUPS),
        each.memory_units,
        each.ring,
        is_narrow,
        -each.units if is_narrow else each.units,
    )


def _possible(shape: CellShape, room: Room) -> Iterator[Grouping]:
    """Few groups before many, cores share if they can; weights on chip before such that come by."""
    has_partial = room.options.keep_weights and not shape.has_few_steps
    if room.cores > 1 and shape.has_state:
        shared = list(split_groupings(shape.units, shape.directions, shape.hidden, room))
        if shared:
            yield from with_partial(shared) if has_partial else shared
            return
    own = list(_on_one_core(shape, room))
    # What core 0 does alone is in a loop already, and levels of loops are few.
    yield from with_partial(own) if has_partial and room.cores == 1 else own


def _on_one_core(shape: CellShape, room: Room) -> Iterator[Grouping]:
    groups = list(_grouped(shape, room))
    whole = shape.units + shape.units % 2
    fits = whole <= room.options.group_units
    one = [Grouping(whole, 1, True)] if fits or not groups else []
    pipelined = [each for each in groups if each.groups >= PIPELINED_GROUPS][:1]
    if room.options.keep_weights or not groups:
        yield from (*one, *groups) if shape.directions > 1 else (*pipelined, *one, *groups)
    for each in groups:
        yield Grouping(each.units, each.groups, False)
    # An odd number of groups may need as many slots: one group more, all of padding, needs two.
    for each in groups:
        yield Grouping(each.units, each.groups + each.groups % 2, False)


def _grouped(shape: CellShape, room: Room) -> Iterator[Grouping]:
    """At least two groups, large ones first; without padding before with it."""
    step = UNIT_BYTES * 8 // shape.hidden.bits
    most = min(room.options.group_units, shape.units - 1) // step * step
    sizes = range(most, 0, -step)
    exact = [units for units in sizes if shape.units % units == 0]
    padded = [units for units in sizes if shape.units % units != 0]
    for units in (*exact, *padded):
        yield Grouping(units, -(-shape.units // units), True)
