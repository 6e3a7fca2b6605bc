"""Activations onto their grids: ``Q → DQ`` in front of the nodes that read them."""

import numpy as np
import onnx_ir as ir

from q4compile.quantize.editor import FLOAT, FLOAT16, Editor
from q4compile.quantize.encoding import Encoding
from q4compile.quantize.weights import storage_type


class Grid:
    """The scale and zero point of one activation, as constants named after its value."""

    def __init__(self, editor: Editor, name: str, encoding: Encoding) -> None:
        self.editor, self.name, self.encoding = editor, name, encoding
        kind = storage_type(encoding.format)
        self.scale = editor.array(f"{name}.scale", np.array(encoding.scale, np.float32))
        self.zero_point = editor.constant(
            f"{name}.zero_point", _code(encoding.zero_point, kind, f"{name}.zero_point")
        )

    @property
    def clips(self) -> bool:
        """Whether the format has fewer codes than the type that stores it."""
        return self.encoding.format.bits < 4

    def ends(self) -> list[ir.Value]:
        """The extreme values, for a Clip; nothing when the type itself saturates."""
        if not self.clips:
            return []
        low, high = self.encoding.clip
        return [
            self.editor.array(f"{self.name}.min", np.array(low, np.float32)),
            self.editor.array(f"{self.name}.max", np.array(high, np.float32)),
        ]

    def quantized(self, node: ir.Node, value: ir.Value, codes: bool) -> ir.Value:
        """``DQ(Q(value))`` before `node`; with `codes`, ``q − zero_point`` instead of reals."""
        source = value
        if self.clips:
            name = self.editor.fresh(f"{value.name}.clipped")
            source = self.editor.before(node, "Clip", [value, *self.ends()], name, like=value)
        stored = self.editor.before(
            node,
            "QuantizeLinear",
            [source, self.scale, self.zero_point],
            self.editor.fresh(f"{value.name}.quantized"),
            like=value,
            dtype=storage_type(self.encoding.format),
        )
        unit = self.editor.array("q4.one", np.array(1, np.float32))
        return self.editor.before(
            node,
            "DequantizeLinear",
            [stored, unit if codes else self.scale, self.zero_point],
            self.editor.fresh(f"{value.name}.{'codes' if codes else 'dequantized'}"),
            like=value,
        )


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
