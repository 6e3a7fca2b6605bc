"""Quantizers of activations, read back: ``[Max ─ [Min ─]] QuantizeLinear ─ DequantizeLinear``."""

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import onnx_ir as ir

from q4compile.numerics.formats import FORMATS, Format
from q4compile.quantize.activations import UNSIGNED_OFFSET
from q4compile.quantize.constant_chains import codes_type, is_stored, port, stored_numbers
from q4compile.quantize.network import LEARNED, ActivationGrid
from q4compile.quantize.network_constants import NotUnderstood
from q4compile.quantize.notes import read_note

CODES = {
    ir.DataType.INT4: "int4",
    ir.DataType.UINT4: "uint4",
    ir.DataType.INT8: "int8",
    ir.DataType.UINT8: "uint8",
    ir.DataType.INT16: "int16",
}
FEWER = ("int3", "int2")
"""Formats that lie in INT4 and are kept to their codes by Max and Min."""
SUFFIX = ".scale"


@dataclass(frozen=True)
class Quantizer:
    """A grid and the constants that hold it."""

    grid: ActivationGrid
    scale: ir.Value
    zero_point: ir.Value | None
    offset: int = 0
    """Of the stored zero point, over the grid's own."""
    ends: tuple[ir.Value, ...] = ()
    """The least value, or the least and the greatest, where constants hold them."""
    readers: tuple[ir.Node, ...] = ()
    """The nodes that read scale and zero point."""


class Quantizers:
    """The quantizers of a graph by the name of their grid; those that share constants are one."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Quantizer]] = {}
        self._names: dict[tuple[ir.Value, int, str], str] = {}

    def named(self, found: Quantizer, source: str) -> str:
        """The name of the grid `found`: that of its scale, or else `source`, numbered if taken."""
        key = (found.scale, found.grid.zero_point, found.grid.format)
        if key not in self._names:
            written = str(found.scale.name)
            stem = written.removesuffix(SUFFIX) if written.endswith(SUFFIX) else source
            numbered = (f"{stem}.{n}" if n > 1 else stem for n in count(1))
            self._names[key] = next(name for name in numbered if name not in self.by_name)
            self.by_name[self._names[key]] = []
        name = self._names[key]
        self.note(name, found)
        return name

    def note(self, name: str, found: Quantizer) -> None:
        """Add constants of the grid `name`: DequantizeLinear may have its own."""
        if found not in self.by_name[name]:
            self.by_name[name].append(found)


def pair(node: ir.Node) -> tuple[ir.Value, Quantizer, Quantizer] | None:
    """What ``DequantizeLinear(QuantizeLinear(x))`` quantizes, and the grid as either node has it.

    None if `node` is no such pair.

    Raises:
        NotUnderstood: it is one, but on no grid of ours.
    """
    first = _producer(port(node, 0), "QuantizeLinear")
    if first is None or first.inputs[0] is None:
        return None
    codes = codes_type(first)
    made = quantizer(port(first, 1), port(first, 2), codes)
    again = quantizer(port(node, 1), port(node, 2), codes)
    if made.grid != again.grid:
        got = f"{_said(made.grid)} in QuantizeLinear, {_said(again.grid)} in DequantizeLinear"
        raise NotUnderstood("one scale and zero point", got)
    source, made = _unbounded(first.inputs[0], made)
    other = replace(made, scale=again.scale, zero_point=again.zero_point, readers=(node,))
    return source, replace(made, readers=(first,)), other


def quantizer(
    scale: ir.Value | None,
    zero_point: ir.Value | None,
    codes: ir.DataType | None,
    format: Format | None = None,
) -> Quantizer:
    """The grid of constants; `format` is None where only the type of the codes is known.

    Raises:
        NotUnderstood: they are computed, several, or of a type that is no format of ours.
    """
    if scale is None or not is_stored(scale):
        raise NotUnderstood("a constant scale", _origin(scale))
    if zero_point is not None and not is_stored(zero_point):
        raise NotUnderstood("a constant zero point", _origin(zero_point))
    if codes not in CODES:
        got = "an unknown type" if codes is None else codes.name
        raise NotUnderstood("codes of " + ", ".join(sorted(CODES.values())), got)
    numbers = stored_numbers(scale)
    if numbers.size != 1:
        raise NotUnderstood("one scale for the whole activation", f"{numbers.size} scales")
    zero = 0 if zero_point is None else int(stored_numbers(zero_point).reshape(-1)[0])
    note = read_note(scale)
    noted = None if note is None else FORMATS[note.format]
    kind = format or noted or _plain_format(codes, zero)
    offset = UNSIGNED_OFFSET if kind.name == "int8" and codes == ir.DataType.UINT8 else 0
    grid = ActivationGrid(
        kind.name,
        np.float32(numbers.reshape(-1)[0]),
        zero - offset,
        note.symmetric if note is not None else zero == offset,
        note.range if note is not None else LEARNED,
    )
    return Quantizer(grid, scale, zero_point, offset)


def end_value(grid: ActivationGrid, code: int) -> np.float32:
    """``(code − zero_point) · scale``, as the writer computes the ends of a grid."""
    return np.float32(code - grid.zero_point) * grid.scale


def _plain_format(codes: ir.DataType, zero: int) -> Format:
    """uint8 codes around the middle of their range are int8 ones, as onnxruntime stores them."""
    middle = codes == ir.DataType.UINT8 and zero == UNSIGNED_OFFSET
    return FORMATS["int8" if middle else CODES[codes]]


def _unbounded(value: ir.Value, found: Quantizer) -> tuple[ir.Value, Quantizer]:
    """`value` without the Max and Min that keep it to the grid, which then says what they kept."""
    least = _end(value, "Min")
    inner = value if least is None else least[0]
    lowest = _end(inner, "Max")
    if lowest is None:
        return value, found
    source, low = lowest
    if least is None:
        kind = FORMATS[found.grid.format]
        return (
            (source, replace(found, ends=(low,)))
            if _is(low, found, kind.code_min)
            else (
                value,
                found,
            )
        )
    for kind in (FORMATS[name] for name in FEWER):
        if _is(low, found, kind.code_min) and _is(least[1], found, kind.code_max):
            grid = replace(found.grid, format=kind.name)
            return source, replace(found, grid=grid, ends=(low, least[1]))
    return value, found


def _end(value: ir.Value, op: str) -> tuple[ir.Value, ir.Value] | None:
    """``(x, end)`` of ``op(x, constant end)``."""
    node = _producer(value, op)
    if node is None or len(node.inputs) != 2:
        return None
    source, end = node.inputs
    if source is None or end is None or not is_stored(end) or stored_numbers(end).size != 1:
        return None
    return source, end


def _is(end: ir.Value, found: Quantizer, code: int) -> bool:
    return bool(stored_numbers(end).reshape(-1)[0] == end_value(found.grid, code))


def _producer(value: ir.Value | None, op: str) -> ir.Node | None:
    node = None if value is None else value.producer()
    return node if node is not None and not node.domain and node.op_type == op else None


def _origin(value: ir.Value | None) -> str:
    if value is None:
        return "none"
    node = value.producer()
    made = (
        "an input of the model" if node is None else f"computed by '{node.name}' ({node.op_type})"
    )
    return f"'{value.name}', {made}"


def _said(grid: ActivationGrid) -> str:
    return f"{grid.format} scale {grid.scale:g} zero point {grid.zero_point}"
