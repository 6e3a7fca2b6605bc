"""A recurrent ONNX node turned into a call of one of our functions, ports and names kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import OWN_DOMAIN, Recurrent
from q4compile.quantize.editor import FLOAT, Editor
from q4compile.quantize.recurrence import OPERATOR_INPUTS, Variant

DIRECTIONS = {(0,): "forward", (1,): "reverse", (0, 1): "bidirectional"}


def hidden_name(node: str) -> str:
    """The name h goes by where the node has no output for every step's h."""
    return f"{node}.h"


def cell_name(node: str) -> str:
    """The name an LSTM's cell state goes by: it is no value of the graph."""
    return f"{node}.c"


def gate_name(node: str) -> str:
    """The name a recurrent node's gate pre-activations go by: they are no value of the graph."""
    return f"{node}.gates"


def variant_of(described: Recurrent) -> Variant:
    """The variant that computes what the float node computes."""
    return Variant(
        described.kind,
        (0, 1) if described.directions == 2 else (int(described.reverse),),
        has_lengths=described.sequence_lens is not None,
        has_initial=described.initial_h is not None or described.initial_c is not None,
        linear_before_reset=described.linear_before_reset,
        activation=described.activations[0] if described.kind == "RNN" else "Tanh",
    )


def operator_inputs(editor: Editor, node: ir.Node, described: Recurrent) -> list[ir.Value | None]:
    """The operator's seven inputs; a missing bias, or one state of two, is filled in by zeros."""
    inputs: list[ir.Value | None] = [*node.inputs, *(None,) * 7][: len(OPERATOR_INPUTS)]
    if inputs[3] is None:
        rows = 2 * described.gates * described.hidden_size
        zeros = np.zeros((described.directions, rows), np.float32)
        inputs[3] = editor.array(editor.fresh(f"{node.name}.no_bias"), zeros)
    if described.kind != "LSTM":
        inputs[6] = None
    elif (inputs[5] is None) != (inputs[6] is None):
        given, missing = (6, 5) if inputs[5] is None else (5, 6)
        zero = editor.array("q4.zero", np.array(0, np.float32))
        name = editor.fresh(f"{node.name}.zero_state")
        inputs[missing] = editor.before(node, "Mul", [inputs[given], zero], name)
    return inputs


def call(
    editor: Editor,
    node: ir.Node,
    described: Recurrent,
    variant: Variant,
    inputs: Sequence[ir.Value | None],
) -> ir.Node:
    """Replace `node` by a call of the function of `variant`; outputs and node keep their names."""
    editor.function(variant)
    made = ir.node(
        variant.kind,
        inputs,
        {"hidden_size": described.hidden_size, "direction": DIRECTIONS[variant.directions]},
        domain=OWN_DOMAIN,
        overload=variant.overload,
        num_outputs=len(variant.outputs),
        name=node.name,
        metadata_props=dict(node.metadata_props),
    )
    editor.graph.insert_before(node, made)
    for port, old in zip(made.outputs, node.outputs, strict=False):
        port.name, port.type, port.shape = old.name, old.type, old.shape
        ir.convenience.replace_all_uses_with(old, port, replace_graph_outputs=True)
    for name, port in zip(variant.outputs, made.outputs, strict=True):
        port.name = port.name or editor.fresh(f"{described.node}.{name}")
        port.type = port.type or ir.TensorType(FLOAT)
    editor.graph.remove(node, safe=True)
    return made


def observe(editor: Editor, node: ir.Node, described: Recurrent) -> dict[str, ir.Value]:
    """Replace `node` by its observing function; returns the values inside by their names."""
    variant = replace(variant_of(described), observe=True)
    made = call(editor, node, described, variant, operator_inputs(editor, node, described))
    ports = dict(zip(variant.outputs, made.outputs, strict=True))
    node_name = described.node
    names = {"Y": hidden_name(node_name), "C": cell_name(node_name), "Z": gate_name(node_name)}
    return {name: ports[port] for port, name in names.items() if port in ports}
