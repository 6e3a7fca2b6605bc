"""Shapes behind a quantized recurrence, which inference does not see through."""

import onnx_ir as ir

from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.graph.shapes import infer_shapes
from q4compile.quantize.recurrence import OPERATOR_INPUTS


def with_shapes(model: ir.Model) -> ir.Model:
    """`model` if it calls none of our functions; else a copy with the shapes of its float form.

    In the copy a call is the operator that it stands for, so that Y is [T, D, B, H] and not what
    the function's body says of it. Weights are shared, not copied.
    """
    if all(node.domain != OWN_DOMAIN for node in model.graph):
        return model
    copy = model.clone()
    for node in copy.graph:
        if node.domain == OWN_DOMAIN:
            node.domain, node.overload = "", ""
            node.resize_inputs(min(len(node.inputs), len(OPERATOR_INPUTS)))
    infer_shapes(copy)
    return copy
