"""The constants of a quantized file: codes and scales back to real numbers on rows of a grid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import is_recurrent
from q4compile.numerics.formats import FORMATS, Format
from q4compile.quantize.constant_chains import (
    Array,
    chain,
    evaluate,
    is_constant,
    leaf,
    stored_numbers,
)
from q4compile.quantize.encoding import within_float16
from q4compile.quantize.network import LEARNED, Float32, WeightGrid
from q4compile.quantize.notes import read_note
from q4compile.quantize.rows import Blocking

SIGNED = {
    ir.DataType.INT2: "int2",
    ir.DataType.INT4: "int4",
    ir.DataType.INT8: "int8",
    ir.DataType.INT16: "int16",
    ir.DataType.UINT2: "int2",
    ir.DataType.UINT4: "int4",
    ir.DataType.UINT8: "int8",
    ir.DataType.UINT16: "int16",
}
"""Type of the codes → format of a symmetric grid; unsigned codes are shifted to its middle."""


class NotUnderstood(Exception):
    """A quantizer of a form that no grid of ours has: need and got of a finding."""

    def __init__(self, need: str, got: str) -> None:
        super().__init__(need, got)
        self.need, self.got = need, got


@dataclass(frozen=True)
class StoredConstant:
    """A constant as the file has it: `values` are what nodes read, in the shape of `stored`.

    `grid` is None for what is no weight: a float16 number, or the int32 codes of a bias.
    """

    values: Float32
    stored: ir.Value
    """The initializer with codes, or with the real numbers that a quantizer reads."""
    scales: ir.Value | None
    grid: WeightGrid | None
    offset: int = 0
    """Of a stored code, over the grid's own."""
    step: Float32 | None = None
    """Scales spread over the elements of int32 codes."""

    @property
    def is_half(self) -> bool:
        """Whether it is stored as float16."""
        return self.scales is None


def stored_constant(value: ir.Value) -> StoredConstant | None:
    """What `value` reads from the file, None if it is no decoded constant.

    Raises:
        NotUnderstood: it is one, but on no grid of ours.
    """
    source = leaf(value)
    if source is None or source is value or not is_constant(value):
        return None
    nodes = chain(value)
    ops = [node.op_type for node in nodes]
    dtype = source.dtype
    if dtype == ir.DataType.FLOAT16 and ops == ["Cast"]:
        return StoredConstant(stored_numbers(source).astype(np.float32), source, None, None)
    scaling = [node for node in nodes if node.op_type in ("DequantizeLinear", "Mul")]
    if len(scaling) != 1 or not (_holds_codes(dtype) or "QuantizeLinear" in ops):
        return None
    return _decoded(value, source, scaling[0])


def _decoded(value: ir.Value, source: ir.Value, scaling: ir.Node) -> StoredConstant | None:
    codes = source if _holds_codes(source.dtype) else scaling.inputs[0]
    scales = leaf(scaling.inputs[1])
    if codes is None or codes.dtype is None or scales is None:
        raise NotUnderstood("constant codes and scales", "computed ones")
    offset = _offset(scaling, codes.dtype)
    stored = stored_numbers(source)
    ones = np.full(stored.shape, offset + 1, np.int64)
    step = evaluate(value, {codes: ones})
    if step.shape != stored.shape:
        return None
    latent = source is not codes
    real = stored if latent else (stored.astype(np.int64) - offset).astype(np.float32) * step
    if not latent and not np.array_equal(real, evaluate(value, {})):
        return None
    if codes.dtype == ir.DataType.INT32:
        return StoredConstant(real, source, scales, None, step=step)
    kind = _format(source, codes.dtype)
    narrow = not latent and not np.any(stored.astype(np.int64) - offset <= kind.code_min)
    grid = _grid(value, source, kind, scaling, {codes: ones}, narrow)
    return StoredConstant(real, source, scales, grid, offset)


def _grid(
    value: ir.Value,
    source: ir.Value,
    kind: Format,
    scaling: ir.Node,
    ones: Mapping[ir.Value, Array],
    narrow: bool,
) -> WeightGrid:
    note = read_note(source)
    scales = leaf(scaling.inputs[1])
    assert scales is not None, "asked for before"
    numbers = stored_numbers(scales)
    places = np.arange(1, numbers.size + 1, dtype=np.float32)
    spread = evaluate(value, {**ones, scales: places.reshape(numbers.shape)})
    rows = _rows(spread, places, value, scaling)
    flat = numbers.reshape(-1).astype(np.float32)
    return WeightGrid(
        kind.name,
        flat,
        rows.channel_axes,
        rows.row_elements,
        LEARNED if note is None else note.range,
        narrow,
        _half_scales(flat),
    )


def _holds_codes(dtype: ir.DataType | None) -> bool:
    return dtype in SIGNED or dtype == ir.DataType.INT32


def _format(source: ir.Value, dtype: ir.DataType) -> Format:
    if dtype not in SIGNED:
        raise NotUnderstood("codes of " + ", ".join(sorted(set(SIGNED.values()))), dtype.name)
    note = read_note(source)
    kind = FORMATS[SIGNED[dtype]]
    return kind if note is None or FORMATS[note.format].bits > kind.bits else FORMATS[note.format]


def _offset(scaling: ir.Node, dtype: ir.DataType) -> int:
    """Half the range of an unsigned type; a signed one has none."""
    zero = scaling.inputs[2] if len(scaling.inputs) > 2 else None
    expected = 0 if dtype.is_signed() else 1 << (dtype.bitwidth - 1)
    found = np.zeros(1, np.int64) if zero is None else evaluate(zero, {}).astype(np.int64)
    if not np.all(found == expected):
        got = f"{int(found.min())} to {int(found.max())}" if found.size > 1 else f"{found.item()}"
        raise NotUnderstood(f"a symmetric grid: zero point {expected} for {dtype.name} codes", got)
    return expected


def _rows(spread: Array, places: Array, value: ir.Value, scaling: ir.Node) -> Blocking:
    """The rows on which number r of the scales applies to row r, and to nothing else."""
    if spread.size % places.size == 0:
        for axes in _channel_axes(spread.ndim, value, scaling):
            rows = Blocking(spread.shape, axes, spread.size // places.size)
            if np.array_equal(rows.rows(spread), np.repeat(places[:, None], rows.row_elements, 1)):
                return rows
    need = "one scale per tensor, per channel or per block of the axis that is summed over"
    raise NotUnderstood(need, f"{places.size} scales for {list(spread.shape)}")


def _channel_axes(rank: int, value: ir.Value, scaling: ir.Node) -> Iterator[tuple[int, ...]]:
    """Where the output channels may lie, the likeliest first."""
    if rank == 3 and any(is_recurrent(user) for user in value.consumers()):
        yield (0, 1)
    axis = scaling.attributes["axis"].as_int() if "axis" in scaling.attributes else 1
    blocked = "block_size" in scaling.attributes and scaling.attributes["block_size"].as_int()
    if -rank <= axis < rank and not blocked:
        yield (axis % rank,)
    yield from ((each,) for each in range(rank))
    yield (0, 1)


def _half_scales(scales: Float32) -> bool:
    """Whether the file's scales are as ours are: float16 numbers, or beyond what float16 holds."""
    if not within_float16(scales):
        return True
    return bool(np.array_equal(scales.astype(np.float16).astype(np.float32), scales))
