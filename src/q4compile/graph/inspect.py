"""What a model is made of: components, layers, parameters and the bits they are stored in."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.graph.components import Component, components
from q4compile.graph.dataflow import node_inputs
from q4compile.graph.operators import axes
from q4compile.graph.recurrent import GATES, OWN_DOMAIN, Recurrent, describe, is_recurrent

FOUR_BIT = ("INT2", "INT4", "UINT2", "UINT4")
"""Types of 4 bits and fewer."""
ENCODING_PORTS = (1, 2)
"""Where QuantizeLinear and DequantizeLinear take scale and zero point."""
STANDARD_PORTS = 7
"""Inputs of our quantized operators up to initial_c; scales and zero points follow."""
DECODING = {
    *("Cast", "Concat", "DequantizeLinear", "Expand", "Identity", "Mul", "QuantizeLinear"),
    *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
}
"""Operators between a stored weight and the node that multiplies with it."""


@dataclass(frozen=True)
class Port:
    """An input or output: element type and axes (a number, a name, or None)."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class ComponentInspection:
    """One component. Counts are elements or bytes by element type; bytes are as stored (packed)."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes_by_op: dict[str, int]
    parameters_by_dtype: dict[str, int]
    bytes_by_dtype: dict[str, int]
    recurrent: tuple[Recurrent, ...]


@dataclass(frozen=True)
class Inspection:
    """A whole model; `dataclasses.asdict` of it is JSON.

    `parameters` counts trained numbers: stored real numbers and the integers that stand for some,
    without scales, zero points and integer constants. `lstm_elements_by_dtype` counts elements of W
    and R of all LSTM, GRU and RNN nodes by the type they are stored in, and `lstm_int4_share` is
    the share of 4-bit ones among them (None without recurrent nodes).
    """

    components: tuple[ComponentInspection, ...]
    parameters: int
    parameter_bytes_as_float32: int
    stored_bytes: int
    lstm_elements_by_dtype: dict[str, int]
    lstm_int4_share: float | None


def inspect(model: ir.Model, name: str = "model") -> Inspection:
    """The `Inspection` of a float model, of one of our quantized ones, or of another tool's.

    `name` is that of the component if the model is only one (see `components`).
    """
    parts = components(model, name)
    owned = _owned_parameters(model, parts)
    layers = _recurrent_elements(model)
    total = sum(layers.values())
    parameters = sum(
        value.const_value.size for part in owned for value in part if value.const_value
    )
    return Inspection(
        components=tuple(
            _component(model, part, held) for part, held in zip(parts, owned, strict=True)
        ),
        parameters=parameters,
        parameter_bytes_as_float32=4 * parameters,
        stored_bytes=sum(tensor.nbytes for _, tensor in _stored(model)),
        lstm_elements_by_dtype=dict(sorted(layers.items())),
        lstm_int4_share=sum(layers[dtype] for dtype in FOUR_BIT) / total if total else None,
    )


def _component(model: ir.Model, part: Component, held: list[ir.Value]) -> ComponentInspection:
    names = set(part.nodes)
    nodes = [node for node in model.graph if node.name in names]
    ports = {value.name: value for node in nodes for value in (*node_inputs(node), *node.outputs)}
    ports |= {value.name: value for value in model.graph.inputs}
    elements: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for value in held:
        if value.const_value is not None:
            elements[value.const_value.dtype.name] += value.const_value.size
            sizes[value.const_value.dtype.name] += value.const_value.nbytes
    return ComponentInspection(
        name=part.name,
        inputs=tuple(_port(ports[name]) for name in part.inputs),
        outputs=tuple(_port(ports[name]) for name in part.outputs),
        nodes_by_op=dict(sorted(Counter(map(_operator, nodes)).items())),
        parameters_by_dtype=dict(sorted(elements.items())),
        bytes_by_dtype=dict(sorted(sizes.items())),
        recurrent=tuple(describe(node) for node in nodes if is_recurrent(node)),
    )


def _operator(node: ir.Node) -> str:
    return f"{node.domain}::{node.op_type}" if node.domain else node.op_type


def _port(value: ir.Value) -> Port:
    return Port(value.name or "", value.dtype.name if value.dtype else "UNDEFINED", axes(value))


def _stored(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    for graph in model.graphs():
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value, value.const_value


def _owned_parameters(model: ir.Model, parts: Iterable[Component]) -> list[list[ir.Value]]:
    """The parameters each component reads, each given to the first component that does."""
    stored = {value.name: tensor for value, tensor in _stored(model)}
    free = {
        value
        for value, tensor in _stored(model)
        if _is_parameter(value, tensor) and not _is_own_scale(value, stored)
    }
    owned: list[list[ir.Value]] = []
    for part in parts:
        names = set(part.nodes)
        read = [v for node in model.graph if node.name in names for v in _read_inside(node)]
        owned.append([value for value in dict.fromkeys(read) if value in free])
        free -= set(read)
    return owned


def _read_inside(node: ir.Node) -> Iterator[ir.Value]:
    """What `node` and the nodes of its subgraphs read."""
    yield from node_inputs(node)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in attribute.as_graph().all_nodes():
                yield from (value for value in inner.inputs if value is not None)


def _is_parameter(value: ir.Value, tensor: ir.TensorProtocol) -> bool:
    """Whether the numbers in `tensor` were trained: neither encodings nor indices nor scalars."""
    uses = [use for use in value.uses() if not encodes(use.node, use.idx)]
    if not uses or len(tensor.shape) == 0:
        return False
    decoded = all(
        use.node.op_type in ("DequantizeLinear", "Cast") or _is_layer(use.node) for use in uses
    )
    return tensor.dtype.is_floating_point() or (tensor.dtype.bitwidth <= 32 and decoded)


def _is_own_scale(value: ir.Value, stored: dict[str | None, ir.TensorProtocol]) -> bool:
    """Whether `value` is ``<name>.scale`` beside the codes ``<name>``, as our writer calls it."""
    name, dot, last = (value.name or "").rpartition(".")
    codes = stored.get(name)
    return bool(dot) and last == "scale" and codes is not None and codes.dtype.is_integer()


def _is_layer(node: ir.Node) -> bool:
    return node.domain != "" or is_recurrent(node)


def encodes(node: ir.Node, index: int) -> bool:
    """Whether input `index` of `node` says how numbers are encoded, rather than being some."""
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return index in ENCODING_PORTS
    return node.domain == OWN_DOMAIN and index >= STANDARD_PORTS


def _recurrent_elements(model: ir.Model) -> Counter[str]:
    """Element type → elements of W and R stored in it, over all recurrent nodes."""
    elements: Counter[str] = Counter()
    for node in model.graph.all_nodes():
        if is_recurrent(node) or node.op_type in {f"DynamicQuantize{kind}" for kind in GATES}:
            for weight in node.inputs[1:3]:
                for tensor in _storage(weight):
                    elements[tensor.dtype.name] += tensor.size
    return elements


def _storage(value: ir.Value | None) -> list[ir.TensorProtocol]:
    """The stored tensors whose numbers, decoded and laid out, are those of `value`."""
    if value is None:
        return []
    if value.const_value is not None:
        return [value.const_value]
    node = value.producer()
    if node is None or node.op_type not in DECODING:
        return []
    if node.op_type == "Concat":
        return [tensor for part in node.inputs for tensor in _storage(part)]
    found = [_storage(part) for part in (node.inputs if node.op_type == "Mul" else node.inputs[:1])]
    return max(found, key=lambda tensors: sum(tensor.size for tensor in tensors))
