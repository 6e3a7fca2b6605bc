"""The whole network: the module that puts the components together."""

from collections.abc import Mapping, Sequence

from q4compile.qat.emit.component_source import Names as ComponentNames
from q4compile.qat.emit.component_source import Written, shape_text, tuple_text
from q4compile.qat.emit.layout import laid_out
from q4compile.qat.emit.members import Construction
from q4compile.qat.emit.names import FUNCTION_NAMES, Names, identifier, printable, without, words
from q4compile.quantize.network import Network, Port
from q4compile.quantize.weights_file import FILE_NAME


def model_source(
    network: Network,
    written: Sequence[Written],
    names: Mapping[str, ComponentNames],
    made: Mapping[str, Construction],
    owners: Mapping[str, tuple[str, str]],
) -> str:
    """The module that holds the class ``Model``; `owners` is part → (component, attribute)."""
    lines = [f'"""The network {printable(network.name)}, as q4compile wrote it."""', ""]
    lines += ["from pathlib import Path", ""]
    imports = {f"{names[each.plan.name].module}": names[each.plan.name].type for each in written}
    lines += ["from q4compile.qat import QatModule", "from torch import Tensor", ""]
    lines += [f"from .{module} import {kind}" for module, kind in sorted(imports.items())]
    lines += ["", f'WEIGHTS = Path(__file__).with_name("{FILE_NAME}")']
    lines += ["", "", "class Model(QatModule):", *_docstring(network), ""]
    lines += _constructor(written, names, made, owners)
    return "\n".join([*lines, "", *_forward(network, written, names), ""])


def _docstring(network: Network) -> list[str]:
    def described(ports: Sequence[Port]) -> list[str]:
        return [f"        {_port(each)}" for each in ports]

    return [
        '    """The whole network; the weights come from the file beside this module.',
        "",
        "    `weights` is another file of weights, or None to start without any.",
        "",
        "    Inputs:",
        *described(network.inputs),
        "    Outputs:",
        *described(network.outputs),
        '    """',
    ]


def _port(port: Port) -> str:
    return f"{printable(port.name)}: {port.dtype} {shape_text(port.shape)}"


def _constructor(
    written: Sequence[Written],
    names: Mapping[str, ComponentNames],
    made: Mapping[str, Construction],
    owners: Mapping[str, tuple[str, str]],
) -> list[str]:
    lines = laid_out("def __init__(self, weights: Path | str | None = WEIGHTS) -> None:", 1)
    lines.append("        super().__init__()")
    for each in written:
        called, construction = names[each.plan.name], made[each.plan.name]
        lent = [
            f"self.{names[owner].attribute}.{attribute}"
            for owner, attribute in (owners[key] for key in construction.borrowed)
        ]
        lines += laid_out(f"self.{called.attribute} = {called.type}({', '.join(lent)})", 2)
    return [*lines, "        if weights is not None:", "            self.load(weights)"]


def _forward(
    network: Network, written: Sequence[Written], names: Mapping[str, ComponentNames]
) -> list[str]:
    local = Names(FUNCTION_NAMES)
    held = {port.name: local.fresh(_plain(port.name)) for port in network.inputs}
    arguments = ", ".join(f"{held[port.name]}: Tensor" for port in network.inputs)
    results = [port.name for port in network.outputs]
    kind = "Tensor" if len(results) == 1 else f"tuple[{', '.join(['Tensor'] * len(results))}]"
    lines = laid_out(f"def forward(self, {arguments}) -> {kind}:", 1)
    wanted = {*results, *(name for each in written for name in each.inputs)}
    for each in written:
        lines += laid_out(_call(each, names[each.plan.name].attribute, held, local, wanted), 2)
    returned = ", ".join(held[name] for name in results)
    return [*lines, f"        return {returned}"]


def _call(
    written: Written, module: str, held: dict[str, str], local: Names, wanted: set[str]
) -> str:
    """The call of one component; its states go in and out where the model's own ports ask."""
    plan = written.plan
    given = [held[name] for name in written.inputs]
    gives = list(plan.outputs)
    if any(state.given or state.output_name in wanted for state in plan.states):
        before = [held[each.input_name] if each.given else "None" for each in plan.states]
        given.append(f"state={tuple_text(before)}")
        gives += [state.output_name for state in plan.states]
    for name in gives:
        if name in wanted:
            held[name] = local.fresh(_plain(name))
    targets = [held[name] if name in wanted else "_" for name in gives]
    comma = "," * (len(targets) == 1)
    left = ", ".join(targets) if len(targets) > 1 else f"({targets[0]}{comma})"
    return f"{left} = self.{module}({', '.join(given)})"


def _plain(name: str) -> str:
    return identifier(without(words(name), ""), "value")
