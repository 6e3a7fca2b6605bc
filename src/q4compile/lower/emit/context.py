"""What the phases of an entry share while they become words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from q4compile.lower.emit.coding import Coding
from q4compile.lower.emit.image import Image
from q4compile.lower.emit.mailbox import Mailbox
from q4compile.lower.emit.semaphores import Standing
from q4compile.lower.layout.axes import Axis, Extent, Sizes
from q4compile.lower.layout.places import Place
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.options import Room


@dataclass(frozen=True, eq=False)
class Context:
    """An entry that is being written."""

    component: str
    room: Room
    sizes: Sizes
    lane: Axis | None
    mailbox: Mailbox
    image: Image
    places: Mapping[str, Place]
    """Name of a tensor → where it begins."""
    core: int | None = None
    """The scalar register with the number of the core, where there are several."""
    standing: Standing = field(default_factory=Standing)
    coding: Coding = field(default_factory=Coding)

    def place(self, tensor: Tensor) -> Place:
        """Where its first row is."""
        return self.places[tensor.name]

    def symbol(self, node: str, what: str) -> str:
        """The name of constants."""
        return f"{self.component}: {node}: {what}"

    def sequences(self) -> Extent:
        """How many rows a step has."""
        return self.sizes.extent(() if self.lane is None else (self.lane,))
