"""Activations onto their grids: ``Q → DQ`` in front of the nodes that read them."""

import numpy as np
import onnx_ir as ir

from q4compile.quantize.editor import FLOAT, FLOAT16, Editor
from q4compile.quantize.encoding import Encoding
from q4compile.quantize.fusions import TO_FOUR_BITS, TO_PLAIN_CODES, may_fuse
from q4compile.quantize.notes import Note, write_note
from q4compile.quantize.weights import storage_type

UNSIGNED_OFFSET = 128
"""int8 codes are stored as uint8, shifted by this. onnxruntime does so itself when it optimizes,
and fails to load the result where a Reshape follows (1.32)."""


class Grid:
    """The scale and zero point of one activation, as constants named after its value."""

    def __init__(self, editor: Editor, name: str, encoding: Encoding, note: Note) -> None:
        self.editor, self.name, self.encoding = editor, name, encoding
        self.kind, self.stored_zero_point = storage_type(encoding.format), encoding.zero_point
        if self.kind == ir.DataType.INT8:
            self.kind = ir.DataType.UINT8
            self.stored_zero_point += UNSIGNED_OFFSET
        self.scale = editor.array(f"{name}.scale", np.array(encoding.scale, np.float32))
        write_note(self.scale, note)
        self.zero_point = editor.constant(
            f"{name}.zero_point", _code(self.stored_zero_point, self.kind, f"{name}.zero_point")
        )

    @property
    def clips(self) -> bool:
        """Whether the format has fewer codes than the type that stores it."""
        return self.encoding.format.bits < 4

    def ends(self, codes: bool) -> list[ir.Value]:
        """The extreme values, or codes; nothing when the type itself saturates."""
        if not self.clips:
            return []
        return [self._end("min", codes), self._end("max", codes)]

    def _end(self, name: str, code: bool) -> ir.Value:
        encoding, kind = self.encoding, "code" if code else "value"
        centred = (encoding.lo if name == "min" else encoding.hi) - encoding.zero_point
        unit = np.float32(1 if code else encoding.scale)
        return self.editor.array(f"{self.name}.{name}_{kind}", np.float32(centred) * unit)

    def offset(self) -> ir.Value:
        """The zero point as float32."""
        return self.editor.array(f"{self.name}.offset", np.float32(self.stored_zero_point))

    def quantized(self, node: ir.Node, value: ir.Value, codes: bool) -> ir.Value:
        """``DQ(Q(value))`` before `node`; with `codes`, ``q − zero_point`` instead of reals."""
        stored = self.editor.before(
            node,
            "QuantizeLinear",
            [self._bounded(node, value, codes), self.scale, self.zero_point],
            self.editor.fresh(f"{value.name}.quantized"),
            like=value,
            dtype=self.kind,
        )
        if codes:
            return self._centred(node, value, stored)
        name = self.editor.fresh(f"{value.name}.dequantized")
        operands = [stored, self.scale, self.zero_point]
        return self.editor.before(node, "DequantizeLinear", operands, name, like=value)

    def _bounded(self, node: ir.Node, value: ir.Value, codes: bool) -> ir.Value:
        """``Min(Max(value, lo), hi)`` for fewer codes than INT4 has; nothing where it saturates.

        ``Max(value, lo)``, which changes no code, stands between the quantizer and what onnxruntime
        would wrongly fuse with it. It fuses a Clip, but no Max and no Min.
        """
        if not self.clips and not self._may_fuse(value, codes):
            return value
        name = self.editor.fresh(f"{value.name}.raised")
        raised = self.editor.before(
            node, "Max", [value, self._end("min", code=False)], name, like=value
        )
        if not self.clips:
            return raised
        name = self.editor.fresh(f"{value.name}.clipped")
        ends = [raised, self._end("max", code=False)]
        return self.editor.before(node, "Min", ends, name, like=value)

    def _may_fuse(self, value: ir.Value, codes: bool) -> bool:
        if self.kind.bitwidth == 4:
            return may_fuse(value, TO_FOUR_BITS)
        return codes and not self.stored_zero_point and may_fuse(value, TO_PLAIN_CODES)

    def _centred(self, node: ir.Node, value: ir.Value, stored: ir.Value) -> ir.Value:
        """``Cast(q) − zero_point``. A DequantizeLinear of scale 1 would say the same, but

        onnxruntime pairs it with the QuantizeLinear and fails to load int8 (1.32, extended level).
        """
        name = self.editor.fresh(f"{value.name}.codes")
        codes = self.editor.before(node, "Cast", [stored], name, like=value, to=int(FLOAT))
        if not self.stored_zero_point:
            return codes
        centred = self.editor.fresh(f"{value.name}.centred")
        return self.editor.before(node, "Sub", [codes, self.offset()], centred, like=value)


def through_float16(editor: Editor, node: ir.Node, value: ir.Value) -> ir.Value:
    """``Cast(Cast(value, float16), float32)``: the value as 16-bit hardware would see it."""
    half = editor.before(
        node,
        "Cast",
        [value],
        editor.fresh(f"{value.name}.half"),
        like=value,
        dtype=FLOAT16,
        to=int(FLOAT16),
    )
    name = editor.fresh(f"{value.name}.float")
    return editor.before(node, "Cast", [half], name, like=value, to=int(FLOAT))


def _code(code: int, kind: ir.DataType, name: str) -> ir.TensorProtocol:
    if kind.bitwidth == 4:
        packed = np.array([code & 0xF], np.uint8)
        return ir.PackedTensor(packed, kind, shape=ir.Shape(()), name=name)
    return ir.Tensor(np.array(code, kind.numpy()), dtype=kind, name=name)
