"""Initializers rewritten in place; one that grids share, and that now differs, becomes several.

Tools that store equal constants once make one zero point of many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import onnx_ir as ir

from q4compile.errors import Finding


@dataclass(frozen=True)
class Written:
    """An initializer and what it is to hold; `readers` are those of its nodes that have to see it.

    None are named where all of them do.
    """

    value: ir.Value
    tensor: ir.TensorProtocol
    readers: tuple[ir.Node, ...] = ()


def put(graph: ir.Graph, written: Sequence[Written]) -> list[Finding]:
    """Write all of `written`; Q158 for what would have to hold two things for all its readers."""
    found: dict[str, Finding] = {}
    held: dict[tuple[ir.Value, bytes], ir.Value] = {}
    first: dict[ir.Value, bytes] = {}
    for each in written:
        data = each.tensor.tobytes()
        if first.setdefault(each.value, data) == data:
            each.tensor.name = each.value.name
            each.value.const_value, each.value.type = each.tensor, _type(each)
        elif not each.readers:
            found[str(each.value.name)] = _conflict(each.value)
        else:
            if (each.value, data) not in held:
                held[each.value, data] = _added(graph, each)
            _read_instead(each, held[each.value, data])
    return list(found.values())


def _added(graph: ir.Graph, each: Written) -> ir.Value:
    taken = set(graph.initializers)
    name = next(n for k in count(2) if (n := f"{each.value.name}.{k}") not in taken)
    each.tensor.name = name
    value = ir.Value(name=name, shape=each.value.shape, type=_type(each), const_value=each.tensor)
    value.metadata_props.update(each.value.metadata_props)
    graph.register_initializer(value)
    return value


def _read_instead(each: Written, value: ir.Value) -> None:
    for node in each.readers:
        for index, port in enumerate(node.inputs):
            if port is each.value:
                node.replace_input_with(index, value)


def _type(each: Written) -> ir.TensorType:
    return ir.TensorType(each.tensor.dtype)


def _conflict(value: ir.Value) -> Finding:
    return Finding(
        "Q158",
        "one constant for two grids",
        f"initializer '{value.name}'",
        "grids that are equal after training, as before",
        "grids that differ",
        "quantize the float model with q4compile quantize: each grid has its own then",
    )
