"""The operators whose tensors can be quantized, and what each of their tensors is to them.

One small class per operator; adding one is a class and a line in `OPERATORS`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import onnx_ir as ir

from q4compile.graph.recurrent import OWN_DOMAIN, describe


@dataclass(frozen=True)
class Tensor:
    """A tensor of a node: its role and, where the graph holds it, its value.

    `suffix` names tensors that exist only inside the node (cell state, pre-activations).
    `channel_axis` is the output-channel axis of a weight. `shape` is given where the graph does not
    say it.
    """

    role: str
    value: ir.Value | None
    channel_axis: int | None = None
    suffix: str = ""
    shape: tuple[int | str | None, ...] | None = None
    gates: int = 1


class Operator(Protocol):
    """An operator that can be quantized."""

    op: str

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        """The tensors of `node` by role, inputs first; none if there is nothing to quantize."""
        ...


class Conv:
    """Y = W ∗ X + B, W [M, C/groups, …]."""

    op = "Conv"

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        yield Tensor("input", port(node, 0))
        yield Tensor("weight", port(node, 1), channel_axis=0)
        if port(node, 2) is not None:
            yield Tensor("bias", port(node, 2), channel_axis=0)


class Gather:
    """Y = table[indices]: an embedding, if the table is constant and holds real numbers."""

    op = "Gather"

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        table = port(node, 0)
        if is_constant(table) and _real(table) and rank(table) >= 2:
            axis = node.attributes.get("axis")
            yield Tensor("table", table, channel_axis=0 if axis is None else axis.as_int())


class Gemm:
    """Y = α·A'·B' + β·C; the constant one of A and B is the weight."""

    op = "Gemm"

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        left, right, bias = port(node, 0), port(node, 1), port(node, 2)
        rows, columns = (
            (1, 0) if _flag(node, "transA") else (0, 1),
            (1, 0) if _flag(node, "transB") else (0, 1),
        )
        yield from _product(left, right, rows[0], columns[1])
        if bias is not None and is_constant(bias):
            yield Tensor("bias", bias, channel_axis=rank(bias) - 1)


class MatMul:
    """Y = A·B; the constant operand is the weight, and a constant added to Y the bias."""

    op = "MatMul"

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        left, right = port(node, 0), port(node, 1)
        if not (_real(left) and _real(right)):
            return
        yield from _product(left, right, rank(left) - 2, rank(right) - 1)
        bias = _added_constant(node)
        if bias is not None and (is_constant(left) or is_constant(right)):
            yield Tensor("bias", bias, channel_axis=rank(bias) - 1)


class Recurrence:
    """LSTM, GRU and RNN, standard or quantized; W and R [D, G·H, K] have channels on axis 1."""

    def __init__(self, op: str) -> None:
        self.op = op

    def tensors(self, node: ir.Node) -> Iterator[Tensor]:
        about = describe(node)
        hidden, gates = about.hidden_size, about.gates
        steps = axes(port(node, 0)) or (None, None)
        sequence = (steps[0], about.directions, steps[1] if len(steps) > 1 else None)
        yield Tensor("input", port(node, 0), shape=(*steps[:2], _last(port(node, 1))))
        yield Tensor("weight", port(node, 1), channel_axis=1, gates=gates)
        yield Tensor("recurrent_weight", port(node, 2), channel_axis=1, gates=gates)
        if port(node, 3) is not None:
            yield Tensor("bias", port(node, 3), channel_axis=1, gates=gates)
        output = node.outputs[0] if node.outputs and node.outputs[0].name else None
        yield Tensor("hidden", output, suffix=".h", shape=(*sequence, hidden))
        if self.op == "LSTM":
            yield Tensor("cell", None, suffix=".c", shape=(*sequence, hidden))
        yield Tensor("gate", None, suffix=".gates", shape=(*sequence, gates * hidden), gates=gates)


OPERATORS: tuple[Operator, ...] = (
    Conv(),
    Recurrence("GRU"),
    Gather(),
    Gemm(),
    Recurrence("LSTM"),
    MatMul(),
    Recurrence("RNN"),
)
BY_OP = {operator.op: operator for operator in OPERATORS}


def tensors_of(node: ir.Node) -> list[Tensor]:
    """The tensors of `node` that can be quantized, in the order of its ports; [] for most nodes."""
    if node.domain not in ("", OWN_DOMAIN) or node.op_type not in BY_OP:
        return []
    return list(BY_OP[node.op_type].tensors(node))


def is_constant(value: ir.Value | None) -> bool:
    """Whether `value` is stored in the model."""
    return value is not None and value.const_value is not None and not value.is_graph_input()


def port(node: ir.Node, index: int) -> ir.Value | None:
    """Input `index` of `node`, None if it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def rank(value: ir.Value | None) -> int:
    """Number of axes, 0 where it is not known."""
    return len(axes(value) or ())


def axes(value: ir.Value | None) -> tuple[int | str | None, ...] | None:
    """Length of each axis: a number, the name of a dynamic one, or None for one without a name."""
    if value is None or value.shape is None:
        return None
    return tuple(axis if isinstance(axis, int) else axis.value for axis in value.shape)


def _product(
    left: ir.Value | None, right: ir.Value | None, left_axis: int, right_axis: int
) -> Iterator[Tensor]:
    if is_constant(right):
        yield from (Tensor("input", left), Tensor("weight", right, channel_axis=right_axis))
    elif is_constant(left):
        yield from (Tensor("input", right), Tensor("weight", left, channel_axis=left_axis))
    else:
        yield from (Tensor("input", left), Tensor("input", right))


def _added_constant(node: ir.Node) -> ir.Value | None:
    """The constant vector that the only consumer of `node` adds to its result."""
    users = node.outputs[0].consumers()
    if len(users) != 1 or users[0].op_type != "Add" or node.outputs[0].is_graph_output():
        return None
    constants = [value for value in users[0].inputs if is_constant(value) and _real(value)]
    return next((value for value in constants if value is not None and rank(value) == 1), None)


def _real(value: ir.Value | None) -> bool:
    return value is not None and (value.dtype is None or value.dtype.is_floating_point())


def _last(value: ir.Value | None) -> int | str | None:
    return (axes(value) or (None,))[-1]


def _flag(node: ir.Node, name: str) -> bool:
    attribute = node.attributes.get(name)
    return attribute is not None and attribute.as_int() != 0
