"""``read_network(model)``: a graph without its quantizers, and what they do.

A quantizer is taken off wherever a node reads its result, and noted in the node's operand. What is
left of the graph once nothing reads a quantizer any more is the float network. A quantizer that
cannot be taken off is refused by name, never dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from q4compile.errors import ModelError, raise_all
from q4compile.graph.components import components
from q4compile.graph.operators import axes
from q4compile.quantize.constant_chains import is_stored, stored_numbers
from q4compile.quantize.network import Array, Network, Node, Port
from q4compile.quantize.network_constants import StoredConstant
from q4compile.quantize.network_grids import Quantizer
from q4compile.quantize.network_recurrent import attributes_of, cell_range_of
from q4compile.quantize.network_refusals import refusals
from q4compile.quantize.network_shapes import with_shapes
from q4compile.quantize.network_trace import Trace


@dataclass(frozen=True)
class Located:
    """A network, and where its constants and grids lie in the graph."""

    network: Network
    constants: Mapping[str, StoredConstant]
    quantizers: Mapping[str, list[Quantizer]]
    initializers: Mapping[str, ir.Value]


def read_network(model: ir.Model, name: str = "model") -> Network:
    """The network of `model`: a float one, one of ours in form qdq, or another tool's.

    Args:
        model: as `graph.read.read_model` gives it; left as it was.
        name: what to call the component of a model that is a single one.

    Raises:
        ModelError: Q132 for every quantizer that is none of: activations on one constant scale,
            constants on symmetric grids, float16. Q133 for form exact.
    """
    return locate(model, name).network


def locate(model: ir.Model, name: str = "model") -> Located:
    """`read_network`, with where in `model` everything lies; raises what that raises."""
    trace = Trace(model)
    raise_all(ModelError, refusals(trace))
    network = _network(model, trace, name)
    stored = dict(model.graph.initializers.items())
    return Located(network, trace.constants, trace.quantizers.by_name, stored)


def _network(model: ir.Model, trace: Trace, name: str) -> Network:
    parts = components(model, name)
    owner = {node: part.name for part in parts for node in part.nodes}
    nodes = tuple(_nodes(model.graph, trace, owner))
    constants = _constants(model.graph, trace, nodes)
    stored, grids = trace.constants, trace.quantizers.by_name
    return Network(
        name=name,
        opset=model.opset_imports[""],
        components=tuple(dict.fromkeys(node.component for node in nodes)),
        inputs=tuple(map(_port, model.graph.inputs)),
        outputs=tuple(map(_port, model.graph.outputs)),
        nodes=nodes,
        constants=constants,
        weights={
            n: grid for n in constants if n in stored and (grid := stored[n].grid) is not None
        },
        grids={name: grids[name][0].grid for name in _grids_read(nodes) if name in grids},
        halves=frozenset(name for name, each in stored.items() if each.is_half),
        values=_values(with_shapes(model).graph, nodes, constants),
        metadata=dict(model.metadata_props),
    )


def _nodes(graph: ir.Graph, trace: Trace, owner: Mapping[str, str]) -> Iterator[Node]:
    for node in graph:
        component = owner[str(node.name)]
        if node in trace.kept:
            yield _node(node, trace, component)
            continue
        for value in node.outputs:
            if value in trace.identities:
                read, made = (trace.identities[value],), (str(value.name),)
                yield Node(str(node.name), "Identity", "", component, read, made, {})


def _node(node: ir.Node, trace: Trace, component: str) -> Node:
    inputs = tuple(trace.operand(value) for value in trace.inputs_of(node))
    while inputs and not inputs[-1].value:
        inputs = inputs[:-1]
    variant = trace.variants.get(node)
    return Node(
        name=str(node.name),
        op=node.op_type,
        domain=node.domain if variant is None else "",
        component=component,
        inputs=inputs,
        outputs=tuple(str(v.name) if _is_read(v) else "" for v in node.outputs),
        attributes=_attributes(node) if variant is None else attributes_of(node, variant),
        cell_range=cell_range_of(node),
        **trace.inside.get(node, {}),
    )


def _is_read(value: ir.Value) -> bool:
    return bool(value.name) and (bool(value.uses()) or value.is_graph_output())


def _attributes(node: ir.Node) -> dict[str, Any]:
    """As Python and numpy values; without subgraphs, whose nodes are none of the network's."""
    graphs = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
    return {
        name: each.as_tensor().numpy() if each.type == ir.AttributeType.TENSOR else each.value
        for name, each in node.attributes.items()
        if each.type not in graphs
    }


def _constants(graph: ir.Graph, trace: Trace, nodes: tuple[Node, ...]) -> dict[str, Array]:
    """Every constant that a node reads or that is an output, in the graph's order."""
    read = {operand.value for node in nodes for operand in node.inputs}
    read |= {str(value.name) for value in graph.outputs}
    found = trace.constants
    return {
        name: found[name].values if name in found else stored_numbers(value)
        for name, value in graph.initializers.items()
        if name in read and is_stored(value)
    }


def _grids_read(nodes: tuple[Node, ...]) -> list[str]:
    """Every grid once, in the order in which the nodes need them."""
    found: dict[str, None] = {}
    for node in nodes:
        read = (*(operand.grid for operand in node.inputs), node.hidden, node.cell, node.gate)
        found |= {name: None for name in read if name is not None}
    return list(found)


def _values(
    graph: ir.Graph, nodes: tuple[Node, ...], constants: Mapping[str, Array]
) -> dict[str, Port]:
    by_name = {str(value.name): value for value in graph.inputs}
    by_name |= {str(value.name): value for node in graph for value in node.outputs}
    known = {str(value.name): _port(value) for value in graph.inputs}
    made = (name for node in nodes for name in node.outputs if name)
    known |= {name: _port(by_name[name]) for name in made}
    return known | {name: Port(name, a.dtype.name, a.shape) for name, a in constants.items()}


def _port(value: ir.Value) -> Port:
    dtype = "" if value.dtype is None else np.dtype(value.dtype.numpy()).name
    return Port(str(value.name), dtype, axes(value))
