"""What a word costs on a target when nothing stands in its way: the equations of each engine.

An engine is occupied for `work_cycles`; results are there `latency_cycles` after that.
"""

from dataclasses import dataclass
from fractions import Fraction

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Gath, Ldc, Ldd, Mm, Nop, Share, Std
from q4compile.isa.instructions.matrix import OPERANDS
from q4compile.isa.lstm_block import GATES, LstmBlock
from q4compile.isa.operand import REGISTERS, Scalar
from q4compile.isa.region import Memory
from q4compile.isa.registers import Registers
from q4compile.isa.target import Target
from q4compile.sim.scale_sim import Array, Dataflow, Gemm, compute_cycles
from q4compile.sim.timing.vector_operations import elements_of, operations_of
from q4compile.sim.timing.work import Work


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one word."""

    work: Work
    work_cycles: int
    """Of its engine; of the DRAM for words of LD and ST, which have it to share."""
    latency_cycles: int = 0
    least_cycles: int = 0
    """Between two words of the engine, even where the DRAM is faster."""
    is_serial: bool = False
    """Begins only when all words before it on its engine are complete."""
    limit: str = "waiting"
    """What its engine is busy with: one of `LIMITS`."""


LIMITS = ("macs", "weight_port", "dram", "vector", "ring", "waiting")
"""Products; weights on their way into the array; transfers; lanes; parts of other cores; or
nothing: issue, latency."""
NOTHING = Cost(Work(words=1), 0)


def cost_of(
    word: Instruction,
    rows: int,
    target: Target,
    cores: int = 1,
    dataflow: Dataflow | None = None,
) -> Cost:
    """The cost of a word of an engine with that many rows; of products as `dataflow` says."""
    if isinstance(word, Nop):
        return NOTHING
    sram_bytes = _sram_bytes(word, rows, cores)
    if isinstance(word, Share):
        return share_cost(word, rows, sram_bytes, cores, target)
    if isinstance(word, Mm) and dataflow is not None:
        return systolic_cost(word, rows, sram_bytes, target, dataflow)
    if isinstance(word, Mm):
        return matrix_cost(word, rows, sram_bytes, target)
    if isinstance(word, Ldc):
        return decoded_cost(word, sram_bytes, target)
    if isinstance(word, Ldd | Std | Gath):
        return dram_cost(word, rows, sram_bytes, target)
    return vector_cost(word, rows, sram_bytes, target)


def matrix_cost(word: Mm, rows: int, sram_bytes: int, target: Target) -> Cost:
    """``ceil(N / C) · Σ max(M · x, load)`` over ``ceil(K / R_p)`` tiles of depth; then the fill.

    x = ceil(R_p · bits of x / activation port), load = ceil(r · C · bits of w / weight port) for
    the r rows of a tile: R_p of them, fewer in the last. Without a shadow tile, they add up.
    """
    if not rows or not word.columns:
        return NOTHING
    matrix, sram = target.matrix, target.sram
    array_rows, (x, w) = matrix.rows_at(word.precision), OPERANDS[word.precision]
    column_tiles, (full, last) = -(-word.columns // matrix.columns), divmod(word.depth, array_rows)
    tiles = [(full, array_rows), (1, last)] if last else [(full, array_rows)]
    passing = rows * -(-x.row_bytes(array_rows) // sram.activation_port_bytes_per_cycle)
    cycles, tile_bytes, loading = 0, 0, 0
    for count, height in tiles:
        held = w.row_bytes(height * matrix.columns)
        load = -(-held // sram.weight_port_bytes_per_cycle)
        cycles += count * (max(passing, load) if matrix.shadow_tiles else passing + load)
        tile_bytes, loading = tile_bytes + count * held, loading + count * load
    work = Work(
        words=1,
        weight_port_bytes=column_tiles * tile_bytes,
        sram_bytes=sram_bytes + rows * x.row_bytes(word.depth) * (column_tiles - 1),
        **{f"macs_{word.precision.name.lower()}": rows * word.columns * word.depth},
    )
    limit = "macs" if passing * sum(count for count, _ in tiles) >= loading else "weight_port"
    return Cost(work, column_tiles * cycles, matrix.fill_cycles, limit=limit)


def systolic_cost(word: Mm, rows: int, sram_bytes: int, target: Target, dataflow: Dataflow) -> Cost:
    """SCALE-Sim's compute cycles on an array of the target's rows and columns, and no latency.

    Weights go into the array once; memory never holds it up, as in SCALE-Sim's CALC mode.
    """
    if not rows or not word.columns or not word.depth:
        return NOTHING
    gemm = Gemm(rows, word.columns, word.depth)
    array = Array(target.matrix.rows_at(word.precision), target.matrix.columns)
    _, w = OPERANDS[word.precision]
    macs = {f"macs_{word.precision.name.lower()}": gemm.macs}
    port_bytes = w.row_bytes(word.columns * word.depth)
    work = Work(words=1, weight_port_bytes=port_bytes, sram_bytes=sram_bytes, **macs)
    return Cost(work, compute_cycles(dataflow, gemm, array), limit="macs")


def vector_cost(word: Instruction, rows: int, sram_bytes: int, target: Target) -> Cost:
    """``ceil(elements / lanes) · cycles per element``, then the latency; one word at a time."""
    elements, operations = rows * elements_of(word), operations_of(word)
    if not elements:
        return NOTHING
    vector = target.vector
    cycles = operations.cycles(vector.cycles_per_element)
    work = Work(
        words=1,
        sram_bytes=sram_bytes,
        vector_operations=elements * operations.count,
        vector_lane_cycles=elements * cycles,
    )
    lines = -(-elements // vector.lanes)
    return Cost(work, lines * cycles, vector.latency_cycles, is_serial=True, limit="vector")


def dram_cost(word: Ldd | Std | Gath, rows: int, sram_bytes: int, target: Target) -> Cost:
    """``ceil(bursts · burst / rate)``, then the latency; with k bursts in flight at most,

    no less than ``ceil(bursts · latency / k)``. Rows that adjoin in DRAM share bursts.
    """
    moved = rows * word.row_bytes
    if not moved:
        return NOTHING
    dram = target.dram
    bursts = _bursts(word, rows, dram.burst_bytes)
    burst_bytes = bursts * dram.burst_bytes
    work = Work(
        words=1,
        sram_bytes=sram_bytes,
        dram_read_bytes=0 if isinstance(word, Std) else moved,
        dram_written_bytes=moved if isinstance(word, Std) else 0,
        dram_burst_bytes=burst_bytes,
    )
    return Cost(
        work,
        -(-burst_bytes // dram_bytes_per_cycle(target)),
        dram.latency_cycles,
        -(-bursts * dram.latency_cycles // dram.outstanding_bursts),
        # It reads ids that the engine itself may have loaded just before.
        is_serial=isinstance(word, Gath),
        limit="dram",
    )


def decoded_cost(word: Ldc, sram_bytes: int, target: Target) -> Cost:
    """As `dram_cost` of the stream, and no less than ``ceil(decoded bytes / decode rate)``."""
    dram = target.dram
    bursts = -(-word.source_bytes // dram.burst_bytes)
    burst_bytes = bursts * dram.burst_bytes
    work = Work(
        words=1,
        sram_bytes=sram_bytes,
        dram_read_bytes=word.source_bytes,
        dram_burst_bytes=burst_bytes,
    )
    return Cost(
        work,
        -(-burst_bytes // dram_bytes_per_cycle(target)),
        dram.latency_cycles,
        max(
            -(-bursts * dram.latency_cycles // dram.outstanding_bursts),
            -(-word.to_bytes // target.sram.decode_bytes_per_cycle),
        ),
        limit="dram",
    )


def share_cost(word: Share, rows: int, sram_bytes: int, cores: int, target: Target) -> Cost:
    """``(N − 1) · (hop + ceil(bytes of a part / ring))``: each part goes around once.

    From the moment when all cores are there.
    """
    part = rows * word.row_bytes
    if cores == 1 or not part:
        return NOTHING
    ring = target.ring
    cycles = (cores - 1) * (ring.hop_cycles + -(-part // ring.bytes_per_cycle))
    return Cost(Work(words=1, sram_bytes=sram_bytes), cycles, is_serial=True, limit="ring")


def _bursts(word: Ldd | Std | Gath, rows: int, burst_bytes: int) -> int:
    pitches = {Ldd: "source_pitch", Std: "to_pitch"}
    name = pitches.get(type(word))
    if name is not None and getattr(word, name) == word.row_bytes:
        return -(-rows * word.row_bytes // burst_bytes)
    return rows * -(-word.row_bytes // burst_bytes)


def dram_bytes_per_cycle(target: Target) -> Fraction:
    """``bandwidth · efficiency / clock``, as the decimals of the target say it."""
    dram = target.dram
    gigabytes, share, clock = (
        Fraction(str(each))
        for each in (dram.gigabytes_per_second, dram.efficiency_share, target.clock_ghz)
    )
    return gigabytes * share / clock


def _sram_bytes(word: Instruction, rows: int, cores: int) -> int:
    """Of all rows that it reads and writes."""
    scalars = [0] * REGISTERS
    held = getattr(word, "rows", 0)
    if isinstance(held, Scalar):
        scalars[held.index] = rows
    at = Registers(s=scalars, block_at=_any_block, cores=cores)
    regions = (*word.reads(at), *word.writes(at))
    return sum(
        region.rows * region.row_bytes
        for region in regions
        if region.memory is Memory.SRAM and not region.is_empty
    )


def _any_block(start_bytes: int, units: int) -> LstmBlock:
    """Where its parts lie makes no difference to how many bytes they have."""
    return LstmBlock(*(0,) * 13, multipliers=(0,) * (GATES * units))
