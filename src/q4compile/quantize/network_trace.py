"""Which value each node of a quantized graph reads, and on which grid: quantizers taken off.

trace.operand(v)    what a reader of v reads      trace.kept          nodes of the float network
trace.identities    values that must exist on their grid: outputs, quantized again
"""

from collections.abc import Iterator
from dataclasses import replace

import onnx_ir as ir

from q4compile.graph.dataflow import node_inputs
from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.quantize.constant_chains import is_stored
from q4compile.quantize.network import HALF, Operand
from q4compile.quantize.network_constants import NotUnderstood, StoredConstant, stored_constant
from q4compile.quantize.network_grids import Quantizer, Quantizers, pair, quantizer
from q4compile.quantize.network_recurrent import grids_of, operands_of, variant_of_call
from q4compile.quantize.recurrence import Variant

LEFT_OUT = Operand("")


class Trace:
    """A walk from the outputs of a graph to everything that they need of the float network."""

    def __init__(self, model: ir.Model) -> None:
        self.graph = model.graph
        self.constants: dict[str, StoredConstant] = {}
        self.quantizers = Quantizers()
        self.kept: dict[ir.Node, None] = {}
        self.identities: dict[ir.Value, Operand] = {}
        self.inside: dict[ir.Node, dict[str, str]] = {}
        """Recurrent node → role → grid of what it quantizes at every step."""
        self.variants: dict[ir.Node, Variant] = {}
        self.refused: dict[ir.Node, NotUnderstood] = {}
        self.read_as_stored: dict[ir.Value, ir.Node] = {}
        """Initializer → the first node that reads it without any decoding."""
        self._operands: dict[ir.Value, Operand] = {}
        self._pending: list[ir.Node] = []
        for node in self.graph:
            if node.op_type == "DequantizeLinear":  # so that grids are named in the graph's order
                self.operand(node.outputs[0])
        for value in self.graph.outputs:
            self._materialize(value)
        while self._pending:
            self._visit(self._pending.pop())

    def operand(self, value: ir.Value | None) -> Operand:
        """What a node reads that reads `value`."""
        if value is None:
            return LEFT_OUT
        if value not in self._operands:
            self._operands[value] = self._operand(value)
        return self._operands[value]

    def inputs_of(self, node: ir.Node) -> list[ir.Value | None]:
        """The inputs of the float operator that `node` is or stands for."""
        return operands_of(node) if node in self.variants else list(node.inputs)

    def _operand(self, value: ir.Value) -> Operand:
        node, name = value.producer(), str(value.name)
        if node is None or node.domain:
            return Operand(name)
        try:
            stored = stored_constant(value)
            if stored is not None:
                return self._constant(stored)
            found = pair(node) if node.op_type == "DequantizeLinear" else None
        except NotUnderstood as reason:
            self.refused[node] = reason
            return Operand(name)
        if found is not None:
            source, first, again = found
            self.operand(source)  # names what lies before it
            grid = self.quantizers.named(first, str(source.name))
            self.quantizers.note(grid, again)
            return self._on_grid(source, grid)
        half = _rounded_to_half(node)
        return Operand(name) if half is None else self._on_grid(half, HALF)

    def _on_grid(self, source: ir.Value, grid: str) -> Operand:
        """`source` read on `grid`; on two grids after each other, the first becomes a value."""
        inner = self.operand(source)
        if inner.grid in (None, grid):
            return Operand(inner.value, grid)
        self._materialize(source)
        return Operand(str(source.name), grid)

    def _constant(self, found: StoredConstant) -> Operand:
        name = str(found.stored.name)
        known = self.constants.setdefault(name, found)
        if known.scales is not found.scales or _places(known) != _places(found):
            raise NotUnderstood(f"one grid for the constant '{name}'", "several")
        if not found.shifted:
            return Operand(name)
        grid = quantizer(found.scales, found.zero_point, found.stored.dtype)
        grid = replace(grid, readers=tuple(found.stored.consumers()))
        return Operand(name, self.quantizers.named(grid, name))

    def _materialize(self, value: ir.Value) -> None:
        """See to it that `value` exists by its own name."""
        operand = self.operand(value)
        if operand != Operand(str(value.name)):
            self.identities[value] = operand
        self._follow(value, operand)

    def _visit(self, node: ir.Node) -> None:
        if node.domain == OWN_DOMAIN:
            self._look_inside(node)
        given = self.inputs_of(node)
        for value in given:
            operand = self.operand(value)
            if value is not None:
                self._follow(value, operand)
                if is_stored(value):
                    self.read_as_stored.setdefault(value, node)
        for value in _captured(node):
            self._materialize(value)

    def _look_inside(self, node: ir.Node) -> None:
        try:
            variant = variant_of_call(node)
            grids = {} if variant.exact else grids_of(node, variant)
        except NotUnderstood as reason:
            self.refused[node] = reason
            return
        self.variants[node] = variant
        self.inside[node] = {
            role: self._named(found, f"{node.name}.{role}") for role, found in grids.items()
        }

    def _named(self, found: Quantizer | str, source: str) -> str:
        return found if isinstance(found, str) else self.quantizers.named(found, source)

    def _follow(self, value: ir.Value, operand: Operand) -> None:
        """Keep the node that makes what `operand` names, which is `value` or lies before it."""
        for each in _behind(value):
            if str(each.name) == operand.value:
                node = each.producer()
                if each not in self.identities and node is not None and node not in self.kept:
                    self.kept[node] = None
                    self._pending.append(node)
                return


def _behind(value: ir.Value) -> Iterator[ir.Value]:
    """`value` and what its quantizers read."""
    each: ir.Value | None = value
    while each is not None:
        yield each
        node = each.producer()
        each = node.inputs[0] if node is not None and node.inputs else None


def _rounded_to_half(node: ir.Node) -> ir.Value | None:
    """x where `node` is the second of ``Cast(Cast(x, float16), float32)``."""
    first = node.inputs[0] if node.inputs else None
    half = None if first is None else first.producer()
    if half is None or not (_casts(node, ir.DataType.FLOAT) and _casts(half, ir.DataType.FLOAT16)):
        return None
    source = half.inputs[0]
    return source if source is not None and source.dtype in (None, ir.DataType.FLOAT) else None


def _captured(node: ir.Node) -> Iterator[ir.Value]:
    """What the subgraphs of `node` read from outside."""
    own = {value for value in node.inputs if value is not None}
    yield from (value for value in node_inputs(node) if value not in own)


def _casts(node: ir.Node, dtype: ir.DataType) -> bool:
    attribute = node.attributes.get("to")
    cast = node.op_type == "Cast" and not node.domain and attribute is not None
    return cast and attribute is not None and attribute.as_int() == dtype


def _places(found: StoredConstant) -> tuple[object, ...]:
    grid = found.grid
    return (None,) if grid is None else (grid.format, grid.channel_axes, grid.row_elements)
