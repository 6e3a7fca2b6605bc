"""Which tensors hold the same numbers, and so need only one quantizer."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from q4compile.graph.dataflow import LAYOUT_ONLY
from q4compile.graph.operators import is_constant, port, tensors_of
from q4compile.graph.recurrent import is_recurrent
from q4compile.graph.state import is_zero


def quantized_once(model: ir.Model) -> dict[str, str]:
    """Input of a quantizable node → the value whose grid it inherits, in the graph's order.

    The origin is reached backwards through operators that only move numbers or add zeros (a zero
    lies on every grid): the input of a second LSTM inherits the grid of the first one's h, that of
    a predictor's LSTM the grid of the embedding's output. h is quantized once: a final state Y_h
    counts as Y. A value that is computed, or mixed from several origins, maps to itself.
    """
    inputs = [
        tensor.value
        for node in model.graph
        for tensor in tensors_of(node)
        if tensor.role == "input" and tensor.value is not None
    ]
    origins = _origins(model.graph)
    return {value.name or "": origins.get(value, value).name or "" for value in inputs}


def _origins(graph: ir.Graph) -> dict[ir.Value, ir.Value]:
    """Output of a node → its origin, one step each: in a sorted graph the sources come first."""
    origins: dict[ir.Value, ir.Value] = {}
    for node in graph:
        if is_recurrent(node):
            origins |= _quantized_states(node)
            continue
        found = {origins.get(source, source) for source in _moved(node)}
        if len(found) == 1:
            origins |= dict.fromkeys(node.outputs, found.pop())
    return origins


def _quantized_states(node: ir.Node) -> dict[ir.Value, ir.Value]:
    outputs = node.outputs
    return {outputs[1]: outputs[0]} if len(outputs) > 1 and outputs[0].name else {}


def _moved(node: ir.Node) -> Sequence[ir.Value]:
    """The inputs whose numbers `node` passes on unchanged, [] if it computes new ones."""
    if node.domain or node.op_type not in LAYOUT_ONLY:
        return []
    if node.op_type == "Concat":
        return [value for value in node.inputs if value is not None and not is_zero(value)]
    data = node.inputs[0]
    if data is None or is_constant(data) or (node.op_type == "Pad" and not _pads_zero(node)):
        return []
    return [data]


def _pads_zero(node: ir.Node) -> bool:
    """Whether what `node` adds is zero, or copies of what is there (modes reflect, edge, wrap)."""
    mode, fill = node.attributes.get("mode"), port(node, 2)
    if mode is not None and mode.as_string() != "constant":
        return True
    return fill is None or (fill.const_value is not None and not np.any(fill.const_value.numpy()))
