"""The image of DRAM: constants, each from a 64-byte boundary on, and their names."""

from dataclasses import dataclass, field

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Symbol

ALIGNMENT_BYTES = 64


@dataclass
class Image:
    """Bytes from address 0 on."""

    data: bytearray = field(default_factory=bytearray)
    symbols: list[Symbol] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)
    """Contents → address: what two phases share is there once."""
    nodes: list[str] = field(default_factory=lambda: [""])

    def node(self, name: str) -> int:
        """The index of a node in the source map."""
        if name not in self.nodes:
            self.nodes.append(name)
        return self.nodes.index(name)

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
