"""The image of DRAM: constants, each from a 64-byte boundary on, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Symbol
from q4compile.lower.emit.coding import Loads

ALIGNMENT_BYTES = 64


@dataclass
class Image:
    """Bytes from address 0 on."""

    data: bytearray = field(default_factory=bytearray)
    symbols: list[Symbol] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)
    """Contents → address: what two phases share is there once."""
    coded_bytes: int = 0
    """Of constants that are coded, as they would be without."""
    saved_bytes: int = 0
    """By coding."""
    nodes: list[str] = field(default_factory=lambda: [""])

    def node(self, name: str) -> int:
        """The index of a node in the source map."""
        if name not in self.nodes:
            self.nodes.append(name)
        return self.nodes.index(name)

    def joined_node(self, nodes: Sequence[int]) -> int:
        """The index of several nodes that share words: one name, with braces where they differ."""
        names = list(dict.fromkeys(self.nodes[each] for each in nodes))
        if len(names) == 1:
            return self.node(names[0])
        shortest = min(map(len, names))
        start = _common(names, shortest)
        end = _common([name[::-1] for name in names], shortest - start)
        middles = ",".join(name[start : len(name) - end] for name in names)
        return self.node(f"{names[0][:start]}{{{middles}}}{names[0][len(names[0]) - end :]}")

    def add(self, name: str, content: bytes, node: str) -> int:
        """The address of `content` [units]."""
        if content in self.known:
            return self.known[content]
        self.data.extend(bytes(-len(self.data) % ALIGNMENT_BYTES))
        address = len(self.data) // UNIT_BYTES
        self.data.extend(content)
        self.known[content] = address
        self.symbols.append(Symbol(name, address, len(content), self.node(node)))
        return address

    def place(self, name: str, loads: Loads, node: str) -> int:
        """The address of the first of `loads` [units]."""
        is_new = loads.content not in self.known
        address = self.add(name, loads.content, node)
        if is_new and loads.stream_bytes:
            self.coded_bytes += loads.raw_bytes
            self.saved_bytes += loads.raw_bytes - len(loads.content)
        return address


def _common(names: Sequence[str], most: int) -> int:
    """With how many letters, at most `most`, all names begin."""
    return next((n for n in range(most) if len({name[n] for name in names}) > 1), most)
