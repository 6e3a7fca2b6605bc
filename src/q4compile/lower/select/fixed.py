"""Operands of arithmetic: int16 with a power of two, whatever form they have."""

from dataclasses import replace
from fractions import Fraction

from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import View
from q4compile.lower.numbers.kinds import Fixed, Grid, finest_for
from q4compile.lower.numbers.product import scalar_multiplier
from q4compile.lower.phases.operations import Step
from q4compile.lower.phases.row_operations import Dequantize
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node


def fixed_operand(selection: Selection, node: Node, port: int) -> tuple[Numbers, Fixed]:
    """The numbers at a port, and their format; those of a grid by a step of their reader.

    Raises:
        Refused: Q322 for integers and constants.
    """
    found = selection.numbers(node, port)
    if isinstance(found.kind, Fixed):
        return found, found.kind
    if not isinstance(found.kind, Grid):
        got = f"'{node.inputs[port].value}', on {found.kind}"
        raise Refused("Q322", "real numbers", got)
    return _unpacked(selection, found, found.kind)


def _unpacked(selection: Selection, found: Numbers, grid: Grid) -> tuple[Numbers, Fixed]:
    """``sat16((q − zero_point) · M)``, M of scale · 2^f."""
    source = found.view.tensor
    kind = finest_for(grid.bound)
    if kind is None:
        raise Refused("Q324", "codes of values below 2^31", f"'{source.name}' on {grid}")
    multiplier = scalar_multiplier(grid.scale * Fraction(2) ** kind.f, source.name)
    tensor = source.recoded(f"{source.name} as {next(selection.serials)}", kind, kind.element)
    operation = Dequantize(grid.stored.zero_point, multiplier)
    selection.steps[tensor.name] = Step(operation, (found.view,), tensor)
    bound = min(found.bound, kind.bound)
    return replace(found, kind=kind, bound=bound, view=View(tensor, found.view.axes)), kind
