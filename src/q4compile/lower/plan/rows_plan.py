"""Where everything of a `RowsPhase` is in on-chip memory, and how large its tiles are.

The weights of a product are there for good where they fit beside chunks of enough rows; else tiles
of columns come by once per chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.tables import TABLE_BYTES
from q4compile.lower.options import Room
from q4compile.lower.phases.operations import Lookup, Rectify, Requantize, Step
from q4compile.lower.phases.phases import Multiplied, RowsPhase
from q4compile.lower.plan.records import MAX_ROW_BYTES, Record, loadable, record, require_row
from q4compile.lower.plan.row_constants import row_constant
from q4compile.lower.plan.row_loops import RowLoops
from q4compile.lower.plan.sram import Buffer, Layout, allocate


@dataclass(frozen=True)
class Tiling:
    """On each core ``groups`` tiles of ``columns`` columns; one tile stays where it is."""

    columns: int
    groups: int
    cores: int = 1
    """The first ones; the others have nothing to do."""

    @property
    def ring(self) -> int:
        """Slots for tiles: the least divisor of `groups` from 2 on."""
        return next((n for n in range(2, self.groups + 1) if self.groups % n == 0), 1)


@dataclass(frozen=True)
class Held:
    """Rows of the input that are on chip already where the recurrence before has had one step: its
    h, which is nowhere in the layout."""

    units: int
    """Where they begin."""
    time: str
    """The number of steps."""


@dataclass(frozen=True)
class RowsPlan:
    """The layout of a phase."""

    loops: RowLoops
    tiling: Tiling
    constants: Record
    tile: Record
    chunk: Record
    group: Record
    """Tile, sums and results of a group of columns, where there are several."""
    layout: Layout
    held: Held | None = None

    @property
    def is_resident(self) -> bool:
        """Whether all weights are there at once."""
        return self.tiling.groups == 1


def plan_rows(phase: RowsPhase, loops: RowLoops, room: Room, resident_only: bool) -> RowsPlan:
    """The first tiling that fits.

    Raises:
        Refused: Q325 for rows longer than words can name, Q326 when no tiling fits.
    """
    for tensor in (*phase.inputs, *(step.result for step in phase.steps)):
        require_row(tensor.name, tensor.pitch_bytes)
    if phase.product is not None:
        require_row(phase.product.operand.name, phase.product.operand.depth)
    least = None
    for tiling in _tilings(phase.product, room, resident_only):
        plan = _planned(phase, loops, tiling, room)
        if plan.layout.peak_bytes <= room.sram_bytes:
            return plan
        peak = plan.layout.peak_bytes
        least = peak if least is None else min(least, peak)
    need = f"{least} bytes for {loops.rows} rows at a time"
    got = f"{room.sram_bytes} bytes of target {room.target.name}"
    raise Refused("Q326", need, got, "a smaller --batch, or a target with more on-chip memory")


def _tilings(product: Multiplied | None, room: Room, resident_only: bool) -> Iterator[Tiling]:
    if product is None:
        yield Tiling(0, 1)
        return
    columns = product.product.rows
    cores = column_cores(product, room)
    if cores > 1:
        yield from _split(product, room, cores, resident_only)
        return
    if room.options.keep_weights and product.to.element.row_bytes(columns) <= MAX_ROW_BYTES:
        yield Tiling(columns, 1)
    if not resident_only:
        yield from _streamed(product, room.options.tile_columns)


def column_cores(product: Multiplied, room: Room) -> int:
    """The most cores that divide the 16-byte units of a row of results."""
    units = product.result.pitch_units
    divisors = (n for n in range(room.cores, 0, -1) if room.cores % n == 0)
    return next(n for n in divisors if units % n == 0)


def _split(product: Multiplied, room: Room, cores: int, resident_only: bool) -> Iterator[Tiling]:
    """Each core has as many columns, and streams or keeps only their weights."""
    bits = product.to.element.bits
    own = product.result.pitch_bytes * 8 // bits // cores
    if room.options.keep_weights and product.to.element.row_bytes(own) <= MAX_ROW_BYTES:
        yield Tiling(own, 1, cores)
    if not resident_only:
        granule = UNIT_BYTES * 8 // bits
        largest = min(room.options.tile_columns, own - granule) // granule * granule
        sizes = [size for size in range(largest, 0, -granule) if own % size == 0]
        tilings = [Tiling(size, own // size, cores) for size in sizes] or [Tiling(own, 1, cores)]
        yield from sorted(tilings, key=lambda each: each.groups % 2)


def _streamed(product: Multiplied, tile_columns: int) -> Iterator[Tiling]:
    """Tiles whose results begin at 16-byte boundaries, and end within the row."""
    columns, bits = product.product.rows, product.to.element.bits
    granule = UNIT_BYTES * 8 // bits
    most = product.result.pitch_bytes * 8 // bits
    largest = max(min(tile_columns, columns - 1) // granule, 1) * granule
    sizes = range(largest, 0, -granule)
    tilings = [Tiling(size, -(-columns // size)) for size in sizes]
    fitting = [each for each in tilings if each.columns * each.groups <= most]
    yield from (each for each in fitting if each.groups % 2 == 0)
    yield from (each for each in fitting if each.groups % 2 == 1)


def _planned(phase: RowsPhase, loops: RowLoops, tiling: Tiling, room: Room) -> RowsPlan:
    alignment = room.alignment_bytes
    constants = loadable(record(_constants(phase), UNIT_BYTES))
    tile = loadable(record(_tile(phase.product, tiling), UNIT_BYTES))
    chunk = record(_chunk(phase, loops, tiling), UNIT_BYTES)
    group = record(_group(phase.product, loops, tiling, tile), UNIT_BYTES)
    buffers = [
        Buffer("constants", constants.bytes, is_ahead=True),
        Buffer("tile", tile.bytes if tiling.groups == 1 else 0, is_ahead=True),
        Buffer("chunk", loops.slots * chunk.bytes),
        Buffer("group", tiling.ring * group.bytes if tiling.groups > 1 else 0),
        *_temporaries(phase, loops),
    ]
    layout = allocate(buffers, alignment)
    return RowsPlan(loops, tiling, constants, tile, chunk, group, layout)


def constant_name(step: Step) -> str:
    """The field of the constants that a step reads; "" for none."""
    operation = step.operation
    if isinstance(operation, Lookup):
        return operation.operator
    if isinstance(operation, Requantize):
        return f"{operation.multiplier}"
    beside = row_constant(step)
    if beside is not None:
        return beside[0]
    return f"zeros {step.result.depth}" if isinstance(operation, Rectify) else ""


def _constants(phase: RowsPhase) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for step in phase.steps:
        zeros = ElementType.I16.row_bytes(step.result.depth)
        sizes = {Lookup: TABLE_BYTES, Requantize: UNIT_BYTES, Rectify: zeros}
        beside = row_constant(step)
        if beside is not None:
            found[constant_name(step)] = len(beside[1])
        if type(step.operation) in sizes:
            found[constant_name(step)] = sizes[type(step.operation)]
    return list(found.items())


def _tile(product: Multiplied | None, tiling: Tiling) -> list[tuple[str, int]]:
    if product is None:
        return []
    weights = product.product.element.pitch_bytes(product.operand.depth)
    words = ElementType.I32.row_bytes(tiling.columns)
    fields = [("weights", tiling.columns * weights), ("bias", words)]
    return fields if product.is_float else [*fields, ("multipliers", product.to.words * words)]


def _chunk(phase: RowsPhase, loops: RowLoops, tiling: Tiling) -> list[tuple[str, int]]:
    """Inputs; what the matrix engine reads; what is stored."""
    kept = _kept(phase)
    results = [step.result for step in phase.steps if step.result.name in kept]
    fields = [
        (tensor.name, loops.rows_of(tensor) * tensor.pitch_bytes)
        for tensor in (*phase.inputs, *results)
    ]
    if phase.product is not None and tiling.groups == 1:
        fields += _sums(phase.product, loops, tiling)
    return fields


def _kept(phase: RowsPhase) -> set[str]:
    """Results that other engines than the vector engine read."""
    kept = {each.source for each in phase.stores}
    return kept if phase.product is None else {phase.product.source}


def _sums(product: Multiplied, loops: RowLoops, tiling: Tiling) -> list[tuple[str, int]]:
    element = product.to.element
    return [
        ("sums", loops.rows * ElementType.I32.pitch_bytes(tiling.columns)),
        ("results", loops.rows * element.pitch_bytes(tiling.columns)),
    ]


def _group(
    product: Multiplied | None, loops: RowLoops, tiling: Tiling, tile: Record
) -> list[tuple[str, int]]:
    if product is None or tiling.groups == 1:
        return []
    return [("tile", tile.bytes), *_sums(product, loops, tiling)]


def _temporaries(phase: RowsPhase, loops: RowLoops) -> Iterator[Buffer]:
    """Results that only later steps read: alive from their step to the last that reads them."""
    kept = _kept(phase)
    for n, step in enumerate(phase.steps):
        name = step.result.name
        if name not in kept:
            readers = [
                k
                for k, each in enumerate(phase.steps)
                if name in {source.tensor.name for source in each.sources}
            ]
            size = loops.rows_of(step.result) * step.result.pitch_bytes
            yield Buffer(name, size, n, max(readers, default=n))
