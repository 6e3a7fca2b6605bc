"""The networks inside a model, told apart by what reaches them.

encoder = what only the features reach, predictor = what only the tokens reach, joint = what both
reach. Shapes do not count as reaching: the dynamo exporter makes the predictor's zero state from
``Shape(features)``, and with such edges its LSTM would fall into the joint.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import networkx
import onnx_ir as ir

from q4compile.graph.dataflow import LAYOUT_ONLY, data_flow, data_inputs, data_readers, node_inputs
from q4compile.graph.recurrent import is_recurrent

WHOLE = {"encoder", "predictor", "joint", "lm", "source_lm"}
"""Names under which a model is one component, whatever its inputs are."""

FEATURES, TOKENS = "features", "tokens"
NAMED = {
    frozenset({FEATURES}): "encoder",
    frozenset({TOKENS}): "predictor",
    frozenset({FEATURES, TOKENS}): "joint",
}
STATE_PORTS = (5, 6)
"""Where an LSTM, GRU or RNN takes initial_h and initial_c."""


@dataclass(frozen=True)
class Component:
    """A part of a model: its boundary values and its nodes by name, in the graph's order.

    Inputs are graph inputs (lengths and states included) and values of other components; outputs
    are graph outputs and values other components read. Every node belongs to one component; a node
    that only constants, shapes or auxiliary inputs reach, to its first user's.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]


def components(model: ir.Model, name: str = "model") -> tuple[Component, ...]:
    """The components of `model` in the order of their first node.

    A model with features (floating point, rank ≥ 2) and tokens (integer, rank 2) is split into
    encoder, predictor and joint; any other, and any whose `name` is in `WHOLE`, is the one
    component `name`. In a ``decoder_joint`` file (NeMo) the features are the encoder's output, so
    what they alone reach belongs to the joint. Lengths (rank 1), scalars and inputs that only set a
    recurrent node's initial state are auxiliary: they go with the nodes that read them.
    """
    graph = model.graph
    sides = {value: side for value in graph.inputs if (side := _side(value)) is not None}
    owner, free = dict.fromkeys(graph, name), set[ir.Node]()
    if name not in WHOLE and set(sides.values()) == {FEATURES, TOKENS}:
        owner, free = _owners(graph, sides, "joint" if name == "decoder_joint" else "encoder")
    found = dict.fromkeys(owner[node] for node in graph)
    return tuple(_component(graph, name, owner, free) for name in found)


def driving_inputs(model: ir.Model) -> tuple[ir.Value, ...]:
    """The inputs of `model` that carry features or tokens: no lengths, states or scalars."""
    return tuple(value for value in model.graph.inputs if _side(value) is not None)


def _side(value: ir.Value) -> str | None:
    rank = len(value.shape) if value.shape is not None else 0
    if value.dtype is None or rank < 2 or _is_state(value):
        return None
    if value.dtype.is_floating_point():
        return FEATURES
    return TOKENS if value.dtype.is_integer() and rank == 2 else None


def _is_state(value: ir.Value) -> bool:
    """Whether `value` flows, through nothing but layout, into initial states only."""
    return bool(value.uses()) and all(
        (is_recurrent(use.node) and use.idx in STATE_PORTS)
        or (use.node.op_type in LAYOUT_ONLY and all(map(_is_state, use.node.outputs)))
        for use in value.uses()
    )


def _owners(
    graph: ir.Graph, sides: dict[ir.Value, str], features_only: str
) -> tuple[dict[ir.Node, str], set[ir.Node]]:
    """Component name of every node, and the free nodes: those that no side reaches."""
    flow = data_flow(graph)
    reached: dict[ir.Node, set[str]] = {node: set() for node in graph}
    for value, side in sides.items():
        for node in networkx.descendants(flow, value):
            reached[node].add(side)
    named = NAMED | {frozenset({FEATURES}): features_only}
    owner: dict[ir.Node, str] = {}
    users = _all_readers(graph)
    for node in reversed(graph):
        first = (owner[user] for value in node.outputs for user in users.get(value, ()))
        owner[node] = named.get(frozenset(reached[node])) or next(first, features_only)
    return owner, {node for node in graph if not reached[node]}


def _all_readers(graph: ir.Graph) -> dict[ir.Value, list[ir.Node]]:
    users: dict[ir.Value, list[ir.Node]] = {}
    for node in graph:
        for value in node_inputs(node):
            users.setdefault(value, []).append(node)
    return users


def _component(
    graph: ir.Graph, name: str, owner: dict[ir.Node, str], free: set[ir.Node]
) -> Component:
    own = [node for node in graph if owner[node] == name]
    needed = _with_free_ancestors(own, free)
    users = data_readers(graph)
    leaving = [
        value
        for node in own
        for value in node.outputs
        if value.is_graph_output()
        or (node not in free and any(owner[user] != name for user in users.get(value, ())))
    ]
    made = {value for node in needed for value in node.outputs}
    read = {value for node in needed for value in data_inputs(node)} - made
    read |= {value for value in _measured(needed) if value not in users}
    candidates = (*graph.inputs, *(value for node in graph for value in node.outputs))
    entering = [value for value in candidates if value in read and not value.is_initializer()]
    return Component(
        name, _names(entering), _names(leaving), tuple(node.name or "" for node in own)
    )


def _with_free_ancestors(own: Iterable[ir.Node], free: set[ir.Node]) -> set[ir.Node]:
    """`own` and the free nodes it depends on: constants and shapes two components may share."""
    needed, waiting = set(own), list(own)
    while waiting:
        for value in node_inputs(waiting.pop()):
            producer = value.producer()
            if producer in free and producer not in needed:
                needed.add(producer)
                waiting.append(producer)
    return needed


def _measured(nodes: Iterable[ir.Node]) -> Iterator[ir.Value]:
    """Graph inputs of which `nodes` take the shape."""
    for node in nodes:
        yield from (
            value
            for value in set(node_inputs(node)) - set(data_inputs(node))
            if value.is_graph_input()
        )


def _names(values: Iterable[ir.Value]) -> tuple[str, ...]:
    return tuple(value.name or "" for value in values)
