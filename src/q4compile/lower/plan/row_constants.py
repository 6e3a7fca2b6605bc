"""What operations read besides their rows, if that is their own."""

from q4compile.isa.element_type import ElementType, aligned_bytes
from q4compile.lower.numbers.packing import packed_rows
from q4compile.lower.numbers.soft_tables import soft_tables
from q4compile.lower.numbers.tables import TABLE_BYTES
from q4compile.lower.phases.operations import Beside, Curve, Step
from q4compile.lower.phases.row_operations import Normalize, Soften


def row_constant(step: Step) -> tuple[str, bytes] | None:
    """Name and bytes; None for an operation that has no constants."""
    operation = step.operation
    if isinstance(operation, Soften):
        is_log = operation.out_shift is not None
        return "tables of log softmax" if is_log else "table of softmax", soft_tables(is_log)
    if isinstance(operation, Curve):
        entries = packed_rows([operation.table], ElementType.I16, TABLE_BYTES)
        return f"table of {step.result.name}", entries
    if isinstance(operation, Beside):
        return f"row for {step.result.name}", packed_rows([operation.row], step.result.element)
    if isinstance(operation, Normalize):
        return f"norm of {step.result.name}", _norm_block(operation)
    return None


def _norm_block(operation: Normalize) -> bytes:
    """As `isa.instructions.rowwise.Norm` says."""
    epsilon = operation.epsilon.to_bytes(8, "little") + bytes(8)
    scales, biases = (
        packed_rows([each], kind, aligned_bytes(kind.row_bytes(len(each))))
        for each, kind in (
            (operation.scales, ElementType.I16),
            (operation.biases, ElementType.I32),
        )
    )
    return epsilon + scales + biases
