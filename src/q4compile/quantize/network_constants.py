"""The constants of a quantized file: codes and scales back to real numbers on rows of a grid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import is_recurrent
from q4compile.numerics.formats import FORMATS, Format
from q4compile.quantize.constant_chains import (
    Array,
    chain,
    codes_type,
    evaluate,
    is_constant,
    is_stored,
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

    `grid` is None for what is no weight: float16 numbers, the int32 codes of a bias, and codes with
    a zero point, which lie on a grid like an activation's.
    """

    values: Float32
    stored: ir.Value
    """The initializer with codes, or with the real numbers that a quantizer reads."""
    scales: ir.Value | None = None
    grid: WeightGrid | None = None
    offset: int = 0
    """Of a stored code, over the grid's own."""
    step: Float32 | None = None
    """Scales spread over the elements of int32 codes."""
    shifted: bool = False
    """Whether the codes have a zero point: `zero_point`, or 0 if that is None."""
    zero_point: ir.Value | None = None

    @property
    def is_half(self) -> bool:
        """Whether it is stored as float16."""
        return self.scales is None


@dataclass(frozen=True)
class Spelling:
    """How a graph spells a decoded constant.

    `value` is computed from `source`; the node `scaling` multiplies `codes` by `scales`. Codes are
    not the source where the graph quantizes real numbers itself.
    """

    value: ir.Value
    source: ir.Value
    scaling: ir.Node
    codes: ir.Value
    scales: ir.Value
    dtype: ir.DataType | None

    @property
    def latent(self) -> bool:
        """Whether the file stores real numbers."""
        return self.source is not self.codes

    @property
    def zero_point(self) -> ir.Value | None:
        """What `scaling` takes off the codes."""
        return self.scaling.inputs[2] if len(self.scaling.inputs) > 2 else None

    def computed(self, codes: Array, scales: Array | None = None) -> Array:
        """`value` with other codes, and other scales if given."""
        replaced = {self.codes: codes}
        if scales is not None:
            replaced[self.scales] = scales.reshape(stored_numbers(self.scales).shape)
        return evaluate(self.value, replaced)


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
    if source.dtype == ir.DataType.FLOAT16 and ops == ["Cast"]:
        return StoredConstant(stored_numbers(source).astype(np.float32), source)
    scaling = [node for node in nodes if node.op_type in ("DequantizeLinear", "Mul")]
    coded = _holds_codes(source.dtype) or "QuantizeLinear" in ops
    if len(scaling) != 1 or "Transpose" in ops or not coded:  # without one, the order is the file's
        return None
    codes = source if _holds_codes(source.dtype) else scaling[0].inputs[0]
    scales = leaf(scaling[0].inputs[1])
    if codes is None or scales is None:
        return None
    made = codes.producer()
    dtype = codes.dtype if made is None else codes_type(made)
    return _decoded(Spelling(value, source, scaling[0], codes, scales, dtype))


def _decoded(given: Spelling) -> StoredConstant | None:
    offset, stored = _offset(given), stored_numbers(given.source)
    if offset is None:
        return None if given.latent else _shifted(given, stored)
    ones = np.broadcast_to(np.int16(offset + 1), stored.shape)
    places = np.arange(1, stored_numbers(given.scales).size + 1, dtype=np.float32)
    spread = given.computed(ones, places)
    if spread.shape != stored.shape:
        return None
    real = stored if given.latent else given.computed(stored)
    if given.dtype == ir.DataType.INT32:
        return StoredConstant(real, given.source, given.scales, step=given.computed(ones))
    kind = _format(given)
    narrow = not given.latent and bool(np.all(stored > kind.code_min + offset))
    grid = _grid(given, _rows(given, spread, places), kind, narrow)
    return StoredConstant(real, given.source, given.scales, grid, offset)


def _grid(given: Spelling, rows: Blocking, kind: Format, narrow: bool) -> WeightGrid:
    scales = stored_numbers(given.scales).reshape(-1).astype(np.float32)
    note = read_note(given.source)
    return WeightGrid(
        kind.name,
        scales,
        rows.channel_axes,
        rows.row_elements,
        LEARNED if note is None else note.range,
        narrow,
        _half_scales(scales),
    )


def _holds_codes(dtype: ir.DataType | None) -> bool:
    return dtype in SIGNED or dtype == ir.DataType.INT32


def _format(given: Spelling) -> Format:
    if given.dtype not in SIGNED:
        need = "codes of " + ", ".join(sorted(set(SIGNED.values())))
        raise NotUnderstood(need, f"{given.dtype and given.dtype.name}")
    kind, note = FORMATS[SIGNED[given.dtype]], read_note(given.source)
    noted = kind if note is None else FORMATS[note.format]
    return noted if noted.bits <= kind.bits else kind


def _offset(given: Spelling) -> int | None:
    """Half the range of an unsigned type, 0 of a signed one; None where that is not taken off."""
    zero, dtype = given.zero_point, given.dtype
    middle = 0 if dtype is None or dtype.is_signed() else 1 << (dtype.bitwidth - 1)
    found = np.zeros(1, np.int64) if zero is None else evaluate(zero, {}).astype(np.int64)
    return middle if np.all(found == middle) else None


def _shifted(given: Spelling, stored: Array) -> StoredConstant:
    """Codes on a grid like an activation's: one scale and one zero point."""
    zero = given.zero_point
    plain = given.scaling.outputs[0] is given.value and (zero is None or is_stored(zero))
    if not plain or stored_numbers(given.scales).size != 1:
        raise NotUnderstood("a symmetric grid, or one scale and one zero point", "zero points")
    real = given.computed(stored)
    return StoredConstant(real, given.source, given.scales, shifted=True, zero_point=zero)


def _rows(given: Spelling, spread: Array, places: Array) -> Blocking:
    """The rows on which scale number r applies to row r, and to nothing else.

    `spread` has, for every element, the number of its scale: one of `places`.
    """
    if spread.size % places.size == 0:
        for axes in _channel_axes(spread.ndim, given):
            rows = Blocking(spread.shape, axes, spread.size // places.size)
            if np.array_equal(rows.rows(spread)[:, 0], places) and np.all(
                rows.rows(spread) == places[:, None]
            ):
                return rows
    need = "one scale per tensor, per channel or per block of the axis that is summed over"
    raise NotUnderstood(need, f"{places.size} scales for {list(spread.shape)}")


def _channel_axes(rank: int, given: Spelling) -> Iterator[tuple[int, ...]]:
    """Where the output channels may lie, the likeliest first."""
    attributes = given.scaling.attributes
    if rank == 3 and any(is_recurrent(user) for user in given.value.consumers()):
        yield (0, 1)
    axis = attributes["axis"].as_int() if "axis" in attributes else 1
    blocked = "block_size" in attributes and attributes["block_size"].as_int()
    if -rank <= axis < rank and not blocked:
        yield (axis % rank,)
    yield from ((each,) for each in range(rank))
    yield (0, 1)


def _half_scales(scales: Float32) -> bool:
    """Whether the file's scales are as ours are: float16 numbers, or beyond what float16 holds."""
    if not within_float16(scales):
        return True
    return bool(np.array_equal(scales.astype(np.float16).astype(np.float32), scales))
