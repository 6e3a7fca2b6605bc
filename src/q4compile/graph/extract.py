"""One component of a model as a model of its own."""

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, RemoveUnusedOpsetsPass

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.graph.components import Component
from q4compile.graph.dataflow import SHAPE_ONLY, node_inputs


def extract(model: ir.Model, component: Component) -> ir.Model:
    """A copy of `model` cut down to `component`: the same values from the component's inputs alone.

    Weights are shared with `model`, not copied. Where the component only needs the shape of another
    component's input (the batch of its zero state), it takes that length from its own input: the
    axis of the same name, or else the first axis for the first axis.

    Raises:
        ModelError: Q113 when it needs a length that none of its own inputs has.
    """
    part = model.clone()
    graph = part.graph
    values = {value.name: value for node in graph for value in node.outputs}
    values |= {value.name: value for value in graph.inputs}
    inputs = [_as_input(values[name], graph) for name in component.inputs]
    outputs = [values[name] for name in component.outputs]
    graph.outputs.clear()
    graph.outputs.extend(outputs)
    _measure_own_inputs(graph, inputs, component.name)
    _keep(graph, inputs)
    graph.name = component.name
    RemoveUnusedNodesPass()(part)
    RemoveUnusedOpsetsPass()(part)
    return part


def _as_input(value: ir.Value, graph: ir.Graph) -> ir.Value:
    """`value` if it is an input of `graph`, else a new value that takes its place and name."""
    if value.is_graph_input():
        return value
    entering = ir.Value(name=value.name, type=value.type, shape=value.shape)
    value.replace_all_uses_with(entering, replace_graph_outputs=True)
    value.name = f"{value.name}.outside"
    return entering


def _keep(graph: ir.Graph, inputs: list[ir.Value]) -> None:
    """Remove every node no output depends on, then make `inputs` the graph's inputs."""
    needed = _ancestors(graph.outputs, set())
    graph.remove([node for node in graph if node not in needed], safe=True)
    graph.inputs.clear()
    graph.inputs.extend(inputs)


def _ancestors(values: Iterable[ir.Value], stop: set[ir.Node]) -> set[ir.Node]:
    """The nodes that compute `values`, not going on behind the nodes in `stop`."""
    found: set[ir.Node] = set()
    waiting = list(values)
    while waiting:
        node = waiting.pop().producer()
        if node is not None and node not in found:
            found.add(node)
            waiting += [] if node in stop else node_inputs(node)
    return found


def _measure_own_inputs(graph: ir.Graph, inputs: list[ir.Value], component: str) -> None:
    """Let no Shape or Size measure what the component does not have."""
    shapes = {node for node in graph if node.op_type in SHAPE_ONLY}
    found: list[Finding] = []
    for node in sorted(_ancestors(graph.outputs, shapes) & shapes, key=list(graph).index):
        if _foreign(node, graph, inputs):
            found += _replace(node, graph, inputs, component)
    raise_all(ModelError, found)


def _foreign(node: ir.Node, graph: ir.Graph, inputs: list[ir.Value]) -> bool:
    """Whether `node` measures something that other inputs than the component's own decide."""
    value = _measured(node)
    sources = {value} | {v for n in _ancestors([value], set()) for v in node_inputs(n)}
    return any(v.is_graph_input() and v not in inputs for v in sources)


def _replace(
    node: ir.Node, graph: ir.Graph, inputs: list[ir.Value], component: str
) -> list[Finding]:
    value, used = _measured(node), _used_axes(node)
    lengths: list[ir.Value] = []
    for axis in _axes(node):
        length = _length(value, axis, graph, inputs, node)
        if length is None and axis in used:
            return [_unknown_length(node, value, axis, component)]
        lengths.append(length or _constant(1, f"{node.name}.unused{axis}", graph))
    joined = ir.node("Concat", lengths, {"axis": 0}, name=f"{node.name}.own")
    joined.outputs[0].type, joined.outputs[0].shape = node.outputs[0].type, node.outputs[0].shape
    graph.insert_before(node, joined)
    node.outputs[0].replace_all_uses_with(joined.outputs[0], replace_graph_outputs=True)
    return []


def _measured(node: ir.Node) -> ir.Value:
    value = node.inputs[0]
    if value is None:
        raise ValueError(f"{node.name} measures nothing")  # its schema has been checked
    return value


def _axes(node: ir.Node) -> range:
    rank = len(_measured(node).shape or ())
    start, end = (node.attributes.get(name) for name in ("start", "end"))
    return range(rank)[
        slice(0 if start is None else start.as_int(), rank if end is None else end.as_int())
    ]


def _used_axes(node: ir.Node) -> set[int]:
    """The measured axes that later nodes pick; all of them unless each picks by a constant."""
    axes, used = _axes(node), set[int]()
    for user in node.outputs[0].consumers():
        index = user.inputs[1].const_value if user.op_type == "Gather" and user.inputs[1] else None
        if index is None:
            return set(axes)
        used |= {axes[int(position)] for position in np.ravel(index.numpy())}
    return used


def _length(
    value: ir.Value, axis: int, graph: ir.Graph, inputs: list[ir.Value], node: ir.Node
) -> ir.Value | None:
    """A one-element tensor with the length of that axis of `value`, from the component's inputs."""
    wanted = value.shape[axis] if value.shape is not None else None
    if isinstance(wanted, int):
        return _constant(wanted, f"{node.name}.axis{axis}", graph)
    sources = [(v, k) for v in inputs for k, dim in enumerate(v.shape or ()) if dim == wanted]
    first = [(v, 0) for v in inputs if axis == 0 and v.shape]
    for source, position in [*(sources if _named(wanted) else []), *first]:
        measure = ir.node(
            "Shape",
            [source],
            {"start": position, "end": position + 1},
            name=f"{node.name}.axis{axis}",
        )
        measure.outputs[0].type, measure.outputs[0].shape = node.outputs[0].type, ir.Shape([1])
        graph.insert_before(node, measure)
        return measure.outputs[0]
    return None


def _named(axis: int | ir.SymbolicDim | None) -> bool:
    return isinstance(axis, ir.SymbolicDim) and axis.value is not None


def _constant(number: int, name: str, graph: ir.Graph) -> ir.Value:
    tensor = ir.tensor(np.array([number], dtype=np.int64), name=name)
    value = ir.Value(
        name=name, shape=ir.Shape([1]), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    graph.register_initializer(value)
    return value


def _unknown_length(node: ir.Node, value: ir.Value, axis: int, component: str) -> Finding:
    return Finding(
        "Q113",
        "a component needs another's length",
        f"node '{node.name}' (Shape), component {component}",
        "only lengths that its own inputs have",
        f"axis {axis} of '{value.name}'",
        "export the components as separate files, and give their folder",
    )
