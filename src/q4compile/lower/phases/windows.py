"""Phases that go frame by frame: zeros around them, windows over them, the largest of all."""

from dataclasses import dataclass

from q4compile.isa.instructions import Max, Min
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor


@dataclass(frozen=True)
class FramesPhase:
    """One tensor from one tensor."""

    node: str
    source: Tensor
    result: Tensor

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Tensor, ...]:
        """Tensors in DRAM."""
        return (self.result,)


@dataclass(frozen=True)
class PadPhase(FramesPhase):
    """``result = [zeros | source | zeros]`` along time, `before` and `behind` frames of zeros."""

    time: Axis
    """Of the source."""
    before: int
    behind: int


@dataclass(frozen=True)
class WindowPhase(FramesPhase):
    """``result[t] = [source[s t] | source[s t + d] | … | source[s t + (taps − 1) d]]``."""

    time: Axis
    """Of the result."""
    taps: int
    stride: int
    dilation: int


@dataclass(frozen=True)
class PatchPhase(FramesPhase):
    """``result[t, b, f] = [part f of source[s t, b] | part f of source[s t + d, b] | …]``.

    Part f of a frame begins `front_bytes` before it, and f · `step_bytes` on; what lies outside of
    the frame is zeros. A row of the result has a slice for each tap.
    """

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


@dataclass(frozen=True)
class ExtremePhase(FramesPhase):
    """``result[b] = max over t of source[t, b]``, number by number; or the least."""

    time: Axis
    word: type[Max] | type[Min]


@dataclass(frozen=True)
class MeanPhase(FramesPhase):
    """``result[b] = Σ over t of source[t, b] / T``, number by number, in two parts of 12 bits."""

    time: Axis
