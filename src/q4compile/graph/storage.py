"""Weights as they are stored: sizes that agree with shapes, and external files that are there."""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx import TensorProto

from q4compile.errors import Finding
from q4compile.graph.order import inner_graphs
from q4compile.graph.parse import own_location

TYPED_FIELDS = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT64: "uint64_data",
    TensorProto.INT32: "int32_data",
    TensorProto.STRING: "string_data",
}
"""Element type → the field that holds one number per element, where raw_data does not."""

KNOWN_TYPES = frozenset(dtype.value for dtype in ir.DataType) - {TensorProto.UNDEFINED}


def storage_findings(model: onnx.ModelProto, path: Path) -> list[Finding]:
    """Q110 for tensors whose bytes do not fit their shape, Q103 for each unusable external file."""
    tensors = list(_tensors(model))
    unknown = [tensor for tensor in tensors if tensor.data_type not in KNOWN_TYPES]
    if unknown:
        return [
            _mismatch(tensor, "a known element type", f"{tensor.data_type}") for tensor in unknown
        ]
    inside = [tensor for tensor in tensors if tensor.data_location != TensorProto.EXTERNAL]
    outside: dict[str, list[TensorProto]] = {}
    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL:
            outside.setdefault(_entry(tensor, "location"), []).append(tensor)
    found = [finding for tensor in inside for finding in _size(tensor)]
    found += [finding for file, held in outside.items() for finding in _external(path, file, held)]
    return found


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    for graph in inner_graphs(model.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _size(tensor: TensorProto) -> Iterator[Finding]:
    need, got = _declared_bytes(tensor), len(tensor.raw_data)
    unit = "bytes"
    if not tensor.HasField("raw_data"):
        field = TYPED_FIELDS.get(tensor.data_type)
        if field is None:
            return  # several numbers share an int32_data entry; onnx-ir decodes or refuses them
        need, got, unit = math.prod(tensor.dims), len(getattr(tensor, field)), "elements"
    if need != got or min(tensor.dims, default=0) < 0:
        yield _mismatch(tensor, f"{need} {unit}", f"{got} {unit}")


def _external(path: Path, file: str, tensors: list[TensorProto]) -> Iterator[Finding]:
    at = f"'{tensors[0].name}'" + (f" and {len(tensors) - 1} more" if len(tensors) > 1 else "")
    data = path.parent / file
    if file == own_location(path):
        yield from _extents(data, tensors)
    elif not data.resolve().is_relative_to(path.parent.resolve()):
        yield _no_data(at, "a file inside the model's folder", f"'{file}', which lies outside")
    elif not data.is_file():
        yield _no_data(at, f"the file '{file}' beside {path.name}", "no such file")
    elif data.stat().st_nlink > 1:
        yield _no_data(at, f"a file '{file}' of its own", "a hard link to another file")
    else:
        yield from _extents(data, tensors)


def _extents(data: Path, tensors: list[TensorProto]) -> Iterator[Finding]:
    """Tensors that lie (partly) behind the end of the file, or whose length is not their size."""
    end = data.stat().st_size
    for tensor in tensors:
        declared = _declared_bytes(tensor)
        offset = int(_entry(tensor, "offset") or 0)
        length = int(_entry(tensor, "length") or declared)
        if length != declared:
            yield _mismatch(tensor, f"{declared} bytes", f"{length} bytes in '{data.name}'")
        elif offset + length > end:
            need = f"'{data.name}' with at least {offset + length} bytes"
            yield _no_data(f"'{tensor.name}'", need, f"{end} bytes: the file is truncated")


def _declared_bytes(tensor: TensorProto) -> int:
    bits: int = math.prod(tensor.dims) * ir.DataType(tensor.data_type).bitwidth
    return math.ceil(bits / 8)


def _entry(tensor: TensorProto, key: str) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == key), "")


def _mismatch(tensor: TensorProto, need: str, got: str) -> Finding:
    known = tensor.data_type in KNOWN_TYPES
    kind = f"{ir.DataType(tensor.data_type).name.lower() if known else ''}{list(tensor.dims)}"
    return Finding(
        "Q110",
        "a tensor's data does not fit its shape",
        f"tensor '{tensor.name}' {kind}",
        need,
        got,
        "export the model again",
    )


def _no_data(at: str, need: str, got: str) -> Finding:
    return Finding(
        "Q103",
        "unusable external data",
        f"weights {at}",
        need,
        got,
        "keep the data file beside the .onnx file, under the name it was exported with",
    )
