"""Where numbers can be given fewer bits: every tensor of every quantizable node, by role."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.graph.components import Component
from q4compile.graph.dataflow import SHAPE_ONLY
from q4compile.graph.operators import Tensor, axes, is_constant, tensors_of
from q4compile.graph.recurrent import refusals


@dataclass(frozen=True)
class Site:
    """One tensor in one role.

    `role` is input, weight, recurrent_weight, bias, table, hidden (h of every step), cell (c of
    every step) or gate (pre-activations of every step). Cell and gate exist only inside the node:
    they are called ``<node>.c`` and ``<node>.gates``, and h without an output port ``<node>.h``.
    `position` holds first and last for the first and last quantizable node of the component, else
    middle. `shape` has None for a dynamic axis without a name. `channel_axis` is the output-channel
    axis of a weight, on which `gates` blocks lie one after the other.
    """

    component: str
    node_name: str
    op: str
    role: str
    value_name: str
    shape: tuple[int | str | None, ...] | None
    is_constant: bool
    position: frozenset[str]
    producer_op: str | None
    consumer_ops: tuple[str, ...]
    channel_axis: int | None
    gates: int


def sites(model: ir.Model, components: Sequence[Component]) -> tuple[Site, ...]:
    """Every quantizable tensor of `model`, in the order of its nodes.

    Raises:
        ModelError: Q107 and Q108, all at once: what cannot be quantized is named, not skipped.
    """
    raise_all(ModelError, [*refusals(model), *buried_layers(model)])
    owner = {name: component.name for component in components for name in component.nodes}
    layers = [(node, tensors) for node in model.graph if (tensors := tensors_of(node))]
    order: dict[str, list[ir.Node]] = {}
    for node, _ in layers:
        order.setdefault(owner[node.name or ""], []).append(node)
    return tuple(
        _site(node, tensor, component, _position(node, order[component]))
        for node, tensors in layers
        for component in (owner[node.name or ""],)
        for tensor in tensors
    )


def buried_layers(model: ir.Model) -> list[Finding]:
    """Q108 for each quantizable node inside an If branch or a Scan or Loop body."""
    return [
        Finding(
            "Q108",
            "a layer inside a subgraph",
            f"node '{node.name}' ({node.op_type}) in graph '{graph.name}'",
            "quantizable layers in the main graph",
            "a branch or loop body, whose layers are not quantized",
            "export the model without data-dependent control flow around its layers",
        )
        for graph in model.graph.subgraphs()
        for node in graph
        if tensors_of(node)
    ]


def _position(node: ir.Node, layers: list[ir.Node]) -> frozenset[str]:
    ends = {word for word, end in (("first", layers[0]), ("last", layers[-1])) if node is end}
    return frozenset(ends or {"middle"})


def _site(node: ir.Node, tensor: Tensor, component: str, position: frozenset[str]) -> Site:
    value = tensor.value
    producer = value.producer() if value is not None else node
    users = value.consumers() if value is not None else [node]
    return Site(
        component=component,
        node_name=node.name or "",
        op=node.op_type,
        role=tensor.role,
        value_name=f"{node.name}{tensor.suffix}" if value is None else value.name or "",
        shape=tensor.shape if tensor.shape is not None else axes(value),
        is_constant=is_constant(value),
        position=position,
        producer_op=producer.op_type if producer is not None else None,
        consumer_ops=tuple(sorted({user.op_type for user in users} - SHAPE_ONLY)),
        channel_axis=tensor.channel_axis,
        gates=tensor.gates,
    )
