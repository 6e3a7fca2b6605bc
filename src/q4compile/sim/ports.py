"""Arrays of a host ↔ bytes of a port: ``real = (code − zero_point) · scale``.

A port is rows of its innermost axis, `pitch_bytes` apart; the axes before it number the rows.
Inputs are encoded as ONNX QuantizeLinear does. A float port holds the real values themselves, in
f16 the nearest ones up to ±65504, a port of int32 at scale 1 whole numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.element_type import ElementType
from q4compile.isa.program import Port
from q4compile.numerics.half import nearest_half
from q4compile.numerics.nibbles import pack_rows, unpack_rows
from q4compile.numerics.rounding import dequantize, quantize
from q4compile.sim.memory import BYTE, DTYPES, Bytes, Memory

Array = NDArray[Any]
FLOATS = (ElementType.F16, ElementType.F32)


@dataclass(frozen=True)
class Extent:
    """A port for given dimensions: the shape in memory, as rows and columns."""

    port: Port
    shape: tuple[int, ...]
    rows: int
    columns: int
    row_bytes: int


def type_of(port: Port) -> ElementType:
    """Of its elements."""
    return ElementType[port.type.upper()]


def is_of_integers(port: Port) -> bool:
    """Whether it holds whole numbers, not codes of real ones."""
    return type_of(port) is ElementType.I32 and port.scale == 1


def extent(port: Port, dimensions: Mapping[str, int]) -> Extent:
    """How much of it is used."""
    shape = tuple(dimensions[axis] if isinstance(axis, str) else axis for axis in port.axes)
    columns = shape[-1] if shape else 1
    return Extent(port, shape, prod(shape[:-1]), columns, type_of(port).row_bytes(columns))


def write_input(used: Extent, array: Array, dram: Memory, start: int) -> None:
    """Encode an array of the port's ONNX shape."""
    port = used.port
    ordered = np.asarray(array).transpose(np.argsort(port.onnx_axes))
    rows = _encoded(port, ordered.reshape(used.rows, used.columns))
    if rows.size:
        view = dram.rows(port.name, start, used.rows, used.row_bytes, port.pitch_bytes)
        view[:] = rows


def _encoded(port: Port, values: Array) -> Bytes:
    """``uint8[rows, row bytes]``."""
    kind = type_of(port)
    if kind is ElementType.F16:
        codes: Array = nearest_half(values)
    elif kind is ElementType.F32:
        codes = values.astype(np.float32)
    elif is_of_integers(port):
        codes = (values.astype(np.int64) + port.zero_point).astype(np.int32)
    elif kind is ElementType.I32:
        # float32 does not have the greatest code; of float64 all that lie in between are exact.
        exact = np.rint(values.astype(np.float64) / port.scale) + port.zero_point
        codes = np.clip(exact, port.lo, port.hi)
    else:
        codes = quantize(values, port.scale, port.zero_point, port.lo, port.hi)
    if kind is ElementType.I4:
        return pack_rows(codes.astype(np.int8))
    wide = np.ascontiguousarray(codes, DTYPES[kind])
    return wide.view(BYTE).reshape(len(wide), -1) if wide.size else np.zeros((0, 0), BYTE)


def read_codes(used: Extent, dram: Memory, start: int) -> Array:
    """The codes of a port, or its floats, in its ONNX shape."""
    port, kind = used.port, type_of(used.port)
    dtype = np.dtype(np.int8) if kind is ElementType.I4 else DTYPES[kind]
    if used.rows and used.columns:
        view = dram.rows(port.name, start, used.rows, used.row_bytes, port.pitch_bytes)
        packed = np.ascontiguousarray(view)
        codes = unpack_rows(packed, used.columns) if kind is ElementType.I4 else packed.view(dtype)
    else:
        codes = np.zeros((used.rows, used.columns), dtype)
    return codes.reshape(used.shape).transpose(port.onnx_axes).copy()


def decoded(port: Port, codes: Array) -> Array:
    """float32, or int32 of a port of integers."""
    if type_of(port) in FLOATS:
        return codes.astype(np.float32)
    if is_of_integers(port):
        return np.asarray(codes - np.int32(port.zero_point))
    return dequantize(codes, port.scale, port.zero_point)
