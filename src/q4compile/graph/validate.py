"""Everything that is wrong with a parsed model, found before anything is done with it."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import Message  # type: ignore[import-untyped]
from onnx import defs

from q4compile.errors import Finding, near
from q4compile.graph.order import inner_graphs, order_findings
from q4compile.graph.storage import storage_findings

PASSED_THROUGH = {"com.microsoft"}
"""Domains whose operators onnxruntime executes although the onnx package has no schema for them."""


def findings(model: onnx.ModelProto, path: Path) -> list[Finding]:
    """Q103 to Q105 and Q109 to Q111 that apply to `model`, read from the file `path`.

    Costs milliseconds: weights are measured, never decoded.
    """
    return (
        list(_text(model))
        or list(_opset(model))
        or [
            *_unknown_operators(model),
            *_dynamic_ranks(model.graph),
            *storage_findings(model, path),
            *order_findings(model.graph),
        ]
    )


def _text(model: onnx.ModelProto) -> Iterator[Finding]:
    """Q111 if any name is not text; protobuf hands such a name out as bytes."""
    names = [text for text in _strings(model) if isinstance(text, bytes)]
    if names:
        need, fix = "names in UTF-8", "copy or download the file again"
        yield Finding("Q111", "invalid graph", "a name in the file", need, f"{names[0]!r}", fix)


def _strings(message: Message) -> Iterator[str | bytes]:
    """The text fields of `message` and of all messages in it, without touching tensor data."""
    if isinstance(message, onnx.TensorProto):
        yield message.name
        return
    for field, value in message.ListFields():
        items = [value] if isinstance(value, str | bytes | Message | int | float) else value
        for item in items:
            if isinstance(item, Message):
                yield from _strings(item)
            elif field.type == field.TYPE_STRING and isinstance(item, str | bytes):
                yield item


def _opset(model: onnx.ModelProto) -> Iterator[Finding]:
    newest = defs.onnx_opset_version()
    versions = [entry.version for entry in model.opset_import if not entry.domain]
    for version in versions or [None]:
        if version is None or not 1 <= version <= newest:
            yield Finding(
                "Q109",
                "unusable operator-set version",
                "opset_import of the standard operators",
                f"a version from 1 to {newest}",
                "none" if version is None else f"{version}",
                "export the model again with opset 21",
            )


def _unknown_operators(model: onnx.ModelProto) -> Iterator[Finding]:
    """One finding per operator that neither a schema nor a model-local function defines."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    local = {(function.domain, function.name) for function in model.functions}
    users: dict[tuple[str, str], list[str]] = {}
    for node in _all_nodes(model):
        operator = (node.domain, node.op_type)
        if operator not in local and not _has_schema(*operator, versions.get(node.domain)):
            users.setdefault(operator, []).append(node.name or next(iter(node.output), ""))
    for (domain, op_type), names in users.items():
        yield _unknown(domain, op_type, names, versions.get(domain))


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for graph in inner_graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _has_schema(domain: str, op_type: str, version: int | None) -> bool:
    if domain in PASSED_THROUGH:
        return True
    return version is not None and bool(
        defs.has(op_type, max_inclusive_version=version, domain=domain)
    )


def _unknown(domain: str, op_type: str, names: list[str], version: int | None) -> Finding:
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    known = {schema.name for schema in defs.get_all_schemas() if schema.domain == domain}
    return Finding(
        "Q104",
        "unknown operator",
        f"node '{names[0]}'{others}",
        "an operator of the ONNX standard, of com.microsoft, or a function inside the model",
        f"{domain or 'ai.onnx'}::{op_type}" + (f" at version {version}" if version else ""),
        near(op_type, known - {op_type}) or "export the model without custom operators",
    )


def _dynamic_ranks(graph: onnx.GraphProto) -> Iterator[Finding]:
    stored = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        kind = value.type.WhichOneof("value")
        if value.name in stored or (
            kind == "tensor_type" and value.type.tensor_type.HasField("shape")
        ):
            continue
        yield Finding(
            "Q105",
            "an input of unknown rank",
            f"input '{value.name}'",
            "a tensor with a known number of axes; the length of an axis may be dynamic",
            "a tensor without a shape" if kind == "tensor_type" else f"{kind or 'no type'}",
            "export with dynamic axes instead of a dynamic rank",
        )
