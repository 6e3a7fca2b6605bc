"""An ONNX file, from bytes to protobuf; weights stay in the file."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from q4compile.errors import Finding, ModelError
from q4compile.graph.thin import thin, varint

MODEL_PROTO_WIRE_TYPES = {
    1: 0,
    2: 2,
    3: 2,
    4: 2,
    5: 0,
    6: 2,
    7: 2,
    8: 2,
    14: 2,
    20: 2,
    25: 2,
    26: 2,
}
"""Field number → protobuf wire type of every top-level field of ModelProto (onnx.proto3)."""

FOREIGN = {
    b"PK\x03\x04": ("a zip archive, such as a PyTorch checkpoint", "export it to ONNX first"),
    b"\x80\x02": ("a Python pickle, such as a PyTorch checkpoint", "export it to ONNX first"),
    b"version https://git-lfs": ("a Git LFS pointer", "fetch the file itself: git lfs pull"),
}
"""First bytes of files that are often given by mistake → (what that is, what to do)."""


def parse(path: Path) -> onnx.ModelProto:
    """The model of the file `path`, with a graph and an IR version.

    Raises:
        ModelError: Q101 when `path` is not an ONNX file, Q102 when it is the beginning of one.
    """
    if not path.is_file():
        raise ModelError(_not_onnx(path, "a folder" if path.is_dir() else "no such file", None))
    with _mapped(path) as data:
        try:
            model: onnx.ModelProto = onnx.ModelProto.FromString(thin(data, own_location(path)))
        except (DecodeError, ValueError):
            raise ModelError(_unreadable(path, data)) from None
        if not model.HasField("graph") or not model.ir_version:
            raise ModelError(_unreadable(path, data))
    return model


def own_location(path: Path) -> str:
    """Where the weights left in the file `path` itself lie, as external data says it."""
    return f"{path.resolve()}"


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield memoryview(b"")
            return
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with mapping, memoryview(mapping) as view:
            yield view


def _unreadable(path: Path, data: memoryview) -> Finding:
    for magic, (what, fix) in FOREIGN.items():
        if data[: len(magic)] == magic:
            return _not_onnx(path, what, fix)
    needed_bytes = _declared_bytes(data)
    if needed_bytes is None:
        what = "an empty file" if not data else f"{len(data)} bytes of something else"
        return _not_onnx(path, what, None)
    need = f"{needed_bytes} bytes" if needed_bytes > len(data) else "a graph"
    return Finding(
        "Q102",
        "the ONNX file is truncated",
        f"{path}",
        f"{need}, as the part that is there declares",
        f"{len(data)} bytes",
        "copy or download the file again",
    )


def _not_onnx(path: Path, got: str, fix: str | None) -> Finding:
    return Finding("Q101", "not an ONNX file", f"{path}", "an ONNX model (ModelProto)", got, fix)


def _declared_bytes(data: memoryview) -> int | None:
    """Least length that the top-level fields of `data` declare, or None if it is no ModelProto."""
    position = 0
    while position < len(data):
        tag, start = varint(data, position)
        if MODEL_PROTO_WIRE_TYPES.get(tag >> 3) != tag & 7:
            return None
        number, position = varint(data, start)
        if tag & 7 == 2:
            position += number
    return position or None
