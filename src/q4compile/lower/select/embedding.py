"""Gather: rows of a constant table by tokens, kept until somebody reads them."""

from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import Grid, Integer
from q4compile.lower.numbers.weight_codes import table_codes
from q4compile.lower.phases.values import Measured, Numbers
from q4compile.lower.select.selection import Gathered, Selection, described, require_codes
from q4compile.lower.select.shaping import element_of
from q4compile.quantize.network import Node

MAX_TABLE_ROWS = 2**16 - 1


def gather(selection: Selection, node: Node) -> None:
    """``y[..., :] = table[ids[...], :]``; or an element of a shape.

    Raises:
        Refused: Q321 for a Gather from anything else, Q323 for a table without one scale.
    """
    table, ids = (selection.value(operand.value) for operand in node.inputs[:2])
    if isinstance(table, Measured) and node.inputs[0].value not in selection.network.weights:
        element_of(selection, node, table)
        return
    name, axis = node.inputs[0].value, node.attributes.get("axis", 0)
    constant = selection.network.constants.get(name)
    if constant is None or constant.ndim != 2 or axis != 0:
        raise Refused("Q321", "rows of a constant table", f"'{name}', axis {axis}")
    if not isinstance(ids, Numbers) or not isinstance(ids.kind, Integer):
        raise Refused("Q322", "tokens", f"'{node.inputs[1].value}', {described(ids)}")
    if len(constant) > MAX_TABLE_ROWS:
        got = f"{len(constant)} of '{name}'"
        raise Refused("Q324", f"at most {MAX_TABLE_ROWS} rows of a table", got)
    codes, grid = table_codes(selection.network, name, selection.wanted_grid(node.outputs[0]))
    if isinstance(grid, Grid):
        require_codes(name, grid)
        codes = codes - grid.stored_offset
    axes = (*ids.view.axes, (selection.length(codes.shape[1]),))
    view = selection.result(node.outputs[0], grid, axes)
    selection.gathered[view.tensor.name] = Gathered(ids.view.tensor, codes)
    selection.keep(node.outputs[0], grid, grid.bound, view)
