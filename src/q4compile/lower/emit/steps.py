"""One word of the vector engine for each step."""

from collections.abc import Callable, Mapping

from q4compile.isa.element_type import ElementType
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Cvt, Lut, Max, Mul, Rq, Unpack
from q4compile.isa.instructions.floating import Function
from q4compile.isa.operand import Address, Rows
from q4compile.lower.emit.row_steps import row_word
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.operations import (
    Activate,
    Beside,
    Combine,
    Curve,
    Lookup,
    Multiply,
    Rectify,
    Requantize,
    Step,
    Widen,
)
from q4compile.lower.plan.row_loops import RowLoops
from q4compile.lower.plan.rows_plan import constant_name

FUNCTIONS = {"Sigmoid": Function.SIGMOID, "Tanh": Function.TANH}


def step_word(
    step: Step,
    loops: RowLoops,
    rows: Rows,
    at: Callable[[Tensor], Address],
    constants: Mapping[str, Address],
) -> Instruction:
    """The word of `step`, without semaphores.

    Raises:
        Refused: Q325 where the left operand of a difference has one row for all.
    """
    operation, result = step.operation, step.result
    to, source, columns = at(result), step.sources[0].tensor, result.depth
    match operation:
        case Combine() | Multiply():
            return _of_two(step, operation, loops, rows, at)
        case Activate():
            return Cvt(to, at(source), rows, columns, FUNCTIONS[operation.operator])
        case Lookup():
            return Lut(
                to,
                at(source),
                constants[constant_name(step)],
                rows,
                columns,
                operation.left_shift,
                operation.result_shift,
            )
        case Curve():
            shifts = (operation.left_shift, operation.result_shift)
            return Lut(to, at(source), constants[constant_name(step)], rows, columns, *shifts)
        case Beside():
            return _beside(operation, to, at(source), constants[constant_name(step)], rows, step)
        case Requantize():
            made = operation.to
            return Rq(
                to,
                at(source),
                constants[constant_name(step)],
                rows,
                columns,
                made.zero_point,
                made.lo,
                made.hi,
                made.element,
                scalar=True,
            )
        case Rectify():
            zeros = constants[constant_name(step)]
            f16 = source.element is ElementType.F16
            return Max(to, at(source), zeros, rows, columns, broadcast=True, f16=f16)
        case Widen():
            return Unpack(to, at(source), rows, columns)
        case _:
            beside = constants.get(constant_name(step), Address(0))
            return row_word(operation, (to, at(source)), source, rows, beside)


def _beside(
    operation: Beside, to: Address, source: Address, row: Address, rows: Rows, step: Step
) -> Instruction:
    columns, f16 = step.result.depth, step.result.element is ElementType.F16
    shifts = (operation.left_shift, operation.right_shift, operation.result_shift)
    if issubclass(operation.word, Mul):
        return Mul(to, source, row, rows, columns, shifts[-1], broadcast=True, f16=f16)
    return operation.word(to, source, row, rows, columns, *shifts, broadcast=True, f16=f16)


def _of_two(
    step: Step,
    operation: Combine | Multiply,
    loops: RowLoops,
    rows: Rows,
    at: Callable[[Tensor], Address],
) -> Instruction:
    """The operand that has one row for all on the right."""
    left, right = (each.tensor for each in step.sources)
    whole = loops.has_inner(step.result)
    is_turned = whole and not loops.has_inner(left)
    if is_turned and not operation.commutes:
        need = "a left operand with a row for each of the result"
        raise Refused("Q325", need, f"one row of '{left.name}' for all")
    if is_turned:
        left, right = right, left
    broadcast = whole and not loops.has_inner(right)
    to, columns = at(step.result), step.result.depth
    f16 = step.result.element is ElementType.F16
    if isinstance(operation, Multiply):
        shift = operation.result_shift
        return Mul(to, at(left), at(right), rows, columns, shift, broadcast=broadcast, f16=f16)
    shifts = (operation.left_shift, operation.right_shift)
    first, second = reversed(shifts) if is_turned else shifts
    return operation.word(
        to,
        at(left),
        at(right),
        rows,
        columns,
        first,
        second,
        operation.result_shift,
        broadcast=broadcast,
        f16=f16,
    )
