"""One component as a Python module: its class, its constructor, its forward function."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from q4compile.errors import Finding
from q4compile.qat.emit.body import Body, Statement
from q4compile.qat.emit.layout import laid_out
from q4compile.qat.emit.members import Construction
from q4compile.qat.emit.names import (
    MODULE_NAMES,
    class_name,
    identifier,
    literal,
    printable,
    words,
)
from q4compile.qat.emit.names import Names as Unique
from q4compile.qat.emit.plan import ComponentPlan, StateUse
from q4compile.qat.emit.registry import BY_NAME
from q4compile.qat.emit.site import Unsupported
from q4compile.quantize.network import Network, Node

Axes = tuple[int | str | None, ...] | None
MEMBERS = ("Activation", "Constant", "Conv", "Embedding", "Gru", "Linear", "Lstm", "Rnn", "Weight")
MODULES = ("attention", "operators", "resampling", "spectrum", "windows")
TAKEN = frozenset({"Component", "Model", "Port", "State", "Tensor", *MEMBERS})
"""Class names that a component cannot have."""


@dataclass(frozen=True)
class Written:
    """A component whose forward code is written.

    `statements` are those that its results need; `results` and `after` the source text of what it
    returns: its outputs, and its states after the last step.
    """

    plan: ComponentPlan
    body: Body
    statements: tuple[Statement, ...]
    results: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """ONNX names of the values that the code reads from outside."""
        return tuple(name for name, text in self.body.parameters.items() if text in self.used)

    @cached_property
    def used(self) -> set[str]:
        """The variables that the code reads."""
        return {name for each in self._texts() for name in each.variables}

    @property
    def called(self) -> set[str]:
        """The members that the code uses."""
        return {name for each in self._texts() for name in each.attributes}

    def _texts(self) -> Iterator[Statement]:
        yield from self.statements
        yield from (Statement((), text, ()) for text in (*self.results, *self.after))


@dataclass(frozen=True)
class Names:
    """What a component is called in Python: attribute of the model, module and class."""

    attribute: str
    module: str
    type: str


def names_of(plans: Sequence[ComponentPlan]) -> dict[str, Names]:
    """Component → its names, all different."""
    found: dict[str, Names] = {}
    attributes = Unique(MODULE_NAMES)
    for plan in plans:
        attribute = attributes.fresh(identifier(words(plan.name), "component"))
        module = f"{attribute}_component" if attribute == "model" else attribute
        kind = class_name(attribute)
        kind = f"{kind}Component" if kind in TAKEN else kind
        found[plan.name] = Names(attribute, module, kind)
    return found


def write_body(network: Network, plan: ComponentPlan) -> tuple[Written, list[Finding]]:
    """The forward code of a component, and a finding for each node that cannot be written."""
    body, found = Body(network, plan), list[Finding]()
    fused = {bias.add for bias in plan.biases.values()}
    for node in plan.nodes:
        if node.name in fused:
            continue
        try:
            body.write(node, BY_NAME[node.op])
        except Unsupported as reason:
            found.append(refusal(node, reason))
            body.give_up(node)
    results = tuple(body.result(name) for name in plan.outputs)
    after = tuple(body.result(state.output_name) for state in plan.states)
    return Written(plan, body, _needed(body.statements, (*results, *after)), results, after), found


def refusal(node: Node, reason: Unsupported) -> Finding:
    """Q161 for a node whose operator is known, but not in this form."""
    return Finding(
        "Q161",
        "a form of an operator that cannot be trained",
        f"node '{printable(node.name)}' ({printable(node.op)})",
        reason.need,
        reason.got,
    )


def _needed(statements: Sequence[Statement], results: Iterable[str]) -> tuple[Statement, ...]:
    """The statements that `results` depend on."""
    wanted = {name for text in results for name in Statement((), text, ()).variables}
    kept = list[Statement]()
    for each in reversed(statements):
        if wanted & set(each.targets):
            kept.append(each)
            wanted |= each.variables
    return tuple(reversed(kept))


def component_source(network: Network, written: Written, names: Names, made: Construction) -> str:
    """The module that holds the component's class."""
    body = [
        *_class_head(network, written, names, made),
        "",
        *_constructor(made),
        "",
        *_forward(network, written),
    ]
    text = "\n".join(body)
    return "\n".join([*_header(text, names, written), "", "", *body, ""])


def _header(text: str, names: Names, written: Written) -> list[str]:
    """Docstring and imports: those that the class uses."""
    ours = sorted(
        name
        for name in ("Component", "Port", *MEMBERS, "State")
        if re.search(rf"\b{name}\b[()]", text) or f": {name}" in text
    )
    ours += [name for name in MODULES if _calls(name, text)]
    return [
        f'"""The component {printable(written.plan.name)}."""',
        "",
        *(["import torch"] if _calls("torch", text) else []),
        *_import("q4compile.qat", ours),
        "from torch import Tensor",
        *(["from torch.nn import functional as F"] if _calls("F", text) else []),
    ]


def _calls(module: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){module}\.", text) is not None


def _import(module: str, names: Sequence[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 88:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _class_head(network: Network, written: Written, names: Names, made: Construction) -> list[str]:
    plan = written.plan
    lines = [f"class {names.type}(Component):", *_docstring(network, written), ""]
    lines += laid_out(f"INPUTS = {_ports(network, written.inputs)}", 1)
    lines += laid_out(f"OUTPUTS = {_ports(network, plan.outputs)}", 1)
    if plan.states:
        states = [_state(each) for each in plan.states]
        lines += laid_out(f"STATES = {tuple_text(states)}", 1)
    return lines


def tuple_text(items: Sequence[str]) -> str:
    """``(a, b)``, ``(a,)``."""
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def _ports(network: Network, names: Iterable[str]) -> str:
    return tuple_text([_port(network, name) for name in names])


def _port(network: Network, name: str) -> str:
    port = network.values[name]
    axes = [literal(axis) if isinstance(axis, str) else str(axis) for axis in port.shape or ()]
    return f"Port({literal(name)}, {literal(port.dtype)}, {tuple_text(axes)})"


def _state(state: StateUse) -> str:
    entering, leaving = literal(state.input_name), literal(state.output_name)
    return f"State({entering}, {leaving}, {state.directions}, {state.units})"


def _docstring(network: Network, written: Written) -> list[str]:
    plan = written.plan
    takes = [_described(network, name) for name in written.inputs]
    gives = [_described(network, name) for name in plan.outputs]
    lines = [f'    """{_sentence(written)}', "", "    Inputs:"]
    lines += [f"        {each}" for each in takes]
    lines += ["    Outputs:", *(f"        {each}" for each in gives)]
    if plan.states:
        lines.append("    States, zero before the first step, one tensor each:")
        lines += [f"        {_state_text(each)}" for each in plan.states]
    return [*lines, '    """']


def _sentence(written: Written) -> str:
    steps = " of a whole sequence, or of one step after `state`" if written.plan.states else ""
    return f"The component {printable(written.plan.name)}{steps}."


def _described(network: Network, name: str) -> str:
    port = network.values[name]
    return f"{printable(name)}: {port.dtype} {shape_text(port.shape)}"


def _state_text(state: StateUse) -> str:
    entering, leaving = printable(state.input_name), printable(state.output_name)
    return f"{entering} -> {leaving}: float32 [{state.directions}, batch, {state.units}]"


def shape_text(shape: Axes) -> str:
    """``[batch, ?, 80]``, for a comment."""
    if shape is None:
        return "of unknown shape"
    return f"[{', '.join('?' if axis is None else printable(str(axis)) for axis in shape)}]"


def _constructor(made: Construction) -> list[str]:
    given = "".join(f", {name}: {kind}" for name, kind in made.given)
    lines = laid_out(f"def __init__(self{given}) -> None:", 1)
    lines.append("        super().__init__()")
    for statement in made.statements:
        lines += laid_out(statement, 2)
    return lines


def _forward(network: Network, written: Written) -> list[str]:
    plan, body = written.plan, written.body
    parameters = [f"{body.parameters[name]}: Tensor" for name in written.inputs]
    if plan.states:
        parameters.append("state: tuple[Tensor | None, ...] | None = None")
    signature = ", ".join(["self", *parameters])
    lines = laid_out(f"def forward({signature}) -> tuple[Tensor, ...]:", 1)
    if plan.states:
        before = [body.states[each.input_name] for each in plan.states]
        left = ", ".join(before) if len(before) > 1 else f"({before[0]},)"
        lines += laid_out(f"{left} = state or {tuple_text(['None'] * len(before))}", 2)
    for each in written.statements:
        lines += laid_out(*_line(network, written, each))
    return [*lines, *_return(written)]


def _line(network: Network, written: Written, each: Statement) -> tuple[str, int, str]:
    targets = [name if name in written.used else "_" for name in each.targets]
    shown = next((v for t, v in zip(targets, each.values, strict=True) if t != "_"), "")
    port = network.values.get(shown)
    comment = ""
    if port is not None and port.shape is not None:
        kind = "" if port.dtype == "float32" else f"{port.dtype} "
        comment = kind + shape_text(port.shape)
    return f"{', '.join(targets)} = {each.text}", 2, comment


def _return(written: Written) -> list[str]:
    results = tuple_text(written.results)
    if not written.plan.states:
        return laid_out(f"return {results}", 2)
    everything = f"(*outputs, {', '.join(written.after)})"
    return [
        *laid_out(f"outputs = {results}", 2),
        *laid_out(f"return outputs if state is None else {everything}", 2),
    ]
