"""Decisions on nodes that move codes, take rows of a table, or reckon with integers."""

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Table
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.tensor import (
    Grid,
    Integers,
    Zeros,
    code_range,
    encoded,
)
from q4compile.quantize.oracle.weight_codes import table_codes

INTEGER_TYPES = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
"""Of `onnx.TensorProto`: uint8 to int64, uint32, uint64; no float and no bool."""


def represent_move(draft: Draft, node: Node) -> None:
    """What the data operands are, which must be one thing.

    Raises:
        Refusal: Q142 for a Concat of different representations; Q141 for a Pad that does not put
            zeros around its operand.
    """
    ports = range(len(node.inputs)) if node.op == "Concat" else (0,)
    found = [draft.read(node, port) for port in ports]
    kinds = {each.representation for each in found}
    if len(kinds) > 1:
        got = ", ".join(sorted(map(str, kinds)))
        raise Refusal("Q142", "operands of one representation", got)
    if node.op == "Pad":
        _check_pad(draft, node)
    draft.set(node.outputs[0], found[0].representation, max(each.bound for each in found))


def represent_gather(draft: Draft, node: Node) -> None:
    """Rows of a constant table, or integers.

    Raises:
        Refusal: Q141 for values and axes that are neither.
    """
    name = node.inputs[0].value
    if draft.read(node, 1).representation != Integers():
        raise Refusal("Q142", "integer indices", f"'{node.inputs[1].value}'")
    data = draft.known(name)
    if data is not None and data.representation == Integers():
        draft.set(node.outputs[0], Integers())
        return
    if name not in draft.network.constants or node.attributes.get("axis", 0) != 0:
        raise Refusal("Q141", "rows of a constant table", f"a Gather from '{name}'")
    table = _table(draft, node)
    draft.tables[node.name] = table
    draft.set(node.outputs[0], table.grid, table.grid.bound)


def represent_filled(draft: Draft, node: Node) -> None:
    """ConstantOfShape: integers, or real zeros.

    Raises:
        Refusal: Q141 for other real numbers.
    """
    _check_integers(draft, node)
    fill = np.asarray(node.attributes.get("value", np.zeros(1, np.float32)))
    if fill.dtype.kind == "f" and fill.any():
        raise Refusal("Q141", "zeros or integers", f"a value of {float(fill.flat[0]):g}")
    draft.set(node.outputs[0], Zeros() if fill.dtype.kind == "f" else Integers())


def represent_expand(draft: Draft, node: Node) -> None:
    """Zeros and integers can be repeated.

    Raises:
        Refusal: Q141 for other values.
    """
    kind = draft.read(node, 0).representation
    if not isinstance(kind, (Zeros, Integers)):
        raise Refusal("Q141", "zeros or integers", f"'{node.inputs[0].value}', {kind}")
    draft.set(node.outputs[0], kind)


def represent_measure(draft: Draft, node: Node) -> None:
    """Shape and Size of anything."""
    draft.set(node.outputs[0], Integers())


def represent_integers(draft: Draft, node: Node) -> None:
    """Arithmetic of lengths; a Cast stays among integers.

    Raises:
        Refusal: Q141 where a real number takes part.
    """
    _check_integers(draft, node)
    if node.op == "Cast" and node.attributes.get("to") not in INTEGER_TYPES:
        raise Refusal("Q141", "a Cast to integers", f"to type {node.attributes.get('to')}")
    draft.set(node.outputs[0], Integers())


def all_integers(draft: Draft, node: Node) -> bool:
    """Whether `node` reads integers alone."""
    found = [draft.known(operand.value) for operand in node.inputs if operand.value]
    return all(each is not None and each.representation == Integers() for each in found)


def _check_integers(draft: Draft, node: Node) -> None:
    if not all_integers(draft, node):
        raise Refusal("Q141", "integer operands", "real numbers")


def _check_pad(draft: Draft, node: Node) -> None:
    if node.attributes.get("mode", "constant") != "constant":
        raise Refusal("Q141", "a Pad with a constant", f"mode {node.attributes['mode']}")
    name = node.inputs[2].value if len(node.inputs) > 2 else ""
    if name and (name not in draft.network.constants or draft.network.constants[name].any()):
        raise Refusal("Q141", "a Pad with 0", f"with '{name}'")


def _table(draft: Draft, node: Node) -> Table:
    """The rows on the one grid that they are read on, or on the table's own."""
    name = node.inputs[0].value
    wanted = draft.wanted(node.outputs[0])
    if isinstance(wanted, Grid):
        return Table(wanted, encoded(draft.network.constants[name], wanted))
    codes, scale = table_codes(draft.network, name)
    grid = draft.network.weights[name]
    return Table(Grid(scale, 0, *code_range(grid.format, grid.narrow)), codes)
