"""Recurrent nodes with ``layout=1`` (batch first), rewritten to the only layout others run.

Y' [B, T, D, H] = Y [T, D, B, H] with axes (2, 0, 1, 3), and so for X, h, c (onnx, LSTM).
"""

import onnx_ir as ir

from q4compile.graph.recurrent import GATES

SWAPPED = (1, 0, 2)
"""Permutation of [batch, time, features] ↔ [time, batch, features], and of h and c."""


def batch_second(model: ir.Model) -> None:
    """Set layout=0 on every LSTM, GRU and RNN of `model`; transposes around it keep its values."""
    for node in list(model.graph.all_nodes()):
        if node.domain == "" and node.op_type in GATES and node.graph is not None:
            layout = node.attributes.pop("layout", None)
            if layout is not None and layout.as_int() == 1:
                _surround(node, node.graph)


def _surround(node: ir.Node, graph: ir.Graph) -> None:
    for index in (0, 5, 6):
        value = node.inputs[index] if index < len(node.inputs) else None
        if value is not None:
            before = _transpose(node, value, SWAPPED, f"in{index}")
            graph.insert_before(node, before)
            node.replace_input_with(index, before.outputs[0])
    for index, output in enumerate(node.outputs):
        axes = (2, 0, 1, 3) if index == 0 else SWAPPED
        after = _transpose(node, output, axes, f"out{index}")
        name, was_output = output.name, output.is_graph_output()
        output.replace_all_uses_with(after.outputs[0], replace_graph_outputs=was_output)
        after.replace_input_with(0, output)
        output.name, after.outputs[0].name = f"{name}.layout0", name
        after.outputs[0].shape, after.outputs[0].type = output.shape, output.type
        output.shape = _inverse(output.shape, axes)
        graph.insert_after(node, after)


def _transpose(node: ir.Node, value: ir.Value, axes: tuple[int, ...], port: str) -> ir.Node:
    return ir.node("Transpose", [value], {"perm": list(axes)}, name=f"{node.name}.{port}.layout0")


def _inverse(shape: ir.Shape | None, axes: tuple[int, ...]) -> ir.Shape | None:
    if shape is None or len(shape) != len(axes):
        return None
    return ir.Shape([shape[axes.index(axis)] for axis in range(len(axes))])
