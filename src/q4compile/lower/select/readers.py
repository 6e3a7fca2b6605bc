"""Who reads the numbers of a value, nodes that only move them left out.

One pass from the last node to the first: what such a node reads has the readers of its result.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from q4compile.lower.numbers.kinds import (
    HEADROOM,
    TABLE_INPUT,
    WIDE_CELL,
    Fixed,
    Grid,
    Wide,
    finest_for,
    grid_of,
)
from q4compile.quantize.network import HALF, Network, Node

FIRST_ONLY = ("Identity", "Pad", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that move the numbers of their first input; Concat moves those of all."""
SIZES_ONLY = ("Shape", "Size")
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
INITIAL_H, INITIAL_C = 5, 6


class Reading(NamedTuple):
    """An input of a node; no node for an output of the graph."""

    node: Node | None
    port: int


@dataclass
class Readers:
    """The readings of every value of a network: `direct` ones, and `numbers` behind all moves."""

    network: Network
    has_wide_cells: bool = False
    direct: dict[str, list[Reading]] = field(default_factory=dict)
    numbers: dict[str, list[Reading]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for output in self.network.outputs:
            for readings in (self.direct, self.numbers):
                readings.setdefault(output.name, []).append(Reading(None, 0))
        for node in reversed(self.network.nodes):
            for port in reversed(range(len(node.inputs))):
                self._add(node, port)

    def of_numbers(self, value: str) -> list[Reading]:
        """Those that end in a use of the numbers: no shapes, and nothing that only moves them."""
        return self.numbers.get(value, [])

    def wanted(self, value: str) -> Grid | Fixed | Wide | None:
        """The one form in which all its readers want it; None if they differ or take any."""
        first, *others = [self._form(reading) for reading in self.of_numbers(value)] or [None]
        return first if all(each == first for each in others) else None

    def _add(self, node: Node, port: int) -> None:
        value, reading = node.inputs[port].value, Reading(node, port)
        self.direct.setdefault(value, []).insert(0, reading)
        if _moves(node, port):
            behind = self.of_numbers(node.outputs[0])
        else:
            behind = [] if node.op in SIZES_ONLY else [reading]
        self.numbers[value] = [*behind, *self.of_numbers(value)]

    def _form(self, reading: Reading) -> Grid | Fixed | Wide | None:
        """What one reading asks for."""
        node, port = reading.node, reading.port
        name = None if node is None else node.inputs[port].grid
        if name not in (None, HALF):
            return grid_of(self.network.grids[str(name)])
        if node is None or node.op not in RECURRENT or port not in (INITIAL_H, INITIAL_C):
            return None
        if port == INITIAL_H:
            return hidden_grid(self.network, node)
        return cell_format(node, self.has_wide_cells) if node.op == "LSTM" else None


def hidden_grid(network: Network, node: Node) -> Grid | None:
    """The grid of a recurrent node's h; None where it has none of integers."""
    if node.hidden is None or node.hidden not in network.grids:
        return None
    return grid_of(network.grids[node.hidden])


def cell_format(node: Node, is_wide: bool) -> Fixed | Wide | None:
    """The format of its cell state; None for a range that no format has."""
    if is_wide:
        return WIDE_CELL
    if node.cell_range is None:
        return TABLE_INPUT
    least, greatest = map(Fraction, node.cell_range)
    return finest_for(HEADROOM * max(-least, least, -greatest, greatest))


def _moves(node: Node, port: int) -> bool:
    """Whether all that `node` does with what it reads there is to put it elsewhere."""
    if node.domain or node.inputs[port].grid not in (None, HALF):
        return False
    return node.op == "Concat" or (port == 0 and node.op in FIRST_ONLY)
