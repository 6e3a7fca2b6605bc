"""Before the first step of a recurrence and behind its last: constants, states, pointers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Fill, Ldc, Ldd, Nop, SetA, Share, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.coding import Constants, Loads
from q4compile.lower.emit.cores import at_own_part, to_own_part
from q4compile.lower.emit.recurrence_registers import Recurrence
from q4compile.lower.emit.words import AHEAD, ONCE, Words
from q4compile.lower.layout.axes import Extent
from q4compile.lower.layout.places import Place
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.numbers.tables import (
    TABLE_BYTES,
    WIDE_TABLE_BYTES,
    table_bytes,
    wide_table_bytes,
)
from q4compile.lower.phases.phases import State
from q4compile.lower.plan.records import record

SET_UP = 1 << Engine.LD | 1 << Engine.VX


def begin(it: Recurrence) -> tuple[Words, Words]:
    """All that is there before the first step: what may be loaded ahead, and the rest."""
    loads = [
        *_constants(it),
        *_at_states(it, it.phase.entering, partial(_loaded, it), ("c",), AHEAD),
        *(_first_tile(it) if it.first_is_ahead else []),
    ]
    if not it.phase.begins_ahead:
        return [], [*_zeros_before(it), *loads, *_weights(it), *_pointers(it, Bar(SET_UP))]
    weights = _weights(it)
    if it.plan.layout.is_ahead and not any(isinstance(each, Ldd | Ldc) for each in weights):
        return loads, [*weights, *_pointers(it), *_joined_tables(it)]
    # Steps wait for loads of theirs, which are behind these; products wait for no others.
    ready = it.semaphores.new()
    waits = _joined_tables(it, ready) or [Nop(Engine.MX, wait=ready)]
    return loads, [*weights, *_pointers(it), Nop(Engine.LD, post=ready), *waits]


def _zeros_before(it: Recurrence) -> Words:
    """States of a sequence that begins, and what fills up rows."""
    entering = {each.role for each in it.phase.entering}
    padded = it.phase.grouping.memory_units > it.phase.cell.units
    zeros = [word for role, word in _zeros(it) if padded or role not in entering]
    # A padded row is filled and then loaded over, by another engine.
    return [*zeros, Bar(1 << Engine.VX)] if padded and entering else zeros


def _constants(it: Recurrence) -> Words:
    """Tables and lengths."""
    words = [] if it.plan.shape.is_float else _tables(it)
    if it.phase.lengths is not None:
        words += _lengths(it, it.phase.lengths)
    return words


def _weights(it: Recurrence) -> Words:
    """Weights that stay, or where the others come from."""
    layout, weights = it.plan.layout, _weights_at(it)
    words: Words = []
    tiles = layout.units("tiles")
    loads = it.phase.grouping.groups if it.phase.loads_by_tile else 1
    own_units = loads * it.weights.pitch_units if it.is_split else 0
    if it.registers.weights:
        words.append(it.at(it.registers.weights, weights, own_units))
    elif own_units:
        words.append(it.at(AHEAD, weights, own_units))
        words += _all_tiles(it, loads, Address(0, AHEAD))
    else:
        words += _all_tiles(it, loads, Address(weights))
    for register, table in zip(it.registers.tables, it.tables, strict=False):
        words.append(it.at(register, table, it.own_input_units))
    if it.registers.tile:
        words.append(SetA(it.registers.tile, tiles))
    if it.registers.inputs:
        words.append(SetA(it.registers.inputs, layout.units("slots")))
    if it.registers.sums:
        words.append(SetA(it.registers.sums, layout.units("sums")))
    if it.registers.before:
        words.append(SetA(it.registers.before, layout.units("slots")))
    return words


def _weights_at(it: Recurrence) -> int:
    """Where they are in DRAM."""
    which = "both" if len(it.every) > 1 else it.index(0)
    name = it.context.symbol(it.phase.node, f"recurrent weights, direction {which}")
    return it.context.image.place(name, it.weights, it.phase.node)


def _first_tile(it: Recurrence) -> Words:
    """That of the first group, in the first slot."""
    own_units = it.phase.grouping.groups * it.weights.pitch_units if it.is_split else 0
    start = it.at(AHEAD, _weights_at(it), own_units)
    return [start, it.weights.word(Address(it.plan.layout.units("tiles")), Address(0, AHEAD))]


def _all_tiles(it: Recurrence, loads: int, source: Address) -> Iterator[Instruction]:
    """Everything that stays, before the first step."""
    tiles, size = it.plan.layout.units("tiles"), it.plan.tile.total_units
    for n in range(loads):
        at = replace(source, offset=source.offset + n * it.weights.pitch_units)
        yield it.weights.word(Address(tiles + n * size), at)


def _tables(it: Recurrence) -> Words:
    loads, to, cores = _table_loads(it), it.plan.layout.units("tables"), it.phase.grouping.cores
    name = "table of tanh" if it.phase.cell.is_wide else "tables of sigmoid and tanh"
    name += f", for {cores} cores" if it.is_split else ""
    address = it.context.image.place(name, loads, "")
    if not _has_parts(it, loads) or it.context.core is None:
        return [loads.word(Address(to), Address(address))]
    part = it.plan.shape.table_part_bytes(cores)
    own = SetA(AHEAD, 0, part // UNIT_BYTES, it.context.core)
    return [own, Ldd(Address(to, AHEAD), Address(address, AHEAD), 1, part, part, part)]


def _table_loads(it: Recurrence) -> Loads:
    """All tables, and what fills up parts for all cores."""
    tables = table_bytes("Sigmoid") + table_bytes("Tanh")
    shape = record([("sigmoid", TABLE_BYTES), ("tanh", TABLE_BYTES)], UNIT_BYTES)
    if it.phase.cell.is_wide:
        tables, shape = wide_table_bytes(), record([("tanh", WIDE_TABLE_BYTES)], UNIT_BYTES)
    cores = it.phase.grouping.cores
    whole = replace(shape, bytes=cores * it.plan.shape.table_part_bytes(cores))
    return it.context.coding.loads(Constants(tables.ljust(whole.bytes, b"\0"), whole))


def _has_parts(it: Recurrence, loads: Loads) -> bool:
    """Whether each core loads a part of the tables, and all of them get all parts: not where a
    stream is coded as a whole, nor where steps do not wait for what comes before."""
    return it.is_split and it.phase.begins_ahead and loads.stream_bytes == 0


def _joined_tables(it: Recurrence, ready: int = 0) -> Words:
    """Each core's part of the tables goes to all, once it is `ready`; then products may begin, and
    steps behind them."""
    if it.plan.shape.is_float or not _has_parts(it, _table_loads(it)):
        return []
    to, cores = Address(it.plan.layout.units("tables")), it.phase.grouping.cores
    part = it.plan.shape.table_part_bytes(cores)
    made = it.signals.made[0]
    return [Share(to, 1, part, part, wait=ready, post=made), Nop(Engine.MX, wait=made)]


def _lengths(it: Recurrence, tensor: Tensor) -> Words:
    place, to = it.context.place(tensor), Address(it.plan.layout.units("lengths"))
    size = tensor.row_bytes
    return [it.pointers.at(AHEAD, place), Ldd(to, Address(0, AHEAD), 1, size, size, size)]


def _zeros(it: Recurrence) -> Iterator[tuple[str, Instruction]]:
    """h and c of a sequence that begins."""
    plan, cell = it.plan, it.phase.cell
    rows = len(it.every) * plan.shape.rows
    code = cell.zero_code & ((1 << cell.element.bits) - 1)
    byte = code * 0x11 if cell.element is ElementType.I4 else code
    slot = plan.layout.units("slots") + plan.slot.units("hidden0")
    pitch = plan.hidden_pitch_bytes
    yield "h", Fill(Address(slot), rows, pitch, pitch, byte)
    if not cell.has_state:
        return
    pitch = plan.cell_pitch_bytes
    yield "c", Fill(Address(plan.layout.units("cells")), rows, pitch, pitch, 0)


def _at_states(
    it: Recurrence,
    states: Sequence[State],
    word: Callable[[State, int, Address], Instruction],
    parts: Sequence[str],
    register: int,
) -> Words:
    """A word for each state of each direction; `register` points to those that lie together.

    Of states whose role is among `parts`, a core has those of its units.
    """
    words, at = list[Instruction](), None
    for state, d in product(states, it.every):
        extent = it.sequences.scaled(it.index(d))
        place = it.pointers.ahead(it.context.place(state.tensor), extent, state.tensor.pitch_units)
        assert place is not None, "ports of states lie at constant places"
        units = _own_bytes(it, state) // UNIT_BYTES if state.role in parts else 0
        start = replace(place, offset=0), units
        if start != at:
            own_units = units if it.is_split else 0
            words += at_own_part(it.pointers, register, start[0], own_units, it.context)
            at = start
        words.append(word(state, d, Address(place.offset, register)))
    return words


def _loaded(it: Recurrence, state: State, direction: int, source: Address) -> Instruction:
    to, tensor = _state_address(it, state.role, direction, None), state.tensor
    pitch = _pitch_bytes(it, state.role)
    row_bytes = tensor.row_bytes if state.role == "h" else _own_bytes(it, state)
    return Ldd(to, source, it.rows, row_bytes, pitch, tensor.pitch_bytes)


def _stored(it: Recurrence, state: State, direction: int, to: Address) -> Instruction:
    source, tensor = _state_address(it, state.role, direction, it.registers.now), state.tensor
    pitch = _pitch_bytes(it, state.role)
    return Std(to, source, it.rows, _own_bytes(it, state), tensor.pitch_bytes, pitch)


def _own_bytes(it: Recurrence, state: State) -> int:
    """Bytes of the units of a core in a row of a state."""
    element, own_units = state.tensor.element, it.phase.grouping.own_units
    return element.row_bytes(own_units) if it.is_split else state.tensor.row_bytes


def _pitch_bytes(it: Recurrence, role: str) -> int:
    """On chip."""
    return it.plan.hidden_pitch_bytes if role == "h" else it.plan.cell_pitch_bytes


def _state_address(it: Recurrence, role: str, direction: int, slot: int | None) -> Address:
    """Where h (in the slot that a register points to, or in the first) or c is on chip."""
    if role == "c":
        return Address(it.plan.cells(direction))
    units = it.plan.slot.units(f"hidden{direction}")
    if slot is None:
        return Address(it.plan.layout.units("slots") + units)
    return Address(units, slot)


@dataclass(frozen=True)
class Walk:
    """A register that goes through time: from step to step by rows · units."""

    register: int
    place: Place
    """The first step."""
    rows: Extent
    units: int
    steps: Extent
    sign: int
    own_units: int = 0
    """From core to core."""
    beyond: int = 0
    """Units from the first to the last frame of a row, where frames share one."""


def _pointers(it: Recurrence, behind: Instruction | None = None) -> Words:
    """Where each direction begins, a reverse one at the last step; then `behind`."""
    words: Words = [SetA(it.registers.now, it.plan.layout.units("slots"))]
    far: list[Words] = []
    back: list[Words] = []
    for walk in _walks(it):
        place = walk.place
        if walk.sign < 0:
            total = walk.steps * walk.rows
            ahead = it.pointers.ahead(place, total, walk.units)
            if ahead is None:
                far.append(it.pointers.moving(walk.register, ONCE, total, walk.units))
            place = ahead or place
            back.append(
                it.pointers.moving(walk.register, ONCE, walk.rows, -walk.units, -walk.beyond)
            )
        words += at_own_part(it.pointers, walk.register, place, walk.own_units, it.context)
    last = it.pointers.moved_once(back, behind)
    return [*words, *it.pointers.moved_once(far), *last]


def _walks(it: Recurrence) -> Iterator[Walk]:
    phase, registers, place = it.phase, it.registers, it.context.place
    for d, register in enumerate(registers.sources):
        is_sums = isinstance(phase.source, Tensor)
        column = it.index(d) * it.plan.source_pitch_bytes // UNIT_BYTES if is_sums else 0
        start = place(phase.loaded).plus(column)
        own_units = it.own_input_units if it.sums_are_split else 0
        moves = it.source_rows, it.source_units, it.steps, it.sign(d)
        yield Walk(register, start, *moves, own_units)
    for d, register in enumerate(registers.outputs):
        assert phase.output is not None, "its registers say so"
        start = place(phase.output).plus(it.index(d) * phase.output.slice_bytes // UNIT_BYTES)
        beyond = (phase.fold - 1) * it.frame_units
        own_units = it.own_hidden_units if it.is_split else 0
        moves = it.sequences, it.row_units, it.output_rows, it.sign(d)
        yield Walk(register, start, *moves, own_units, beyond)
    for d, register in enumerate(registers.steps):
        yield Walk(register, Place(), Extent(), 1, it.steps, it.sign(d))


def end(it: Recurrence) -> Words:
    """States behind the last step."""
    leaving = it.phase.leaving
    has_hidden = any(each.role == "h" for each in leaving)
    moves = [(it.registers.now, it.own_hidden_units)] if has_hidden and it.is_split else []
    own = to_own_part(it.pointers, moves, it.context) if moves else []
    return [
        *own,
        *_at_states(it, leaving, partial(_stored, it), ("h", "c"), it.registers.sources[0]),
    ]
