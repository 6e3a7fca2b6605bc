"""``pack_int2(model)``: 2-bit weights in 2 bits of the file, by the type INT2 of opset 25.

Between opsets 21 and 25 operators gain number types and optional attributes, and lose nothing: the
graph stays as it is, and computes the same. Weights of 3 bits stay in INT4, as ONNX has no type for
them.
"""

import onnx_ir as ir

from q4compile.numerics.formats import FORMATS
from q4compile.quantize.constant_chains import stored_numbers
from q4compile.quantize.notes import read_note
from q4compile.quantize.weights import codes_tensor

OPSET, IR_VERSION = 25, 13
"""The first ones with INT2."""


def pack_int2(model: ir.Model) -> ir.Model:
    """A copy of a quantized `model` whose 2-bit weights take 2 bits; itself if it has none."""
    copy = model.clone()
    codes = [value for value in copy.graph.initializers.values() if _holds_two_bits(value)]
    if not codes:
        return model
    for value in codes:
        tensor = codes_tensor(stored_numbers(value), ir.DataType.INT2)
        tensor.name = value.name
        value.const_value, value.type = tensor, ir.TensorType(tensor.dtype)
    for imports in (copy.opset_imports, *(each.opset_imports for each in copy.functions.values())):
        imports[""] = max(imports[""], OPSET)
    copy.ir_version = max(copy.ir_version, IR_VERSION)
    return copy


def _holds_two_bits(value: ir.Value) -> bool:
    note = read_note(value)
    return note is not None and FORMATS[note.format].bits == 2 and value.dtype == ir.DataType.INT4
