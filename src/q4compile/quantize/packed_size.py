"""Bytes of a model's constants with every code at its own width, as a program holds them.

ONNX has no type for codes of 3 bits, and few tools read the one for 2: such codes lie in INT4 and
take 4 bits of the file.
"""

import onnx_ir as ir

from q4compile.graph.finite import stored_values
from q4compile.numerics.formats import FORMATS
from q4compile.numerics.packing import pack
from q4compile.quantize.constant_chains import stored_numbers
from q4compile.quantize.notes import read_note


def packed_bytes(model: ir.Model) -> int:
    """The size of the data section [bytes]: codes packed by `numerics.packing`, the rest as stored.

    Codes are known by the notes that `quantize` leaves on them.
    """
    return sum(_bytes(value) for value in stored_values(model))


def _bytes(value: ir.Value) -> int:
    tensor, note = value.const_value, read_note(value)
    if tensor is None:
        return 0
    bits = FORMATS[note.format].bits if note is not None else tensor.dtype.bitwidth
    if not tensor.dtype.is_integer() or bits >= tensor.dtype.bitwidth:
        return tensor.nbytes
    return pack(stored_numbers(value), bits).nbytes
