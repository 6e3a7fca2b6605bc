"""``write_package(network, folder)``: a trainable package, and the numbers it starts from.

<folder>/__init__.py  model.py  <component>.py …   weights.safetensors
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.qat.emit.component_source import (
    Written,
    component_source,
    names_of,
    write_body,
)
from q4compile.qat.emit.members import Construction, construct
from q4compile.qat.emit.model_source import model_source
from q4compile.qat.emit.names import printable
from q4compile.qat.emit.plan import plan_components
from q4compile.qat.emit.registry import BY_NAME
from q4compile.quantize.network import Network

Tensors = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Package:
    """A package that is ready to be written: file name → text, and tensor name → numbers.

    `parameters` are the tensors that training starts from: weights, biases and the like.
    """

    files: Mapping[str, str]
    tensors: Tensors
    parameters: tuple[str, ...]


def make_package(network: Network) -> Package:
    """The code of `network` and the tensors it starts from.

    Raises:
        ModelError: Q160 for operators that cannot be written, Q161 for forms of them, all at once.
            Q163 for components that wait for each other.
    """
    raise_all(ModelError, [*unknown_operators(network), *constant_outputs(network)])
    written = _written(network)
    names = names_of([each.plan for each in written])
    owners = _owners(written)
    made = {each.plan.name: _construction(each, owners, written) for each in written}
    files = {
        f"{names[each.plan.name].module}.py": component_source(
            network, each, names[each.plan.name], made[each.plan.name]
        )
        for each in written
    }
    files["model.py"] = model_source(network, written, names, made, owners)
    files["__init__.py"] = _init(network)
    return Package(files, _tensors(network, owners), tuple(_parameters(network, owners)))


def _written(network: Network, wanted: frozenset[str] = frozenset()) -> list[Written]:
    """The code of every component; what one measures of another leaves that one as well."""
    bodies = [write_body(network, plan) for plan in plan_components(network, wanted)]
    raise_all(ModelError, [finding for _, found in bodies for finding in found])
    written = [each for each, _ in bodies]
    at_hand = {port.name for port in network.inputs}.union(*(each.plan.makes for each in written))
    missing = {name for each in written for name in each.inputs} - at_hand
    return _written(network, wanted | missing) if missing else written


def constant_outputs(network: Network) -> list[Finding]:
    """Q161 for every output that no node computes."""
    made = {name for node in network.nodes for name in node.outputs}
    made |= {port.name for port in network.inputs}
    title, need = "an output that cannot be trained", "an output that a node computes"
    return [
        Finding("Q161", title, f"output '{printable(port.name)}'", need, "a constant")
        for port in network.outputs
        if port.name not in made
    ]


def unknown_operators(network: Network) -> list[Finding]:
    """Q160 for every node whose operator has no entry in the registry."""
    return [
        Finding(
            "Q160",
            "an operator that cannot be trained",
            f"node '{printable(node.name)}'",
            "operators that docs/generated/trainable_operators.md lists",
            f"{printable(node.domain)}{':' * bool(node.domain)}{printable(node.op)}",
        )
        for node in network.nodes
        if node.domain or node.op not in BY_NAME
    ]


def _owners(written: Sequence[Written]) -> dict[str, tuple[str, str]]:
    """Part → the component that makes it (the first that uses it), and its attribute there."""
    owners: dict[str, tuple[str, str]] = {}
    for each in written:
        members = each.body.members
        for key in members.uses(each.called):
            owners.setdefault(key, (each.plan.name, members.attributes[key]))
    for part in (part for each in written for part in each.body.members.parts.values()):
        for each in written:
            if part.trained and part.key in each.body.members.parts:
                each.body.members.parts[part.key] = part
    return owners


def _construction(
    each: Written, owners: Mapping[str, tuple[str, str]], written: Sequence[Written]
) -> Construction:
    used = {other.plan.name: other.body.members.uses(other.called) for other in written}
    owned = {key for key, (name, _) in owners.items() if name == each.plan.name}
    lent = {
        key
        for key in owned
        if any(key in keys for name, keys in used.items() if name != each.plan.name)
    }
    return construct(each.body.members, each.called, owned, lent)


def _init(network: Network) -> str:
    about = f'"""The network {printable(network.name)}: ``Model()`` is ready to be trained."""'
    return f'{about}\n\nfrom .model import Model\n\n__all__ = ["Model"]\n'


def _parameters(network: Network, parts: Iterable[str]) -> Iterator[str]:
    for key in parts:
        kind, _, name = key.partition(" ")
        if kind in ("constant", "weight") and network.constants[name].dtype.kind == "f":
            yield name


def _tensors(network: Network, parts: Iterable[str]) -> Tensors:
    """The numbers of every parameter and quantizer in `parts`."""
    tensors: Tensors = {}
    for key in parts:
        kind, _, name = key.partition(" ")
        if kind == "grid":
            grid = network.grids[name]
            tensors[f"{name}.scale"] = np.asarray(grid.scale, np.float32)
            tensors[f"{name}.zero_point"] = np.asarray(grid.zero_point, np.int32)
        elif kind in ("constant", "weight"):
            tensors[name] = np.asarray(network.constants[name], order="C")
        if kind == "weight":
            tensors[f"{name}.scale"] = np.asarray(network.weights[name].scales, np.float32)
    return tensors
