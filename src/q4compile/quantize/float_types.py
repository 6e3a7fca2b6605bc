"""What can be quantized is a float32 model: others are refused before anything is computed."""

from collections.abc import Sequence

import onnx_ir as ir

from q4compile.errors import Finding
from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.graph.sites import Site

QUANTIZERS = {
    ("", "DequantizeLinear"),
    ("", "DynamicQuantizeLinear"),
    ("", "QuantizeLinear"),
}


def other_float_types(model: ir.Model, sites: Sequence[Site]) -> list[Finding]:
    """Q129 for each float type but float32 among the tensors of `sites`, with the first of them."""
    types = {value.name: value.dtype for node in model.graph for value in node.outputs}
    types |= {value.name: value.dtype for value in model.graph.inputs}
    types |= {name: value.dtype for name, value in model.graph.initializers.items()}
    others: dict[ir.DataType, list[Site]] = {}
    for site in sites:
        dtype = types.get(site.value_name)
        if dtype is not None and dtype.is_floating_point() and dtype != ir.DataType.FLOAT:
            others.setdefault(dtype, []).append(site)
    return [_finding(dtype, found) for dtype, found in others.items()]


def already_quantized(model: ir.Model) -> list[Finding]:
    """Q131 for a graph with quantizers in it, ours or another tool's."""
    ops = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
    found = [
        n for n in model.graph if n.domain == OWN_DOMAIN or (not n.domain and n.op_type in ops)
    ]
    if not found:
        return []
    first = found[0]
    return [
        Finding(
            "Q131",
            "the model is quantized already",
            f"node '{first.name}' ({first.op_type}), the first of {len(found)}",
            "a float model",
            "quantizers in the graph",
            "quantize the float model it was made from",
        )
    ]


def _finding(dtype: ir.DataType, found: list[Site]) -> Finding:
    first = found[0]
    more = f", the first of {len(found)} tensors" * (len(found) > 1)
    return Finding(
        "Q129",
        "a model of another float type",
        f"node '{first.node_name}' ({first.op}), {first.role} '{first.value_name}'{more}",
        "float32 tensors",
        str(dtype.numpy()),
        "export the model in float32: model.float() in torch",
    )
