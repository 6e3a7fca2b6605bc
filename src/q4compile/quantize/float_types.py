"""What can be quantized is float32: other float types are refused before anything is computed."""

from collections.abc import Sequence

import onnx_ir as ir

from q4compile.errors import Finding
from q4compile.graph.sites import Site


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
