"""Constants onto their grids: the rows that share a scale, and how the file stores them.

int4 W, float16 s  →  DequantizeLinear(W, Cast(s))          as_dequantized: other tools read it
                      Mul(Cast(W), Cast(s))                 as_folded: runtimes fold it at load
                      Cast(W) and a scale per channel       as_codes: integer-valued products
"""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from q4compile.numerics.formats import Format
from q4compile.numerics.packing import pack
from q4compile.quantize.editor import FLOAT, Editor
from q4compile.quantize.encoding import (
    Encoding,
    Float32,
    encode_rows,
    weight_codes,
    within_float16,
)
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.rows import Blocking
from q4compile.recipe.granularity import Granularity
from q4compile.recipe.scheme import Scheme

TYPES = {
    "int2": ir.DataType.INT4,  # fewer codes in the same type: ONNX has INT2 from opset 25 only
    "int3": ir.DataType.INT4,
    "int4": ir.DataType.INT4,
    "uint4": ir.DataType.UINT4,
    "int8": ir.DataType.INT8,
    "uint8": ir.DataType.UINT8,
    "int16": ir.DataType.INT16,
}


def storage_type(format: Format) -> ir.DataType:
    """The ONNX type that holds codes of `format`."""
    return TYPES[format.name]


def codes_tensor(codes: NDArray[np.integer], kind: ir.DataType) -> ir.TensorProtocol:
    """`codes` as a tensor of type `kind`; those of fewer than 8 bits packed."""
    if kind.bitwidth < 8:
        return ir.PackedTensor(pack(codes, kind.bitwidth), kind, shape=ir.Shape(codes.shape))
    return ir.Tensor(codes.astype(kind.numpy()), dtype=kind)


def blocking(
    shape: tuple[int, ...], channel_axes: tuple[int, ...], gates: int, granularity: Granularity
) -> Blocking:
    """The rows of a constant of `shape` at `granularity`; ``Scheme.refuses`` has let it through."""
    whole = Blocking(shape, channel_axes, 1)
    channels, reduced = whole.channels, whole.reduced_elements
    elements = {
        "per_tensor": channels * reduced,
        "per_channel": reduced,
        "per_gate": channels * reduced // (shape[0] * max(gates, 1)),
        "per_group": granularity.group_size,
    }[granularity.kind]
    return Blocking(shape, channel_axes, elements)


def weight_encoding(weight: Float32, rows: Blocking, scheme: Scheme) -> Encoding:
    """The grids of a constant, one per row, chosen by the scheme's range setter."""
    assert scheme.range is not None, "an integer scheme has a range setter"
    clips = range_setter(scheme.range).of_rows(rows.rows(weight), scheme)
    return encode_rows(clips, scheme.format)


class StoredWeight:
    """A constant stored as codes, called `name`, its scales beside it as ``<name>.scale``."""

    def __init__(
        self, editor: Editor, name: str, weight: Float32, rows: Blocking, encoding: Encoding
    ) -> None:
        self.editor, self.name, self.rows, self.encoding = editor, name, rows, encoding
        codes = weight_codes(weight, rows, encoding)
        tensor = codes_tensor(codes, storage_type(encoding.format))
        self.value = editor.constant(f"{name}.stored", tensor)

    def as_dequantized(self, node: ir.Node) -> ir.Value:
        """``DequantizeLinear``: per axis or blocked, as ONNX spells the granularity."""
        scales, axis = self._dequantize_scales(node)
        blocks = scales.shape[axis] if scales.shape is not None and len(scales.shape) > 1 else None
        return self.editor.before(
            node,
            "DequantizeLinear",
            [self.value, scales],
            self._fresh("dequantized"),
            like=self.value,
            axis=axis,
            block_size=self.rows.shape[axis] // blocks if isinstance(blocks, int) else 0,
        )

    def as_folded(self, node: ir.Node) -> ir.Value:
        """``Mul(Cast(W), s)``, equal to `as_dequantized`; only where rows lie contiguous."""
        by_rows = self.editor.integers([-1, self.rows.row_elements])
        codes = self.editor.before(
            node, "Reshape", [self.as_codes(node), by_rows], self._fresh("rows")
        )
        column = self.editor.integers([-1, 1])
        scales = self.editor.before(
            node, "Reshape", [self._scales(node), column], self._fresh("scale_column")
        )
        product = self.editor.before(node, "Mul", [codes, scales], self._fresh("scaled_rows"))
        shape = self.editor.integers(self.rows.shape)
        return self.editor.before(
            node, "Reshape", [product, shape], self._fresh("folded"), like=self.value
        )

    def as_codes(self, node: ir.Node) -> ir.Value:
        """The codes as float32 integers."""
        return self.editor.before(
            node, "Cast", [self.value], self._fresh("codes"), like=self.value, to=int(FLOAT)
        )

    def channel_scales(self, node: ir.Node) -> ir.Value:
        """``float32[C]``: the scale of each output channel; rows never split a channel here."""
        channels = self.rows.channels
        repeats = channels // self.encoding.scales.size
        scales = self._scales(node)
        column = self.editor.before(
            node,
            "Reshape",
            [scales, self.editor.integers([-1, 1])],
            self._fresh("scale_column"),
        )
        shape = self.editor.integers([channels // repeats, repeats])
        spread = self.editor.before(node, "Expand", [column, shape], self._fresh("scale_rows"))
        vector = self.editor.before(
            node,
            "Reshape",
            [spread, self.editor.integers([-1])],
            self._fresh("channel_scales"),
        )
        vector.shape = ir.Shape([channels])
        return vector

    def _scales(self, node: ir.Node) -> ir.Value:
        """The scales as float32[R]; kept as float16 where that is exact."""
        scales = self.encoding.scales
        name = f"{self.name}.scale"
        if not _fits_float16(scales):
            return self.editor.array(name, scales)
        stored = self.editor.array(name, scales.astype(np.float16))
        return self.editor.before(
            node, "Cast", [stored], self._fresh("scale_float"), like=stored, to=int(FLOAT)
        )

    def _dequantize_scales(self, node: ir.Node) -> tuple[ir.Value, int]:
        """The scales in the shape DequantizeLinear wants, and the axis they run along."""
        scales, count = self._scales(node), self.encoding.scales.size
        rows = self.rows
        if count == 1:
            return self._reshaped(node, scales, ()), 0
        if count < rows.channels:  # per gate: every row of a gate has the gate's scale
            scales, count = self.channel_scales(node), rows.channels
        if len(rows.channel_axes) == 1 and count == rows.channels:
            return scales, rows.channel_axes[0]
        axis = rows.order[-1]
        ordered = [rows.shape[each] for each in rows.order]
        ordered[-1] = count * ordered[-1] // (rows.channels * rows.reduced_elements)
        blocks = self._reshaped(node, scales, tuple(ordered))
        back = tuple(int(each) for each in np.argsort(rows.order))
        if back == tuple(range(len(back))):
            return blocks, axis
        turned = self.editor.before(
            node, "Transpose", [blocks], self._fresh("scale_turned"), perm=back
        )
        turned.shape = ir.Shape([ordered[each] for each in back])
        return turned, axis

    def _reshaped(self, node: ir.Node, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
        result = self.editor.before(
            node, "Reshape", [value, self.editor.integers(shape)], self._fresh("scale_shaped")
        )
        result.shape = ir.Shape(shape)
        return result

    def _fresh(self, what: str) -> str:
        """``<name>.<what>``, numbered when several nodes read the constant."""
        return self.editor.fresh(f"{self.name}.{what}")


class StoredFloat16:
    """A constant stored in half the bytes, called `name`, and read back as float32."""

    def __init__(self, editor: Editor, name: str, constant: Float32) -> None:
        self.editor, self.name = editor, name
        self.value = editor.array(f"{name}.stored", constant.astype(np.float16))

    def as_float(self, node: ir.Node) -> ir.Value:
        """``Cast(float16 constant)``."""
        name = self.editor.fresh(f"{self.name}.float")
        return self.editor.before(node, "Cast", [self.value], name, like=self.value, to=int(FLOAT))


def _fits_float16(scales: Float32) -> bool:
    """Whether float16 holds the very scales that the codes were made with."""
    exact = np.array_equal(scales.astype(np.float16).astype(np.float32), scales)
    return within_float16(scales) and exact
