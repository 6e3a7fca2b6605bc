"""Bytes of the constants of a `RecurrentPhase`, as `recurrent_plan` lays them out."""

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.instructions.gated import block_units
from q4compile.isa.lstm_block import FLOATLESS, GATES, LstmBlock
from q4compile.lower.emit.coding import Constants
from q4compile.lower.numbers.kinds import Real
from q4compile.lower.numbers.packing import packed_rows
from q4compile.lower.numbers.tables import TABLE_BYTES
from q4compile.lower.phases.phases import Multiplied, RecurrentPhase
from q4compile.lower.plan.cell_shape import INPUT_BIAS, INPUT_MULTIPLIERS, INPUT_WEIGHTS
from q4compile.lower.plan.records import filled
from q4compile.lower.plan.recurrent_plan import RecurrentPlan


def recurrent_tiles(phase: RecurrentPhase, plan: RecurrentPlan) -> Constants:
    """The tiles of all groups, one after the other, core by core."""
    count = phase.grouping.cores * phase.grouping.groups
    data = b"".join(_tile(phase, plan, group) for group in range(count))
    return Constants(data, plan.tile, 1 if phase.loads_by_tile else phase.grouping.groups)


def _tile(phase: RecurrentPhase, plan: RecurrentPlan, group: int) -> bytes:
    columns = phase.cell.gates * phase.grouping.units
    part = slice(group * columns, (group + 1) * columns)
    fields = {}
    for d, direction in enumerate(phase.directions):
        product = direction.recurrent
        fields[f"weights{d}"] = packed_rows(product.codes[part], product.element)
        fields[f"block{d}"] = _block(phase, plan, d, group).pack()
        if plan.shape.has_bias:
            fields[f"bias{d}"] = packed_rows(product.bias[None, part], ElementType.I32)
    if isinstance(phase.source, Multiplied):
        fields |= _input_fields(phase.source, part)
    return filled(plan.tile, fields)


def _input_fields(multiplied: Multiplied, part: slice) -> dict[str, bytes]:
    """What makes the input sums of a group."""
    product = multiplied.product
    sums = ElementType.F32 if multiplied.is_float else ElementType.I32
    fields = {
        INPUT_WEIGHTS: packed_rows(product.codes[part], product.element),
        INPUT_BIAS: packed_rows(product.bias[None, part], sums),
    }
    if multiplied.is_float:
        return fields
    return {**fields, INPUT_MULTIPLIERS: product.scaling(part)}


def _block(phase: RecurrentPhase, plan: RecurrentPlan, direction: int, group: int) -> LstmBlock:
    """What the step of a group needs to know."""
    cell, columns = phase.cell, phase.cell.gates * phase.grouping.units
    own_group = group % phase.grouping.groups
    offset = own_group * cell.state.element.row_bytes(phase.grouping.units) // UNIT_BYTES
    if isinstance(cell.hidden, Real):
        return _float_block(phase, plan, plan.cells(direction) + offset)
    hidden, tables = cell.hidden.stored, plan.layout.units("tables")
    multipliers = phase.directions[direction].recurrent.multipliers
    own = multipliers[group * columns : (group + 1) * columns].tolist()
    filler = GATES * block_units(cell.gates, phase.grouping.units) - columns
    return LstmBlock(
        multiplier=cell.multiplier,
        zero_point=hidden.zero_point,
        lo=hidden.lo,
        hi=hidden.hi,
        fc=cell.fc,
        sigmoid=0 if cell.is_wide else tables,
        tanh=tables if cell.is_wide else tables + TABLE_BYTES // UNIT_BYTES,
        lengths=plan.layout.units("lengths") if phase.lengths is not None else 0,
        cell=plan.cells(direction) + offset if cell.has_state else 0,
        cell_pitch_bytes=plan.cell_pitch_bytes if cell.has_state else 0,
        h_pitch_bytes=plan.hidden_pitch_bytes,
        gx_pitch_bytes=plan.inputs_pitch_bytes,
        step_factor=phase.step_factor if phase.lengths is not None else 0,
        multipliers=(*own, *(0,) * filler),
    )


def _float_block(phase: RecurrentPhase, plan: RecurrentPlan, cell: int) -> LstmBlock:
    """Where the step of a group finds its states."""
    has_lengths = phase.lengths is not None
    return LstmBlock(
        **dict.fromkeys(FLOATLESS, 0),
        lengths=plan.layout.units("lengths") if has_lengths else 0,
        cell=cell,
        cell_pitch_bytes=plan.cell_pitch_bytes,
        h_pitch_bytes=plan.hidden_pitch_bytes,
        gx_pitch_bytes=plan.inputs_pitch_bytes,
        step_factor=phase.step_factor if has_lengths else 0,
        multipliers=(),
    )
