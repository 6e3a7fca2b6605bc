"""What no rule was asked about: float constants of operators that are not quantized.

leftover = float constants that a node reads − those the plan decides for that node
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.errors import Finding
from q4compile.graph.inspect import encodes, inspect
from q4compile.graph.operators import BY_OP
from q4compile.quantize.plan import Entry, Plan

SHOWN = 10


@dataclass(frozen=True)
class Leftover:
    """A float constant of several elements that stays as it is, though no rule says so."""

    node: str
    """The first one that reads it as it is."""
    op: str
    tensor: str
    elements: int
    share: float
    """Of all parameters of the model, 0 to 1."""


def leftover(model: ir.Model, plan: Plan) -> tuple[Leftover, ...]:
    """The leftovers of the float model `model` under `plan`, the largest first.

    A constant that a quantized layer reads too is one, if another node reads it as it is: the file
    holds it twice. Not one: scalars, what no node reads, scales of quantizers that the model has.
    """
    total = max(inspect(model).parameters, 1)
    covered = _covered(model, plan)
    found = []
    for graph in model.graphs():
        for value in graph.initializers.values():
            if not _is_float_array(value):
                continue
            readers = [
                use.node
                for use in value.uses()
                if (use.node, value.name) not in covered and not encodes(use.node, use.idx)
            ]
            if readers:
                found.append(_leftover(value, readers[0], total))
    return tuple(sorted(found, key=lambda each: -each.elements))


def parameters(found: Iterable[Leftover]) -> int:
    """The elements of all of them."""
    return sum(each.elements for each in found)


def unquantized(found: Sequence[Leftover], at: str) -> list[Finding]:
    """Q213 for the leftovers of the model `at`: a warning, an error under ``--strict``."""
    if not found:
        return []
    share = sum(each.share for each in found)
    rows = [f"{_counted(len(found))}, {share:.2%} of all parameters:"]
    rows += [described(each) for each in found[:SHOWN]]
    rows += [f"and {len(found) - SHOWN} more"] * (len(found) > SHOWN)
    finding = Finding(
        "Q213",
        "constants that stay float, as no recipe can name them",
        at,
        f"constants in operators that are quantized: {', '.join(sorted(BY_OP))}",
        "\n".join(rows),
        "export the model with these operators, or leave out --strict and keep them float",
    )
    return [finding]


def described(each: Leftover) -> str:
    """One leftover as a line of text."""
    size = f"{each.elements} numbers, {each.share:.2%}"
    return f"'{each.tensor}' of node '{each.node}' ({each.op}): {size}"


def _covered(model: ir.Model, plan: Plan) -> set[tuple[ir.Node, str | None]]:
    nodes = {node.name: node for node in model.graph}
    constants = [entry for entry in plan.entries if entry.site.is_constant]
    return {
        (reader, entry.site.value_name)
        for entry in constants
        for reader in _readers(nodes[entry.site.node_name], entry)
    }


def _readers(node: ir.Node, entry: Entry) -> Iterable[ir.Node]:
    """The layer itself and, for a MatMul's bias, the Add behind it."""
    added = node.op_type == "MatMul" and entry.site.role == "bias"
    return node.outputs[0].consumers() if added else (node,)


def _is_float_array(value: ir.Value) -> bool:
    tensor = value.const_value
    return tensor is not None and tensor.dtype.is_floating_point() and tensor.size > 1


def _leftover(value: ir.Value, reader: ir.Node, total: int) -> Leftover:
    assert value.const_value is not None, "only constants are left over"
    elements = value.const_value.size
    return Leftover(reader.name or "", reader.op_type, value.name or "", elements, elements / total)


def _counted(tensors: int) -> str:
    return "1 constant" if tensors == 1 else f"{tensors} constants"
