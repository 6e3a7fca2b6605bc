"""What a Conv node says of its windows, axis by axis of space: time, and maybe frequency."""

from dataclasses import dataclass

from q4compile.lower.findings import Refused
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

FEWEST_AXES, MOST_AXES = 3, 4
"""Of X and of W: batch or rows, channels, one or two of space."""


@dataclass(frozen=True)
class Shape:
    """How windows lie along one axis."""

    taps: int
    stride: int
    dilation: int
    before: int
    behind: int

    @property
    def reach(self) -> int:
        """From the first of a window to its last, both included."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def around(self) -> int:
        """Pads of both sides."""
        return self.before + self.behind

    def count(self, length: int) -> int:
        """How many windows there are."""
        return (length + self.around - self.reach) // self.stride + 1


@dataclass(frozen=True)
class Kernel:
    """Windows of all axes."""

    shapes: tuple[Shape, ...]
    """In the order of X."""
    groups: int


def kernel_of(selection: Selection, node: Node) -> Kernel:
    """The kernel of a Conv.

    Raises:
        Refused: Q321 for what is no convolution over one or two axes with a constant W.
    """
    constant = selection.network.constants.get(node.inputs[1].value)
    if constant is None or not FEWEST_AXES <= constant.ndim <= MOST_AXES:
        got = "one computed at run time" if constant is None else f"W of {constant.ndim} axes"
        raise Refused("Q321", "a Conv with a constant W of 3 or 4 axes", got)
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", b"NOTSET"):
        raise Refused("Q321", "a Conv with pads", f"auto_pad {node.attributes['auto_pad']}")
    taps = constant.shape[2:]
    ones = (1,) * len(taps)
    pads = node.attributes.get("pads", (0,) * (2 * len(taps)))
    if min(pads) < 0:
        raise Refused("Q325", "pads from 0 on", f"pads {', '.join(map(str, pads))}")
    shapes = zip(
        taps,
        node.attributes.get("strides", ones),
        node.attributes.get("dilations", ones),
        pads[: len(taps)],
        pads[len(taps) :],
        strict=True,
    )
    made = tuple(Shape(*map(int, each)) for each in shapes)
    return Kernel(made, int(node.attributes.get("group", 1)))
