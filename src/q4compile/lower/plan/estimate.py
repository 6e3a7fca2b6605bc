"""Cycles that a row of a phase takes at least, when a chunk has as many rows as there are or fit.

    max(matrix engine, memory, vector engine, sequencer),  each per chunk / rows of a chunk

Only good for choosing between plans: what overlaps how is for the simulator to say.
"""

from q4compile.isa.engine import Precision
from q4compile.isa.instructions.matrix import OPERANDS
from q4compile.isa.target import Target
from q4compile.lower.phases.phases import Multiplied, RowsPhase
from q4compile.lower.plan.rows_plan import RowsPlan

WORDS_OF_CHUNK, WORDS_OF_TILE = 8, 4
"""That the sequencer issues, about."""


def cycles_per_row(phase: RowsPhase, plan: RowsPlan, most_rows: int, target: Target) -> float:
    """A lower bound for chunks that are full, or have `most_rows`."""
    rows = min(plan.loops.rows, most_rows)
    tiles = 0 if plan.is_resident else plan.tiling.groups
    words = WORDS_OF_CHUNK + len(phase.steps) + WORDS_OF_TILE * tiles
    bounds = [
        words * target.sequencer.issue_cycles,
        _memory_cycles(phase, plan, rows, target),
        _vector_cycles(phase, plan, rows, target),
    ]
    if phase.product is not None:
        bounds.append(_matrix_cycles(phase.product, plan, rows, target))
    return max(bounds) / rows


def bytes_per_cycle(target: Target) -> float:
    """Of DRAM."""
    dram = target.dram
    return dram.gigabytes_per_second * dram.efficiency_share / target.clock_ghz


def matrix_cycles(
    rows: int, columns: int, depth: int, precision: Precision, target: Target
) -> float:
    """Of one product: tile by tile, each as long as its rows or its weights take."""
    matrix = target.matrix
    depth_of_tile = matrix.rows_at(precision)
    bits = OPERANDS[precision][1].bits
    weights_bytes = depth_of_tile * matrix.columns * bits / 8
    each = max(rows, weights_bytes / target.sram.weight_port_bytes_per_cycle)
    return -(-depth // depth_of_tile) * -(-columns // matrix.columns) * each + matrix.fill_cycles


def _memory_cycles(phase: RowsPhase, plan: RowsPlan, rows: int, target: Target) -> float:
    """Rows in, rows out, and tiles that come by."""
    tiles = 0 if plan.is_resident else plan.tiling.groups
    rows_bytes = sum(each.pitch_bytes for each in (*phase.reads, *phase.writes))
    moved = rows * rows_bytes + tiles * plan.tile.bytes
    return moved / bytes_per_cycle(target)


def _vector_cycles(phase: RowsPhase, plan: RowsPlan, rows: int, target: Target) -> float:
    columns = sum(step.result.depth for step in phase.steps)
    if phase.product is not None:
        columns += plan.tiling.columns * plan.tiling.groups
    return rows * columns / target.vector.lanes


def _matrix_cycles(product: Multiplied, plan: RowsPlan, rows: int, target: Target) -> float:
    columns, depth = plan.tiling.columns, product.operand.depth
    one = matrix_cycles(rows, columns, depth, product.precision, target)
    return one * plan.tiling.groups
