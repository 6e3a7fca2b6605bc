"""Who reads the numbers of a value, looked for through nodes that only move them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from q4compile.lower.numbers.kinds import HEADROOM, TABLE_INPUT, Fixed, Grid, finest_for, grid_of
from q4compile.quantize.network import HALF, Network, Node

MOVES = frozenset(
    {"Concat", "Identity", "Pad", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
)
MEASURES = frozenset({"Shape", "Size"})
INITIAL_H, INITIAL_C = 5, 6


@dataclass(frozen=True)
class Reading:
    """An input of a node; no node for an output of the graph."""

    node: Node | None
    port: int


@dataclass
class Readers:
    """The readings of every value of a network."""

    network: Network
    direct: dict[str, list[Reading]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.network.nodes:
            for port, operand in enumerate(node.inputs):
                self.direct.setdefault(operand.value, []).append(Reading(node, port))
        for output in self.network.outputs:
            self.direct.setdefault(output.name, []).append(Reading(None, 0))

    def of_numbers(self, value: str) -> Iterator[Reading]:
        """Those that end in a use of the numbers: no shapes, and nothing that only moves them."""
        for reading in self.direct.get(value, ()):
            node = reading.node
            if node is not None and self._passes_on(node, reading.port):
                yield from self.of_numbers(node.outputs[0])
            elif node is None or node.op not in MEASURES:
                yield reading

    def wanted(self, value: str) -> Grid | Fixed | None:
        """The one form in which all its readers want it; None if they differ or take any."""
        found = {self._wanted(reading) for reading in self.of_numbers(value)}
        return found.pop() if len(found) == 1 else None

    def _passes_on(self, node: Node, port: int) -> bool:
        moved = port == 0 or node.op == "Concat"
        plain = node.inputs[port].grid in (None, HALF)
        return node.op in MOVES and not node.domain and moved and plain

    def _wanted(self, reading: Reading) -> Grid | Fixed | None:
        node = reading.node
        if node is None:
            return None
        grid = node.inputs[reading.port].grid
        if grid is not None and grid != HALF:
            return grid_of(self.network.grids[grid])
        if node.op == "LSTM" and reading.port == INITIAL_H:
            return hidden_grid(self.network, node)
        if node.op == "LSTM" and reading.port == INITIAL_C:
            return cell_format(node)
        return None


def hidden_grid(network: Network, node: Node) -> Grid | None:
    """The grid of a recurrent node's h; None where it has none of integers."""
    found = None if node.hidden is None else network.grids.get(node.hidden)
    return None if found is None else grid_of(found)


def cell_format(node: Node) -> Fixed | None:
    """The format of its cell state; None for a range that no format has."""
    if node.cell_range is None:
        return TABLE_INPUT
    return finest_for(HEADROOM * max(abs(Fraction(end)) for end in node.cell_range))
