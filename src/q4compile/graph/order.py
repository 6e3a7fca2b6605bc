"""A graph's structure: each value has one definition, which stands before its uses."""

from collections.abc import Iterator

import networkx
import onnx
from onnx import checker

from q4compile.errors import Finding


def inner_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """`graph` and every graph inside its nodes (If branches, Scan and Loop bodies)."""
    yield graph
    for node in graph.node:
        for inner in _bodies(node):
            yield from inner_graphs(inner)


def order_findings(graph: onnx.GraphProto) -> list[Finding]:
    """Q111 for a value defined twice or nowhere, for a cycle, and for a node against its schema."""
    return [*_names(graph, frozenset()), *_cycles(graph)]


def schema_findings(model: onnx.ModelProto) -> Iterator[Finding]:
    """Q111 for each node whose inputs, outputs or attributes its operator does not have."""
    context = checker.C.CheckerContext()
    context.ir_version = model.ir_version
    context.opset_imports = {entry.domain: entry.version for entry in model.opset_import}
    for graph in inner_graphs(model.graph):
        for node in graph.node:
            if node.domain == "" and node.op_type != "Constant" and not list(_bodies(node)):
                try:
                    checker.check_node(node, context)
                except checker.ValidationError as error:
                    yield _invalid(
                        _label(node), "a node that its operator allows", f"{error}".splitlines()[0]
                    )


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _names(graph: onnx.GraphProto, outer: frozenset[str]) -> Iterator[Finding]:
    """Values of `graph` defined twice, or used without any definition in it or around it."""
    given = {value.name for value in graph.input} | {value.name for value in graph.initializer}
    given |= {value.values.name for value in graph.sparse_initializer}
    made: set[str] = set()
    for node in graph.node:
        for name in filter(None, node.output):
            if name in made or name in given:
                yield _invalid(
                    _label(node), "a new name for each output", f"'{name}' exists already"
                )
            made.add(name)
    known = outer | given | made
    for node in graph.node:
        for name in filter(None, node.input):
            if name not in known:
                yield _invalid(
                    _label(node), "inputs that exist", f"'{name}', which nothing defines"
                )
        for inner in _bodies(node):
            yield from _names(inner, known)
    for output in graph.output:
        if output.name not in known:
            yield _invalid(f"output '{output.name}'", "a value", "a name that nothing defines")


def _cycles(graph: onnx.GraphProto) -> Iterator[Finding]:
    flow = networkx.DiGraph()
    for position, node in enumerate(graph.node):
        flow.add_edges_from((name, position) for name in node.input if name)
        flow.add_edges_from((position, name) for name in node.output if name)
    try:
        cycle = networkx.find_cycle(flow)
    except networkx.NetworkXNoCycle:
        return
    labels = [_label(graph.node[source]) for source, _ in cycle if isinstance(source, int)]
    yield _invalid(labels[0], "no value that depends on itself", " → ".join([*labels, labels[0]]))


def _label(node: onnx.NodeProto) -> str:
    return f"node '{node.name or next(iter(node.output), '')}' ({node.op_type})"


def _invalid(at: str, need: str, got: str) -> Finding:
    return Finding("Q111", "invalid graph", at, need, got, "export the model again")
