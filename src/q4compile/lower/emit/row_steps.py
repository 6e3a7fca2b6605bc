"""The word of a row operation."""

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Dq, Norm, Reduce, Soft
from q4compile.isa.operand import Address, Rows
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.numbers.tables import TABLE_BYTES
from q4compile.lower.phases.row_operations import Dequantize, Normalize, Reduction, RowOperation


def row_word(
    operation: RowOperation,
    places: tuple[Address, Address],
    source: Tensor,
    rows: Rows,
    constants: Address,
) -> Instruction:
    """Without semaphores.

    Args:
        places: where the result goes, and where the source is.
        constants: what the operation reads besides, if it does.
    """
    columns = source.depth
    match operation:
        case Dequantize():
            numbers = (operation.zero_point, operation.multiplier)
            return Dq(*places, rows, columns, *numbers, source.element)
        case Reduction():
            return Reduce(*places, rows, columns, operation.multiplier, operation.how)
        case Normalize():
            shifts = (operation.result_shift, operation.bias_shift)
            return Norm(*places, rows, columns, constants, *shifts)
        case _:
            is_log = operation.out_shift is not None
            behind = Address(constants.offset + TABLE_BYTES // UNIT_BYTES, constants.register)
            return Soft(
                *places,
                rows,
                columns,
                constants,
                behind if is_log else None,
                operation.left_shift,
                operation.result_shift,
                operation.out_shift or 0,
            )
