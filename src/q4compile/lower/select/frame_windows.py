"""Windows over time alone: whole frames side by side, copied one by one behind zeros."""

from dataclasses import dataclass, replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Group, Tensor, View
from q4compile.lower.numbers.weight_codes import RowCodes
from q4compile.lower.phases.values import Numbers
from q4compile.lower.phases.windows import PadPhase, WindowPhase
from q4compile.lower.select.kernel import Kernel, Shape
from q4compile.lower.select.selection import OtherLane, Selection
from q4compile.quantize.network import Node

AXES = 3
"""Of X [B, C, T]."""


@dataclass(frozen=True)
class FrameWindows:
    """Rows of which each is a window."""

    operand: Tensor
    taps: int
    groups: int
    width: int
    """Numbers of a frame."""
    name: str
    band: Axis | None = None

    @property
    def rows(self) -> Group:
        """Of the result."""
        return self.operand.rows

    def spread(self, weight: RowCodes) -> RowCodes:
        """W [M, C / groups · taps] as [M, taps · C]: the columns of a window."""
        rows, width = len(weight.codes), self.width
        inside = weight.codes.shape[1] // self.taps
        require_channels(self.name, width, inside, self.groups, rows)
        codes = np.zeros(
            (self.groups, rows // self.groups, self.taps, self.groups, inside), np.int8
        )
        every = np.arange(self.groups)
        by_tap = weight.codes.reshape(self.groups, rows // self.groups, inside, self.taps)
        codes[every, :, :, every] = by_tap.swapaxes(2, 3)
        return replace(weight, codes=codes.reshape(rows, self.taps * width))


def require_channels(name: str, width: int, inside: int, groups: int, rows: int) -> None:
    """Refuse (Q325) another number of channels than W has."""
    if inside * groups != width or rows % groups:
        raise Refused("Q325", f"frames of {inside * groups} numbers", f"{width} of '{name}'")


def frame_windows(selection: Selection, node: Node, x: Numbers, kernel: Kernel) -> FrameWindows:
    """The phases that copy windows of X [B, C, T]; Refused (Q325) for any other layout."""
    (shape,) = kernel.shapes
    view = x.view
    if len(view.axes) != AXES or view.axes[1] != view.tensor.columns:
        need = "X [batch, channels, time] with channels as rows in memory"
        raise Refused("Q325", need, layout_of(view))
    time = frame_axis(selection, view, view.axes[2])
    require_pads(shape)
    operand = _windows(selection, node, view.tensor, shape, time)
    return FrameWindows(operand, shape.taps, kernel.groups, view.tensor.width, view.tensor.name)


def layout_of(view: View) -> str:
    """How a finding describes what it got."""
    got = ", ".join(" · ".join(map(str, group)) or "1" for group in view.axes)
    return f"axes {got} of '{view.tensor.name}'"


def frame_axis(selection: Selection, view: View, group: Group) -> Axis:
    """The axis of the frames, in front of that of the batch.

    Raises:
        Refused: Q325 for any other layout.
    """
    tensor, others = view.tensor, view.axes[0]
    if len(group) != 1:
        need = "X [batch, channels, time] with channels as rows in memory"
        raise Refused("Q325", need, layout_of(view))
    (time,) = group
    if len(others) == 1 and others != (selection.lane,) and not selection.lane_is_known:
        raise OtherLane(others[0])
    if tensor.rows != (time, *others) or others not in ((), (selection.lane,)):
        got = ", ".join(map(str, tensor.rows))
        raise Refused("Q325", f"rows of '{time}' and the batch", got)
    return time


def require_pads(shape: Shape) -> None:
    """Refuse (Q325) pads so large that there would be more windows than frames call for."""
    if shape.around >= shape.reach - 1 + shape.stride:
        need = "pads from 0 on that add no windows"
        got = f"pads {shape.before} and {shape.behind} around {shape.reach} frames"
        raise Refused("Q325", need, got)


def windows_of(selection: Selection, source: Tensor, time: Axis, shape: Shape) -> Axis:
    """The axis of the windows; Refused (Q325) where there are none."""
    frames = selection.sizes.windows(time.size, shape.reach - shape.around, shape.stride)
    if isinstance(frames, int) and frames < 1:
        raise Refused("Q325", "at least one window", f"{time} frames of '{source.name}'")
    return Axis(frames) if isinstance(frames, str) else selection.length(frames)


def padded(
    selection: Selection, node: Node, source: Tensor, time: Axis, shape: Shape
) -> tuple[Tensor, Axis]:
    """`source` and its axis of frames, with zeros around."""
    if not shape.around:
        return source, time
    size = selection.sizes.padded(time.size, shape.around)
    total = Axis(size) if isinstance(size, str) else selection.length(size)
    made = over(source, f"{node.name}.padded", time, total)
    phase = PadPhase(node.name, source, made, time, shape.before, shape.behind)
    selection.phases.append(phase)
    return made, total


def over(source: Tensor, name: str, old: Axis, new: Axis) -> Tensor:
    """A tensor like `source`, over another axis of frames."""
    return replace(source, name=name, rows=tuple(new if a == old else a for a in source.rows))


def _windows(selection: Selection, node: Node, x: Tensor, shape: Shape, time: Axis) -> Tensor:
    """Rows of which each is a window."""
    if shape.taps == shape.stride == 1:
        return x
    source = selection.stored(x)
    if not source.has_aligned_slices or (source.slices > 1 and source.row_bytes % UNIT_BYTES):
        got = f"{source.row_bytes} of '{source.name}'"
        raise Refused("Q325", f"frames of a multiple of {UNIT_BYTES} bytes", got)
    axis = windows_of(selection, source, time, shape)
    source, time = padded(selection, node, source, time, shape)
    window = replace(
        over(source, f"{node.name}.windows", time, axis),
        columns=(selection.length(shape.taps), *source.columns),
        slices=shape.taps * source.slices,
    )
    selection.phases.append(
        WindowPhase(node.name, source, window, axis, shape.taps, shape.stride, shape.dilation)
    )
    return window
