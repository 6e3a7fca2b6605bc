"""Who reads a value, looked for through nodes that only move codes, and what each asks of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from q4compile.quantize.network import HALF, Network, Node, Operand
from q4compile.quantize.oracle.fixed_formats import cell_format
from q4compile.quantize.oracle.tensor import Grid, Representation, grid_of

MOVES = frozenset(
    {"Concat", "Identity", "Pad", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
)
"""Operators whose results are codes of their data operands, elsewhere."""
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
MEASURES = frozenset({"Shape", "Size"})
INITIAL_H, INITIAL_C = 5, 6


@dataclass(frozen=True)
class Reading:
    """Port `port` of `node` reads a value; a graph output has no node."""

    node: Node | None
    port: int

    @property
    def operand(self) -> Operand | None:
        """What the node reads there."""
        return None if self.node is None else self.node.inputs[self.port]


class Readers:
    """The readings of every value of a network."""

    def __init__(self, network: Network, wide_cells: bool) -> None:
        self._network, self._wide_cells = network, wide_cells
        self._readings: dict[str, list[Reading]] = {}
        for node in network.nodes:
            for port, operand in enumerate(node.inputs):
                self._readings.setdefault(operand.value, []).append(Reading(node, port))
        for output in network.outputs:
            self._readings.setdefault(output.name, []).append(Reading(None, 0))

    def direct(self, value: str) -> list[Reading]:
        """The readings of `value` itself, of its numbers or of its shape."""
        return self._readings.get(value, [])

    def of_numbers(self, value: str) -> Iterator[Reading]:
        """The readings of the numbers of `value`, behind all that only moves them."""
        for reading in self.direct(value):
            node = reading.node
            if node is None or not _passes_on(node, reading.port):
                if node is None or node.op not in MEASURES:
                    yield reading
            else:
                yield from self.of_numbers(node.outputs[0])

    def wanted(self, value: str) -> set[Representation | None]:
        """What the readings of its numbers ask for; None is one that takes it as it is."""
        return {self._wanted(reading) for reading in self.of_numbers(value)}

    def _wanted(self, reading: Reading) -> Representation | None:
        node, operand = reading.node, reading.operand
        if node is None or operand is None:
            return None
        if operand.grid is not None and operand.grid != HALF:
            return grid_of(self._network.grids[operand.grid])
        if node.op in RECURRENT and reading.port == INITIAL_H:
            return hidden_grid(self._network, node)
        if node.op == "LSTM" and reading.port == INITIAL_C:
            return cell_format(node, self._wide_cells)
        return None


def hidden_grid(network: Network, node: Node) -> Grid | None:
    """The grid of a recurrent node's h; None where it is not quantized to integers."""
    found = None if node.hidden is None else network.grids.get(node.hidden)
    return None if found is None else grid_of(found)


def _passes_on(node: Node, port: int) -> bool:
    """Whether `node` only moves what it reads at `port`, and reads it as it is."""
    data = port == 0 or node.op == "Concat"
    return node.op in MOVES and not node.domain and data and node.inputs[port].grid in (None, HALF)
