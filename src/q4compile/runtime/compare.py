"""What a component gave on the machine, beside two others that run the same quantized graph.

The integer oracle must give the same codes. onnxruntime computes in float32 between the codes, so
that a share of its codes differs: of each output, on the machine's own grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Disagreement, Finding
from q4compile.graph.parts import parts
from q4compile.graph.read import read_models
from q4compile.isa.program import Entry, Port
from q4compile.quantize.network_read import read_network
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide_all
from q4compile.runtime.executor import Array
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor


@dataclass(frozen=True)
class Compared:
    """One output of a component."""

    name: str
    codes: int
    differ_from_oracle: int
    first_difference: str | None
    """Where the oracle has another code, and both."""
    differ_from_onnxruntime: int


def compare(
    model: Path, entry: Entry, feeds: Mapping[str, Array], codes: Mapping[str, NDArray[Any]]
) -> list[Compared]:
    """Every output of `entry`, whose codes on the machine for `feeds` are `codes`.

    Raises:
        DataError: Q578, `model` has no such component.
        ModelError: the oracle or onnxruntime does not take the model.
    """
    exact = _oracle(model, entry.name, feeds)
    real = OnnxRuntimeExecutor(model).run(entry.name, feeds)
    outputs = [port for port in entry.ports if port.direction == "out"]
    return [
        _compared(port, codes[port.name], exact[port.name], real[port.name]) for port in outputs
    ]


def require_equal(compared: list[Compared], entry: str) -> None:
    """Raise Disagreement Q430 with every output in which machine and oracle differ."""
    findings = [
        Finding(
            "Q430",
            "the machine computes something else than the graph",
            f"entry '{entry}', output '{each.name}'",
            "the codes of the integer oracle",
            f"{each.differ_from_oracle} of {each.codes} differ, the first {each.first_difference}",
        )
        for each in compared
        if each.differ_from_oracle
    ]
    if findings:
        raise Disagreement(*findings)


def _oracle(model: Path, name: str, feeds: Mapping[str, Array]) -> dict[str, NDArray[np.int64]]:
    networks = {
        part.name: read_network(part.model, part.name) for part in parts(read_models(model))
    }
    if name not in networks:
        need = f"a component called {name!r}"
        raise DataError(
            Finding("Q578", "another model", f"{model}", need, ", ".join(networks) or "none")
        )
    decisions = dict(zip(networks, decide_all(networks.values()), strict=True))
    found = interpret(networks[name], feeds, decisions[name])
    return {key: np.asarray(each.codes) for key, each in found.items()}


def _compared(port: Port, ours: NDArray[Any], exact: NDArray[np.int64], real: Array) -> Compared:
    on_grid = np.rint(np.asarray(real, np.float64) / port.scale) + port.zero_point
    other = np.clip(on_grid, port.lo, port.hi)
    apart = np.argwhere(ours != exact)
    first = None
    if len(apart):
        at = tuple(int(axis) for axis in apart[0])
        first = f"at {list(at)}: {int(ours[at])}, the oracle has {int(exact[at])}"
    return Compared(port.name, ours.size, len(apart), first, int((ours != other).sum()))
