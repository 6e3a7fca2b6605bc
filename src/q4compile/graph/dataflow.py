"""The graph as networkx sees it: nodes joined by the data that flows between them."""

from collections.abc import Iterator

import networkx
import onnx_ir as ir

SHAPE_ONLY = {"Shape", "Size"}
"""Operators that pass on how much data there is, but none of it."""

LAYOUT_ONLY = {
    *("Concat", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice", "Split"),
    *("Squeeze", "Transpose", "Unsqueeze"),
}
"""Operators whose output numbers are numbers of their first input (or zeros), elsewhere."""


def node_inputs(node: ir.Node) -> Iterator[ir.Value]:
    """Every value `node` reads, those its subgraphs capture included; no empty ports."""
    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from _captured(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            for graph in attribute.as_graphs():
                yield from _captured(graph)


def _captured(graph: ir.Graph) -> Iterator[ir.Value]:
    inside = {*graph.inputs, *graph.initializers.values()}
    for node in graph:
        inside.update(node.outputs)
        yield from (value for value in node_inputs(node) if value not in inside)
    yield from (value for value in graph.outputs if value not in inside)


def data_inputs(node: ir.Node) -> Iterator[ir.Value]:
    """`node_inputs` whose numbers matter to `node`: none for Shape and Size."""
    return iter(()) if node.op_type in SHAPE_ONLY else node_inputs(node)


def data_flow(graph: ir.Graph) -> networkx.DiGraph:
    """Nodes and inputs of `graph`, with an edge wherever data, not just its shape, flows."""
    flow = networkx.DiGraph()
    flow.add_nodes_from((*graph.inputs, *graph))
    for node in graph:
        flow.add_edges_from((value.producer() or value, node) for value in data_inputs(node))
    return flow


def data_readers(graph: ir.Graph) -> dict[ir.Value, list[ir.Node]]:
    """Value → the nodes of `graph` that read its data, in the graph's order."""
    users: dict[ir.Value, list[ir.Node]] = {}
    for node in graph:
        for value in data_inputs(node):
            users.setdefault(value, []).append(node)
    return users
