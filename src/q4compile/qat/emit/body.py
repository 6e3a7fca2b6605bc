"""The forward code of one component, statement by statement in the graph's order.

Every node becomes one statement; statements whose results nobody needs (the shape arithmetic of a
zero state, say) are left out at the end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from q4compile.qat.emit.arithmetic import arithmetic
from q4compile.qat.emit.members import Members, Part, Resolve
from q4compile.qat.emit.names import FUNCTION_NAMES, Names, identifier, without, words
from q4compile.qat.emit.operator import Operator
from q4compile.qat.emit.parts import constant_part, grid_part, weight_part
from q4compile.qat.emit.plan import ComponentPlan
from q4compile.qat.emit.site import Known, Site, Unsupported, Value, Variable
from q4compile.qat.emit.sizes import Sizes
from q4compile.quantize.network import HALF, Network, Node, Operand

KEPT_ON_GRID = frozenset(
    {"Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze"}
    | {"Tile", "Transpose", "Unsqueeze"}
)
"""Operators that hand on numbers of their first input."""

TO_HALF = "to_fp16"
STORED = frozenset(
    {"bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64"}
    | {"uint8", "uint16", "uint32", "uint64"}
)
"""Number types of constants that a package can hold."""
LAYER_OPS = frozenset({"Conv", "GRU", "Gather", "Gemm", "LSTM", "MatMul", "RNN"})
RECURRENT = {"GRU": ("", "_h"), "LSTM": ("", "_h", "_c"), "RNN": ("", "_h")}
"""What the names of the results of a recurrent node end in."""

VARIABLE = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|=(?!=))")
ATTRIBUTE = re.compile(r"\bself\.(\w+)")
STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


@dataclass(frozen=True)
class Statement:
    """``targets = text``; `values` are the ONNX names of the targets, "" for what none takes."""

    targets: tuple[str, ...]
    text: str
    values: tuple[str, ...]

    @cached_property
    def variables(self) -> set[str]:
        """Every word of the text that may be a variable."""
        return set(VARIABLE.findall(STRING.sub('""', self.text)))

    @cached_property
    def attributes(self) -> set[str]:
        """The attributes of self that the text names."""
        return set(ATTRIBUTE.findall(STRING.sub('""', self.text)))


class Body:
    """The statements of one component while they are written: the `Scope` of its nodes."""

    def __init__(self, network: Network, plan: ComponentPlan) -> None:
        self.network, self.plan = network, plan
        self.names, self.members = Names(FUNCTION_NAMES), Members()
        self.statements: list[Statement] = []
        self.values: dict[str, Value] = {}
        self.parameters: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self._grids: dict[str, str] = {}
        self._quantized: dict[Operand, str] = {}
        self._node = plan.nodes[0] if plan.nodes else None
        for name in plan.inputs:
            self.enter(name)
        for state in plan.states:
            name = self._state_name(state.node, state.kind)
            self.states[state.input_name] = self.names.fresh(name)

    def enter(self, name: str) -> str:
        """The parameter of the forward function for a value from outside."""
        self.parameters[name] = self.names.fresh(self._plain(name, "value"))
        self.values[name] = Variable(self.parameters[name])
        return self.parameters[name]

    def write(self, node: Node, operator: Operator) -> None:
        """Add the statement of `node`.

        Raises:
            Unsupported: the operator, but not in this form.
        """
        self._node = node
        site = Site(node, self, operator.defaults)
        if site.result_dtype() in ("int64", ""):
            sizes = arithmetic(site)
            if sizes is not None:
                self.values[node.outputs[0]] = sizes
                return
        text = operator.write(site)
        if len(node.outputs) == 1 and self._is_variable(text):
            self.values[node.outputs[0]] = Variable(text)
        else:
            self._assign(node, text)
        self._carry_grids(node, site)

    def give_up(self, node: Node) -> None:
        """Let what follows `node` be written as if it had been."""
        for name in filter(None, node.outputs):
            self.values[name] = Variable(self._plain(name, "value"))

    def value(self, name: str) -> Value:
        """What the value `name` is here; a value of another component becomes a parameter."""
        if name not in self.values:
            if name in self.network.constants:
                return Known(name, np.asarray(self.network.constants[name]))
            self.enter(name)
        return self.values[name]

    def tensor(self, operand: Operand, trainable: bool = False) -> str:
        """Source text of the operand as a tensor, on its grid."""
        text = self._plain_tensor(operand.value, trainable)
        if operand.grid is None or self._grids.get(text) == operand.grid:
            return text
        if operand in self._quantized:
            return self._quantized[operand]
        wanted = TO_HALF if operand.grid == HALF else f"{self._base(self._current)}_input"
        attribute = self.members.part(grid_part(self.network, operand.grid), wanted)
        quantized = f"self.{attribute}({text})"
        if self.plan.reads[operand] == 1:
            return quantized
        variable = self.names.fresh(wanted)
        self.statements.append(Statement((variable,), quantized, (operand.value,)))
        self._quantized[operand] = variable
        self._grids[variable] = operand.grid
        return variable

    def part(self, operand: Operand) -> str:
        """Key of the parameter that a constant operand becomes."""
        if operand.grid is not None:
            raise Unsupported("a constant on a symmetric grid", f"'{operand.value}' on another")
        return self._part(self._constant_part(operand.value, True))

    def grid(self, name: str) -> str:
        """Key of the quantizer that the grid `name` becomes."""
        return self._part(grid_part(self.network, name))

    def layer(self, node: Node, template: str, parts: Sequence[str]) -> str:
        """``self.<name of the node>``: a module made by `template`, with a field per part."""

        def write(resolve: Resolve) -> str:
            return template.format(*map(resolve, parts))

        return f"self.{self.members.layer(self._base(node), parts, write)}"

    def state(self, node: Node, kind: str) -> str:
        """Source text of the initial state of a recurrent node, ``None`` for zeros."""
        exposed = self.plan.state(node, kind)
        if exposed is not None:
            return self.states[exposed.input_name]
        given = self.plan.initial(node, kind)
        return "None" if given is None else self.tensor(given)

    def added_bias(self, node: Node) -> Operand | None:
        """The constant vector that the next node adds to the result, if the two are one layer."""
        fused = self.plan.biases.get(node.name)
        return fused.bias if fused is not None else None

    def dtype(self, name: str) -> str:
        """Number type of a value by its numpy name, "" where unknown."""
        port = self.network.values.get(name)
        return port.dtype if port is not None else ""

    def shape(self, name: str) -> tuple[int | str | None, ...] | None:
        """Axes of a value, None where even their number is unknown."""
        port = self.network.values.get(name)
        return port.shape if port is not None else None

    def beside(self) -> str:
        """A variable on the device where everything is."""
        return next(iter(self.parameters.values()), "")

    def result(self, name: str) -> str:
        """Source text of a value that leaves."""
        return self._plain_tensor(name, False)

    @property
    def _current(self) -> Node:
        assert self._node is not None, "operands belong to nodes"
        return self._node

    def _plain_tensor(self, name: str, trainable: bool) -> str:
        value = self.value(name)
        if isinstance(value, Variable):
            return value.name
        if isinstance(value, Known) and value.array.dtype.name not in STORED:
            raise Unsupported(f"numbers in '{name}'", value.array.dtype.name)
        if isinstance(value, Sizes):
            return Sizes(value.items, value.scalar, value.beside or self.beside()).tensor()
        part = self._constant_part(name, trainable)
        return f"self.{self.members.part(part, self._part_name(name))}()"

    def _constant_part(self, name: str, trainable: bool) -> Part:
        if name in self.network.weights:
            return weight_part(self.network, name)
        return constant_part(self.network, name, trainable)

    def _part(self, part: Part) -> str:
        _, _, name = part.key.partition(" ")
        self.members.part(part, self._part_name(name) if name else TO_HALF)
        return part.key

    def _assign(self, node: Node, text: str) -> None:
        values = self._results(node)
        base = self._base(node)
        targets = tuple(
            self.names.fresh(self._target(value, node, base, index)) if value else "_"
            for index, value in enumerate(values)
        )
        self.statements.append(Statement(targets, text, values))
        for names in (values, node.outputs if len(node.outputs) <= len(values) else ()):
            for target, value in zip(targets, names, strict=False):
                if value:
                    self.values[value] = Variable(target)

    def _results(self, node: Node) -> tuple[str, ...]:
        """What a node's statement makes, by name; "" for what nobody takes."""
        fused = self.plan.biases.get(node.name)
        if node.op not in RECURRENT:
            return node.outputs if fused is None else (fused.output,)
        values = [*node.outputs, "", ""][: len(RECURRENT[node.op])]
        for index, kind in enumerate("hc"[: len(values) - 1], start=1):
            state = self.plan.state(node, kind)
            values[index] = state.output_name if state is not None else values[index]
        return tuple(values)

    def _target(self, name: str, node: Node, base: str, index: int) -> str:
        if name in self.plan.outputs and name in self.plan.graph_outputs:
            return self._plain(name, node.op.lower())
        if node.op in RECURRENT:
            after = any(state.output_name == name for state in self.plan.states)
            return f"{base}{RECURRENT[node.op][index]}{'_after' * after}"
        return base if index == 0 else f"{base}_{index}"

    def _base(self, node: Node) -> str:
        """The name of a node's layer and of its result."""
        layer = node.op in LAYER_OPS
        parts = without(words(node.name), self.plan.name, node.op if layer else "")
        if layer and _says_nothing(parts, node.op):
            parts = self._by_parameters(node) or parts
        return identifier(parts, node.op.lower())

    def _by_parameters(self, node: Node) -> list[str]:
        """The name of the module that the node's parameters had before export, [] for none."""
        fused = self.plan.biases.get(node.name)
        read = [operand.value for operand in node.inputs[:4]]
        read += [fused.bias.value] if fused is not None else []
        dotted = [name for name in read if name in self.network.constants and "." in name]
        return without(words(dotted[0].rpartition(".")[0]), self.plan.name) if dotted else []

    def _plain(self, name: str, otherwise: str) -> str:
        return identifier(without(words(name), self.plan.name), otherwise)

    def _part_name(self, name: str) -> str:
        return identifier(without(words(name), self.plan.name), "constant")

    def _state_name(self, node: str, kind: str) -> str:
        recurrent = {state.node for state in self.plan.states}
        if len(recurrent) == 1:
            return kind
        found = next(each for each in self.plan.nodes if each.name == node)
        return f"{self._base(found)}_{kind}"

    def _carry_grids(self, node: Node, site: Site) -> None:
        """Note which results hold numbers of a grid already."""
        if node.op in RECURRENT and node.hidden is not None:
            self._note(node.outputs[:1], node.hidden)
            if not (site.has(5) or self.plan.state(node, "h")):
                self._note(node.outputs[1:2], node.hidden)
        if node.op in KEPT_ON_GRID or node.op == "Concat":
            data = node.inputs if node.op == "Concat" else node.inputs[:1]
            grids = {self._grid_of(each) for each in data}
            grid = grids.pop()
            if not grids and grid is not None:
                self._note(node.outputs, grid)

    def _grid_of(self, operand: Operand) -> str | None:
        value = self.value(operand.value)
        if operand.grid is not None or not isinstance(value, Variable):
            return operand.grid
        return self._grids.get(value.name)

    def _note(self, outputs: Sequence[str], grid: str) -> None:
        for name in outputs:
            value = self.values.get(name)
            if isinstance(value, Variable):
                self._grids[value.name] = grid

    @staticmethod
    def _is_variable(text: str) -> bool:
        return text.isidentifier()


def _says_nothing(parts: list[str], op: str) -> bool:
    """Whether a node's name is its operator's, or one letter, and a number."""
    words = [part.lower() for part in parts if not part.isdigit()]
    return len(words) <= 1 and (not words or words[0] in (op.lower(), "linear", "embedding"))
