"""The components of a network: what each is made of, reads and hands on, before code is written.

Nodes that only constants, lengths or zero states reach may serve several components; each gets its
own copy of them, so that no component waits for another's lengths.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from q4compile.errors import Finding, ModelError
from q4compile.graph.state import ZERO_PRESERVING
from q4compile.quantize.network import Network, Node, Operand

RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
FIRST_STATE_INPUT, FIRST_STATE_OUTPUT = 5, 1
"""initial_h is input 5 and initial_c input 6; Y_h is output 1 and Y_c output 2."""


@dataclass(frozen=True)
class StateUse:
    """A recurrent state of a component; `given` if it is an input of the model already."""

    node: str
    kind: str
    input_name: str
    output_name: str
    directions: int
    units: int
    given: bool


@dataclass(frozen=True)
class Bias:
    """The Add behind a MatMul: the constant it adds, its name and its result."""

    bias: Operand
    add: str
    output: str


@dataclass(frozen=True)
class ComponentPlan:
    """A component: its nodes in the graph's order, values that enter and leave, its states."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[StateUse, ...]
    biases: Mapping[str, Bias]
    graph_outputs: frozenset[str]
    zeros: frozenset[str]

    @property
    def makes(self) -> set[str]:
        """The values that leave, states included."""
        return {*self.outputs, *(state.output_name for state in self.states)}

    @cached_property
    def reads(self) -> Counter[Operand]:
        """Operand → how many nodes of the component read it."""
        return Counter(operand for node in self.nodes for operand in node.inputs)

    def state(self, node: Node, kind: str) -> StateUse | None:
        """The exposed state of a recurrent node."""
        found = (each for each in self.states if (each.node, each.kind) == (node.name, kind))
        return next(found, None)

    def initial(self, node: Node, kind: str) -> Operand | None:
        """The initial state that a node computes, None for zeros."""
        index = FIRST_STATE_INPUT + "hc".index(kind)
        if index >= len(node.inputs) or node.inputs[index].value in {"", *self.zeros}:
            return None
        return node.inputs[index]


class Flow:
    """Who makes and who reads each value of a network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.producer = {name: node for node in network.nodes for name in node.outputs if name}
        self.readers: dict[str, list[Node]] = {}
        for node in network.nodes:
            for name in dict.fromkeys(each.value for each in node.inputs if each.value):
                self.readers.setdefault(name, []).append(node)
        self.graph_inputs = tuple(port.name for port in network.inputs)
        self.graph_outputs = frozenset(port.name for port in network.outputs)

    def is_zero(self, name: str) -> bool:
        """Whether every number of a value is known to be 0."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            sources = self._zero_if(each)
            if sources is None:
                return False
            waiting += sources
        return True

    def _zero_if(self, name: str) -> list[str] | None:
        if name in self.network.constants:
            return None if np.any(self.network.constants[name]) else []
        node = self.producer.get(name)
        if node is None or node.domain:
            return None
        if node.op == "ConstantOfShape":
            return None if np.any(node.attributes.get("value", 0)) else []
        if node.op not in ZERO_PRESERVING:
            return None
        data = node.inputs if node.op == "Concat" else node.inputs[:1]
        return [operand.value for operand in data]

    def is_free(self, node: Node) -> bool:
        """Whether only constants and lengths reach `node`: each component may have its own."""
        return node.name in self._free

    @cached_property
    def _free(self) -> set[str]:
        free: set[str] = set()
        for node in self.network.nodes:  # each comes after those it reads from
            sources = [self.producer.get(operand.value) for operand in node.inputs]
            made = all(source is None or source.name in free for source in sources)
            fed = any(operand.value in self.graph_inputs for operand in node.inputs)
            if node.op in ("Shape", "Size") or (made and not fed):
                free.add(node.name)
        return free


def plan_components(
    network: Network, wanted: frozenset[str] = frozenset()
) -> tuple[ComponentPlan, ...]:
    """Every component of `network`, each after those whose values it reads.

    Values in `wanted` leave their component as well.

    Raises:
        ModelError: Q163 for components that wait for each other.
    """
    flow = Flow(network)
    names = dict.fromkeys(node.component for node in network.nodes)
    return tuple(_in_order([_plan(flow, name, wanted) for name in names]))


def _in_order(plans: list[ComponentPlan]) -> Iterator[ComponentPlan]:
    waiting = list(plans)
    while waiting:
        made = {value for plan in waiting for value in plan.makes}
        ready = next((plan for plan in waiting if not made & {*plan.inputs} - plan.makes), None)
        if ready is None:
            raise ModelError(_circle(waiting))
        waiting.remove(ready)
        yield ready


def _circle(plans: Sequence[ComponentPlan]) -> Finding:
    return Finding(
        "Q163",
        "components that wait for each other",
        f"components {', '.join(plan.name for plan in plans)}",
        "components that can run one after the other",
        "each reads what another one makes",
        "export the components as separate files",
    )


def _plan(flow: Flow, name: str, wanted: frozenset[str]) -> ComponentPlan:
    network = flow.network
    own = [node for node in network.nodes if node.component == name]
    nodes = _with_free(flow, own)
    zeros = frozenset(_zero_states(flow, nodes))
    states = tuple(_states(flow, nodes, zeros))
    made = {value for node in nodes for value in node.outputs}
    read = {operand.value for node in nodes for operand in _read(node)}
    entering = read - made - set(network.constants) - {""}
    entering -= {state.input_name for state in states}
    order = [*flow.graph_inputs, *(value for node in network.nodes for value in node.outputs)]
    left = {state.output_name for state in states}
    return ComponentPlan(
        name,
        tuple(nodes),
        tuple(value for value in order if value in entering),
        tuple(value for value in _leaving(flow, own, name, wanted) if value not in left),
        states,
        _biases(flow, nodes),
        flow.graph_outputs,
        zeros,
    )


def _read(node: Node) -> Iterable[Operand]:
    """What `node` reads the numbers of."""
    return () if node.op in ("Shape", "Size") else node.inputs


def _with_free(flow: Flow, own: list[Node]) -> list[Node]:
    """`own` and the free nodes that it depends on, in the graph's order."""
    needed, waiting = {node.name for node in own}, list(own)
    while waiting:
        for operand in waiting.pop().inputs:
            producer = flow.producer.get(operand.value)
            if producer is not None and producer.name not in needed and flow.is_free(producer):
                needed.add(producer.name)
                waiting.append(producer)
    return [node for node in flow.network.nodes if node.name in needed]


def _leaving(flow: Flow, own: list[Node], name: str, wanted: frozenset[str]) -> Iterator[str]:
    for node in own:
        for value in node.outputs:
            readers = flow.readers.get(value, ())
            elsewhere = any(_read_of(user, value) and user.component != name for user in readers)
            asked = value in flow.graph_outputs or value in wanted
            if value and (asked or (elsewhere and not flow.is_free(node))):
                yield value


def _read_of(node: Node, value: str) -> bool:
    """Whether `node` reads the numbers of `value`."""
    return any(operand.value == value for operand in _read(node))


def _zero_states(flow: Flow, nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        if node.op in RECURRENT:
            for operand in node.inputs[FIRST_STATE_INPUT : FIRST_STATE_INPUT + 2]:
                if operand.value and flow.is_zero(operand.value):
                    yield operand.value


def _states(flow: Flow, nodes: list[Node], zeros: frozenset[str]) -> Iterator[StateUse]:
    """The states of a component that can run step by step."""
    recurrent = [node for node in nodes if node.op in RECURRENT]
    if any(node.attributes.get("direction") == "bidirectional" for node in recurrent):
        return
    for node in recurrent:
        for offset, kind in enumerate("hc" if node.op == "LSTM" else "h"):
            use = _state(flow, node, offset, kind, zeros)
            if use is not None:
                yield use


def _state(
    flow: Flow, node: Node, offset: int, kind: str, zeros: frozenset[str]
) -> StateUse | None:
    index, out = FIRST_STATE_INPUT + offset, FIRST_STATE_OUTPUT + offset
    initial = node.inputs[index].value if index < len(node.inputs) else ""
    given = initial in flow.graph_inputs and _uses(flow, initial) == 1
    if initial and initial not in zeros and not given:
        return None
    left = node.outputs[out] if out < len(node.outputs) else ""
    leaves = left in flow.graph_outputs
    return StateUse(
        node.name,
        kind,
        initial if given else f"{node.name}.{kind}_in",
        left if leaves else f"{node.name}.{kind}_out",
        1,
        int(node.attributes.get("hidden_size", 0)) or _last_axis(flow, node.inputs[2].value),
        given,
    )


def _last_axis(flow: Flow, name: str) -> int:
    shape = np.shape(flow.network.constants.get(name, ()))
    return int(shape[-1]) if shape else 0


def _uses(flow: Flow, name: str) -> int:
    return sum(
        operand.value == name for node in flow.readers.get(name, ()) for operand in node.inputs
    )


def _biases(flow: Flow, nodes: Iterable[Node]) -> dict[str, Bias]:
    found = {node.name: _bias(flow, node) for node in nodes if node.op == "MatMul"}
    return {name: bias for name, bias in found.items() if bias is not None}


def _bias(flow: Flow, node: Node) -> Bias | None:
    """The constant vector that the only reader of a product with a constant adds to it."""
    result, constants = node.outputs[0], flow.network.constants
    readers = flow.readers.get(result, [])
    weight = constants.get(node.inputs[1].value)
    if weight is None or weight.ndim != 2 or result in flow.graph_outputs or len(readers) != 1:
        return None
    add = readers[0]
    others = [operand for operand in add.inputs if operand.value != result]
    plain = Operand(result, None) in add.inputs and len(others) == 1
    if add.op != "Add" or add.component != node.component or not plain:
        return None
    vector = constants.get(others[0].value)
    fits = vector is not None and vector.shape == weight.shape[1:] and others[0].grid is None
    return Bias(others[0], add.name, add.outputs[0]) if fits else None
