"""A one-file model without its weights in memory: they stay in the file, mapped when needed.

thin(file) = the same ModelProto, each large tensor's bytes replaced by where they lie in the file.
Parsing then costs the graph, not the weights. The field numbers are those of onnx.proto3.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import StringStringEntryProto, TensorProto

GRAPH, INITIALIZER, RAW_DATA, DATA_TYPE = 7, 5, 9, 2
LENGTH_DELIMITED = 2
FIXED_BYTES = {1: 8, 5: 4}
"""Wire type → bytes of a value of fixed length."""
LARGE_BYTES = 1 << 16
"""Tensors below this size are cheaper to keep than to map."""


@dataclass(frozen=True)
class Field:
    """One field of a message: it begins at `start`, its value is ``data[value:end]``."""

    number: int
    wire_type: int
    start: int
    value: int
    end: int


def thin(data: memoryview, location: str) -> bytes:
    """The ModelProto in `data`, with large tensors as external data at `location`.

    Tensors of fewer than 8 bits per element stay inside. Raises ValueError if `data` is cut short.
    """
    return b"".join(_thin_model(data, location))


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """Value and end of the base-128 number at `position`; past the end of `data`, digits are 0."""
    value = shift = 0
    while True:
        digit = data[position] if position < len(data) else 0
        position += 1
        value |= (digit & 127) << shift
        if digit < 128 or shift > 63:
            return value, position
        shift += 7


def fields(data: memoryview, start: int, end: int) -> Iterator[Field]:
    """The fields of the message ``data[start:end]``; ValueError if they do not fill it exactly."""
    while start < end:
        tag, value = varint(data, start)
        wire_type = tag & 7
        if wire_type == LENGTH_DELIMITED:
            length, value = varint(data, value)
            stop = value + length
        elif wire_type == 0:
            _, stop = varint(data, value)
        else:
            stop = value + FIXED_BYTES.get(wire_type, end)
        if stop > end:
            raise ValueError(f"field {tag >> 3} ends at byte {stop} of {end}")
        yield Field(tag >> 3, wire_type, start, value, stop)
        start = stop


def _thin_model(data: memoryview, location: str) -> Iterator[bytes]:
    for field in fields(data, 0, len(data)):
        if field.number == GRAPH and field.wire_type == LENGTH_DELIMITED:
            yield _message(GRAPH, b"".join(_thin_graph(data, field, location)))
        else:
            yield bytes(data[field.start : field.end])


def _thin_graph(data: memoryview, graph: Field, location: str) -> Iterator[bytes]:
    for field in fields(data, graph.value, graph.end):
        large = field.number == INITIALIZER and field.end - field.value > LARGE_BYTES
        thinned = _thin_tensor(data, field, location) if large else None
        yield bytes(data[field.start : field.end]) if thinned is None else thinned


def _thin_tensor(data: memoryview, tensor: Field, location: str) -> bytes | None:
    """The tensor's message with its bytes left in the file, None if they are no raw_data."""
    parts = list(fields(data, tensor.value, tensor.end))
    raw = [field for field in parts if field.number == RAW_DATA]
    rest = b"".join(bytes(data[f.start : f.end]) for f in parts if f.number != RAW_DATA)
    if len(raw) != 1 or len(rest) > LARGE_BYTES:
        return None
    found = TensorProto.FromString(rest)
    if found.data_type in SUB_BYTE or found.data_location == TensorProto.EXTERNAL:
        return None
    place = {"location": location, "offset": raw[0].value, "length": raw[0].end - raw[0].value}
    found.data_location = TensorProto.EXTERNAL
    found.external_data.extend(
        StringStringEntryProto(key=key, value=f"{value}") for key, value in place.items()
    )
    return _message(INITIALIZER, found.SerializeToString())


SUB_BYTE = {TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1}


def _message(number: int, content: bytes) -> bytes:
    return _digits(number << 3 | LENGTH_DELIMITED) + _digits(len(content)) + content


def _digits(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)
