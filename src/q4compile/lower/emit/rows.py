"""Words of a `RowsPhase`: chunk by chunk, each engine at its own.

    LD inputs ─loaded─▶ VX steps ─ready─▶ MX product ─summed─▶ VX to codes ─done─▶ ST results

The way back is `free` for a chunk, `drained` for results, and `vacant` for tiles that come by.
"""

from collections.abc import Sequence
from dataclasses import replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Ldd, Mm, Nop, SetA, SetS, Std
from q4compile.isa.operand import Address
from q4compile.lower.emit.coding import Constants, Loads
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.cores import at_own_part
from q4compile.lower.emit.requantized import requantized
from q4compile.lower.emit.row_walk import CHUNKS, PARTS, walked
from q4compile.lower.emit.rows_constants import constant_bytes, tile_bytes
from q4compile.lower.emit.rows_registers import RowsWords, rows_of
from q4compile.lower.emit.steps import step_word
from q4compile.lower.emit.words import (
    AHEAD,
    ONCE,
    Block,
    Words,
    circling,
    loop,
    rest,
    signalled,
)
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.phases import Multiplied, RowsPhase
from q4compile.lower.plan.rows_plan import RowsPlan


def rows_words(phase: RowsPhase, plan: RowsPlan, context: Context) -> Block:
    """All words, from rest to rest."""
    it = rows_of(phase, plan, context)
    streamed = it.part > 0
    give, take = it.semaphores.credits(Engine.ST)
    column_units = plan.tiling.columns * plan.tiling.groups if streamed else 0
    chunks = walked(
        phase,
        plan.loops,
        context,
        it.pointers,
        it.tensors,
        _chunk(it),
        [word for each in (it.slot, it.held) if each for word in _circling(it, each)],
        _bytes_units(phase.product, column_units),
    )
    return Block([*_start(it), *give, *chunks], [*take, *rest()], _constants(it))


def _circling(it: RowsWords, register: int) -> Words:
    """To the next chunk."""
    return circling(register, CHUNKS, it.plan.chunk.total_units, it.plan.loops.slots)


def _bytes_units(product: Multiplied | None, columns: int) -> int:
    """Units that so many columns of the result take."""
    return 0 if product is None else columns * product.to.element.bits // 8 // UNIT_BYTES


def _constants(it: RowsWords) -> Words:
    """Constants of steps, and weights that stay."""
    plan, signals, layout = it.plan, it.signals, it.plan.layout
    words: Words = []
    if plan.constants.bytes:
        data = constant_bytes(it.phase, plan)
        loads = it.context.coding.loads(Constants(data, plan.constants))
        address = it.context.image.place(_name(it, "constants"), loads, it.phase.node)
        to = Address(layout.units("constants"))
        words.append(loads.word(to, Address(address), post=signals.constants))
    if it.phase.product is not None and plan.is_resident and it.first is None:
        source = Address(_at(it))
        if it.is_split:
            words.append(_at_tiles(it, AHEAD))
            source = Address(0, AHEAD)
        words.append(_tiles(it).word(Address(layout.units("tile")), source, post=signals.weights))
    return words


def _start(it: RowsWords) -> Words:
    """Pointers; then constants and weights are there."""
    signals, layout = it.signals, it.plan.layout
    words: Words = []
    for each in (*it.phase.inputs, *it.phase.writes):
        register, place = it.tensors[each.name], it.context.place(each)
        words += at_own_part(it.pointers, register, place, _own_units(it, each), it.context)
    if it.slot:
        words.append(SetA(it.slot, layout.units("chunk")))
    if it.part:
        words.append(SetA(it.part, layout.units("group")))
    words += _held(it)
    if it.first is not None:
        words += [_at_tiles(it, it.tile), SetS(it.first.index, 1)]
    waits = ((Engine.VX, signals.constants), (Engine.MX, signals.weights))
    return [*words, *(Nop(engine, wait=mask) for engine, mask in waits if mask)]


def _held(it: RowsWords) -> Words:
    """The input of the first chunk: in that, or where the recurrence before has left it."""
    held, several = it.plan.held, it.several
    if held is None or several is None:
        return []
    steps = it.context.mailbox.named(held.time)
    plan = it.plan
    chunk = plan.layout.units("chunk") + plan.chunk.units(it.phase.inputs[0].name)
    return [
        SetS(several.index, -1, 1, steps, 1),
        SetA(it.held, held.units, chunk - held.units, several.index),
    ]


def _name(it: RowsWords, what: str) -> str:
    return it.context.symbol(it.phase.node, what)


def _tiles(it: RowsWords) -> Loads:
    """All tiles."""
    assert it.phase.product is not None, "there is a product"
    return it.context.coding.loads(Constants(tile_bytes(it.phase.product, it.plan), it.plan.tile))


def _at(it: RowsWords) -> int:
    """The address of all tiles in DRAM."""
    return it.context.image.place(_name(it, "weights"), _tiles(it), it.phase.node)


def _at_tiles(it: RowsWords, register: int) -> SetA:
    """The register points to the first tile of the core."""
    if not it.is_split or it.context.core is None:
        return SetA(register, _at(it))
    own_units = it.plan.tiling.groups * _tiles(it).pitch_units
    return SetA(register, _at(it), own_units, it.context.core)


def _own_units(it: RowsWords, tensor: Tensor) -> int:
    """From the columns of a core to those of the next one, in a row of a tensor."""
    product, tiling = it.phase.product, it.plan.tiling
    if not it.is_split or product is None or tensor is not product.result:
        return 0
    return _bytes_units(product, tiling.columns * tiling.groups)


def _chunk(it: RowsWords) -> Words:
    """What is done with a chunk."""
    product = it.phase.product
    words = [*_loads(it), *_late_weights(it), *_steps(it)]
    if product is None:
        return [*words, *_stores(it)]
    return [*words, *(_streamed(it, product) if it.part else _resident(it, product))]


def _loads(it: RowsWords) -> Words:
    words: Words = [
        Ldd(
            it.chunk(tensor.name),
            Address(0, it.tensors[tensor.name]),
            it.rows_of(tensor),
            tensor.row_bytes,
            tensor.pitch_bytes,
            tensor.pitch_bytes,
        )
        for tensor in it.phase.inputs
    ]
    if it.several is None:
        return signalled(words, wait=it.signals.free, post=it.signals.loaded)
    return [
        Nop(Engine.LD, wait=it.signals.free),
        *loop(ONCE, it.several, words),
        Nop(Engine.LD, post=it.signals.loaded),
    ]


def _late_weights(it: RowsWords) -> Words:
    """Weights that stay, behind the inputs of the first rows."""
    if it.first is None:
        return []
    to, source = Address(it.plan.layout.units("tile")), Address(0, it.tile)
    load = _tiles(it).word(to, source, post=it.signals.weights)
    return [*loop(ONCE, it.first, [load]), SetS(it.first.index, 0)]


def _steps(it: RowsWords) -> Words:
    names = it.plan.constants.offsets
    base = it.plan.layout.units("constants")
    constants = {name: Address(base + it.plan.constants.units(name)) for name in names}
    words: Words = [
        step_word(step, it.plan.loops, it.rows_of(step.result), it.at, constants)
        for step in it.phase.steps
    ]
    signals = it.signals
    if it.phase.product is not None:
        return signalled(words, wait=signals.loaded, post=signals.ready)
    return signalled(words, wait=signals.loaded | signals.drained, post=signals.done | signals.free)


def _stores(it: RowsWords) -> Words:
    words: Words = []
    for each in it.phase.stores:
        source = next(t for t in _stored_tensors(it) if t.name == each.source)
        to = Address(each.offset_bytes // UNIT_BYTES, it.tensors[each.tensor.name])
        pitches = (each.tensor.pitch_bytes, source.pitch_bytes)
        words.append(Std(to, it.chunk(each.source), it.rows_of(source), source.row_bytes, *pitches))
    signals = it.signals
    if it.phase.steps:
        return signalled(words, wait=signals.done, post=signals.drained)
    return signalled(words, wait=signals.loaded, post=signals.free)


def _stored_tensors(it: RowsWords) -> Sequence[Tensor]:
    return (*it.phase.inputs, *(step.result for step in it.phase.steps))


def _resident(it: RowsWords, product: Multiplied) -> Words:
    signals = it.signals
    ready = signals.ready or signals.loaded
    return [
        replace(_mm(it, product), wait=ready, post=signals.summed),
        replace(
            _rq(it, product),
            wait=signals.summed | signals.drained,
            post=signals.done | signals.free,
        ),
        replace(_std(it, product), wait=signals.done, post=signals.drained),
    ]


def _streamed(it: RowsWords, product: Multiplied) -> Words:
    """Tile by tile."""
    signals, plan = it.signals, it.plan
    result = it.tensors[product.result.name]
    column_units = _bytes_units(product, plan.tiling.columns)
    to = Address(plan.group.units("tile"), it.part)
    tiles = _tiles(it)
    load = tiles.word(to, Address(0, it.tile), wait=signals.vacant, post=signals.filled)
    body: Words = [
        load,
        replace(_mm(it, product), wait=signals.filled, post=signals.summed),
        replace(
            _rq(it, product),
            wait=signals.summed | signals.drained,
            post=signals.done | signals.vacant,
        ),
        replace(_std(it, product), wait=signals.done, post=signals.drained),
    ]
    from_ = it.pointers
    return [
        Nop(Engine.MX, wait=signals.ready or signals.loaded),
        _at_tiles(it, it.tile),
        *from_.stepping(it.tile, PARTS, tiles.pitch_units),
        *from_.stepping(result, PARTS, column_units),
        *circling(it.part, PARTS, plan.group.total_units, plan.tiling.ring),
        *loop(PARTS, plan.tiling.groups, body),
        Nop(Engine.MX, post=signals.free),
    ]


def _mm(it: RowsWords, product: Multiplied) -> Instruction:
    return Mm(
        it.result("sums"),
        it.chunk(product.source),
        it.tiled("weights"),
        it.tiled("bias"),
        it.rows,
        it.plan.tiling.columns,
        product.operand.depth,
        product.precision,
    )


def _rq(it: RowsWords, product: Multiplied) -> Instruction:
    multipliers = None if product.is_float else it.tiled("multipliers")
    columns = it.plan.tiling.columns
    return requantized(
        product, it.result("results"), it.result("sums"), multipliers, it.rows, columns
    )


def _std(it: RowsWords, product: Multiplied) -> Instruction:
    columns, element = it.plan.tiling.columns, product.to.element
    return Std(
        Address(0, it.tensors[product.result.name]),
        it.result("results"),
        it.rows,
        element.row_bytes(columns),
        product.result.pitch_bytes,
        element.pitch_bytes(columns),
    )
