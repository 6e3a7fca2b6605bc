"""What a component gave on the machine, beside two others that run the same quantized graph.

The integer oracle must give the same codes. onnxruntime computes in float32 between the codes, so
that a share of its codes differs: of each value, on the machine's own grid. Values between nodes
are compared where the machine leaves them in DRAM, in the order in which it makes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Disagreement, Finding
from q4compile.graph.parts import Part, parts
from q4compile.graph.read import read_models
from q4compile.graph.watched import watched
from q4compile.isa.instructions import Lstm
from q4compile.isa.program import Entry, Port, Program
from q4compile.quantize.network_read import read_network
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide_all
from q4compile.quantize.oracle.tensor import Grid, Tensor
from q4compile.quantize.session import session
from q4compile.runtime.executor import Array
from q4compile.runtime.onnxruntime_executor import run_session
from q4compile.sim.simulator import Result

ROUNDING = 1
"""How far a code of another rounding may be."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value as the machine has it: of which node, laid out how, with which codes."""

    node: str
    port: Port
    codes: NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """How many codes the other has otherwise, and the first of them."""

    count: int
    index: tuple[int, ...]
    ours: int
    theirs: int


@dataclass(frozen=True)
class Compared:
    """One value of a component."""

    name: str
    node: str
    """That makes it; "" where the program does not tell."""
    codes: int
    is_output: bool
    oracle: Difference | None
    onnxruntime: Difference | None = None
    beyond_rounding: Difference | None = None
    """Codes that onnxruntime has more than one step away."""


def compare(
    model: Path, program: Program, entry: Entry, feeds: Mapping[str, Array], done: Result
) -> list[Compared]:
    """Every value of `entry` that `done`, a recorded run on `feeds`, left in DRAM, in order.

    Raises:
        DataError: Q578, `model` has no such component.
        ModelError: the oracle or onnxruntime does not take the model.
    """
    exact, part = _oracle(model, entry.name, feeds, has_wide_cells(program))
    values = [each for each in values_of(program, entry, done) if each.port.name in exact]
    runner = session(watched(part.model, (each.port.name for each in values)))
    real = run_session(runner, part.name, feeds)
    outputs = {port.name for port in entry.ports if port.direction == "out"}
    return [
        compared(value, exact[name], real.get(name), is_output=name in outputs)
        for value in values
        for name in (value.port.name,)
    ]


def values_of(program: Program, entry: Entry, done: Result) -> Iterator[Value]:
    """What a recorded run left in DRAM, in the order in which it was made; then other outputs."""
    for made in entry.made:
        port = made.layout
        yield Value(program.nodes[made.node], port, done.made[port.name])
    named = {made.layout.name for made in entry.made}
    for port in entry.ports:
        if port.direction == "out" and port.name not in named:
            yield Value("", port, done.codes[port.name])


def compared(value: Value, exact: Tensor, real: Array | None, *, is_output: bool) -> Compared:
    """A value beside what the oracle has, and beside real numbers of onnxruntime if there are."""
    port, ours = value.port, of_file(value.codes, value.port, exact)
    close = far = None
    if real is not None:
        theirs = of_file(on_grid(real, port), port, exact)
        close, far = difference(ours, theirs), difference(ours, theirs, ROUNDING)
    found = difference(ours, exact.codes)
    return Compared(port.name, value.node, ours.size, is_output, found, close, far)


def on_grid(real: Array, port: Port) -> NDArray[np.int64]:
    """The codes that the machine would have for real numbers."""
    codes = np.rint(np.asarray(real, np.float64) / port.scale) + port.zero_point
    return np.asarray(np.clip(codes, port.lo, port.hi), np.int64)


def of_file(codes: NDArray[Any], port: Port, exact: Tensor) -> NDArray[np.int64]:
    """Codes of the machine, which takes half the range off unsigned ones, as the file has them."""
    kind = exact.representation
    offset = kind.zero_point - port.zero_point if isinstance(kind, Grid) else 0
    return np.asarray(codes, np.int64) + offset


def difference(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], allowed: int = 0
) -> Difference | None:
    """Of codes that are more than `allowed` apart; None if there are none."""
    apart = np.argwhere(np.abs(ours - theirs) > allowed)
    if not len(apart):
        return None
    at = tuple(int(axis) for axis in apart[0])
    return Difference(len(apart), at, int(ours[at]), int(theirs[at]))


def require_equal(found: list[Compared], entry: str) -> None:
    """Raise Disagreement Q430, which names the first value in which machine and oracle differ."""
    apart = [(each, each.oracle) for each in found if each.oracle is not None]
    if not apart:
        return
    first, where = apart[0]
    made_by = f"node '{first.node}', " if first.node else ""
    later = f"; so do codes of {len(apart) - 1} values behind it" if len(apart) > 1 else ""
    raise Disagreement(
        Finding(
            "Q430",
            "the machine computes something else than the graph",
            f"entry '{entry}', {made_by}value '{first.name}'",
            "the codes of the integer oracle",
            f"{described(where, first.codes)}{later}",
        )
    )


def described(apart: Difference, codes: int) -> str:
    """``3 of 80 codes (3.75 %) differ, the first at [0, 1]: 3, not 4``."""
    first = f"at {list(apart.index)}: {apart.ours}, not {apart.theirs}"
    share = f"{100 * apart.count / codes:.3g} %"
    return f"{apart.count} of {codes} codes ({share}) differ, the first {first}"


def has_wide_cells(program: Program) -> bool:
    """Whether its LSTMs have cells of 32 bits."""
    return any(isinstance(word, Lstm) and word.wide for word in program.code)


def _oracle(
    model: Path, name: str, feeds: Mapping[str, Array], wide_cells: bool
) -> tuple[dict[str, Tensor], Part]:
    found = {part.name: part for part in parts(read_models(model))}
    if name not in found:
        need = f"a component called {name!r}"
        raise DataError(
            Finding("Q578", "another model", f"{model}", need, ", ".join(found) or "none")
        )
    networks = {key: read_network(part.model, key) for key, part in found.items()}
    decided = decide_all(networks.values(), wide_cells=wide_cells)
    decisions = dict(zip(networks, decided, strict=True))
    return interpret(networks[name], feeds, decisions[name]), found[name]
