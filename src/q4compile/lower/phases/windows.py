"""Phases that put frames where a convolution wants them: zeros around them, windows over them."""

from dataclasses import dataclass

from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor


@dataclass(frozen=True)
class PadPhase:
    """``result = [zeros | source | zeros]`` along time, `before` and `behind` frames of zeros."""

    node: str
    source: Tensor
    result: Tensor
    time: Axis
    """Of the source."""
    before: int
    behind: int

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.result,)


@dataclass(frozen=True)
class WindowPhase:
    """``result[t] = [source[s t] | source[s t + d] | … | source[s t + (taps − 1) d]]``."""

    node: str
    source: Tensor
    result: Tensor
    time: Axis
    """Of the result."""
    taps: int
    stride: int
    dilation: int

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.result,)


@dataclass(frozen=True)
class PatchPhase:
    """``result[t, b, f] = [part f of source[s t, b] | part f of source[s t + d, b] | …]``.

    Part f of a frame begins `front_bytes` before it, and f · `step_bytes` on; what lies outside of
    the frame is zeros.
    """

    node: str
    source: Tensor
    result: Tensor
    """A slice of a row for each tap."""
    time: Axis
    """Of the result."""
    bands: int
    taps: int
    stride: int
    dilation: int
    step_bytes: int
    front_bytes: int

    @property
    def part_bytes(self) -> int:
        """Of a slice, with its gap."""
        return self.result.pitch_bytes // self.taps

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.result,)
