"""Quantizers that a trainable network has no word for, each named."""

from collections.abc import Iterator

import onnx_ir as ir

from q4compile.errors import Finding
from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.quantize.float_types import QUANTIZERS
from q4compile.quantize.network_trace import Trace

TITLE = "a quantizer that cannot be trained"


def refusals(trace: Trace) -> list[Finding]:
    """Q133 if the graph is in form exact, else Q132 for every quantizer that `trace` left."""
    exact = [node for node in trace.graph if node in trace.kept and _is_exact(node, trace)]
    if exact:
        return [_exact(exact)]
    return [*_left(trace), *_shared(trace)]


def _is_exact(node: ir.Node, trace: Trace) -> bool:
    """Whether `node` reckons with codes: a function of form exact, or a Cast of codes."""
    variant = trace.variants.get(node)
    if variant is not None and variant.exact:
        return True
    codes = node.inputs[0] if node.op_type == "Cast" else None
    source = None if codes is None else codes.producer()
    return source is not None and (source.domain, source.op_type) == ("", "QuantizeLinear")


def _exact(nodes: list[ir.Node]) -> Finding:
    first, more = nodes[0], f", the first of {len(nodes)}" * (len(nodes) > 1)
    return Finding(
        "Q133",
        "a model in form exact",
        f"node '{first.name}' ({first.op_type}){more}",
        "quantizers in pairs: QuantizeLinear, DequantizeLinear",
        "products of integer codes",
        "quantize the float model with --form qdq",
    )


def _left(trace: Trace) -> Iterator[Finding]:
    for node in trace.graph:
        if node not in trace.kept:
            continue
        reason = trace.refused.get(node)
        if reason is not None:
            yield _finding(node, reason.need, reason.got)
        elif (node.domain, node.op_type) in QUANTIZERS and not _half_of_refused(node, trace):
            yield _finding(node, *_unpaired(node))


def _half_of_refused(node: ir.Node, trace: Trace) -> bool:
    """Whether the other half of the pair says it all."""
    codes = node.inputs[0].producer() if node.inputs[0] is not None else None
    if codes is not None and codes.op_type == "DynamicQuantizeLinear":
        return node.op_type == "DequantizeLinear"
    return any(user in trace.refused for value in node.outputs for user in value.consumers())


def _unpaired(node: ir.Node) -> tuple[str, str]:
    if node.op_type == "DynamicQuantizeLinear":
        return "a constant scale", "a scale that is computed at every run"
    if node.op_type == "DequantizeLinear":
        codes = node.inputs[0]
        return "constant codes, or those of a QuantizeLinear in front", f"'{codes and codes.name}'"
    users = ", ".join(f"'{u.name}' ({u.op_type})" for u in node.outputs[0].consumers())
    return "a DequantizeLinear behind it", f"codes that are read by {users or 'no node'}"


def _shared(trace: Trace) -> Iterator[Finding]:
    """Constants that one node reads decoded and another as they are stored."""
    for value, node in trace.read_as_stored.items():
        low = value.dtype is not None and value.dtype.is_integer() and value.dtype.bitwidth < 8
        decoded = str(value.name) in trace.constants or low
        if decoded and node not in trace.refused:
            got = f"node '{node.name}' ({node.op_type}) reads what is stored"
            need = f"'{value.name}' behind a DequantizeLinear or Cast for every node"
            yield Finding("Q132", TITLE, f"constant '{value.name}'", need, got)


def _finding(node: ir.Node, need: str, got: str) -> Finding:
    kind = f"{node.domain}::{node.op_type}" if node.domain == OWN_DOMAIN else node.op_type
    fix = "quantize the float model with q4compile quantize"
    return Finding("Q132", TITLE, f"node '{node.name}' ({kind})", need, got, fix)
