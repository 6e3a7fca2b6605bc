"""Recurrent state made visible, so that one graph serves whole sequences and single steps.

For T frames, ``f(x₁…x_T, s₀) = y₁…y_T, s_T``; calling f once per frame with the state of the call
before gives the same y (unidirectional layers).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.graph.recurrent import Recurrent, describe, recurrent_nodes

FIRST_STATE_INPUT = 5
"""initial_h is input 5 and initial_c input 6; Y_h is output 1 and Y_c output 2 (onnx, LSTM)."""
FIRST_STATE_OUTPUT = 1


@dataclass(frozen=True)
class StatePort:
    """Where one state of one recurrent node enters and leaves: [directions, batch, hidden].

    `kind` is 'h' or 'c'. `batch` is a length or the name of the dynamic axis. The state before the
    first step is zero.
    """

    node: str
    kind: str
    input_name: str
    output_name: str
    shape: tuple[int | str, int | str, int | str]


def expose_state(model: ir.Model) -> tuple[ir.Model, tuple[StatePort, ...]]:
    """A copy of `model` with every recurrent state as an input and an output, and their ports.

    Names are ``<node>.h_in``, ``<node>.h_out``, ``<node>.c_in``, ``<node>.c_out``; a state that
    is an input or output already keeps its name. Weights are shared with `model`, not copied.

    Raises:
        ModelError: Q114 for an initial state that is neither zero nor an input of the model.
    """
    exposed = model.clone()
    nodes = list(recurrent_nodes(exposed))
    raise_all(ModelError, [finding for node in nodes for finding in _computed_states(node)])
    ports = tuple(port for node in nodes for port in _expose(exposed.graph, node))
    RemoveUnusedNodesPass()(exposed)
    return exposed, ports


def _kinds(node: ir.Node) -> str:
    return "hc" if node.op_type == "LSTM" else "h"


def _expose(graph: ir.Graph, node: ir.Node) -> list[StatePort]:
    described = describe(node)
    kinds = _kinds(node)
    node.resize_inputs(max(len(node.inputs), FIRST_STATE_INPUT + len(kinds)))
    node.resize_outputs(max(len(node.outputs), FIRST_STATE_OUTPUT + len(kinds)))
    return [
        StatePort(
            described.node,
            kind,
            _enter(graph, node, described, offset, kind),
            _leave(graph, node, described, offset, kind),
            (described.directions, _batch(node), described.hidden_size),
        )
        for offset, kind in enumerate(kinds)
    ]


def _enter(graph: ir.Graph, node: ir.Node, described: Recurrent, offset: int, kind: str) -> str:
    given = node.inputs[FIRST_STATE_INPUT + offset]
    if given is not None and given.is_graph_input():
        return given.name or ""
    state = ir.Value(
        name=f"{described.node}.{kind}_in",
        type=ir.TensorType(_dtype(node)),
        shape=ir.Shape((described.directions, _batch(node), described.hidden_size)),
    )
    graph.inputs.append(state)
    node.replace_input_with(FIRST_STATE_INPUT + offset, state)
    return state.name or ""


def _leave(graph: ir.Graph, node: ir.Node, described: Recurrent, offset: int, kind: str) -> str:
    state = node.outputs[FIRST_STATE_OUTPUT + offset]
    if not state.is_graph_output():
        state.name = f"{described.node}.{kind}_out"
        state.type = ir.TensorType(_dtype(node))
        state.shape = ir.Shape((described.directions, _batch(node), described.hidden_size))
        graph.outputs.append(state)
    return state.name or ""


def _dtype(node: ir.Node) -> ir.DataType:
    given = node.inputs[0]
    return (given.dtype if given is not None else None) or ir.DataType.FLOAT


def _batch(node: ir.Node) -> int | str:
    """Length or name of the batch axis of X [T, B, K]."""
    given = node.inputs[0]
    axis = given.shape[1] if given is not None and given.shape is not None else None
    return axis if isinstance(axis, int) else (axis and axis.value) or "batch"


def _computed_states(node: ir.Node) -> list[Finding]:
    indices = range(FIRST_STATE_INPUT, min(len(node.inputs), FIRST_STATE_INPUT + len(_kinds(node))))
    return [
        Finding(
            "Q114",
            "an initial state that is computed",
            f"node '{node.name}' ({node.op_type}), initial_{kind}",
            "zeros, nothing, or an input of the model",
            f"'{value.name}', computed from other values",
            "make the initial state an input of the exported model",
        )
        for index, kind in zip(indices, "hc", strict=False)
        if (value := node.inputs[index]) is not None and not _free(value)
    ]


def _free(value: ir.Value) -> bool:
    return value.is_graph_input() or is_zero(value)


ZERO_PRESERVING = {
    *("Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
}


def is_zero(value: ir.Value) -> bool:
    """Whether every number in `value` is known to be 0, whatever its shape."""
    pending, seen = [value], {value}
    while pending:
        sources = _zero_if(pending.pop())
        if sources is None:
            return False
        pending += [source for source in dict.fromkeys(sources) if source not in seen]
        seen.update(sources)
    return True


def _zero_if(value: ir.Value) -> Sequence[ir.Value] | None:
    """The values that must be 0 for `value` to be, [] if it is; None if it may be anything."""
    if value.const_value is not None:
        return None if np.any(value.const_value.numpy()) else []
    node = value.producer()
    if node is None or node.domain:
        return None
    if node.op_type == "ConstantOfShape":
        fill = node.attributes.get("value")
        return [] if fill is None or not np.any(fill.as_tensor().numpy()) else None
    if node.op_type not in ZERO_PRESERVING:
        return None
    data = node.inputs if node.op_type == "Concat" else node.inputs[:1]
    sources = [source for source in data if source is not None]
    return sources if len(sources) == len(data) else None
